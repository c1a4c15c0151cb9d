import { encodeText } from '../base/index.js'

const UNDERSCORE = 0x5f

/**
 * Length of a name without its `___flavor` (libbpf's essential name): what stands before the last run of exactly
 * three underscores that has something on both sides.
 */
export function essentialLength(name: string): number {
  for (let i = name.length - 5; i >= 0; i--) {
    if (name[i] !== '_' && name.startsWith('___', i + 1) && name[i + 4] !== '_') return i + 1
  }
  return name.length
}

export function essentialName(name: string): string {
  return name.slice(0, essentialLength(name))
}

/**
 * FNV-1a over a NUL-terminated name up to the first three underscores behind another character: what stands before a flavor
 * at most, so that a name with and without one has the same hash.
 */
function hashName(bytes: Uint8Array, start: number): number {
  let hash = 0x811c9dc5
  let i = start
  let byte = bytes[i]!
  for (; byte === UNDERSCORE; byte = bytes[++i]!) hash = Math.imul(hash ^ byte, 0x01000193)
  for (; byte !== 0; byte = bytes[++i]!) {
    if (byte === UNDERSCORE && bytes[i + 1] === UNDERSCORE && bytes[i + 2] === UNDERSCORE) break
    hash = Math.imul(hash ^ byte, 0x01000193)
  }
  return hash
}

/**
 * Finds types by name without decoding any: a hash table over essential names, so that one table serves exact
 * look-ups and CO-RE candidates. Building it for 126,000 types takes a few milliseconds.
 */
export class NameIndex {
  readonly #startId: number
  readonly #heads: Int32Array
  readonly #next: Int32Array
  readonly #mask: number
  readonly #nameAt: (id: number) => { bytes: Uint8Array; start: number } | undefined

  /** `nameAt`: where a name that was added stands. */
  constructor(
    startId: number,
    endId: number,
    nameAt: (id: number) => { bytes: Uint8Array; start: number } | undefined,
  ) {
    let buckets = 16
    while (buckets < endId - startId) buckets *= 2
    this.#startId = startId
    this.#nameAt = nameAt
    this.#mask = buckets - 1
    // Entry 0 means "none": id 0 is void and has no name.
    this.#heads = new Int32Array(buckets)
    this.#next = new Int32Array(endId - startId)
  }

  /** Adds the NUL-terminated name of a type. From the last id down to the first, so that chains ascend. */
  add(id: number, bytes: Uint8Array, start: number): void {
    const bucket = hashName(bytes, start) & this.#mask
    this.#next[id - this.#startId] = this.#heads[bucket]!
    this.#heads[bucket] = id
  }

  /** Ids whose name is `name`, ascending. */
  *exact(name: string): Generator<number> {
    const wanted = encodeText(name + '\0')
    for (const id of this.#chain(hashName(wanted, 0))) {
      const { bytes, start } = this.#nameAt(id)!
      if (startsWith(bytes, start, wanted)) yield id
    }
  }

  /** Ids whose name without flavor is `essential`, ascending. */
  *flavored(essential: string): Generator<number> {
    const wanted = encodeText(essential)
    for (const id of this.#chain(hashName(encodeText(essential + '\0'), 0))) {
      const { bytes, start } = this.#nameAt(id)!
      if (!startsWith(bytes, start, wanted)) continue
      let end = start
      while (end < bytes.length && bytes[end] !== 0) end++
      let name = ''
      for (let i = start; i < end; i++) name += String.fromCharCode(bytes[i]!)
      if (essentialLength(name) === wanted.length) yield id
    }
  }

  *#chain(hash: number): Generator<number> {
    let id = this.#heads[hash & this.#mask]!
    while (id !== 0) {
      yield id
      id = this.#next[id - this.#startId]!
    }
  }
}

function startsWith(bytes: Uint8Array, start: number, wanted: Uint8Array): boolean {
  if (start + wanted.length > bytes.length) return false
  for (let i = 0; i < wanted.length; i++) if (bytes[start + i] !== wanted[i]) return false
  return true
}
