// The same small network on both kernels: built through the contract, fed with frames by packet sockets, and asked what
// arrived where, what the counters say and why packets were dropped.
import { fstatSync, readFileSync } from 'node:fs'
import { toHex } from '#src/base/index.js'
import { parseBtf } from '#src/btf/index.js'
import { type EmbeddedKernel, embedded, type LocalSocket } from '#src/embedded/index.js'
import type { Fd, Kernel, NetDevice } from '#src/kernel/index.js'
import { Arena } from '#src/linux/ffi/arena.js'
import { loadSys } from '#src/linux/ffi/sys.js'
import { withNetns } from '#src/linux/index.js'
import { NR } from '#src/linux/syscall-numbers.js'
import { attachTracing, type Collection, load, NetNamespace } from '#src/sdk/index.js'
import { openLinux } from './kernels.js'
import { fixture, inside } from './net.js'

/** A device, by namespace and name: 'a:a0'. */
export type Place = string

export interface Lab extends Disposable {
  readonly kernel: Kernel
  readonly linux: boolean
  netns(name: string): Fd
  /** Names of namespaces and of the veth's ends: 'a:a0 b:b0'. Both are up, with fixed hardware addresses. */
  veth(ends: string): void
  /** A bridge that does not speak of groups by itself. */
  bridge(place: Place): void
  ifindex(place: Place): number
  info(place: Place): NetDevice
  set(place: Place, settings: object): void
  address(place: Place, text: string): void
  neighbour(place: Place, address: string, mac: string): void
  route(netns: string, destination: string, via: string): void
  forwarding(netns: string): void
  /** Listens at a device from now on. */
  sniff(place: Place): void
  send(place: Place, frame: Uint8Array): void
  /** Lets everything that is on its way arrive. */
  settle(): void
  /** What a listener saw since: '<' received, '>' sent, and the bytes. */
  seen(place: Place): string[]
  /** Counters of a device that both kernels have. */
  counters(place: Place): Readonly<Record<string, number>>
  /** Runs work whose calls are made in a namespace. */
  within(netns: string, work: () => void): void
  /** Why packets were dropped in a namespace, with counts, since the last call. */
  drops(netns: string): Readonly<Record<string, number>>
}

/** The reason that is none: Linux frees all kinds of buffers with it. */
const UNTOLD = 'SKB_DROP_REASON_NOT_SPECIFIED'

const COUNTERS = ['rxPackets', 'txPackets', 'rxBytes', 'txBytes', 'rxDropped', 'txDropped'] as const

export function bytesOf(text: string): Uint8Array {
  if (!text.includes(':')) return Uint8Array.from(text.split('.').map(Number))
  const [head = '', tail] = text.split('::')
  const groups = (part: string | undefined): number[] =>
    part === undefined || part === ''
      ? []
      : part.split(':').flatMap((one) => [Number.parseInt(one, 16) >> 8, Number.parseInt(one, 16) & 255])
  const [first, last] = [groups(head), groups(tail)]
  return Uint8Array.from([...first, ...new Array<number>(16 - first.length - last.length).fill(0), ...last])
}

export function macOf(text: string): Uint8Array {
  return Uint8Array.from(text.split(':').map((one) => Number.parseInt(one, 16)))
}

/** The hardware address of a device by its name: the same on both kernels. */
export function fixedMac(name: string): Uint8Array {
  return Uint8Array.of(2, 0, 0, 0, name.charCodeAt(0), name.charCodeAt(1))
}

abstract class Common {
  readonly kernel: Kernel
  readonly #namespaces = new Map<string, Fd>()

  constructor(kernel: Kernel) {
    this.kernel = kernel
  }

  netns(name: string): Fd {
    let fd = this.#namespaces.get(name)
    if (fd === undefined) {
      fd = this.kernel.call('netns_create', {})
      this.#namespaces.set(name, fd)
      this.prepare(fd)
    }
    return fd
  }

  prepare(_netns: Fd): void {}

  split(place: Place): { netns: Fd; name: string } {
    const [netns = '', name = ''] = place.split(':')
    return { netns: this.netns(netns), name }
  }

  veth(ends: string): void {
    const [left, right] = ends.split(' ').map((end) => this.split(end))
    if (left === undefined || right === undefined) return
    const peer = { name: right.name, netns: right.netns, address: fixedMac(right.name) }
    this.kernel.call('rtm_newlink', { ...left, kind: 'veth', peer, address: fixedMac(left.name) })
    for (const end of [left, right]) this.kernel.call('rtm_setlink', { ...end, up: true })
  }

  info(place: Place): NetDevice {
    return this.kernel.call('rtm_getlink', this.split(place))
  }

  ifindex(place: Place): number {
    return this.info(place).ifindex
  }

  set(place: Place, settings: object): void {
    this.kernel.call('rtm_setlink', { ...this.split(place), ...settings })
  }

  address(place: Place, text: string): void {
    const [address = '', prefix] = text.split('/')
    const { netns } = this.split(place)
    this.kernel.call('rtm_newaddr', {
      netns,
      ifindex: this.ifindex(place),
      address: bytesOf(address),
      prefix: Number(prefix),
    })
  }

  neighbour(place: Place, address: string, mac: string): void {
    const { netns } = this.split(place)
    const lladdr = macOf(mac)
    this.kernel.call('rtm_newneigh', { netns, ifindex: this.ifindex(place), address: bytesOf(address), lladdr })
  }

  route(netns: string, destination: string, via: string): void {
    const [address = '', prefix] = destination.split('/')
    const request = { destination: bytesOf(address), prefix: Number(prefix), gateway: bytesOf(via) }
    this.kernel.call('rtm_newroute', { netns: this.netns(netns), ...request })
  }

  counters(place: Place): Record<string, number> {
    const { stats } = this.info(place)
    return Object.fromEntries(COUNTERS.map((name) => [name, stats[name]]))
  }

  [Symbol.dispose](): void {
    this.kernel[Symbol.dispose]()
  }
}

class EmbeddedLab extends Common implements Lab {
  readonly linux = false
  readonly #embedded: EmbeddedKernel
  readonly #sniffers = new Map<Place, LocalSocket>()
  readonly #drops = new Map<string, Record<string, number>>()
  readonly #watch: Disposable

  constructor(kernel: EmbeddedKernel) {
    super(kernel)
    this.#embedded = kernel
    this.#watch = kernel.network.watch((step) => {
      if (step.what !== 'drop' || step.reason?.startsWith('SKB_') !== true || step.reason === UNTOLD) return
      const key = String(step.netns)
      const counts = this.#drops.get(key) ?? {}
      counts[step.reason] = (counts[step.reason] ?? 0) + 1
      this.#drops.set(key, counts)
    })
  }

  bridge(place: Place): void {
    const at = this.split(place)
    this.kernel.call('rtm_newlink', { ...at, kind: 'bridge', address: fixedMac(at.name) })
  }

  forwarding(netns: string): void {
    this.#embedded.network.setForwarding(this.netns(netns), true)
  }

  sniff(place: Place): void {
    this.#sniffers.set(place, this.#embedded.network.sniff(this.split(place)))
  }

  send(place: Place, frame: Uint8Array): void {
    this.#embedded.network.transmit(this.split(place), frame)
  }

  settle(): void {}

  within(netns: string, work: () => void): void {
    const before = this.kernel.call('netns_open', {})
    this.kernel.call('setns', { netns: this.netns(netns) })
    work()
    this.kernel.call('setns', { netns: before })
  }

  seen(place: Place): string[] {
    const all = this.#sniffers.get(place)?.take() ?? []
    return all.map(({ data, outgoing }) => `${outgoing === true ? '>' : '<'} ${toHex(data)}`)
  }

  drops(netns: string): Record<string, number> {
    const key = String(this.#embedded.network.device({ netns: this.netns(netns), ifindex: 1 }).netns.inode)
    const counts = this.#drops.get(key) ?? {}
    this.#drops.delete(key)
    return counts
  }

  override [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]()
    super[Symbol.dispose]()
  }
}

const MSG_DONTWAIT = 0x40
const PACKET_OUTGOING = 4
const AF_PACKET = 17
const SOCK_RAW = 3
const ALL = 0x0300

class LinuxLab extends Common implements Lab {
  readonly linux = true
  readonly #sys = loadSys()
  readonly #arena = new Arena(this.#sys)
  readonly #sniffers = new Map<Place, Fd>()
  readonly #senders = new Map<Place, Fd>()
  readonly #reasons: Collection | undefined
  readonly #last = new Map<string, Record<string, number>>()

  constructor(kernel: Kernel, reasons: Collection | undefined) {
    super(kernel)
    this.#reasons = reasons
  }

  override prepare(netns: Fd): void {
    // What IPv6 says on its own would be in the way.
    const space = NetNamespace.open(this.kernel, `/proc/${process.pid}/fd/${netns}`)
    inside(space, 'sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1', 'net.ipv6.conf.default.disable_ipv6=1')
    space.close()
  }

  bridge(place: Place): void {
    const { netns, name } = this.split(place)
    const space = NetNamespace.open(this.kernel, `/proc/${process.pid}/fd/${netns}`)
    const address = [...fixedMac(name)].map((byte) => byte.toString(16).padStart(2, '0')).join(':')
    inside(space, 'ip', 'link', 'add', 'name', name, 'address', address, 'type', 'bridge', 'mcast_snooping', '0')
    space.close()
  }

  forwarding(netns: string): void {
    const space = NetNamespace.open(this.kernel, `/proc/${process.pid}/fd/${this.netns(netns)}`)
    inside(space, 'sysctl', '-qw', 'net.ipv4.ip_forward=1')
    space.close()
  }

  #bind(place: Place, protocol: number): Fd {
    const { netns } = this.split(place)
    const fd = this.kernel.call('socket', { netns, domain: AF_PACKET, type: SOCK_RAW, protocol })
    const address = new Uint8Array(20)
    const view = new DataView(address.buffer)
    view.setUint16(0, AF_PACKET, true)
    view.setUint16(2, protocol, true)
    view.setInt32(4, this.ifindex(place), true)
    this.#arena.reset()
    if (this.#sys.syscall(NR.bind, fd, this.#arena.put(address), 20) < 0) throw new Error(`bind ${this.#sys.errno()}`)
    return fd
  }

  sniff(place: Place): void {
    this.#sniffers.set(place, this.#bind(place, ALL))
  }

  send(place: Place, frame: Uint8Array): void {
    const fd = this.#senders.get(place) ?? this.#bind(place, 0)
    this.#senders.set(place, fd)
    this.#arena.reset()
    // What the device refuses is told here on Linux, and by a counter everywhere.
    this.#sys.syscall6(NR.sendto, fd, this.#arena.put(frame), frame.length, 0, 0, 0)
  }

  settle(): void {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 40)
  }

  within(netns: string, work: () => void): void {
    withNetns(`/proc/${process.pid}/fd/${this.netns(netns)}`, work)
  }

  seen(place: Place): string[] {
    const fd = this.#sniffers.get(place) as Fd
    const found: string[] = []
    for (;;) {
      this.#arena.reset()
      const buffer = this.#arena.alloc(16384)
      const from = this.#arena.alloc(20)
      const size = this.#arena.put(Uint8Array.of(20, 0, 0, 0))
      const length = this.#sys.syscall6(NR.recvfrom, fd, buffer.address, 16384, MSG_DONTWAIT, from.address, size)
      if (length < 0) return found
      const outgoing = from.bytes[10] === PACKET_OUTGOING
      found.push(`${outgoing ? '>' : '<'} ${toHex(buffer.bytes.slice(0, length))}`)
    }
  }

  drops(netns: string): Record<string, number> {
    const inode = fstatSync(this.netns(netns)).ino
    const now: Record<string, number> = {}
    const map = this.#reasons?.map<{ netns: number; reason: number }, bigint>('reasons')
    for (const [{ netns: of, reason }, count] of map?.entries() ?? []) {
      if (of === inode) now[reasonName(reason)] = Number(count)
    }
    const before = this.#last.get(netns) ?? {}
    this.#last.set(netns, now)
    return Object.fromEntries(
      Object.entries(now)
        .map(([name, count]) => [name, count - (before[name] ?? 0)] as const)
        .filter(([name, count]) => count > 0 && name !== UNTOLD),
    )
  }
}

let names: Map<number, string> | undefined

/** Names of enum skb_drop_reason, as the running kernel's BTF has them. */
function reasonName(number: number): string {
  if (names === undefined) {
    names = new Map()
    const btf = parseBtf(readFileSync('/sys/kernel/btf/vmlinux'))
    const id = btf.findByName('skb_drop_reason', 'enum')
    const type = id === undefined ? undefined : btf.type(id)
    if (type?.kind === 'enum') for (const { name, value } of type.values) names.set(Number(value), name)
  }
  return names.get(number) ?? String(number)
}

export function embeddedLab(): Lab {
  return new EmbeddedLab(embedded())
}

/** Counting drops needs a tracing program: it is attached while the lab lives. */
export async function linuxLab(): Promise<Lab> {
  const kernel = openLinux()
  const reasons = await load(fixture('net/drop_reasons.o'), { kernel })
  attachTracing(reasons.program('on_drop'))
  return new LinuxLab(kernel, reasons)
}
