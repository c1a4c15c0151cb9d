import type { Insn } from '../../isa/index.js'
import type { Machine } from '../machine.js'
import type { MapFunctions, ProgramImage } from '../types.js'
import type { CodeWriter } from '../wasm/code-writer.js'
import type { Cells } from './cells.js'
import { FRAME_SIZE } from './cells.js'
import type { Facts } from './facts.js'

/** What the host does for compiled code. `functions.ts` of the linker has their signatures. */
export type HostFunction = 'fault' | 'exhausted' | 'fail' | 'loadPacket' | 'tailCall' | 'callRegister'

/** A helper or kfunc as an instruction calls it: the index of its import, and how it takes its arguments. */
export interface CallSite {
  readonly func: number
  readonly args: string
  readonly result: string
  /** It may run programs or functions of programs: they need to know where the stack ends. */
  readonly reenters: boolean
}

/** What the functions of one module share. */
export interface ModuleContext {
  readonly machine: Machine
  readonly image: ProgramImage
  readonly cells: Cells
  /** Addresses are tested before they are used; without it, an address that no memory has still traps. */
  readonly checked: boolean
  /** Constant blinding: a random number for each constant; undefined: constants stand as they are. */
  readonly blind: (() => number) | undefined
  /** The host can do tail calls. */
  readonly tailCalls: boolean
  /** Type of a program's entry: (r1, frame) -> r0. */
  readonly entryType: number
  host(name: HostFunction): number
  /** The call at an instruction slot. */
  callAt(slot: number): CallSite
  /** Index of the function of a subprogram. */
  subprogram(slot: number): number
  /** Does a subprogram, or what it calls, count instructions? */
  usesFuel(slot: number): boolean
  /** May the program have more frames than a run may, or tail calls made from subprograms? */
  readonly deep: boolean
  /** A function (key address) -> value address of a known map, made once a module; undefined: call the helper. */
  lookup(handle: number): number | undefined
  /** The function that makes random numbers, made once a module. */
  prandom(): number
  /** Imported function of a known map; undefined: call the helper. */
  mapFunction(handle: number, name: keyof MapFunctions): number | undefined
  /** The function that commits records of any ring; undefined where the program names no ring. */
  readonly ringCommit: number | undefined
}

/** Where operands are, when that is not known as code is written: the interpreter's registers lie in memory. */
export interface Operands {
  get64(register: number): void
  get32(register: number): void
  /** Pops 64 bits into a register. */
  set64(register: number): void
  /** Pushes the tested address of an access; the offset that belongs into the instruction. */
  address(insn: Insn, register: number): number
}

/** One function being written. */
export interface FunctionContext {
  readonly module: ModuleContext
  readonly code: CodeWriter
  /** Locals of r0 to r9. */
  readonly registers: readonly number[]
  /** Local of the lowest byte of the stack frame: r10 is 512 more. */
  readonly frame: number
  /** Scratch locals. */
  readonly t32: number
  readonly u32: number
  readonly t64: number
  /** Local that counts down instructions; -1: the function has no loops and calls nothing that has. */
  readonly fuel: number
  /** Local of the may_goto iterations that are left; -1 without may_goto. */
  readonly loops: number
  /** Local of the instruction where something fails. */
  readonly place: number
  readonly isEntry: boolean
  readonly facts: Facts
  readonly operands?: Operands
  /** Labels between here and the function's ends for failures: `exhausted`, then `fault`. */
  depth: number
}

/** Pushes a register, 64 bits. */
export function get64({ code, registers, frame, operands }: FunctionContext, register: number): void {
  if (operands !== undefined) operands.get64(register)
  else if (register < 10) code.get(registers[register]!)
  else code.get(frame).i32(FRAME_SIZE).op('i32.add').op('i64.extend_i32_u')
}

/** Pushes the low half of a register. */
export function get32({ code, registers, frame, operands }: FunctionContext, register: number): void {
  if (operands !== undefined) operands.get32(register)
  else if (register < 10) code.get(registers[register]!).op('i32.wrap_i64')
  else code.get(frame).i32(FRAME_SIZE).op('i32.add')
}

/** Pops 64 bits into a register. */
export function set64({ code, registers, operands }: FunctionContext, register: number): void {
  if (operands !== undefined) operands.set64(register)
  else code.set(registers[register]!)
}

/** Pops 32 bits into a register, the high half zero. */
export function set32(f: FunctionContext, register: number): void {
  f.code.op('i64.extend_i32_u')
  set64(f, register)
}

/** Pushes a constant of the program, sign-extended to 64 bits; blinded where that is wanted. */
export function imm64({ code, module }: FunctionContext, low: number, high = low >> 31): void {
  if (module.blind === undefined) {
    code.i64(low, high)
    return
  }
  const a = module.blind()
  const b = module.blind()
  code
    .i64(low ^ a, high ^ b)
    .i64(a, b)
    .op('i64.xor')
}

export function imm32({ code, module }: FunctionContext, value: number): void {
  if (module.blind === undefined) {
    code.i32(value)
    return
  }
  const random = module.blind()
  code
    .i32(value ^ random)
    .i32(random)
    .op('i32.xor')
}
