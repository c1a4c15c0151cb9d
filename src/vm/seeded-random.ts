import type { Addr, RandomSource } from './types.js'

const STEP = 0x9e3779b9
const MIX_1 = 0x21f0aaad
const MIX_2 = 0x735a2d97

/** The numbers of `SeededRandom`, for the code that computes the same in WebAssembly. */
export const RANDOM_CONSTANTS = { STEP, MIX_1, MIX_2 } as const

/**
 * Random numbers that are the same for the same seed (splitmix32), so that a run can be repeated exactly. The state is a
 * u32 in the machine's memory.
 */
export class SeededRandom implements RandomSource {
  #words: { readonly u32: Uint32Array } = { u32: new Uint32Array(1) }
  #address: Addr = 0

  constructor(seed: number) {
    this.#words.u32[0] = seed
  }

  attach(memory: { readonly u32: Uint32Array; alloc(size: number): Addr }): Addr {
    const state = this.#words.u32[this.#address >>> 2]!
    this.#address = memory.alloc(16)
    this.#words = memory
    memory.u32[this.#address >>> 2] = state
    return this.#address
  }

  u32(): number {
    const { u32 } = this.#words
    const at = this.#address >>> 2
    const state = (u32[at]! + STEP) | 0
    u32[at] = state
    let mixed = Math.imul(state ^ (state >>> 16), MIX_1)
    mixed = Math.imul(mixed ^ (mixed >>> 15), MIX_2)
    return (mixed ^ (mixed >>> 15)) >>> 0
  }
}
