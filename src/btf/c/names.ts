import type { Btf } from '../btf.js'

/**
 * Names that C can tell apart: BTF may hold several types of one name; the second becomes `name___2`. Tags (struct, union,
 * enum) and ordinary identifiers (typedefs, enumerators) are two name spaces. A name is settled when it is first printed.
 */
export class CNames {
  readonly #btf: Btf
  readonly #tags = new Map<string, number>()
  readonly #identifiers = new Map<string, number>()
  readonly #settled = new Map<number, string>()

  constructor(btf: Btf) {
    this.#btf = btf
  }

  /** Name of a struct, union, enum or forward declaration. */
  tag(id: number): string {
    return this.#settle(id, this.#tags)
  }

  typedef(id: number): string {
    return this.#settle(id, this.#identifiers)
  }

  enumerator(name: string): string {
    return unique(name, this.#identifiers)
  }

  #settle(id: number, space: Map<string, number>): string {
    const settled = this.#settled.get(id)
    if (settled !== undefined) return settled
    const name = this.#btf.typeName(id)
    const result = name === '' ? '' : unique(name, space)
    this.#settled.set(id, result)
    return result
  }
}

function unique(name: string, space: Map<string, number>): string {
  const count = (space.get(name) ?? 0) + 1
  space.set(name, count)
  return count > 1 ? `${name}___${count}` : name
}
