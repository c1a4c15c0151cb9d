import { UsageError } from '../base/index.js'
import type { Handle } from './handle.js'

/** Unit of what kernels map. */
export const PAGE = 4096

/** A mapping of a descriptor that finds itself again when the embedded kernel's memory has grown. */
export class MappedPages {
  readonly #handle: Handle
  readonly #offset: number
  readonly #length: number
  readonly #writable: boolean
  #bytes: Uint8Array
  #words: Int32Array
  #quads: BigUint64Array

  /** Throws KernelError. */
  constructor(handle: Handle, offset: number, length: number, writable: boolean) {
    this.#handle = handle
    this.#offset = offset
    this.#length = length
    this.#writable = writable
    this.#bytes = handle.kernel.mmap(handle.fd, offset, length, writable)
    this.#words = new Int32Array(this.#bytes.buffer, this.#bytes.byteOffset, length >>> 2)
    this.#quads = new BigUint64Array(this.#bytes.buffer, this.#bytes.byteOffset, length >>> 3)
  }

  get bytes(): Uint8Array {
    if (this.#bytes.length === 0) this.#again()
    return this.#bytes
  }

  get words(): Int32Array {
    if (this.#words.length === 0) this.#again()
    return this.#words
  }

  /** 64-bit elements, for atomic access at a multiple of 8. */
  quadsAt(byteOffset: number): BigUint64Array {
    if (byteOffset % 8 !== 0) throw new UsageError(`${byteOffset} is no multiple of 8`)
    if (this.#quads.length === 0) this.#again()
    return this.#quads
  }

  /** A u64 position, exact to 2^53. Default: at the beginning. */
  position(byteOffset = 0): number {
    const { words } = this
    const index = byteOffset >>> 2
    // The halves are two reads: the high one must be the same before and after.
    for (;;) {
      const high = Atomics.load(words, index + 1) >>> 0
      const low = Atomics.load(words, index) >>> 0
      if (Atomics.load(words, index + 1) >>> 0 === high) return low + high * 0x1_0000_0000
    }
  }

  setPosition(position: number, byteOffset = 0): void {
    if (this.#quads.length === 0) this.#again()
    Atomics.store(this.#quads, byteOffset >>> 3, BigInt(position))
  }

  unmap(): void {
    this.#handle.kernel.munmap(this.#bytes)
  }

  #again(): void {
    const { kernel, fd } = this.#handle
    kernel.munmap(this.#bytes)
    this.#bytes = kernel.mmap(fd, this.#offset, this.#length, this.#writable)
    this.#words = new Int32Array(this.#bytes.buffer, this.#bytes.byteOffset, this.#length >>> 2)
    this.#quads = new BigUint64Array(this.#bytes.buffer, this.#bytes.byteOffset, this.#length >>> 3)
  }
}
