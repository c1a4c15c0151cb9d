import { FormatError } from '../../base/index.js'
import type { NewBtfType } from '../encode-type.js'
import { isEnum, isEnumForward, references, shallowKey } from './equal.js'

const UNKNOWN = -1
const IN_PROGRESS = -2
/** No chain of pointers, qualifiers and prototypes is longer. */
const DEEPEST = 1000
const DEEPEST_IDENTICAL = 16
const IDENTICAL_STEPS = 10_000
/** Comparisons in all, four times what a kernel needs; types still unmatched then stay as they are. */
const STEPS_AT_LEAST = 2_000_000
const STEPS_PER_TYPE = 100

/**
 * Finds, for each type, the one that stands for it and all its equals. Like libbpf's btf__dedup: types that refer to nothing
 * are compared by themselves; structs and unions are compared as graphs, under the hypothesis that the pairs met on the
 * way are equal, which also matches a forward declaration with the definition another compilation unit has; what only
 * refers to others (pointers, qualifiers, typedefs, arrays, prototypes, functions) follows from that. Variables and
 * sections are left alone. Index 0 of `types` is void.
 */
export class Deduplicator {
  readonly #types: readonly (NewBtfType | undefined)[]
  readonly #keys: string[]
  /** What each type was found equal to, step by step; itself for a representative. */
  readonly #map: Int32Array
  /** The hypothesis: representative id -> id it is compared with. */
  readonly #supposed = new Map<number, number>()
  readonly #byKey = new Map<string, number[]>()
  #stepsLeft: number
  #identicalLeft = 0

  constructor(types: readonly (NewBtfType | undefined)[]) {
    this.#types = types
    this.#stepsLeft = STEPS_AT_LEAST + STEPS_PER_TYPE * types.length
    this.#keys = types.map((type) => (type === undefined ? '' : shallowKey(type)))
    this.#map = new Int32Array(types.length).fill(UNKNOWN)
    this.#map[0] = 0
    for (let id = 1; id < types.length; id++) {
      const { kind } = this.#type(id)
      if (kind === 'var' || kind === 'datasec') this.#map[id] = id
    }
  }

  /** The representative of each type. Throws FormatError for types that refer to themselves without a struct between. */
  run(): Int32Array {
    const count = this.#types.length
    for (let id = 1; id < count; id++) this.#dedupPlain(id)
    for (let id = 1; id < count; id++) this.#dedupComposite(id)
    this.#resolveForwards()
    this.#byKey.clear()
    for (let id = 1; id < count; id++) this.#dedupReference(id, 0)
    return this.#map.map((_, id) => this.#representative(id))
  }

  #type(id: number): NewBtfType {
    const type = this.#types[id]
    if (type === undefined) throw new FormatError('btf', `type id ${id} is out of range (${this.#types.length} types)`)
    return type
  }

  #kind(id: number): NewBtfType['kind'] | 'void' {
    return id === 0 ? 'void' : this.#type(id).kind
  }

  #representative(id: number): number {
    let at = id
    for (let next = this.#map[at]!; next >= 0 && next !== at; next = this.#map[at]!) at = next
    return at
  }

  #candidates(key: string): number[] {
    let list = this.#byKey.get(key)
    if (list === undefined) this.#byKey.set(key, (list = []))
    return list
  }

  /** Types that refer to nothing. */
  #dedupPlain(id: number): void {
    const type = this.#type(id)
    if (isEnum(type)) {
      this.#dedupEnum(id, type)
      return
    }
    if (type.kind !== 'int' && type.kind !== 'float' && type.kind !== 'fwd') return
    const same = this.#candidates(this.#keys[id]!)
    if (same.length === 0) same.push(id)
    this.#map[id] = same[0]!
  }

  #dedupEnum(id: number, type: NewBtfType): void {
    // All enums of one name, so that a declaration without enumerators meets the whole ones.
    const named = this.#candidates(`enum\0${type.name}`)
    let found = id
    for (const candidate of named) {
      if (this.#keys[candidate] === this.#keys[id]) {
        found = candidate
        break
      }
      if (!this.#enumsAgree(id, candidate)) continue
      if (isEnumForward(type)) {
        found = candidate
        break
      }
      this.#map[candidate] = id
    }
    this.#map[id] = found
    if (found === id) named.push(id)
  }

  #enumsAgree(a: number, b: number): boolean {
    const [left, right] = [this.#type(a), this.#type(b)]
    if (!isEnumForward(left) && !isEnumForward(right)) return this.#keys[a] === this.#keys[b]
    return isEnum(left) && isEnum(right) && left.name === right.name
  }

  #dedupComposite(id: number): void {
    const { kind } = this.#type(id)
    if ((kind !== 'struct' && kind !== 'union') || this.#map[id] !== UNKNOWN) return
    const same = this.#candidates(this.#keys[id]!)
    let found = id
    for (const candidate of same) {
      if (this.#stepsLeft <= 0) break
      this.#supposed.clear()
      if (!this.#isEquivalent(id, candidate)) continue
      this.#adopt()
      found = candidate
      break
    }
    this.#map[id] = found
    if (found === id) same.push(id)
  }

  /** Compares two type graphs, depth first, noting the pairs met. */
  #isEquivalent(candidate: number, canonical: number): boolean {
    const pairs = [candidate, canonical]
    while (pairs.length > 0) {
      this.#stepsLeft--
      const right = pairs.pop()!
      const left = pairs.pop()!
      const inner = this.#compare(left, right)
      if (inner === undefined) return false
      for (let i = inner.length - 1; i >= 0; i--) pairs.push(inner[i]![0], inner[i]![1])
    }
    return true
  }

  /** The pairs that must be equal for these two to be; undefined when they are not. */
  #compare(candidate: number, asked: number): [number, number][] | undefined {
    if (this.#representative(candidate) === this.#representative(asked)) return []
    const canonical = this.#resolvedForward(asked)
    const supposed = this.#supposed.get(canonical)
    if (supposed !== undefined) {
      this.#identicalLeft = IDENTICAL_STEPS
      return supposed === candidate || this.#areIdentical(supposed, candidate, 0) ? [] : undefined
    }
    this.#supposed.set(canonical, candidate)
    if (candidate === 0 || canonical === 0) return undefined
    const [left, right] = [this.#type(candidate), this.#type(canonical)]
    if (left.name !== right.name) return undefined
    if (left.kind === 'fwd' && right.kind !== 'fwd')
      return right.kind === (left.union ? 'union' : 'struct') ? [] : undefined
    if (right.kind === 'fwd' && left.kind !== 'fwd')
      return left.kind === (right.union ? 'union' : 'struct') ? [] : undefined
    if (isEnum(left) && isEnum(right)) return this.#enumsAgree(candidate, canonical) ? [] : undefined
    if (this.#keys[candidate] !== this.#keys[canonical]) return undefined
    const others = references(right)
    return references(left).map((id, i) => [id, others[i]!])
  }

  /** A forward declaration that was matched with a definition is that definition. */
  #resolvedForward(id: number): number {
    if (this.#kind(id) !== 'fwd') return id
    const end = this.#representative(id)
    return this.#kind(end) === 'fwd' ? id : end
  }

  /** Compilers sometimes describe one array or struct twice in a unit: equal down to the ids of what they hold. */
  #areIdentical(a: number, b: number, depth: number): boolean {
    if (a === b) return true
    if (--this.#identicalLeft < 0) return false
    this.#stepsLeft--
    const kind = this.#kind(a)
    if (depth > DEEPEST_IDENTICAL || (kind !== 'array' && kind !== 'struct' && kind !== 'union')) return false
    if (this.#keys[a] !== this.#keys[b]) return false
    const others = references(this.#type(b))
    return references(this.#type(a)).every((id, i) =>
      kind === 'array' ? id === others[i] : this.#areIdentical(id, others[i]!, depth + 1),
    )
  }

  /** The hypothesis held: forward declarations get their definitions, structs met on the way their representatives. */
  #adopt(): void {
    for (const [canonical, candidate] of this.#supposed) {
      const from = this.#representative(candidate)
      const to = this.#representative(canonical)
      const fromKind = this.#kind(from)
      const toKind = this.#kind(to)
      if (fromKind !== 'fwd' && toKind === 'fwd') this.#map[to] = from
      else if (fromKind === 'fwd' && toKind !== 'fwd') this.#map[from] = to
      else if ((fromKind === 'struct' || fromKind === 'union') && toKind !== 'fwd') {
        if (this.#map[to]! >= 0 && this.#map[from]! < 0) this.#map[from] = to
      }
    }
  }

  /** A forward declaration of a name that only one struct or union has is that one. */
  #resolveForwards(): void {
    const only = new Map<string, number>()
    for (let id = 1; id < this.#types.length; id++) {
      const type = this.#type(id)
      if ((type.kind !== 'struct' && type.kind !== 'union') || this.#map[id] !== id) continue
      only.set(type.name, only.has(type.name) ? 0 : id)
    }
    for (let id = 1; id < this.#types.length; id++) {
      const type = this.#type(id)
      if (type.kind !== 'fwd' || this.#map[id] !== id) continue
      const definition = only.get(type.name) ?? 0
      if (definition !== 0 && this.#kind(definition) === (type.union ? 'union' : 'struct')) this.#map[id] = definition
    }
  }

  /** What refers to others is equal when that is; returns the representative. */
  #dedupReference(id: number, depth: number): number {
    if (id === 0) return 0
    if (this.#map[id] === IN_PROGRESS || depth > DEEPEST) {
      throw new FormatError('btf', `type [${id}] refers to itself`)
    }
    const type = this.#type(id)
    if (this.#map[id]! >= 0) return this.#representative(id)
    this.#map[id] = IN_PROGRESS
    const targets = references(type).map((target) => this.#dedupReference(target, depth + 1))
    const key = `${this.#keys[id]}\0\0${targets.join(' ')}`
    const same = this.#candidates(key)
    if (same.length === 0) same.push(id)
    this.#map[id] = same[0]!
    return same[0]!
  }
}
