import type { RandomSource } from '../../vm/index.js'

/** Random numbers that are the same for the same seed (splitmix32), so that a run can be repeated exactly. */
export function seededNumbers(seed: number): RandomSource {
  let state = seed | 0
  return {
    u32() {
      state = (state + 0x9e3779b9) | 0
      let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
      mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
      return (mixed ^ (mixed >>> 15)) >>> 0
    },
  }
}
