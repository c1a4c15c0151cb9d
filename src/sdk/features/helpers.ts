import type { Kernel } from '../../kernel/index.js'
import {
  bpf_prog_flags,
  HELPERS,
  type HelperName,
  helperByName,
  type ProgTypeName,
  progTypeByName,
} from '../../spec/index.js'
import { type Availability, availability, tryLoad } from './attempt.js'
import { sampleProgram } from './sample-program.js'

/**
 * Whether programs of a type may call a helper. A call with nothing in its arguments is loaded: EINVAL says that there is no such
 * helper for the type; EACCES comes from the check of the arguments, which only a helper that may be called reaches. Where
 * the type has sleepable programs, a helper that only those may call counts.
 */
export function probeHelper(kernel: Kernel, progType: ProgTypeName, helper: HelperName): Availability {
  const sample = sampleProgram(kernel, progType)
  if (sample === undefined || progType === 'ext') return 'missing'
  const { id } = helperByName(helper)
  const request = { ...sample, insns: Uint8Array.of(0x85, 0, 0, 0, id & 0xff, id >>> 8, 0, 0, ...sample.insns) }
  const code = tryLoad(kernel, request)
  if (code !== 'EINVAL' || progTypeByName(progType).sleepable !== 'allowed') return availability(code, ['EACCES'])
  const progFlags = (sample.progFlags ?? 0) | bpf_prog_flags.BPF_F_SLEEPABLE
  return availability(tryLoad(kernel, { ...request, progFlags }), ['EACCES'])
}

/** The helpers that programs of a type may call, in the order of their numbers. */
export function probeHelpers(kernel: Kernel, progType: ProgTypeName): HelperName[] {
  return HELPERS.map(({ name }) => name).filter((name) => probeHelper(kernel, progType, name) === 'available')
}
