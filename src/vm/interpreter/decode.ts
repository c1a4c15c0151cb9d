import { FormatError } from '../../base/index.js'
import { decodeInsns, type Insn, type Op, type OpKind } from '../../isa/index.js'
import type { CallTable } from '../calls.js'
import { ExecutionError } from '../errors.js'
import type { HelperFunction, ProgramImage } from '../types.js'

/** Words of a decoded instruction: operation with registers, off or jump distance, imm, slot. */
export const CODE_WORDS = 4

/**
 * A program as `execute` reads it. Word 0 is `operation | dst << 9 | src << 14` with dst and src as indexes of the low
 * half of the register; the operation is the opcode byte, or a number from 256 where the byte alone does not tell.
 * Word 1 is off, the jump distance in words from the next instruction, or the high half of an ld_imm64; word 2 is imm;
 * word 3 the instruction's slot. Position 0 is an exit; the program starts at `entry`.
 */
export interface DecodedProgram {
  readonly image: ProgramImage
  readonly code: Int32Array
  readonly entry: number
  /** Helpers and kfuncs called, by the imm of operation 257. */
  readonly functions: readonly HelperFunction[]
  /** Register halves to pass, for calls with 64-bit arguments, by off of operation 257. */
  readonly wide: readonly (readonly number[])[]
  /** Position of an instruction slot; -1 inside an ld_imm64. */
  readonly positions: Int32Array
}

/** Operations that one opcode byte does not tell. `rare-operations.ts` runs those from 270. */
export const OPERATION = {
  callSubprogram: 256,
  callFunction: 257,
  tailCall: 258,
  callRegister: 259,
  hook: 260,
  end: 261,
  nothing: 262,
  sdiv64: 270,
  smod64: 272,
  sdiv32: 274,
  smod32: 276,
  movsx64: 278,
  movsx32: 279,
  zeroExtend16: 280,
  swap16: 281,
  swap32: 282,
  swap64: 283,
  castToKernel: 284,
  castToUser: 285,
  probeLoad: 286,
  atomic32: 287,
  atomic64: 288,
} as const

/** How a call passes its arguments: operation 257's dst field. */
export const CALL_WIDE = 7
/** Three 32-bit arguments and one of 64 bits: map_update_elem. */
export const CALL_3_AND_LONG = 6

/** What an instruction becomes. */
interface Words {
  operation: number
  dst?: number
  src?: number
  off?: number
  imm?: number
  /** Slot to jump to; off becomes the distance. */
  target?: number
}

interface DecodeContext {
  readonly image: ProgramImage
  readonly calls: CallTable
  readonly functions: HelperFunction[]
  readonly wide: (readonly number[])[]
}

const TAIL_CALL = 12

/**
 * Decodes an image for `execute`. With `hooks`, a hook operation stands before every instruction: the program then runs
 * with `InterpreterState.onHook` called at each, and the plain one is none the slower.
 * Throws FormatError('insns') naming the slot for what cannot be run, UnsupportedError for an unknown helper or kfunc.
 */
export function decodeProgram(image: ProgramImage, calls: CallTable, hooks = false): DecodedProgram {
  const insns = decodeInsns(image.insns)
  if (insns.length === 0) throw new FormatError('insns', `program '${image.name}' has no instructions`, { offset: 0 })
  const slots = image.insns.length / 8
  const size = CODE_WORDS * (hooks ? 2 : 1)
  const entry = CODE_WORDS
  const positions = new Int32Array(slots).fill(-1)
  insns.forEach((insn, index) => {
    positions[insn.pc] = entry + index * size
  })
  const context: DecodeContext = { image, calls, functions: [], wide: [] }
  const code = new Int32Array(entry + insns.length * size + CODE_WORDS)
  write(code, 0, { operation: 0x95 }, 0, 0)
  insns.forEach((insn, index) => {
    let at = entry + index * size
    if (hooks) {
      write(code, at, { operation: OPERATION.hook }, insn.pc, 0)
      at += CODE_WORDS
    }
    const words = decodeInsn(insn, context)
    let jump = 0
    if (words.target !== undefined) {
      const target = positions[words.target]
      if (target === undefined || target < 0) throw bad(insn, `jumps to slot ${words.target}, which is no instruction`)
      jump = target - at - CODE_WORDS
    }
    write(code, at, words, insn.pc, jump)
  })
  write(code, code.length - CODE_WORDS, { operation: OPERATION.end }, slots, 0)
  return { image, code, entry, functions: context.functions, wide: context.wide, positions }
}

/** Position of the instruction at a slot. Throws ExecutionError when there is none. */
export function positionOf(program: DecodedProgram, slot: number): number {
  const position = program.positions[slot]
  if (position === undefined || position < 0)
    throw new ExecutionError({ program: program.image.name, pc: slot }, 'there is no instruction here')
  return position
}

function write(code: Int32Array, at: number, words: Words, slot: number, jump: number): void {
  code[at] = words.operation | ((words.dst ?? 0) << 9) | ((words.src ?? 0) << 14)
  code[at + 1] = words.target === undefined ? (words.off ?? 0) : jump
  code[at + 2] = words.imm ?? 0
  code[at + 3] = slot
}

function bad(insn: Insn, what: string): FormatError {
  return new FormatError(
    'insns',
    `instruction ${insn.pc} (opcode 0x${insn.code.toString(16).padStart(2, '0')}) ${what}`,
    {
      offset: insn.pc * 8,
    },
  )
}

function decodeInsn(insn: Insn, context: DecodeContext): Words {
  const op = insn.op
  if (op === undefined) throw bad(insn, 'is not known')
  if (insn.dst > 10) throw bad(insn, `names register R${insn.dst}`)
  if (insn.src > 10 && (op.src === 'r' || op.src === 'rw')) throw bad(insn, `names register R${insn.src}`)
  if (insn.dst === 10 && (op.dst === 'w' || op.dst === 'rw')) throw bad(insn, 'writes the frame pointer')
  if (insn.src === 10 && op.src === 'rw') throw bad(insn, 'writes the frame pointer')
  return DECODERS[op.kind](insn, op, context)
}

type Decoder = (insn: Insn, op: Op, context: DecodeContext) => Words

/** The opcode byte tells all: registers, off and imm as they are. */
const plain: Decoder = (insn) => ({
  operation: insn.code,
  dst: insn.dst * 2,
  src: (insn.src & 15) * 2,
  off: insn.off,
  imm: insn.imm,
})

const jump: Decoder = (insn) => ({ ...plain(insn, insn.op as Op, undefined as never), target: insn.pc + 1 + insn.off })

const refuse: Decoder = (insn, op) => {
  throw bad(insn, `(${op.name}) cannot be run`)
}

const DECODERS: Record<OpKind, Decoder> = {
  alu: (insn, op, context) => {
    const words = plain(insn, op, context)
    const wide = op.bits === 64
    if (op.op === 'movsx') {
      words.operation = wide ? OPERATION.movsx64 : OPERATION.movsx32
      words.imm = 32 - (op.fromBits as number)
    } else if (op.op === 'sdiv' || op.op === 'smod') {
      const first =
        op.op === 'sdiv' ? (wide ? OPERATION.sdiv64 : OPERATION.sdiv32) : wide ? OPERATION.smod64 : OPERATION.smod32
      words.operation = first + (op.operand === 'reg' ? 1 : 0)
    }
    return words
  },
  endian: (insn, op, context) => {
    const words = plain(insn, op, context)
    if (op.op === 'le') {
      if (op.bits === 64) words.operation = OPERATION.nothing
      else if (op.bits === 16) words.operation = OPERATION.zeroExtend16
      else return { ...words, operation: 0xbc, src: insn.dst * 2 }
    } else words.operation = op.bits === 16 ? OPERATION.swap16 : op.bits === 32 ? OPERATION.swap32 : OPERATION.swap64
    return words
  },
  addr_space_cast: (insn, op, context) => {
    const words = plain(insn, op, context)
    if (insn.imm === 1) words.operation = OPERATION.castToKernel
    else if (insn.imm === 0x1_0000) words.operation = OPERATION.castToUser
    else throw bad(insn, `casts between unknown address spaces (imm 0x${(insn.imm >>> 0).toString(16)})`)
    return words
  },
  percpu_mov: refuse,
  ld_imm64: (insn, _op, { image }) => {
    const value = image.refs.get(insn.pc)
    if (value === undefined && insn.src !== 0) {
      throw bad(insn, `refers to something (src ${insn.src}, imm ${insn.imm}) that was not resolved`)
    }
    const wide = value ?? (insn.imm64 as bigint)
    return {
      operation: insn.code,
      dst: insn.dst * 2,
      off: Number(BigInt.asIntN(32, wide >> 32n)),
      imm: Number(BigInt.asIntN(32, wide)),
    }
  },
  ld_abs: plain,
  ld_ind: plain,
  ldx: (insn, op, context) => {
    const words = plain(insn, op, context)
    if (context.image.probeLoads?.has(insn.pc) !== true) return words
    return { ...words, operation: OPERATION.probeLoad, imm: ((op.bits as number) / 8) | (op.signed === true ? 16 : 0) }
  },
  st: plain,
  stx: plain,
  nospec: (insn) => ({ operation: OPERATION.nothing, imm: insn.imm }),
  atomic: (insn, op, context) => ({
    ...plain(insn, op, context),
    operation: insn.imm === 0 && op.bits === 64 ? insn.code : op.bits === 64 ? OPERATION.atomic64 : OPERATION.atomic32,
  }),
  // One thread: loads and stores are ordered as they are.
  load_acquire: (insn, op, context) => ({ ...plain(insn, op, context), operation: LOAD_CODE[op.bits ?? 64] as number }),
  store_release: (insn, op, context) => ({
    ...plain(insn, op, context),
    operation: STORE_CODE[op.bits ?? 64] as number,
  }),
  ja: (insn, op) => ({ operation: 0x05, target: insn.pc + 1 + (op.imm === 'jump' ? insn.imm : insn.off) }),
  may_goto: jump,
  gotox: refuse,
  cond: jump,
  call: (insn, op, context) => {
    if (op.op === 'subprog') return { operation: OPERATION.callSubprogram, target: insn.pc + 1 + insn.imm }
    if (op.op === 'helper' && insn.imm === TAIL_CALL) return { operation: OPERATION.tailCall }
    const { image, calls, functions, wide } = context
    const call = op.op === 'kfunc' ? calls.kfunc(image, insn.pc, insn.imm) : calls.helper(image, insn.pc, insn.imm)
    const halves = argumentHalves(call.args)
    const words: Words = {
      operation: OPERATION.callFunction,
      dst: call.args === 'pppl' ? CALL_3_AND_LONG : call.args.includes('l') ? CALL_WIDE : call.args.length,
      src: call.result === 'i' ? 1 : call.result === 'l' ? 2 : 0,
      imm: functions.length,
      off: wide.length,
    }
    functions.push(call.run)
    if (words.dst === CALL_WIDE) wide.push(halves)
    return words
  },
  callx: (insn) => ({ operation: OPERATION.callRegister, dst: insn.dst * 2 }),
  exit: (insn) => ({ operation: insn.code }),
}

const LOAD_CODE: Record<number, number> = { 8: 0x71, 16: 0x69, 32: 0x61, 64: 0x79 }
const STORE_CODE: Record<number, number> = { 8: 0x73, 16: 0x6b, 32: 0x63, 64: 0x7b }

/** Indexes of the register halves that are passed, in order. */
export function argumentHalves(args: string): number[] {
  return [...args].flatMap((kind, index) => (kind === 'l' ? [2 + index * 2, 3 + index * 2] : [2 + index * 2]))
}
