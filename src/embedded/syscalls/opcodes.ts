import { BPF_CALL, BPF_DW, BPF_IMM, BPF_JMP, BPF_LD } from '../../isa/index.js'

/** Opcode of the two-slot load of a 64-bit immediate. */
export const LD_IMM64 = BPF_LD | BPF_IMM | BPF_DW
/** Opcode of a call by immediate. */
export const CALL = BPF_JMP | BPF_CALL
