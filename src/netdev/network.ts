import type { BridgeState } from './bridge-state.js'
import { Device, type DeviceKind } from './device.js'
import { type DropReason, dropFrame } from './drop.js'
import type { Frame } from './frame.js'
import type { PacketHooks } from './hooks.js'
import { ICMP, sendIcmpError } from './icmp.js'
import { probe } from './ip-output.js'
import type { Journeys } from './journey.js'
import { destroyLink, setUp } from './links.js'
import { Namespace } from './namespace.js'
import type { Neighbour } from './neighbours.js'
import { ETH_HLEN, NUD } from './numbers.js'
import type { HookProgram } from './program.js'
import { receiveFrame, STAGE } from './receive.js'
import { transmit } from './transmit.js'

const FIRST_INODE = 0xf000_0000

export interface NetworkClock {
  /** CLOCK_MONOTONIC, ns. */
  monotonic(): bigint
}

export interface VirtualNetworkOptions {
  /** 32 random bits, for hardware addresses. */
  readonly random: () => number
  readonly clock: () => NetworkClock
  readonly cpus: number
}

/** Something that waits for its turn: a frame at a device, or a time. */
interface Arrival {
  readonly device: Device | undefined
  readonly frame: Frame | undefined
  readonly stage: number
  readonly work: (() => void) | undefined
}

/** An ICMP message that arrived. */
export interface IcmpSeen {
  readonly netns: Namespace
  readonly from: Uint8Array
  readonly type: number
  readonly code: number
  readonly message: Uint8Array
}

const PROBE_INTERVAL = 1_000_000_000n
const PROBES = 3
/** Frames that may arrive before the network is quiet again. */
const STORM = 1_000_000

/**
 * The virtual network: namespaces, devices, and a queue of frames that arrive. Nothing runs by itself: whoever puts a
 * frame in runs the queue until it is empty, in the order of arrival, so that a run can be repeated exactly.
 */
export class VirtualNetwork {
  readonly namespaces = new Map<number, Namespace>()
  readonly init: Namespace
  readonly cpus: number
  readonly #random: () => number
  readonly #clock: () => NetworkClock
  /** Runs programs at the hooks; undefined until somebody attached one. */
  hooks: PacketHooks | undefined
  /** Where packets' ways are told; undefined: nobody watches. */
  journeys: Journeys | undefined
  /** Called for programs whose last hook is gone with its device. */
  released: (program: HookProgram) => void = () => {}
  /** Called when a device is gone for good. */
  deviceGone: (device: Device) => void = () => {}
  /** Called when it went to another namespace. */
  deviceMoved: (device: Device, from: Namespace) => void = () => {}
  #lastInode = FIRST_INODE
  #lastCookie = 0n
  #queue: Arrival[] = []
  #head = 0
  #running = false
  /** Frames handled, of all devices. */
  handled = 0
  /** Redirects of one packet before it is taken for one that goes in circles. */
  readonly maxHops = 64
  /** Packet sockets of all namespaces. */
  packetSockets = 0
  /** Packets dropped, by reason. */
  readonly drops = new Map<DropReason, number>()
  /** Told of each ICMP message that arrives. */
  readonly #icmp = new Set<(seen: IcmpSeen) => void>()
  /** Neighbours that have not answered yet, and when they are asked again. */
  readonly #asked = new Map<Neighbour, bigint>()

  constructor(options: VirtualNetworkOptions) {
    this.#random = options.random
    this.#clock = options.clock
    this.cpus = options.cpus
    this.init = this.createNamespace()
    this.init.references = 1
    setUp(this, this.init.byName('lo') as Device, true)
  }

  now(): bigint {
    return this.#clock().monotonic()
  }

  random(): number {
    return this.#random()
  }

  createNamespace(): Namespace {
    const netns = new Namespace(++this.#lastInode, ++this.#lastCookie)
    this.namespaces.set(netns.inode, netns)
    this.addDevice(netns, 'lo', { kind: undefined, mac: new Uint8Array(6) })
    return netns
  }

  /** Gives up one hold of a namespace; the last takes its devices along. Ports and the like go with it. */
  putNamespace(netns: Namespace): void {
    netns.references--
    if (netns.references > 0 || netns === this.init) return
    for (const device of [...netns.devices.values()]) if (device.netns === netns) destroyLink(this, device)
    this.namespaces.delete(netns.inode)
  }

  /** Numbers of the namespaces that come next, for a network that is put back. */
  get counters(): { readonly inode: number; readonly cookie: bigint } {
    return { inode: this.#lastInode, cookie: this.#lastCookie }
  }

  /** Takes the place of what is here: namespaces that were made from another network's. The first one is this network's own still. */
  putBack(namespaces: readonly Namespace[], counters: { readonly inode: number; readonly cookie: bigint }): void {
    this.namespaces.clear()
    for (const netns of namespaces) this.namespaces.set(netns.inode, netns)
    this.#lastInode = counters.inode
    this.#lastCookie = counters.cookie
  }

  addDevice(
    netns: Namespace,
    name: string,
    options: {
      readonly kind: DeviceKind | undefined
      readonly mac: Uint8Array
      readonly mtu?: number | undefined
      readonly queues?: number | undefined
      readonly vlan?: { readonly id: number; readonly protocol: number } | undefined
      readonly bridge?: BridgeState | undefined
      readonly ifindex?: number | undefined
    },
  ): Device {
    // A number that was asked for does not move on those that come by themselves.
    const { ifindex } = options
    if (ifindex === undefined) while (netns.devices.has(++netns.lastIfindex));
    const device = new Device(netns, ifindex ?? netns.lastIfindex, name, options)
    netns.add(device)
    return device
  }

  bringUp(device: Device): void {
    setUp(this, device, true)
  }

  /** A random unicast address of one's own making. */
  randomMac(): Uint8Array {
    const mac = new Uint8Array(6)
    const [low, high] = [this.#random(), this.#random()]
    new DataView(mac.buffer).setUint32(0, low)
    new DataView(mac.buffer).setUint16(4, high & 0xffff)
    mac[0] = ((mac[0] as number) & 0xfe) | 2
    return mac
  }

  unregistered(device: Device): void {
    const { xdp, tcx, filterQdisc } = device
    for (const slot of [xdp.driver, xdp.generic, xdp.hardware]) {
      if (slot !== undefined && slot.link === undefined) this.released(slot.program)
    }
    for (const list of [tcx.ingress, tcx.egress]) {
      for (const { program, link } of list.entries) if (link === undefined) this.released(program)
    }
    for (const place of filterQdisc === undefined ? [] : [filterQdisc.ingress, filterQdisc.egress]) {
      for (const { filters } of place) for (const { program } of filters) this.released(program)
    }
    this.deviceGone(device)
  }

  moved(device: Device, from: Namespace): void {
    this.deviceMoved(device, from)
  }

  /** Frames that waited for a neighbour's hardware address go on. */
  resolved(device: Device, waiting: readonly Frame[], lladdr: Uint8Array): void {
    for (const frame of waiting) {
      frame.bytes.set(lladdr, frame.start)
      transmit(this, device, frame)
    }
    if (waiting.length > 0) this.run()
  }

  dropped(reason: DropReason): void {
    this.drops.set(reason, (this.drops.get(reason) ?? 0) + 1)
  }

  icmpSeen(seen: IcmpSeen): void {
    for (const told of this.#icmp) told(seen)
  }

  onIcmp(told: (seen: IcmpSeen) => void): Disposable {
    this.#icmp.add(told)
    return { [Symbol.dispose]: () => void this.#icmp.delete(told) }
  }

  /** Asks again in a second, unless an answer comes. */
  awaitNeighbour(neighbour: Neighbour): void {
    this.#asked.set(neighbour, this.now() + PROBE_INTERVAL)
  }

  /** Does what time has come for: asks neighbours again, gives up on those that never answer. */
  tick(): void {
    if (this.#asked.size === 0) return
    const now = this.now()
    for (const [neighbour, due] of this.#asked) {
      if (neighbour.state !== NUD.INCOMPLETE) this.#asked.delete(neighbour)
      else if (due <= now) this.#askAgain(neighbour)
    }
    this.run()
  }

  #askAgain(neighbour: Neighbour): void {
    const { device, address } = neighbour
    if (neighbour.probes < PROBES && device.up) {
      neighbour.probes++
      this.#asked.set(neighbour, this.now() + PROBE_INTERVAL)
      probe(this, device, address)
      return
    }
    this.#asked.delete(neighbour)
    neighbour.state = NUD.FAILED
    neighbour.probes = 0
    for (const frame of neighbour.waiting.splice(0)) {
      if (address.length === 4) sendIcmpError(this, device, frame, ICMP.UNREACH, 1)
      dropFrame(
        this,
        device,
        frame,
        'neighbour',
        'SKB_DROP_REASON_NEIGH_FAILED',
        `${address.join('.')} does not answer`,
      )
    }
  }

  /** Puts a frame into a device's receive queue. */
  enqueue(device: Device, frame: Frame, stage: number): void {
    this.#queue.push({ device, frame, stage, work: undefined })
  }

  /** Work for when its turn comes. */
  later(work: () => void): void {
    this.#queue.push({ device: undefined, frame: undefined, stage: 0, work })
  }

  /** Lets every frame that waits arrive, and what they cause, until nothing is left. */
  run(): void {
    if (this.#running) return
    this.#running = true
    let count = 0
    try {
      while (this.#head < this.#queue.length) {
        const { device, frame, stage, work } = this.#queue[this.#head++] as Arrival
        if (this.#head > 4096) {
          this.#queue = this.#queue.slice(this.#head)
          this.#head = 0
        }
        this.handled++
        if (++count > STORM) {
          this.#storm()
          break
        }
        if (device !== undefined && frame !== undefined) receiveFrame(this, device, frame, stage)
        else work?.()
      }
    } finally {
      this.#queue = []
      this.#head = 0
      this.#running = false
      this.hooks?.idle()
    }
  }

  /** A storm: what waits is dropped, as it would only make more of it. */
  #storm(): void {
    for (const { device, frame } of this.#queue.slice(this.#head)) {
      if (device === undefined || frame === undefined) continue
      dropFrame(this, device, frame, 'driver', 'SKB_DROP_REASON_RECURSION_LIMIT', 'a storm: one packet made too many')
    }
  }

  /** A frame arrives at a device, as from a wire. Frames shorter than an Ethernet header never arrive. */
  inject(device: Device, frame: Frame): void {
    if (frame.length < ETH_HLEN) return
    this.journeys?.begin(frame, device)
    frame.tstamp = 0n
    this.enqueue(device, frame, STAGE.DRIVER)
  }
}
