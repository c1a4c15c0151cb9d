import {
  type Classifier,
  type CloneRequest,
  type Device,
  ETH_HLEN,
  Frame,
  type HookProgram,
  type ListEntry,
  type Namespace,
  type PacketHooks,
  type RedirectTarget,
  type SkbStart,
  type Socket,
  TC_ACT,
  type TcResult,
} from '../../netdev/index.js'
import { bpf_prog_type } from '../../spec/index.js'
import { SKB, SkbPacket, XdpPacket } from '../../vm/index.js'
import type { ProgObject } from '../state/objects.js'
import type { World } from '../world.js'
import { runProgram } from './run-program.js'
import { type Subscription, Tracepoints } from './tracepoints.js'
import { XdpTargets } from './xdp-targets.js'

const SCHED_CLS = bpf_prog_type.BPF_PROG_TYPE_SCHED_CLS
const ACT_DIRECT = 1
/** Bytes up to which packets are copied word by word. */
const SHORT = 256
/** A page without headroom and skb_shared_info: what of a long packet is in the first buffer. */
const ONE_BUFFER = 4096 - 256 - 320
const SKIP_SW = 2
const BPF_LWT_OK = 0
const IPPROTO_UDP = 17

const DIRECT_ACTIONS: ReadonlySet<number> = new Set([
  TC_ACT.OK,
  TC_ACT.SHOT,
  TC_ACT.STOLEN,
  TC_ACT.TRAP,
  TC_ACT.REDIRECT,
  TC_ACT.UNSPEC,
])

const swap16 = (value: number): number => ((value & 0xff) << 8) | ((value >>> 8) & 0xff)

/** Runs programs on the frames of the virtual network, one after another on the same contexts. */
export class EmbeddedHooks implements PacketHooks {
  readonly #world: World
  readonly #xdp: XdpPacket
  readonly #skb: SkbPacket
  readonly #targets: XdpTargets
  readonly #tracepoints: Tracepoints
  #clones: CloneRequest[] = []
  readonly #cb = new Uint32Array(5)
  #cbOf: Frame | undefined
  /** Where programs run now: what helpers are told of the network. */
  #netns: Namespace | undefined

  constructor(world: World) {
    this.#world = world
    const { machine } = world
    this.#xdp = new XdpPacket(machine.memory, machine.network)
    this.#skb = new SkbPacket(machine.memory, machine.network)
    this.#targets = new XdpTargets(world)
    this.#tracepoints = new Tracepoints(world)
  }

  get traced(): ReadonlySet<string> {
    return this.#tracepoints.names
  }

  get tcRedirect(): RedirectTarget {
    return this.#skb.redirect
  }

  subscribe(subscription: Subscription): Disposable {
    return this.#tracepoints.add(subscription)
  }

  tracepoint(name: string, fields: Readonly<Record<string, number | string>>): void {
    this.#tracepoints.fire(name, fields)
  }

  idle(): void {
    const { machine, network } = this.#world
    if (this.#netns === network.init || this.#netns === undefined) return
    this.#netns = undefined
    machine.network.host = this.#world.hostOf(network.init)
  }

  onCpu(cpu: number, work: () => void): void {
    const { machine } = this.#world
    const before = machine.cpu
    machine.cpu = cpu < machine.cpus ? cpu : before
    try {
      work()
    } finally {
      machine.cpu = before
    }
  }

  #enter(netns: Namespace): void {
    if (this.#netns === netns) return
    this.#netns = netns
    this.#world.machine.network.host = this.#world.hostOf(netns)
  }

  xdp(program: HookProgram, device: Device, frame: Frame, egress?: Device): number {
    this.#enter(device.netns)
    const packet = this.#xdp
    const { start, metaLength, bytes } = frame
    const from = start - metaLength
    const length = frame.end - from
    const { words } = frame
    if (words !== undefined && (from & 3) === 0 && length <= SHORT) packet.loadWords(words, from, length, metaLength)
    else if (length > ONE_BUFFER && (program as ProgObject).hasFrags && device.kind === 'veth') {
      // A veth puts a long packet into pages of its own.
      packet.load(bytes, from, length, metaLength, ONE_BUFFER)
    } else packet.load(bytes, from, length, metaLength)
    packet.setIngress(device.ifindex, frame.queue)
    if (egress !== undefined) packet.setEgress(egress.ifindex)
    const verdict = runProgram(this.#world, program as ProgObject, packet, 0)
    this.#takeXdp(frame)
    return verdict
  }

  /** The frame becomes what the program left. */
  #takeXdp(frame: Frame): void {
    const packet = this.#xdp
    const { memory } = this.#world.machine
    if (packet.hasFrags) {
      frame.bytes = packet.output()
      frame.limit = frame.end = frame.bytes.length
      frame.words = undefined
      frame.start = frame.metaLength = packet.metaLength
      return
    }
    const from = packet.dataMeta
    const end = packet.dataEnd
    const meta = packet.data - from
    const length = end - from
    let { bytes } = frame
    let at = frame.start - frame.metaLength
    if (at + length > frame.limit) {
      bytes = frame.bytes = new Uint8Array(length + 64)
      frame.limit = bytes.length
      frame.words = undefined
      at = 0
    }
    const { words } = frame
    if (
      words !== undefined &&
      (at & 3) === 0 &&
      (from & 3) === 0 &&
      length <= SHORT &&
      at + length + 3 <= frame.limit
    ) {
      const source = memory.u32
      const count = (length + 3) >>> 2
      const to = at >>> 2
      const first = from >>> 2
      for (let index = 0; index < count; index++) words[to + index] = source[first + index] as number
    } else bytes.set(memory.u8.subarray(from, end), at)
    frame.start = at + meta
    frame.end = at + length
    frame.metaLength = meta
  }

  xdpTarget(device: Device) {
    return this.#targets.of(this.#xdp.redirect, device)
  }

  tcx(entries: readonly ListEntry[], device: Device, frame: Frame, ingress: boolean): TcResult {
    const skb = this.#loadSkb(device, frame, ingress)
    let verdict: number = TC_ACT.UNSPEC
    let program: HookProgram | undefined
    for (const entry of entries) {
      program = entry.program
      skb.updatePointers()
      verdict = runProgram(this.#world, program as ProgObject, skb, TC_ACT.SHOT) | 0
      if (verdict === TC_ACT.OK || verdict === TC_ACT.SHOT || verdict === TC_ACT.REDIRECT) break
      verdict = TC_ACT.UNSPEC
    }
    const classid = skb.field(SKB.tc_classid) & 0xffff
    this.#keepCb(skb, frame)
    this.#takeSkb(frame, device, ingress)
    return { verdict, program, classid }
  }

  tc(classifiers: readonly Classifier[], device: Device, frame: Frame, ingress: boolean): TcResult {
    const skb = this.#loadSkb(device, frame, ingress)
    this.#giveCb(skb, frame)
    let verdict: number = TC_ACT.UNSPEC
    let program: HookProgram | undefined
    let classid = 0
    search: for (const classifier of classifiers) {
      if (classifier.chain !== 0) continue
      const wanted = classifier.protocol
      const protocol = skb.field(SKB.vlan_present) !== 0 ? skb.field(SKB.vlan_proto) : skb.protocol
      if (wanted !== 3 && swap16(wanted) !== protocol) continue
      for (const filter of classifier.filters) {
        program = filter.program
        skb.setField(SKB.tc_classid, filter.classid & 0xffff)
        const direct = (filter.flags & ACT_DIRECT) !== 0
        let result: number = direct ? TC_ACT.UNSPEC : 0
        if ((filter.flagsGen & SKIP_SW) === 0) {
          skb.updatePointers()
          result = runProgram(this.#world, program as ProgObject, skb, TC_ACT.SHOT) | 0
        }
        if (direct) {
          verdict = DIRECT_ACTIONS.has(result) ? result : TC_ACT.UNSPEC
          classid = skb.field(SKB.tc_classid) & 0xffff
          if (verdict === TC_ACT.UNSPEC) continue
          break search
        }
        if (result === 0) continue
        classid = (result === -1 ? filter.classid : result) & 0xffff
        verdict = TC_ACT.OK
        break search
      }
    }
    this.#takeSkb(frame, device, ingress)
    return { verdict, program, classid }
  }

  /** skb->cb goes from tcx on to clsact at the same side of a device. */
  #keepCb(skb: SkbPacket, frame: Frame): void {
    this.#cbOf = frame
    for (let word = 0; word < 5; word++) this.#cb[word] = skb.field(SKB.cb + word * 4)
  }

  #giveCb(skb: SkbPacket, frame: Frame): void {
    if (this.#cbOf === frame)
      for (let word = 0; word < 5; word++) skb.setField(SKB.cb + word * 4, this.#cb[word] as number)
    this.#cbOf = undefined
  }

  /** The frame as an sk_buff at a tc hook. */
  #loadSkb(device: Device, frame: Frame, ingress: boolean, layer2 = true): SkbPacket {
    this.#enter(device.netns)
    const skb = this.#skb
    skb.programType = SCHED_CLS
    skb.atIngress = ingress
    skb.load(frame.bytes, frame.start, frame.end - frame.start, layer2, device.ifindex)
    if (frame.metaLength > 0 && ingress) {
      skb.loadMeta(frame.bytes, frame.start - frame.metaLength, frame.metaLength)
    }
    if (frame.mark !== 0) skb.setField(SKB.mark, frame.mark)
    if (frame.priority !== 0) skb.setField(SKB.priority, frame.priority)
    if (frame.tcIndex !== 0) skb.setField(SKB.tc_index, frame.tcIndex)
    if (frame.hash !== 0) {
      skb.setField(SKB.hash, frame.hash)
      skb.hashValid = true
    }
    // Drivers of hardware note the queue, counted from 1; a pair of veths does not.
    const hardware = device.kind === 'port' || device.kind === 'tun'
    skb.setField(SKB.queue_mapping, ingress && hardware ? frame.queue + 1 : 0)
    skb.setField(SKB.ingress_ifindex, ingress ? device.ifindex : frame.ingressIfindex)
    if (frame.vlanTag !== 0) {
      skb.setField(SKB.vlan_present, 1)
      skb.setField(SKB.vlan_tci, frame.vlanTag & 0xffff)
      skb.setField(SKB.vlan_proto, swap16(frame.vlanProtocol))
    }
    skb.setField(SKB.pkt_type, frame.packetType)
    skb.setField(SKB.wire_len, skb.length)
    return skb
  }

  /** The frame becomes what the programs left; copies they sent are kept for the network to send. */
  #takeSkb(frame: Frame, device: Device, ingress: boolean): void {
    const skb = this.#skb
    takeBytes(frame, this.#world.machine.memory.u8, skb.data, skb.tail)
    frame.metaLength = 0
    frame.packetType = skb.field(SKB.pkt_type)
    frame.mark = skb.field(SKB.mark)
    frame.priority = skb.field(SKB.priority)
    frame.tcIndex = skb.field(SKB.tc_index) & 0xffff
    frame.hash = skb.hashValid ? skb.field(SKB.hash) : 0
    const tagged = skb.field(SKB.vlan_present) !== 0
    frame.vlanTag = tagged ? 0x1_0000 | (skb.field(SKB.vlan_tci) & 0xffff) : 0
    frame.vlanProtocol = tagged ? swap16(skb.field(SKB.vlan_proto)) : 0
    if (skb.clones.length === 0) return
    for (const clone of skb.clones) {
      const copy = new Frame(clone.data)
      copy.mark = frame.mark
      copy.priority = frame.priority
      copy.packet = frame.packet
      copy.hops = frame.hops
      copy.ingressIfindex = ingress ? device.ifindex : frame.ingressIfindex
      this.#clones.push({ frame: copy, ifindex: clone.ifindex, ingress: (clone.flags & 1) !== 0 })
    }
    skb.clones = []
  }

  takeClones(): readonly CloneRequest[] {
    if (this.#clones.length === 0) return []
    const clones = this.#clones
    this.#clones = []
    return clones
  }

  socketFilter(program: HookProgram, socket: Socket, device: Device, frame: Frame, start: SkbStart): number {
    const skb = this.#loadSkb(device, frame, false, start === 'mac')
    skb.programType = (program as ProgObject).type
    if (start === 'transport') this.#pullNetwork(skb)
    this.#setSocket(skb, socket)
    return runProgram(this.#world, program as ProgObject, skb, 0) >>> 0
  }

  /** Takes the IP header off: socket filters of transport sockets see what comes behind it. */
  #pullNetwork(skb: SkbPacket): void {
    const { u8 } = this.#world.machine.memory
    const first = u8[skb.networkHeader] as number
    let at = skb.networkHeader + (first >> 4 === 4 ? (first & 15) * 4 : 40)
    let next = u8[skb.networkHeader + (first >> 4 === 4 ? 9 : 6)] as number
    if (first >> 4 === 6) {
      while (next === 0 || next === 43 || next === 60) {
        next = u8[at] as number
        at += ((u8[at + 1] as number) + 1) * 8
      }
    }
    skb.data = Math.min(at, skb.tail)
    skb.transportHeader = skb.data
    if (next === IPPROTO_UDP) skb.resetMacLength()
    skb.updatePointers()
  }

  #setSocket(skb: SkbPacket, socket: Socket | undefined): void {
    if (socket === undefined || socket.protocol === 'packet' || socket.protocol === 'raw') return
    const { sockets } = this.#world.machine.network
    skb.setSocket(sockets.of(socket as Parameters<typeof sockets.of>[0]))
  }

  cgroupSkb(socket: Socket | undefined, device: Device, frame: Frame, ingress: boolean): boolean {
    const programs = this.#world.cgroups.programsOf(socket?.cgroupId ?? 1n, ingress ? 'ingress' : 'egress')
    for (const program of programs) {
      const skb = this.#loadSkb(device, frame, ingress, false)
      skb.programType = program.type
      this.#setSocket(skb, socket)
      const verdict = runProgram(this.#world, program, skb, 0)
      if ((verdict & 1) === 0) return false
    }
    return true
  }

  lwt(program: HookProgram, _place: 'in' | 'out' | 'xmit', device: Device, frame: Frame): number {
    const skb = this.#loadSkb(device, frame, false, false)
    skb.programType = (program as ProgObject).type
    const verdict = runProgram(this.#world, program as ProgObject, skb, 2) | 0
    if (verdict === BPF_LWT_OK || verdict === TC_ACT.REDIRECT) {
      // The Ethernet header, which the program did not see, goes before what it left.
      const header = frame.bytes.slice(frame.start, frame.start + ETH_HLEN)
      const version = (this.#world.machine.memory.u8[skb.data] as number) >> 4
      takeBytes(frame, this.#world.machine.memory.u8, skb.data, skb.tail, ETH_HLEN)
      frame.bytes.set(header, frame.start)
      frame.bytes.set(version === 6 ? [0x86, 0xdd] : [8, 0], frame.start + 12)
      frame.mark = skb.field(SKB.mark)
      frame.priority = skb.field(SKB.priority)
    }
    return verdict
  }
}

/** Copies memory [from, end) into a frame, with room before it for a header. */
function takeBytes(frame: Frame, memory: Uint8Array, from: number, end: number, header = 0): void {
  const length = end - from + header
  if (frame.start + length > frame.limit) {
    frame.bytes = new Uint8Array(length + 128)
    frame.limit = frame.bytes.length
    frame.words = undefined
    frame.start = 64
  }
  frame.bytes.set(memory.subarray(from, end), frame.start + header)
  frame.end = frame.start + length
}
