import { ERRNO } from '../../base/index.js'
import { callFunction } from './callback.js'
import type { HelperFamily } from './family.js'

/** BPF_MAX_LOOPS */
const MAX_LOOPS = 1 << 23

export const loopHelpers = {
  loop: (machine, count, callback, ctx, flags, flagsHi) => {
    if (flags !== 0 || flagsHi !== 0) return -ERRNO.EINVAL
    if (count >>> 0 > MAX_LOOPS) return -ERRNO.E2BIG
    for (let index = 0; index < count; index++) {
      callFunction(machine, callback, index, ctx)
      if (machine.r0lo !== 0 || machine.r0hi !== 0) return index + 1
    }
    return count
  },
  // The interpreter and the compiler do it themselves: this is reached by a call through a register only.
  tail_call: () => 0,
} satisfies HelperFamily
