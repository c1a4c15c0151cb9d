import { FormatError, UsageError } from '../base/index.js'
import { BPF_DW, BPF_IMM, BPF_LD, INSN_BYTES } from './constants.js'
import { lookupOp, OP, type Op, type OpName } from './opcodes.js'

const LD_IMM64 = BPF_LD | BPF_IMM | BPF_DW

/** One decoded instruction. `ld_imm64` takes two slots of the stream and is one Insn. */
export interface Insn {
  readonly code: number
  readonly dst: number
  readonly src: number
  /** s16 */
  readonly off: number
  /** s32; of an ld_imm64 its first slot's. */
  readonly imm: number
  /** ld_imm64 only: both slots' imm, as u64. */
  readonly imm64: bigint | undefined
  /** Slot index of the instruction: what jumps count in and what logs print. */
  readonly pc: number
  /** The table's row; undefined for an opcode (or its off, imm, src completion) the table does not know. */
  readonly op: Op | undefined
}

export interface ByteOrder {
  /** The stream is that of a big-endian target: fields swapped, register nibbles exchanged. Default false. */
  readonly bigEndian?: boolean
}

/** Slots an instruction takes: 2 for ld_imm64, else 1. */
export function insnSlots(insn: Pick<Insn, 'code'>): number {
  return insn.code === LD_IMM64 ? 2 : 1
}

/**
 * Decodes an instruction stream of 8-byte slots.
 * Unknown opcodes and non-zero reserved fields decode too (checkInsns judges them). Pass `{ bigEndian: true }` for objects
 * of big-endian targets.
 * Throws FormatError('insns') when the length is no multiple of 8 or the second slot of the last ld_imm64 is missing.
 */
export function decodeInsns(bytes: Uint8Array, options: ByteOrder = {}): Insn[] {
  if (bytes.length % INSN_BYTES !== 0) {
    throw new FormatError('insns', `length ${bytes.length} is no multiple of ${INSN_BYTES}`, {
      offset: bytes.length - (bytes.length % INSN_BYTES),
      hint: 'the stream is cut off, or these bytes are no BPF instructions',
    })
  }
  const slots = bytes.length / INSN_BYTES
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const insns: Insn[] = []
  for (let pc = 0; pc < slots; pc++) {
    const insn = decodeSlot(view, pc, options.bigEndian === true)
    insns.push(insn)
    if (insn.code === LD_IMM64) pc++
  }
  return insns
}

/** Decodes the instruction at slot `pc`. Throws FormatError('insns') past the end or in an incomplete ld_imm64. */
export function decodeInsnAt(bytes: Uint8Array, pc: number, options: ByteOrder = {}): Insn {
  if (!(Number.isInteger(pc) && pc >= 0 && (pc + 1) * INSN_BYTES <= bytes.length)) {
    throw new FormatError('insns', `there is no instruction ${pc}`, { offset: pc * INSN_BYTES })
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return decodeSlot(view, pc, options.bigEndian === true)
}

/** Decodes slot `pc`, known to be there. */
function decodeSlot(view: DataView, pc: number, bigEndian: boolean): Insn {
  const at = pc * INSN_BYTES
  const code = view.getUint8(at)
  const regs = view.getUint8(at + 1)
  const dst = bigEndian ? regs >> 4 : regs & 15
  const src = bigEndian ? regs & 15 : regs >> 4
  const off = view.getInt16(at + 2, !bigEndian)
  const imm = view.getInt32(at + 4, !bigEndian)
  let imm64: bigint | undefined
  if (code === LD_IMM64) {
    if (at + 2 * INSN_BYTES > view.byteLength) {
      throw new FormatError('insns', `incomplete ld_imm64: instruction ${pc} has no second slot`, { offset: at })
    }
    imm64 = (BigInt(view.getUint32(at + 12, !bigEndian)) << 32n) | BigInt(imm >>> 0)
  }
  return { code, dst, src, off, imm, imm64, pc, op: lookupOp(code, src, off, imm) }
}

/** What encodeInsns needs of an instruction; absent fields are zero. */
export interface InsnFields {
  readonly code: number
  readonly dst?: number
  readonly src?: number
  readonly off?: number
  readonly imm?: number
  readonly imm64?: bigint | undefined
}

/** The stream of `insns` (little-endian unless asked otherwise). Throws UsageError for a value that does not fit its field. */
export function encodeInsns(insns: Iterable<InsnFields>, options: ByteOrder = {}): Uint8Array {
  const bigEndian = options.bigEndian === true
  const list = [...insns]
  const bytes = new Uint8Array(list.reduce((sum, insn) => sum + insnSlots(insn), 0) * INSN_BYTES)
  const view = new DataView(bytes.buffer)
  let at = 0
  for (const { code, dst = 0, src = 0, off = 0, imm = 0, imm64 } of list) {
    const pc = at / INSN_BYTES
    requireRange('code', code, 0, 0xff, pc)
    requireRange('dst', dst, 0, 15, pc)
    requireRange('src', src, 0, 15, pc)
    requireRange('off', off, -0x8000, 0x7fff, pc)
    requireRange('imm', imm, -0x8000_0000, 0xffff_ffff, pc)
    bytes[at] = code
    bytes[at + 1] = bigEndian ? (dst << 4) | src : (src << 4) | dst
    view.setInt16(at + 2, off, !bigEndian)
    view.setInt32(at + 4, imm, !bigEndian)
    if (code === LD_IMM64) {
      const wide = BigInt.asUintN(64, imm64 ?? BigInt(imm))
      view.setInt32(at + 4, Number(BigInt.asIntN(32, wide)), !bigEndian)
      view.setUint32(at + 12, Number(wide >> 32n), !bigEndian)
      at += INSN_BYTES
    }
    at += INSN_BYTES
  }
  return bytes
}

function requireRange(field: string, value: number, low: number, high: number, pc: number): void {
  if (!(Number.isInteger(value) && value >= low && value <= high)) {
    throw new UsageError(`instruction ${pc}: ${field} ${value} does not fit ${low}..${high}`)
  }
}

/** Fields of a table row's instruction: its fixed values with the given ones over them. */
export function insnFields(name: OpName, fields: Omit<InsnFields, 'code'> = {}): InsnFields {
  const op = OP[name]
  const fixed = (value: unknown): number => (typeof value === 'number' ? value : 0)
  return {
    code: op.code,
    dst: fields.dst ?? 0,
    src: fields.src ?? fixed(op.src),
    off: fields.off ?? fixed(op.off),
    imm: fields.imm ?? fixed(op.imm),
    imm64: fields.imm64,
  }
}
