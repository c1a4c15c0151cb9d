import type { ErrnoName } from '../../base/index.js'
import { KernelError } from '../../kernel/index.js'

/** Refuses a program the way the verifier does: errno, the log text, a hint of ours. */
export function refuse(code: ErrnoName, message: string, hint?: string): never {
  throw new KernelError(code, 'prog_load', {
    detail: message,
    log: `${message}\nprocessed 0 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0\n`,
    ...(hint === undefined ? {} : { hint }),
  })
}
