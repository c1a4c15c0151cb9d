import { getCode, getSrc, slotCount } from '../isa/index.js'
import { bpf_pseudo } from '../spec/index.js'

export const SLOT = 8
const LD_IMM64 = 0x18
export const CALL = 0x85
export const { BPF_PSEUDO_CALL, BPF_PSEUDO_FUNC, BPF_PSEUDO_MAP_FD, BPF_PSEUDO_MAP_VALUE } = bpf_pseudo
export const { BPF_PSEUDO_BTF_ID, BPF_PSEUDO_KFUNC_CALL } = bpf_pseudo

/** The first slot of a whole 64-bit load. */
export function isLdImm64(insns: Uint8Array, slot: number): boolean {
  return getCode(insns, slot) === LD_IMM64 && slot + 1 < slotCount(insns)
}

export function isCall(insns: Uint8Array, slot: number): boolean {
  return getCode(insns, slot) === CALL
}

/** Call of a function of the same object. */
export function isSubprogCall(insns: Uint8Array, slot: number): boolean {
  return isCall(insns, slot) && getSrc(insns, slot) === BPF_PSEUDO_CALL
}
