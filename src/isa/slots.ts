// Direct access to the fields of a little-endian stream: loaders and linkers patch instructions in place.
// Slots are not range-checked beyond what typed arrays do; callers know the stream's length.
import { INSN_BYTES } from './constants.js'

/** Number of 8-byte slots. */
export function slotCount(insns: Uint8Array): number {
  return Math.floor(insns.length / INSN_BYTES)
}

export function getCode(insns: Uint8Array, slot: number): number {
  return insns[slot * INSN_BYTES] ?? 0
}
export function getDst(insns: Uint8Array, slot: number): number {
  return (insns[slot * INSN_BYTES + 1] ?? 0) & 15
}
export function getSrc(insns: Uint8Array, slot: number): number {
  return (insns[slot * INSN_BYTES + 1] ?? 0) >> 4
}
/** s16 */
export function getOff(insns: Uint8Array, slot: number): number {
  const at = slot * INSN_BYTES + 2
  return (((insns[at] ?? 0) | ((insns[at + 1] ?? 0) << 8)) << 16) >> 16
}
/** s32 */
export function getImm(insns: Uint8Array, slot: number): number {
  const at = slot * INSN_BYTES + 4
  return (insns[at] ?? 0) | ((insns[at + 1] ?? 0) << 8) | ((insns[at + 2] ?? 0) << 16) | ((insns[at + 3] ?? 0) << 24)
}
/** The u64 of an ld_imm64 whose first slot is `slot`. */
export function getImm64(insns: Uint8Array, slot: number): bigint {
  return (BigInt(getImm(insns, slot + 1) >>> 0) << 32n) | BigInt(getImm(insns, slot) >>> 0)
}

export function setCode(insns: Uint8Array, slot: number, code: number): void {
  insns[slot * INSN_BYTES] = code
}
export function setDst(insns: Uint8Array, slot: number, dst: number): void {
  const at = slot * INSN_BYTES + 1
  insns[at] = ((insns[at] ?? 0) & 0xf0) | (dst & 15)
}
export function setSrc(insns: Uint8Array, slot: number, src: number): void {
  const at = slot * INSN_BYTES + 1
  insns[at] = ((insns[at] ?? 0) & 0x0f) | ((src & 15) << 4)
}
export function setOff(insns: Uint8Array, slot: number, off: number): void {
  const at = slot * INSN_BYTES + 2
  insns[at] = off
  insns[at + 1] = off >> 8
}
export function setImm(insns: Uint8Array, slot: number, imm: number): void {
  const at = slot * INSN_BYTES + 4
  insns[at] = imm
  insns[at + 1] = imm >> 8
  insns[at + 2] = imm >> 16
  insns[at + 3] = imm >> 24
}
/** Sets both halves of an ld_imm64 whose first slot is `slot`. */
export function setImm64(insns: Uint8Array, slot: number, value: bigint): void {
  setImm(insns, slot, Number(BigInt.asIntN(32, value)))
  setImm(insns, slot + 1, Number(BigInt.asIntN(32, value >> 32n)))
}

/** The stream with the byte order of every slot exchanged (big-endian target <-> little-endian), as a copy. */
export function swapByteOrder(insns: Uint8Array): Uint8Array {
  const out = new Uint8Array(insns.length)
  for (let at = 0; at + INSN_BYTES <= insns.length; at += INSN_BYTES) {
    const regs = insns[at + 1] ?? 0
    out[at] = insns[at] ?? 0
    out[at + 1] = ((regs & 15) << 4) | (regs >> 4)
    out[at + 2] = insns[at + 3] ?? 0
    out[at + 3] = insns[at + 2] ?? 0
    for (let i = 0; i < 4; i++) out[at + 4 + i] = insns[at + 7 - i] ?? 0
  }
  return out
}
