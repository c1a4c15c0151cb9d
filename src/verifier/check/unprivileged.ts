// Programs loaded without CAP_PERFMON: which there are, and what of them is not followed yet.

import type { Env } from '../env.js'
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

/** What is not modelled is refused and said so: kernel functions, kernel variables, arenas. */
export function checkUnprivileged(env: Env): void {
  if (env.arena !== undefined) env.unsupported('arenas of programs loaded without CAP_PERFMON')
  for (const insn of env.insns) {
    if (insn?.code === 0x85 && insn.src === 2) {
      env.unsupported('kernel functions in programs loaded without CAP_PERFMON')
    }
    if (insn?.code === 0x18 && insn.src === 3) {
      env.unsupported('kernel variables in programs loaded without CAP_PERFMON')
    }
  }
}
