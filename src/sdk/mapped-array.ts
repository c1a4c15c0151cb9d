import { UsageError } from '../base/index.js'
import { bpf_map_type } from '../spec/index.js'
import type { BpfMap } from './bpf-map.js'
import type { Codec } from './codec.js'
import { Handle } from './handle.js'
import { MappedPages } from './mapped-pages.js'

export interface MappedArrayOptions {
  /** Default: true, unless the map is frozen or read-only for programs (then mapping it writable is EPERM, EACCES). */
  readonly writable?: boolean
}

/**
 * The elements of an array with BPF_F_MMAPABLE as memory: reading and writing them takes no system call, and the program sees
 * each write at once. Writes of more than 8 bytes are not atomic. Works while it is open, whatever happens to the map.
 */
export class MappedArray<V = Uint8Array> {
  readonly length: number
  readonly writable: boolean
  readonly #handle: Handle
  readonly #pages: MappedPages
  readonly #valueSize: number
  readonly #stride: number
  readonly #codec: Codec<V>

  /** Throws KernelError: ENOTSUPP (not mappable), EPERM, EACCES. */
  constructor(map: BpfMap<unknown, V>, codec: Codec<V>, options: MappedArrayOptions = {}) {
    if (map.type !== bpf_map_type.BPF_MAP_TYPE_ARRAY) {
      throw new UsageError(`map '${map.name}' is a ${map.typeName}, not an array`)
    }
    this.length = map.maxEntries
    this.writable = options.writable ?? true
    this.#codec = codec
    this.#valueSize = map.valueSize
    this.#stride = (map.valueSize + 7) & ~7
    const { kernel } = map
    this.#handle = new Handle(kernel, kernel.call('dup', { fd: map.fd }))
    try {
      this.#pages = new MappedPages(this.#handle, 0, this.#stride * this.length, this.writable)
    } catch (error) {
      this.#handle.close()
      throw error
    }
  }

  get closed(): boolean {
    return this.#handle.closed
  }

  /** The element at an index, decoded from a copy. */
  get(index: number): V {
    const at = this.#offset(index)
    return this.#codec.decode(this.#pages.bytes.slice(at, at + this.#valueSize))
  }

  set(index: number, value: V): void {
    this.#write(this.#offset(index), this.#codec.encode(value))
  }

  /** Copies bytes out, counted from the beginning of the array; elements start at multiples of 8. */
  readBytes(offset: number, length: number): Uint8Array {
    this.#range(offset, length)
    return this.#pages.bytes.slice(offset, offset + length)
  }

  writeBytes(offset: number, bytes: Uint8Array): void {
    this.#range(offset, bytes.length)
    this.#write(offset, bytes)
  }

  /** The 64 bits at a multiple of 8, read in one access: counters that programs add to. */
  readU64(offset: number): bigint {
    this.#range(offset, 8)
    return Atomics.load(this.#pages.quadsAt(offset), offset >>> 3)
  }

  /** Adds to the 64 bits at a multiple of 8, atomically with programs and other processes; what was there. */
  addU64(offset: number, by: bigint): bigint {
    this.#range(offset, 8)
    this.#mayWrite()
    return Atomics.add(this.#pages.quadsAt(offset), offset >>> 3, by)
  }

  *[Symbol.iterator](): Generator<V, void, undefined> {
    for (let index = 0; index < this.length; index++) yield this.get(index)
  }

  close(): void {
    if (this.#handle.closed) return
    this.#pages.unmap()
    this.#handle.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #offset(index: number): number {
    this.#check()
    if (!Number.isInteger(index) || index < 0 || index >= this.length) {
      throw new UsageError(`index ${index} is outside of an array of ${this.length}`)
    }
    return index * this.#stride
  }

  #range(offset: number, length: number): void {
    this.#check()
    const size = this.#stride * this.length
    if (!Number.isInteger(offset) || offset < 0 || length < 0 || offset + length > size) {
      throw new UsageError(`${length} bytes at ${offset} are outside of ${size} bytes`)
    }
  }

  #write(at: number, bytes: Uint8Array): void {
    this.#mayWrite()
    const { pages, words } = { pages: this.#pages, words: this.#pages.words }
    if (bytes.length === 4 && at % 4 === 0) {
      Atomics.store(words, at >>> 2, new DataView(bytes.buffer, bytes.byteOffset, 4).getInt32(0, true))
    } else if (bytes.length === 8 && at % 8 === 0) {
      const value = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true)
      Atomics.store(pages.quadsAt(at), at >>> 3, value)
    } else {
      pages.bytes.set(bytes, at)
    }
  }

  #mayWrite(): void {
    if (!this.writable) throw new UsageError('this array was mapped for reading')
  }

  #check(): void {
    if (this.#handle.closed) throw new UsageError('this mapping was closed')
  }
}
