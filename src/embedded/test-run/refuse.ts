import type { ErrnoName } from '../../base/index.js'
import { KernelError } from '../../kernel/index.js'

/** Refuses a BPF_PROG_TEST_RUN. */
export function refuse(code: ErrnoName, detail?: string): never {
  throw new KernelError(code, 'prog_test_run', detail === undefined ? {} : { detail })
}
