import type { HelperFamily } from './family.js'

/** One program runs at a time, so a lock is free: taking it leaves a mark in the word that copies leave alone. */
export const lockHelpers = {
  spin_lock: (machine, lock) => {
    machine.memory.u32[lock >>> 2] = 1
    return 0
  },
  spin_unlock: (machine, lock) => {
    machine.memory.u32[lock >>> 2] = 0
    return 0
  },
} satisfies HelperFamily
