import {
  type Addr,
  add,
  type FunctionBuilder,
  lazyFunctions,
  load32,
  type Machine,
  type Memory,
  mul,
  OutOfMemoryError,
  type WasmFunction,
  type WasmUnit,
} from '../vm/index.js'
import { copyBytes, roundUp8, roundUpPowerOfTwo } from './copy.js'
import {
  COUNT,
  FRESH,
  FRESH_END,
  findElement,
  giveBackElement,
  hashOf,
  insertElement,
  type TableShape,
  takeElement,
  takeFresh,
  unlinkElement,
} from './hash-code.js'

// The table under all hash-like maps. It lies in the machine's memory; what is done to elements is WebAssembly (hash-code.ts),
// which programs call without leaving it:
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

const CHUNKS = 16
const CONTROL_SIZE = 32

const PAGE = 65536
/** Elements of LRU types have the list's fields before the key. */
const LRU_KEY_OFFSET = 24
const LRU_REFERENCE = 17
/** Sizes of the first chunks of elements; later ones are a page, or one element where that is larger. */
const FIRST_CHUNKS = [1024, 4096, 16384]
const CHUNK_HEADER = 16

export interface HashTableOptions {
  readonly keySize: number
  /** Bytes of value storage in an element. */
  readonly valueArea: number
  /** Buckets are this, rounded up to a power of two. */
  readonly maxEntries: number
  readonly seed: number
  readonly lru: boolean
  /** The key's first word is its hash (DEVMAP_HASH). */
  readonly plainHash?: boolean
  /** Functions of the map's own, such as `update`. */
  readonly write?: (unit: WasmUnit, table: HashTable, grow: number) => void
}

export class HashTable {
  readonly machine: Machine
  readonly memory: Memory
  readonly bucketCount: number
  readonly shape: TableShape
  readonly keyOffset: number
  readonly valueOffset: number
  readonly control: Addr
  readonly #bucketWord: number
  readonly #lru: boolean
  /** Compiled when the first element is looked for. */
  readonly functions: () => Readonly<Record<string, WasmFunction>>
  #chunkIndex = 0

  /** Throws OutOfMemoryError. */
  constructor(machine: Machine, options: HashTableOptions) {
    const { keySize } = options
    this.machine = machine
    this.memory = machine.memory
    this.#lru = options.lru
    this.keyOffset = options.lru ? LRU_KEY_OFFSET : 8
    this.valueOffset = this.keyOffset + roundUp8(keySize)
    this.bucketCount = roundUpPowerOfTwo(options.maxEntries)
    const buckets = machine.memory.alloc(this.bucketCount * 4)
    this.#bucketWord = buckets >>> 2
    this.control = machine.memory.alloc(CONTROL_SIZE)
    this.shape = {
      keySize,
      keyOffset: this.keyOffset,
      valueOffset: this.valueOffset,
      elementSize: this.valueOffset + roundUp8(options.valueArea),
      buckets,
      mask: this.bucketCount - 1,
      control: this.control,
      seed: options.seed,
      plainHash: options.plainHash ?? false,
    }
    this.functions = lazyFunctions(machine.memory, (unit) => {
      const grow = unit.import('grow', 0, 1, () => (this.#addChunk() ? 1 : 0))
      this.#write(unit, grow, options)
    })
  }

  #write(unit: WasmUnit, grow: number, options: HashTableOptions): void {
    const { shape } = this
    options.write?.(unit, this, grow)
    unit.define('find', 1, 1, (f, key) => {
      f.return(findElement(f, shape, key, hashOf(f, shape, key)))
      f.code.op('unreachable')
    })
    unit.define('insert', 2, 0, (f, element, key) => insertElement(f, shape, element, key, hashOf(f, shape, key)))
    unit.define('unlink', 1, 0, (f, element) => unlinkElement(f, shape, element))
    unit.define('giveBack', 1, 0, (f, element) => giveBackElement(f, shape, element))
    unit.define('take', 0, 1, (f) => {
      const element = f.local()
      takeElement(f, shape, grow, element)
      f.code.get(element.local)
    })
    unit.define('takeFresh', 0, 1, (f) => {
      const element = f.local()
      takeFresh(f, shape, grow, element)
      f.code.get(element.local)
    })
  }

  /**
   * A program's look-up: the body of a function (key) -> address of the value, `cpuStride` bytes on for each CPU; with
   * `indirect` the u32 that the value is. In LRU types it marks the element as used.
   */
  lookupBody(more: { cpuStride?: number; indirect?: boolean } = {}): (f: FunctionBuilder) => void {
    const { shape, machine } = this
    return (f) => {
      const key = f.param(0)
      const element = findElement(f, shape, key, hashOf(f, shape, key))
      f.if(element, () => {
        if (this.#lru) f.store8(element, LRU_REFERENCE, 1)
        if (more.indirect === true) f.return(load32(element, shape.valueOffset))
        const value = add(element, shape.valueOffset)
        const stride = more.cpuStride ?? 0
        f.return(stride === 0 || machine.cpus === 1 ? value : add(value, mul(load32(0, machine.cpuCell), stride)))
      })
      f.code.i32(0)
    }
  }

  /** Calls one of the functions by name. */
  call(name: string, ...args: number[]): number {
    return (this.functions()[name] as WasmFunction)(...args)
  }

  get count(): number {
    return this.memory.u32[(this.control + COUNT) >>> 2] as number
  }

  /** The element of a key, 0 if absent. */
  lookup(key: Addr): Addr {
    return this.call('find', key) >>> 0
  }

  /** Puts an element whose value is set in front of its bucket, with its key. */
  insert(element: Addr, key: Addr): void {
    this.call('insert', element, key)
  }

  /** Takes an element out of its bucket; its own link stays. */
  unlink(element: Addr): void {
    this.call('unlink', element)
  }

  addCount(by: number): void {
    const words = this.memory.i32
    const at = (this.control + COUNT) >>> 2
    words[at] = (words[at] as number) + by
  }

  /** A free or new element, 0 when out of memory. Special fields in it are zero. */
  take(): Addr {
    return this.call('take') >>> 0
  }

  giveBack(element: Addr): void {
    this.call('giveBack', element)
  }

  #addChunk(): boolean {
    const wanted = FIRST_CHUNKS[this.#chunkIndex++] ?? PAGE
    const least = CHUNK_HEADER + this.shape.elementSize
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
    const element = key === 0 ? 0 : this.lookup(key)
    if (element === 0) return this.firstFrom(0)
    const hash = this.memory.u32[(element + 4) >>> 2] as number
    return this.next(element) || this.firstFrom((hash & this.shape.mask) + 1)
  }

  /** Writes the key of `element` to `to`; false for 0. */
  copyKey(element: Addr, to: Addr): boolean {
    if (element === 0) return false
    copyBytes(this.memory, to, element + this.keyOffset, this.shape.keySize)
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
    memory.free(this.shape.buckets)
    memory.free(this.control)
  }
}
