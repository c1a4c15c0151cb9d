// Programs loaded without CAP_PERFMON: which types there are.

import { Refusal } from '../refusal.js'
import type { VerifyProgram } from '../types.js'

/** Types whose programs see the kernel's memory anyway (is_perfmon_prog_type()). */
const NEEDS_PERFMON: ReadonlySet<string> = new Set([
  'kprobe',
  'tracepoint',
  'perf_event',
  'raw_tracepoint',
  'raw_tracepoint_writable',
  'tracing',
  'lsm',
  'struct_ops',
  'ext',
])

/** Linux looks at the type before anything else, and says nothing. */
export function refusePrivileged(program: VerifyProgram): void {
  if (NEEDS_PERFMON.has(program.type)) throw new Refusal('programs of this type need CAP_PERFMON', 'EPERM')
}
