// Offsets of pointers handed to calls.

import { checkPlainPointer } from '../access/regions.js'
import type { Env } from '../env.js'
import { ALLOC, NON_OWN_REF, RCU, RDONLY, RINGBUF, TRUSTED } from '../state/reg.js'

const OBJECT_FLAGS: ReadonlySet<number> = new Set([
  0,
  ALLOC,
  TRUSTED,
  RCU,
  ALLOC | NON_OWN_REF,
  ALLOC | NON_OWN_REF | RCU,
])

/** What is given back must be handed over as it came; only memory may be at any offset. */
export function checkReleasedOffset(env: Env, regno: number, release: boolean): void {
  const reg = env.reg(regno)
  if (release) {
    if (reg.off !== 0) {
      env.refuse(`R${regno} must have zero offset when passed to release func or trusted arg to kfunc`)
    }
    checkPlainPointer(env, regno)
    return
  }
  const { flags } = reg
  switch (reg.type) {
    case 'fp':
    case 'pkt':
    case 'pkt_meta':
    case 'map_key':
    case 'map_value':
    case 'arena':
    case 'scalar':
      if (flags === 0) return
      break
    case 'mem':
      if (flags === 0 || flags === RDONLY || flags === RINGBUF) return
      break
    case 'buf':
      if (flags === 0 || flags === RDONLY) return
      break
    case 'ptr_':
      if (!OBJECT_FLAGS.has(flags)) break
      checkPlainPointer(env, regno, true)
      return
  }
  checkPlainPointer(env, regno)
}
