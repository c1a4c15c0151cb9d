import { encodeText } from '../base/index.js'

const UNDERSCORE = 0x5f

/** What the index reads: one name offset per type, and the string section they point into. */
export interface IndexedNames {
  /** First type id of this BTF's own types, and one past the last. */
  readonly startId: number
  readonly endId: number
  /** The string's bytes and where it starts; undefined for the empty name or an offset that points nowhere. */
  nameAt(id: number): { bytes: Uint8Array; start: number } | undefined
}

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

/** FNV-1a over the essential part of a NUL-terminated name. */
function hashEssential(bytes: Uint8Array, start: number): number {
  let hash = 0x811c9dc5
  let run = 0
  let atRun = 0
  let flavored = false
  let result = 0
  for (let i = start; i < bytes.length; i++) {
    const byte = bytes[i]!
    if (byte === 0) break
    if (byte === UNDERSCORE) {
      if (run++ === 0) atRun = hash
    } else {
      if (run === 3 && i - 3 > start) {
        flavored = true
        result = atRun
      }
      run = 0
    }
    hash = Math.imul(hash ^ byte, 0x01000193)
  }
  return flavored ? result : hash
}

/**
 * Finds types by name without decoding any: a hash table over essential names, so that one table serves exact
 * look-ups and CO-RE candidates. Building it for 126,000 types takes a few milliseconds.
 */
export class NameIndex {
  readonly #names: IndexedNames
  readonly #heads: Int32Array
  readonly #next: Int32Array
  readonly #mask: number

  constructor(names: IndexedNames) {
    const { startId, endId } = names
    let buckets = 16
    while (buckets < endId - startId) buckets *= 2
    this.#names = names
    this.#mask = buckets - 1
    this.#heads = new Int32Array(buckets)
    this.#next = new Int32Array(endId - startId)
    // Backwards, so that chains ascend. Entry 0 means "none": id 0 is void and has no name.
    for (let id = endId - 1; id >= startId; id--) {
      const name = names.nameAt(id)
      if (name === undefined) continue
      const bucket = hashEssential(name.bytes, name.start) & this.#mask
      this.#next[id - startId] = this.#heads[bucket]!
      this.#heads[bucket] = id
    }
  }

  /** Ids whose name is `name`, ascending. */
  *exact(name: string): Generator<number> {
    const wanted = encodeText(name + '\0')
    for (const id of this.#chain(hashEssential(wanted, 0))) {
      const { bytes, start } = this.#names.nameAt(id)!
      if (startsWith(bytes, start, wanted)) yield id
    }
  }

  /** Ids whose name without flavor is `essential`, ascending. */
  *flavored(essential: string): Generator<number> {
    const wanted = encodeText(essential)
    let hash = 0x811c9dc5
    for (const byte of wanted) hash = Math.imul(hash ^ byte, 0x01000193)
    for (const id of this.#chain(hash)) {
      const { bytes, start } = this.#names.nameAt(id)!
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
      id = this.#next[id - this.#names.startId]!
    }
  }
}

function startsWith(bytes: Uint8Array, start: number, wanted: Uint8Array): boolean {
  if (start + wanted.length > bytes.length) return false
  for (let i = 0; i < wanted.length; i++) if (bytes[start + i] !== wanted[i]) return false
  return true
}
