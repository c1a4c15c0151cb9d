import type { Btf } from '../btf.js'

const STEPS_AT_LEAST = 1_000_000
const STEPS_PER_TYPE = 300
const DEEPEST = 400

/**
 * Bounds the work of walking types: a few hundred bytes of BTF can describe a declaration longer than any memory (a
 * function taking twice a function taking twice …), or a cycle.
 */
export class Budget {
  readonly #btf: Btf
  #left: number
  #depth = 0

  constructor(btf: Btf) {
    this.#btf = btf
    this.#left = STEPS_AT_LEAST + STEPS_PER_TYPE * btf.typeCount
  }

  /** Runs one step of a recursion. Throws FormatError when there were too many or they nest too deep. */
  step<T>(id: number, work: () => T): T {
    if (--this.#left < 0) throw this.#btf.error(`type [${id}] expands to an endless declaration`)
    if (++this.#depth > DEEPEST)
      throw this.#btf.error(`type [${id}] is part of a cycle or nested more than ${DEEPEST} deep`)
    const result = work()
    this.#depth--
    return result
  }
}
