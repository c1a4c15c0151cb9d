import { testSeed } from '../../support/seed.js'

/** Random numbers from a printed seed. */
export interface Random {
  readonly seed: number
  u32(): number
  below(limit: number): number
  pick<T>(choices: readonly T[]): T
  chance(probability: number): boolean
  bytes(length: number): Uint8Array
}

/** xorshift32; SKEP_SEED repeats a run. */
export function random(): Random {
  const seed = testSeed
  let state = seed
  const u32 = (): number => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
  const below = (limit: number): number => u32() % limit
  return {
    seed,
    u32,
    below,
    pick: (choices) => choices[below(choices.length)]!,
    chance: (probability) => u32() < probability * 0x1_0000_0000,
    bytes: (length) => Uint8Array.from({ length }, () => u32() & 0xff),
  }
}
