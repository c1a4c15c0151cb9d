import { type Addr, type LookupLayout, type Machine, type Memory, OutOfMemoryError } from '../vm/index.js'
import { copyBytes, roundUp8, roundUpPowerOfTwo } from './copy.js'
import { jenkinsHash, tailMaskOf } from './jenkins-hash.js'

// The table under all hash-like maps. All of it lies in the machine's memory, so that compiled code can take over a lookup knowing these numbers only:
//
//   buckets   u32 address of the first element, one a bucket; bucket = hash & mask; hash = lookup3 of the key (jenkins-hash.ts)
//   element   +0 u32 next element of the bucket (0: the last one)
//             +4 u32 hash of the key; in a free element: the next free element
//             +8 u32 LRU previous, +12 u32 LRU next, +16 u8 list, +17 u8 reference bit, +18 u16 CPU (LRU types only)
//             +keyOffset (8, LRU: 24) key, padded to 8; then the value, or one value a CPU, each padded to 8
//   control   +0 count  +4 first free element  +8 next fresh element  +12 end of the fresh ones  +16 first chunk
//
// As in Linux, new elements go to the front of their bucket, a removed element keeps its link to the next one (who walks
// the bucket goes on), and elements taken back are reused last in, first out.

const COUNT = 0
const FREE = 4
const FRESH = 8
const FRESH_END = 12
const CHUNKS = 16
const CONTROL_SIZE = 32

const PAGE = 65536
/** Elements of LRU types have the list's fields before the key. */
const LRU_KEY_OFFSET = 24
const LRU_REFERENCE = 17
/** Sizes of the first chunks of elements; later ones are a page, or one element where that is larger. */
const FIRST_CHUNKS = [1024, 4096, 16384]
const CHUNK_HEADER = 16

export interface HashTableShape {
  readonly keySize: number
  /** Bytes of value storage in an element. */
  readonly valueArea: number
  /** Buckets are this, rounded up to a power of two. */
  readonly maxEntries: number
  readonly seed: number
  readonly lru: boolean
  /** The key's first word is its hash (DEVMAP_HASH). */
  readonly plainHash?: boolean
}

export class HashTable {
  readonly machine: Machine
  readonly memory: Memory
  readonly keySize: number
  readonly keyOffset: number
  readonly valueOffset: number
  readonly elementSize: number
  readonly bucketCount: number
  readonly buckets: Addr
  readonly control: Addr
  readonly seed: number
  readonly #mask: number
  readonly #bucketWord: number
  readonly #keyWord: number
  readonly #fullWords: number
  readonly #tailMask: number
  readonly #plainHash: boolean
  /** For keys that are not aligned to words. */
  readonly #scratch: Addr
  #chunkIndex = 0

  /** Throws OutOfMemoryError. */
  constructor(machine: Machine, shape: HashTableShape) {
    this.machine = machine
    this.memory = machine.memory
    this.keySize = shape.keySize
    this.keyOffset = shape.lru ? LRU_KEY_OFFSET : 8
    this.valueOffset = this.keyOffset + roundUp8(shape.keySize)
    this.elementSize = this.valueOffset + roundUp8(shape.valueArea)
    this.bucketCount = roundUpPowerOfTwo(shape.maxEntries)
    this.seed = shape.seed
    this.#mask = this.bucketCount - 1
    this.#keyWord = this.keyOffset >>> 2
    this.#fullWords = shape.keySize >>> 2
    this.#tailMask = tailMaskOf(shape.keySize)
    this.#plainHash = shape.plainHash ?? false
    this.buckets = machine.memory.alloc(this.bucketCount * 4)
    this.#bucketWord = this.buckets >>> 2
    this.control = machine.memory.alloc(CONTROL_SIZE)
    this.#scratch = machine.memory.alloc(roundUp8(shape.keySize))
  }

  /** The table as compiled code reads it; what a type does besides is in `more`. */
  layout(more: { cpuStride?: number; indirect?: boolean } = {}): LookupLayout {
    return {
      kind: 'hash',
      buckets: this.buckets,
      mask: this.#mask,
      seed: this.seed,
      plainHash: this.#plainHash,
      keyOffset: this.keyOffset,
      valueOffset: this.valueOffset,
      cpuStride: more.cpuStride ?? 0,
      referenceBit: this.keyOffset === LRU_KEY_OFFSET ? LRU_REFERENCE : -1,
      indirect: more.indirect ?? false,
    }
  }

  get count(): number {
    return this.memory.u32[(this.control + COUNT) >>> 2] as number
  }

  /** The key at an address that is aligned to words: the same one, or a copy that lives until the next call. */
  aligned(key: Addr): Addr {
    if ((key & 3) === 0) return key
    copyBytes(this.memory, this.#scratch, key, this.keySize)
    return this.#scratch
  }

  /** Hash of an aligned key. */
  hash(key: Addr): number {
    if (this.#plainHash) return this.memory.i32[key >>> 2] as number
    return jenkinsHash(this.memory.i32, key >>> 2, this.keySize, this.#tailMask, this.seed)
  }

  /** The element of an aligned key, 0 if absent. */
  find(key: Addr, hash: number): Addr {
    const words = this.memory.i32
    const keyAt = key >>> 2
    const fullWords = this.#fullWords
    let element = words[this.#bucketWord + (hash & this.#mask)] as number
    next: while (element !== 0) {
      const at = element >>> 2
      if ((words[at + 1] as number) === hash) {
        const own = at + this.#keyWord
        let i = 0
        for (; i < fullWords; i++) {
          if (words[own + i] !== words[keyAt + i]) {
            element = words[at] as number
            continue next
          }
        }
        const tail = this.#tailMask
        if (tail === -1 || (((words[own + i] as number) ^ (words[keyAt + i] as number)) & tail) === 0)
          return element >>> 0
      }
      element = words[at] as number
    }
    return 0
  }

  /** Finds by any key. */
  lookup(key: Addr): Addr {
    const aligned = this.aligned(key)
    return this.find(aligned, this.hash(aligned))
  }

  /** Puts an element whose value is set in front of its bucket, with its key and hash. */
  insert(element: Addr, key: Addr, hash: number): void {
    copyBytes(this.memory, element + this.keyOffset, key, this.keySize)
    const words = this.memory.i32
    const bucket = this.#bucketWord + (hash & this.#mask)
    words[element >>> 2] = words[bucket] as number
    words[(element + 4) >>> 2] = hash
    words[bucket] = element
  }

  /** Takes an element out of its bucket; its own link stays. */
  unlink(element: Addr): void {
    const words = this.memory.i32
    const next = words[element >>> 2] as number
    let at = this.#bucketWord + ((words[(element + 4) >>> 2] as number) & this.#mask)
    const wanted = element | 0
    while ((words[at] as number) !== wanted) at = (words[at] as number) >>> 2
    words[at] = next
  }

  addCount(by: number): void {
    const words = this.memory.i32
    const at = (this.control + COUNT) >>> 2
    words[at] = (words[at] as number) + by
  }

  /** A free or new element, 0 when out of memory. Special fields in it are zero. */
  take(): Addr {
    const words = this.memory.u32
    const at = (this.control + FREE) >>> 2
    const element = words[at] as number
    if (element === 0) return this.takeFresh()
    words[at] = words[(element + 4) >>> 2] as number
    return element
  }

  giveBack(element: Addr): void {
    const words = this.memory.u32
    const at = (this.control + FREE) >>> 2
    words[(element + 4) >>> 2] = words[at] as number
    words[at] = element
  }

  /** An element that was never used, all zero; 0 when out of memory. */
  takeFresh(): Addr {
    let words = this.memory.u32
    const at = (this.control + FRESH) >>> 2
    if ((words[at] as number) + this.elementSize > (words[(this.control + FRESH_END) >>> 2] as number)) {
      if (!this.#addChunk()) return 0
      words = this.memory.u32
    }
    const element = words[at] as number
    words[at] = element + this.elementSize
    return element
  }

  #addChunk(): boolean {
    const wanted = FIRST_CHUNKS[this.#chunkIndex++] ?? PAGE
    const least = CHUNK_HEADER + this.elementSize
    let size = Math.max(wanted, least)
    if (size > 16384) size = Math.ceil(size / PAGE) * PAGE
    let chunk: Addr
    try {
      chunk = this.memory.alloc(size)
    } catch (error) {
      if (error instanceof OutOfMemoryError) return false
      throw error
    }
    const words = this.memory.u32
    words[chunk >>> 2] = words[(this.control + CHUNKS) >>> 2] as number
    words[(this.control + CHUNKS) >>> 2] = chunk
    words[(this.control + FRESH) >>> 2] = chunk + CHUNK_HEADER
    words[(this.control + FRESH_END) >>> 2] = chunk + size
    return true
  }

  head(bucket: number): Addr {
    return this.memory.u32[this.#bucketWord + bucket] as number
  }

  next(element: Addr): Addr {
    return this.memory.u32[element >>> 2] as number
  }

  /** First element of bucket `from` or a later one, 0 at the end. */
  firstFrom(from: number): Addr {
    const words = this.memory.u32
    const end = this.#bucketWord + this.bucketCount
    for (let at = this.#bucketWord + from; at < end; at++) {
      if (words[at] !== 0) return words[at] as number
    }
    return 0
  }

  /** The element after the one with this key in iteration order; the first one for key 0 or a key that is gone. */
  following(key: Addr): Addr {
    if (key === 0) return this.firstFrom(0)
    const aligned = this.aligned(key)
    const hash = this.hash(aligned)
    const element = this.find(aligned, hash)
    if (element === 0) return this.firstFrom(0)
    return this.next(element) || this.firstFrom((hash & this.#mask) + 1)
  }

  /** Writes the key of `element` to `to`; false for 0. */
  copyKey(element: Addr, to: Addr): boolean {
    if (element === 0) return false
    copyBytes(this.memory, to, element + this.keyOffset, this.keySize)
    return true
  }

  /** Calls `visit` for each element until it returns non-zero; how many were visited. Elements may be deleted meanwhile. */
  walk(visit: (element: Addr) => number): number {
    let visited = 0
    for (let bucket = 0; bucket < this.bucketCount; bucket++) {
      let element = this.head(bucket)
      while (element !== 0) {
        const next = this.next(element)
        visited++
        if (visit(element) !== 0) return visited
        element = next
      }
    }
    return visited
  }

  /** Calls `visit` for each element; it may delete that element. */
  each(visit: (element: Addr) => void): void {
    this.walk((element) => {
      visit(element)
      return 0
    })
  }

  free(): void {
    const { memory } = this
    let chunk = memory.u32[(this.control + CHUNKS) >>> 2] as number
    while (chunk !== 0) {
      const next = memory.u32[chunk >>> 2] as number
      memory.free(chunk)
      chunk = next
    }
    memory.free(this.buckets)
    memory.free(this.#scratch)
    memory.free(this.control)
  }
}
