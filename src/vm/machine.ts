import { invariant } from '../base/index.js'
import { BPF_PSEUDO_FUNC, getCode, getImm, getSrc, slotCount } from '../isa/index.js'
import { emptyList, emptyTree } from './linked.js'
import { Memory } from './memory.js'
import { Network } from './net/network.js'
import type { NetworkHost } from './net/network-host.js'
import type { Redirect } from './net/redirect.js'
import { staticNetwork } from './net/static-network.js'
import type { PacketContext } from './net/types.js'
import { Objects } from './objects.js'
import { SeededRandom } from './seeded-random.js'
import { type Attachment, type CurrentTask, initTask, noAttachment, TASK_STRUCT_SIZE } from './task.js'
import { Timers } from './timers.js'
import type {
  Addr,
  BpfMap,
  Clock,
  Engine,
  PrintkSink,
  ProgramImage,
  RandomSource,
  Runner,
  SpecialField,
} from './types.js'

export interface MachineOptions {
  /** Number of CPUs: per-CPU storage has this many copies. Default 2. */
  readonly cpus?: number
  readonly clock?: Clock
  readonly random?: RandomSource
  readonly printk?: PrintkSink
  readonly memory?: Memory
  /** Devices, routes, neighbours and sockets around the programs. Default: the loopback device alone. */
  readonly network?: NetworkHost
}

/** A program that is loaded: its image and how to run it. */
export interface LoadedProgram {
  readonly image: ProgramImage
  readonly runner: Runner
  /** Handles of its functions. */
  readonly functions: readonly Addr[]
}

/** What a handle's cell in memory stands for. */
export type HandleTarget = BpfMap | LoadedProgram | FunctionTarget | CgroupTarget

/** A cgroup, as the slots of a CGROUP_ARRAY hold it. */
export interface CgroupTarget {
  readonly cgroupId: bigint
}

/** What SYSCALL programs may ask of the kernel. Results are 0, a descriptor, or a negative errno. */
export interface SystemCalls {
  /** `attr` is the address of a union bpf_attr of `size` bytes. */
  bpf(command: number, attr: Addr, size: number): number
  close(fd: number): number
  /** BTF id in the low half, and the descriptor of the module's BTF in the high half; or a negative errno. */
  btfFindByNameKind(name: string, kind: number): bigint
  /** Undefined: no such symbol. */
  kallsymsLookupName(name: string): bigint | undefined
}

/** A subprogram as a function pointer: the program it belongs to and its first slot. */
export interface FunctionTarget {
  readonly program: LoadedProgram
  readonly slot: number
}

const HANDLE_SIZE = 64
const LD_IMM64 = 0x18

/**
 * The machine: memory, CPUs, clock, and the objects that handles in its memory stand for. One machine runs one
 * program at a time; nested runs (callbacks, timers) save and restore what they change.
 */
export class Machine {
  readonly memory: Memory
  readonly cpus: number
  printk: PrintkSink
  /** Where the number of the running CPU stands in memory. */
  readonly cpuCell: Addr
  /** u32 address of the monotonic time, of the state of random numbers; 0: the host must be asked. */
  readonly clockCell: Addr
  readonly randomCell: Addr
  /** u32 that is set where a burst of packets must stop behind the packet that runs now (packet-burst.ts). */
  readonly attentionCell: Addr
  #cpu = 0
  #clock: Clock
  #random: RandomSource
  /** The network around the programs. */
  readonly network: Network
  /** Result register of the last run, as halves. */
  r0lo = 0
  r0hi = 0
  /** The task that programs run in: bpf_get_current_… */
  task: CurrentTask = initTask()
  /** How the running program was attached. */
  attachment: Attachment = noAttachment()
  /** Name of a kernel address as %ps prints it. */
  symbolName: (address: bigint) => string | undefined = () => undefined
  /** Receives what bpf_seq_printf and bpf_seq_write write; false: the buffer is full. */
  seqWrite: ((bytes: Uint8Array) => boolean) | undefined
  /** System calls of SYSCALL programs. */
  systemCalls: SystemCalls | undefined
  readonly timers: Timers = new Timers(this)
  readonly objects: Objects = new Objects(this)
  /** Ids of objects in memory that have one (sockets, tasks, cgroups): what local storage belongs to. */
  readonly identities = new Map<Addr, bigint>()
  #taskStruct: Addr = 0

  /** Arguments of the callback that is being called, as halves; the callee copies them before it runs. */
  readonly callbackArgs = new Int32Array(10)
  /** The program that runs now. */
  image: ProgramImage | undefined
  /** The packet of the running program, while one runs on a packet. */
  packet: PacketContext | undefined
  /** What the redirect helpers noted in the last test run of a packet program. */
  lastRedirect: Redirect | undefined
  /** Instructions a run may still execute; engines count down and fail with BudgetError below zero. */
  budget = Number.POSITIVE_INFINITY

  readonly #targets: (HandleTarget | undefined)[] = [undefined]
  readonly #freeIndexes: number[] = []

  constructor(options: MachineOptions = {}) {
    this.memory = options.memory ?? new Memory()
    this.cpus = options.cpus ?? 2
    this.cpuCell = this.memory.alloc(16)
    this.clockCell = this.cpuCell + 4
    this.randomCell = this.cpuCell + 8
    this.attentionCell = this.cpuCell + 12
    this.clock = this.#clock = options.clock ?? hostClock()
    this.random = this.#random = options.random ?? new SeededRandom(Math.floor(Math.random() * 0x1_0000_0000))
    this.printk = options.printk ?? (() => {})
    this.network = new Network(this.memory, options.network ?? staticNetwork())
  }

  get clock(): Clock {
    return this.#clock
  }

  set clock(clock: Clock) {
    this.#clock = clock
    const address = clock.attach?.(this.memory) ?? 0
    this.memory.u32[this.clockCell >>> 2] = address
  }

  get random(): RandomSource {
    return this.#random
  }

  set random(random: RandomSource) {
    this.#random = random
    const address = random.attach?.(this.memory) ?? 0
    this.memory.u32[this.randomCell >>> 2] = address
  }

  /** Something happened that a burst of packets cannot go on over. */
  attend(): void {
    this.memory.u32[this.attentionCell >>> 2] = 1
  }

  /** CPU that runs now. */
  get cpu(): number {
    return this.#cpu
  }

  set cpu(cpu: number) {
    this.#cpu = cpu
    this.memory.u32[this.cpuCell >>> 2] = cpu
  }

  /** A handle for an object: the address of a cell whose first word is the object's index. */
  createHandle(target: HandleTarget | undefined): Addr {
    const handle = this.memory.alloc(HANDLE_SIZE)
    // A handle that is put back has the index it had.
    const index = this.memory.imageU32(handle) ?? this.#freeIndexes.pop() ?? this.#targets.length
    this.#targets[index] = target
    this.memory.u32[handle >>> 2] = index
    return handle
  }

  /** After handles were put back: indexes that nobody has are free again. */
  settleHandles(): void {
    this.#freeIndexes.length = 0
    for (let index = 1; index < this.#targets.length; index++) {
      if (this.#targets[index] === undefined) this.#freeIndexes.push(index)
    }
  }

  /** Does something, and tells the random numbers that it drew from the host's side. */
  watchRandom<T>(
    work: () => T,
    again?: readonly number[],
  ): { readonly result: T; readonly randoms: readonly number[] } {
    const source = this.random as { u32(): number }
    const real = source.u32
    const randoms: number[] = []
    let at = 0
    source.u32 = () => {
      const value = again?.[at++] ?? real.call(source)
      randoms.push(value)
      return value
    }
    try {
      return { result: work(), randoms }
    } finally {
      source.u32 = real
    }
  }

  /** For objects that need their handle before they exist. */
  bindHandle(handle: Addr, target: HandleTarget): void {
    const index = this.memory.u32[handle >>> 2] as number
    invariant(index > 0 && index < this.#targets.length, 'bindHandle of something that is not a handle')
    this.#targets[index] = target
  }

  freeHandle(handle: Addr): void {
    const index = this.memory.u32[handle >>> 2] as number
    this.#targets[index] = undefined
    this.#freeIndexes.push(index)
    this.memory.free(handle)
  }

  /** The object of a handle. Undefined for an address that is no handle (only unverified programs can cause that). */
  target(handle: Addr): HandleTarget | undefined {
    return this.#targets[this.memory.u32[handle >>> 2] as number]
  }

  mapOf(handle: Addr): BpfMap | undefined {
    const target = this.target(handle >>> 0)
    return target !== undefined && 'keySize' in target ? target : undefined
  }

  programOf(handle: Addr): LoadedProgram | undefined {
    const target = this.target(handle >>> 0)
    return target !== undefined && 'image' in target ? target : undefined
  }

  functionOf(handle: Addr): FunctionTarget | undefined {
    const target = this.target(handle >>> 0)
    return target !== undefined && 'slot' in target ? target : undefined
  }

  /** Releases what one special field at `addr` holds and zeroes it. See `releaseFields`. */
  releaseField(field: SpecialField, addr: Addr): void {
    switch (field.kind) {
      case 'timer':
      case 'workqueue':
        this.timers.release(addr)
        break
      case 'kptr':
      case 'percpu_kptr':
        this.objects.drop(this.memory.u32[addr >>> 2]!)
        break
      case 'list_head':
        emptyList(this, addr)
        break
      case 'rb_root':
        emptyTree(this, addr)
    }
    this.memory.u8.fill(0, addr, addr + field.size)
  }

  /**
   * Calls the timers that are due, if no program runs now: the host does so whenever it comes by. A callback that cannot
   * go on is told of in the trace pipe, as there is nobody to throw at.
   */
  runTimers(): void {
    if (this.timers.started === 0 || this.image !== undefined) return
    const { packet } = this
    this.packet = undefined
    try {
      this.timers.run()
    } catch (error) {
      this.printk(`timer callback: ${(error as Error).message}`)
    } finally {
      this.packet = packet
    }
  }

  /** Address of the current task's struct, made at the first use. */
  taskStruct(): Addr {
    if (this.#taskStruct === 0) this.#taskStruct = this.memory.alloc(TASK_STRUCT_SIZE)
    return this.#taskStruct
  }

  /** The id of an object in memory. */
  identityOf(object: Addr): bigint {
    if (object === this.#taskStruct && object !== 0) return BigInt(this.task.pid)
    return this.identities.get(object) ?? BigInt(object)
  }

  /**
   * Makes an image runnable on `engine` and binds its handle. References to subprograms get handles of their own, which
   * `uninstall` gives back. Throws what `engine.prepare` throws; then nothing is left behind.
   */
  install(image: ProgramImage, engine: Engine): LoadedProgram {
    const functions = new Map<number, Addr>()
    const refs = new Map(image.refs)
    for (const { pc, target } of functionReferences(image)) {
      if (refs.has(pc)) continue
      const handle = functions.get(target) ?? this.createHandle(undefined)
      functions.set(target, handle)
      refs.set(pc, BigInt(handle))
    }
    const handles = [...functions.values()]
    const linked: ProgramImage = { ...image, refs }
    let runner: Runner
    try {
      runner = engine.prepare(linked)
    } catch (error) {
      for (const handle of handles) this.freeHandle(handle)
      throw error
    }
    const program: LoadedProgram = { image: linked, runner, functions: handles }
    for (const [slot, handle] of functions) this.bindHandle(handle, { program, slot })
    this.bindHandle(image.handle, program)
    return program
  }

  /** Gives back the program's handle and those of its functions. */
  uninstall(program: LoadedProgram): void {
    for (const handle of program.functions) this.freeHandle(handle)
    this.freeHandle(program.image.handle)
    program.runner.dispose?.()
  }
}

/** ld_imm64 instructions that name a subprogram (BPF_PSEUDO_FUNC): their slots and the subprograms'. */
function functionReferences(image: ProgramImage): { pc: number; target: number }[] {
  const found: { pc: number; target: number }[] = []
  const { insns } = image
  for (let pc = 0; pc < slotCount(insns); pc++) {
    if (getCode(insns, pc) !== LD_IMM64) continue
    if (getSrc(insns, pc) === BPF_PSEUDO_FUNC) found.push({ pc, target: pc + 1 + getImm(insns, pc) })
    pc++
  }
  return found
}

/** The host's clock, at the resolution it gives. */
export function hostClock(): Clock {
  const start = performance.now()
  const epoch = BigInt(Date.now()) * 1_000_000n
  const elapsed = (): bigint => BigInt(Math.round((performance.now() - start) * 1e6))
  return {
    monotonic: () => elapsed() + 1_000_000_000n,
    boottime: () => elapsed() + 1_000_000_000n,
    realtime: () => epoch + elapsed(),
    tai: () => epoch + elapsed() + 37_000_000_000n,
  }
}
