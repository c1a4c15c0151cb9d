import { ERRNO } from '../../base/index.js'
import { callFunction } from './callback.js'
import type { HelperFamily } from './family.js'

/** BPF_MAX_LOOPS */
const MAX_LOOPS = 1 << 23

export const loopHelpers = {
  // Linux writes the loop into the program, where its -E2BIG is 32 bits wide and its -EINVAL is not.
  loop: (machine, count, callback, ctx, flags, flagsHi) => {
    machine.r0hi = -1
    if (flags !== 0 || flagsHi !== 0) return -ERRNO.EINVAL
    machine.r0hi = 0
    if (count >>> 0 > MAX_LOOPS) return -ERRNO.E2BIG
    for (let index = 0; index < count; index++) {
      callFunction(machine, callback, index, ctx)
      const stop = machine.r0lo !== 0 || machine.r0hi !== 0
      machine.r0hi = 0
      if (stop) return index + 1
    }
    return count
  },
  // The interpreter and the compiler do it themselves: this is reached by a call through a register only.
  tail_call: () => 0,
} satisfies HelperFamily
