import type { Kernel } from '../../kernel/index.js'
import { PROG_TYPE_NAMES, type ProgTypeName } from '../../spec/index.js'
import { type Availability, availability, tryLoad } from './attempt.js'
import { probeFreplace } from './freplace.js'
import { sampleProgram } from './sample-program.js'

/** Whether programs of a type load. The smallest program of the type is loaded and closed again. */
export function probeProgType(kernel: Kernel, name: ProgTypeName): Availability {
  if (name === 'ext') return probeFreplace(kernel)
  const request = sampleProgram(kernel, name)
  return request === undefined ? 'missing' : availability(tryLoad(kernel, request))
}

export function probeProgTypes(kernel: Kernel): Record<ProgTypeName, Availability> {
  const answers = PROG_TYPE_NAMES.map((name) => [name, probeProgType(kernel, name)] as const)
  return Object.fromEntries(answers) as Record<ProgTypeName, Availability>
}
