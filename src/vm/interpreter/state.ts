import { type CallTable, invokeWide } from '../calls.js'
import { BudgetError, ExecutionError, MemoryFault, wideAddress } from '../errors.js'
import type { Machine } from '../machine.js'
import type { Addr } from '../types.js'
import { argumentHalves, CODE_WORDS, type DecodedProgram } from './decode.js'

/** Bytes of stack of one frame (MAX_BPF_STACK). */
export const FRAME_SIZE = 512
/** Words saved when a subprogram is called: r6 to r9 and where to go on. */
export const SAVED_WORDS = 12
/** Times a may_goto goes on in one frame (BPF_MAX_LOOPS); Linux also stops it after a quarter of a second. */
export const MAX_LOOPS = 8 * 1024 * 1024
/**
 * Frames of all nested runs together. Linux counts eight to a program when it loads it; each of 33 tail calls made in a
 * subprogram brings a program with its own, and so do callbacks.
 */
const FRAMES = 288
/** Room below the last frame for accesses that reach below it. */
const GUARD = 32768
/** Instructions between two looks at the budget: a loop of any length is noticed after this many. */
const CHUNK = 1 << 22

/** Called before an instruction of a program that was prepared with hooks. Registers are halves, low first. */
export type StepHook = (image: DecodedProgram['image'], slot: number, registers: Int32Array) => void

/** A program's decoded code and how to enter it, as a runner keeps it. */
export interface Decoded {
  readonly decoded: DecodedProgram
}

/** What one machine's interpreter works with: registers, frames, stack. Nested runs share it. */
export class InterpreterState {
  readonly machine: Machine
  readonly calls: CallTable
  /** r0 to r10 as halves, low first. */
  readonly registers = new Int32Array(32)
  readonly save = new Int32Array(FRAMES * SAVED_WORDS)
  /** may_goto iterations left in each frame. */
  readonly loops = new Int32Array(FRAMES)
  readonly frames: DecodedProgram[] = []
  /** Frames in use by the runs around the next one. */
  depth = 0
  /** Position of the call that is being made: where an error in a helper belongs. */
  pc = 0
  tailCalls = 0
  onHook: StepHook | undefined
  readonly #stackTop: Addr

  constructor(machine: Machine, calls: CallTable) {
    this.machine = machine
    this.calls = calls
    const size = GUARD + FRAMES * FRAME_SIZE
    this.#stackTop = machine.memory.alloc(size) + size
  }

  /** Makes frame `depth` the program's, with its own stack and loop count. */
  enterFrame(program: DecodedProgram, depth: number): void {
    if (depth >= FRAMES) this.failDepth(program, program.entry)
    this.frames[depth] = program
    this.loops[depth] = MAX_LOOPS
    this.registers[20] = this.#stackTop - depth * FRAME_SIZE
    this.registers[21] = 0
  }

  /** Takes what was executed, in words of code, from the machine's budget. */
  charge(words: number): void {
    this.machine.budget -= words / CODE_WORDS
  }

  /** Words that may be executed before the budget is looked at again. Throws BudgetError when it is used up. */
  nextChunk(program: DecodedProgram, at: number): number {
    const left = this.machine.budget
    if (left < 0) throw new BudgetError(place(program, at))
    return Math.min(left, CHUNK) * CODE_WORDS
  }

  /** The address of a register and off, checked. */
  checkAccess(program: DecodedProgram, at: number, register: number, size: number, write: boolean): Addr {
    const r = this.registers
    const addr = (r[register]! + program.code[at + 1]!) >>> 0
    if (r[register + 1] !== 0 || addr < 65536 || addr + size > this.machine.memory.size) {
      this.fault(program, at, register, size, write)
    }
    return addr
  }

  fault(program: DecodedProgram, at: number, register: number, size: number, write: boolean): never {
    const r = this.registers
    const address = wideAddress(r[register]!, r[register + 1]!, program.code[at + 1]!)
    throw new MemoryFault(place(program, at), { address, size, write })
  }

  fail(program: DecodedProgram, at: number, reason: string): never {
    throw new ExecutionError(place(program, at), reason)
  }

  failDepth(program: DecodedProgram, at: number): never {
    this.fail(program, at, 'too many nested calls')
  }

  /** LD_ABS and LD_IND. -1 when the packet is shorter; the machine's numbers are unsigned. */
  loadPacket(operation: number, index: number, imm: number): number {
    const packet = this.machine.packet
    if (packet === undefined) return -1
    const size = (operation & 0x18) === 0 ? 4 : (operation & 0x18) === 8 ? 2 : 1
    return packet.loadBytes((operation & 0xe0) === 0x40 ? (imm + index) | 0 : imm, size)
  }

  /**
   * bpf_tail_call(r1 ctx, r2 map, r3 index): the program to go on with, or undefined when the call fails and the
   * caller continues.
   */
  tailCall(): DecodedProgram | undefined {
    const { machine, registers: r } = this
    const slot = machine.mapOf(r[4]!)?.elementAt?.(r[6]! >>> 0) ?? 0
    if (slot === 0 || this.tailCalls >= 33) return undefined
    const handle = machine.memory.u32[slot >>> 2]!
    const target = handle === 0 ? undefined : machine.programOf(handle)
    if (target === undefined) return undefined
    this.tailCalls++
    machine.image = target.image
    if ('decoded' in target.runner) return (target.runner as typeof target.runner & Decoded).decoded
    // A program of another engine: run it here and leave with its result.
    target.runner.run(r[2]! >>> 0)
    r[0] = machine.r0lo
    r[1] = machine.r0hi
    return EXIT
  }

  /** callx: the register holds a helper's number or a function's handle. */
  callRegister(program: DecodedProgram, at: number, target: number): void {
    const { machine, registers: r } = this
    const known =
      target > 0 && target < 65536 ? this.calls.helper(program.image, program.code[at + 3]!, target) : undefined
    if (known !== undefined) {
      const x = invokeWide(machine, known.run, r, argumentHalves(known.args))
      r[0] = x
      r[1] = known.result === 'i' ? x >> 31 : known.result === 'l' ? machine.r0hi : 0
      return
    }
    const subprogram = machine.functionOf(target)
    if (subprogram === undefined) this.fail(program, at, 'calls a register that holds no function')
    subprogram.program.runner.call(subprogram.slot, r.slice(2, 12))
    r[0] = machine.r0lo
    r[1] = machine.r0hi
  }

  hook(program: DecodedProgram, at: number): void {
    this.onHook?.(program.image, program.code[at + 3]!, this.registers)
  }

  /** Where the running program is, for errors from helpers. */
  place(): { program: string; pc: number } {
    const program = this.frames[Math.max(0, this.depth - 1)]
    return program === undefined ? { program: '', pc: 0 } : place(program, this.pc)
  }
}

function place(program: DecodedProgram, at: number): { program: string; pc: number } {
  return { program: program.image.name, pc: program.code[at + 3] ?? 0 }
}

/** A program that only leaves. */
const EXIT: DecodedProgram = {
  image: {
    name: 'exit',
    type: 0,
    expectedAttachType: 0,
    insns: new Uint8Array(0),
    refs: new Map(),
    handle: 0,
    hasFrags: false,
    sleepable: false,
  },
  code: Int32Array.of(0x95, 0, 0, 0),
  entry: 0,
  functions: [],
  wide: [],
  positions: new Int32Array(0),
}
