import type { Sys } from './sys.js'

const CHUNK = 1 << 16

interface Chunk {
  readonly bytes: Uint8Array
  readonly view: DataView
  readonly address: number
}

/** A stretch of arena memory: its bytes for us, its address for the kernel. */
export interface Span {
  readonly bytes: Uint8Array
  readonly view: DataView
  readonly address: number
}

/**
 * Memory that the kernel reads and writes during one system call. It is the only place where addresses exist: a buffer's
 * address does not keep it alive, so chunks stay reachable here and spans are valid until the next `reset`.
 */
export class Arena {
  readonly #sys: Sys
  readonly #chunk: Chunk
  #used = 0
  /** Buffers too large for the chunk, kept only until the next reset. */
  #large: Chunk[] = []
  #output: Chunk | undefined

  constructor(sys: Sys) {
    this.#sys = sys
    this.#chunk = this.#make(CHUNK)
  }

  reset(): void {
    this.#used = 0
    if (this.#large.length > 0) this.#large = []
  }

  /** Zeroed bytes, 8-byte aligned. */
  alloc(size: number): Span {
    const rounded = (size + 7) & ~7
    if (rounded > CHUNK || this.#used + rounded > CHUNK) {
      const chunk = this.#make(Math.max(rounded, 8))
      this.#large.push(chunk)
      return { bytes: chunk.bytes.subarray(0, size), view: chunk.view, address: chunk.address }
    }
    const start = this.#used
    this.#used += rounded
    const bytes = this.#chunk.bytes.subarray(start, start + size)
    bytes.fill(0)
    return {
      bytes,
      view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
      address: this.#chunk.address + start,
    }
  }

  /** Bytes that the kernel fills, with what the last call left in them: one large buffer, used again by the next call. */
  output(size: number): Span {
    if (this.#output === undefined || this.#output.bytes.length < size) this.#output = this.#make(Math.max(size, CHUNK))
    const { bytes, view, address } = this.#output
    return { bytes: bytes.subarray(0, size), view, address }
  }

  /** Address of a copy of `bytes`; 0 (NULL) for none. */
  put(bytes: Uint8Array | undefined): number {
    if (bytes === undefined) return 0
    const span = this.alloc(bytes.length)
    span.bytes.set(bytes)
    return span.address
  }

  /** Address of a NUL-terminated copy of `text`. */
  putString(text: string): number {
    return this.put(Buffer.from(text + '\0'))
  }

  #make(size: number): Chunk {
    const bytes = new Uint8Array(new ArrayBuffer(size))
    return { bytes, view: new DataView(bytes.buffer), address: this.#sys.address(bytes) }
  }
}
