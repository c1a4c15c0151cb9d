import type { ErrnoName } from '../base/index.js'

/** Which rule of Linux's an instruction breaks. */
export type InsnRule =
  | 'size'
  | 'call-target'
  | 'jump-range'
  | 'last-insn'
  | 'opcode'
  | 'ld-imm64'
  | 'resolve'
  | 'unreachable'
  | 'jump-middle'
  | 'reserved-field'
  | 'register'
  | 'frame-pointer-write'
  | 'atomic'
  | 'division-by-zero'
  | 'shift-range'

/** Why Linux refuses an instruction stream, before it looks at any value. */
export interface InsnProblem {
  readonly rule: InsnRule
  /** Slot of the offending instruction; 0 for the whole stream. */
  readonly pc: number
  /** Linux's text, as in the verifier log; for `size`, where Linux logs nothing, ours. */
  readonly message: string
  readonly errno: ErrnoName
}

/** Makes a problem; EINVAL is Linux's usual answer. */
export function problem(rule: InsnRule, pc: number, message: string, errno: ErrnoName = 'EINVAL'): InsnProblem {
  return { rule, pc, message, errno }
}
