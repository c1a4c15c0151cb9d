/** A small seeded generator: the same seed gives the same sequence everywhere. */
export interface Random {
  /** An integer in [0, limit). */
  below(limit: number): number
  pick<T>(list: readonly T[]): T
  /** True once in `n` times. */
  oneIn(n: number): boolean
  /** Any s32, with a taste for edges. */
  s32(): number
  /** Any u64, with a taste for edges. */
  u64(): bigint
}

const EDGES = [
  0, 1, 2, -1, -2, 7, 8, 31, 32, 63, 64, 127, 128, 255, 256, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, -0x80000000,
]

/** mulberry32 behind a few conveniences. */
export function seededRandom(seed: number): Random {
  let state = seed | 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
  const random: Random = {
    below: (limit) => next() % limit,
    pick: (list) => list[next() % list.length] as (typeof list)[number],
    oneIn: (n) => next() % n === 0,
    s32: () => (random.oneIn(2) ? random.pick(EDGES) : next() | 0),
    u64() {
      if (random.oneIn(3)) return BigInt.asUintN(64, BigInt(random.pick(EDGES)))
      return (BigInt(next()) << 32n) | BigInt(random.oneIn(2) ? next() : random.pick([0, 1, 0xffff_ffff, 0x8000_0000]))
    },
  }
  return random
}
