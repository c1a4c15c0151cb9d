import { UsageError } from '../../base/index.js'
import { bpf_prog_type } from '../../spec/index.js'
import {
  type ClonedPacket,
  type KernelSocket,
  type LoadedProgram,
  type Machine,
  PacketBurst,
  PacketClock,
  type PacketColumns,
  type Redirect,
  SkbPacket,
  XdpPacket,
} from '../../vm/index.js'
import { familyOf, startsAtEthernet } from './skb.js'

const T = bpf_prog_type
const SKB_TYPES: ReadonlySet<number> = new Set([
  T.BPF_PROG_TYPE_SOCKET_FILTER,
  T.BPF_PROG_TYPE_SCHED_CLS,
  T.BPF_PROG_TYPE_SCHED_ACT,
  T.BPF_PROG_TYPE_CGROUP_SKB,
  T.BPF_PROG_TYPE_LWT_IN,
  T.BPF_PROG_TYPE_LWT_OUT,
  T.BPF_PROG_TYPE_LWT_XMIT,
])
const ETH_HLEN = 14
const LOOPBACK = 1

export interface PacketRunnerOptions {
  /** Device the packets come in by. Default 1, the loopback device, as in a test run. */
  readonly ifindex?: number
  readonly rxQueue?: number
  /** Runs a tc program as at an ingress hook; a test run is at no hook. */
  readonly atIngress?: boolean
  /** Called before each run. */
  readonly before?: (() => void) | undefined
}

/**
 * Runs a packet program over many packets, one after another, each as a test run of its own, without a system call or
 * an allocation for each. Packets may be longer than BPF_PROG_TEST_RUN takes: they are one linear buffer then.
 */
export class PacketRunner {
  readonly #machine: Machine
  readonly #program: LoadedProgram
  readonly #xdp: XdpPacket | undefined
  readonly #skb: SkbPacket | undefined
  readonly #socket: KernelSocket | undefined
  readonly #layer2: boolean
  readonly #ifindex: number
  readonly #rxQueue: number
  readonly #before: (() => void) | undefined
  #burst: PacketBurst | undefined

  /** Throws UsageError for a program that does not run on packets. */
  constructor(machine: Machine, program: LoadedProgram, options: PacketRunnerOptions = {}) {
    const { type, name } = program.image
    this.#machine = machine
    this.#program = program
    this.#ifindex = options.ifindex ?? LOOPBACK
    this.#rxQueue = options.rxQueue ?? 0
    this.#before = options.before
    this.#layer2 = startsAtEthernet(type)
    if (type === T.BPF_PROG_TYPE_XDP) this.#xdp = new XdpPacket(machine.memory, machine.network)
    else if (SKB_TYPES.has(type)) {
      this.#skb = new SkbPacket(machine.memory, machine.network)
      this.#skb.programType = type
      this.#skb.atIngress = options.atIngress ?? false
      this.#socket = machine.network.sockets.anonymous()
    } else throw new UsageError(`program ${name} does not run on packets`)
  }

  /**
   * Runs the program on the frame bytes [offset, offset + length). The result is r0 as u32, or -1 for a frame too short
   * to have an Ethernet header, which no program ever sees. Throws what the run throws: BudgetError, MemoryFault.
   */
  run(bytes: Uint8Array, offset = 0, length = bytes.length): number {
    if (length < ETH_HLEN) return -1
    this.#before?.()
    const machine = this.#machine
    machine.runTimers()
    const packet = this.#xdp ?? this.#loadSkb(bytes, offset, length)
    if (packet.kind === 'xdp') {
      packet.load(bytes, offset, length)
      packet.setIngress(this.#ifindex, this.#rxQueue)
    }
    const { budget } = machine
    machine.packet = packet
    try {
      this.#program.runner.run(packet.ctx)
    } finally {
      machine.packet = undefined
      machine.budget = budget
    }
    return machine.r0lo >>> 0
  }

  /**
   * Copies packets into the machine, for `runBurst` to run them. False where the packets must be run one by one: only XDP
   * programs on the compiler take bursts, and no timer may wait for its time.
   */
  loadBurst(columns: PacketColumns): boolean {
    const { timers, memory } = this.#machine
    if (this.#xdp === undefined || this.#program.runner.burst === undefined) return false
    if (this.#before !== undefined || timers.started > 0) return false
    this.#burst ??= new PacketBurst(memory)
    this.#burst.load(columns)
    return true
  }

  /**
   * Runs packets [from, to) of the loaded ones, in one call of the compiled program. It ends early behind a packet with a
   * result whose bit is set in `stop` (results up to 31), or that asked for a redirect or started a timer, and before
   * one that must be run by itself (`run`): too short, or longer than a page takes. The result is how far it came.
   */
  runBurst(from: number, to: number, stop = 0): number {
    const machine = this.#machine
    const packet = this.#xdp as XdpPacket
    const burst = this.#burst as PacketBurst
    const { runner } = this.#program
    if (machine.timers.started > 0) return from
    const { data, limit } = packet.beginBurst()
    const { clock, memory } = machine
    packet.setIngress(this.#ifindex, this.#rxQueue)
    burst.set('context', packet.ctx)
    burst.set('data', data)
    burst.set('limit', limit)
    burst.set('ifindex', this.#ifindex)
    burst.set('queue', this.#rxQueue)
    burst.set('stop', stop)
    burst.set('clock', clock instanceof PacketClock ? (memory.u32[machine.clockCell >>> 2] as number) : 0)
    memory.u32[machine.attentionCell >>> 2] = 0
    const { budget } = machine
    machine.packet = packet
    try {
      return runner.burst?.(burst.plan, from, to) ?? from
    } finally {
      machine.packet = undefined
      machine.budget = budget
    }
  }

  /** r0 of the packets that runBurst ran, as u32: a view, good until the next call. */
  burstResults(): Uint32Array {
    return (this.#burst as PacketBurst).results()
  }

  /** Address of the packet as the program left it. */
  get outputAddress(): number {
    return this.#xdp?.data ?? (this.#skb as SkbPacket).data
  }

  /** Its length in bytes. */
  get outputLength(): number {
    return this.#xdp?.length ?? (this.#skb as SkbPacket).length
  }

  /**
   * The packet as the program left it, without XDP metadata: a view of the machine's memory, good until the next run. For
   * programs that see no Ethernet header this is what they see.
   */
  outputView(): Uint8Array {
    return this.#machine.memory.bytes(this.outputAddress, this.outputLength)
  }

  /** Where the last packet goes if the verdict is a redirect. */
  get redirect(): Redirect {
    return (this.#xdp ?? (this.#skb as SkbPacket)).redirect
  }

  /** Copies of the last packet that the program sent with bpf_clone_redirect. */
  get clones(): readonly ClonedPacket[] {
    return this.#skb?.clones ?? []
  }

  /** Gives the memory back. The runner must not be used afterwards. */
  [Symbol.dispose](): void {
    this.#burst?.free()
    this.#xdp?.free()
    this.#skb?.free()
    if (this.#socket !== undefined) this.#machine.network.sockets.release(this.#socket)
  }

  #loadSkb(bytes: Uint8Array, offset: number, length: number): SkbPacket {
    const skb = this.#skb as SkbPacket
    const socket = this.#socket as KernelSocket
    if (socket.storages.size > 0) socket.dropStorages()
    skb.load(bytes, offset, length, this.#layer2, this.#ifindex)
    socket.setAnonymous(Math.max(0, familyOf(skb)), skb.networkHeader)
    skb.setSocket(socket)
    return skb
  }
}
