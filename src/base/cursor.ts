import { FormatError, type FormatKind } from './errors.js'

/** Bounds-checked sequential reader. Every read past the end throws FormatError naming what was being read. */
export class Cursor {
  readonly bytes: Uint8Array
  readonly littleEndian: boolean
  readonly format: FormatKind
  /** Position of the next read, relative to the start of `bytes`. */
  pos: number
  readonly #view: DataView

  constructor(bytes: Uint8Array, format: FormatKind, littleEndian = true, pos = 0) {
    this.bytes = bytes
    this.format = format
    this.littleEndian = littleEndian
    this.pos = pos
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get remaining(): number {
    return this.bytes.length - this.pos
  }

  /** Checks that `size` bytes are left and returns the position they start at, moving past them. */
  #take(size: number, what: string): number {
    const start = this.pos
    if (!(size >= 0 && start >= 0 && start + size <= this.bytes.length)) {
      throw new FormatError(
        this.format,
        `truncated ${what}: needs ${size} bytes, ${Math.max(0, this.remaining)} left`,
        {
          offset: start,
        },
      )
    }
    this.pos = start + size
    return start
  }

  u8(what = 'u8'): number {
    return this.#view.getUint8(this.#take(1, what))
  }
  u16(what = 'u16'): number {
    return this.#view.getUint16(this.#take(2, what), this.littleEndian)
  }
  u32(what = 'u32'): number {
    return this.#view.getUint32(this.#take(4, what), this.littleEndian)
  }
  i16(what = 's16'): number {
    return this.#view.getInt16(this.#take(2, what), this.littleEndian)
  }
  i32(what = 's32'): number {
    return this.#view.getInt32(this.#take(4, what), this.littleEndian)
  }
  u64(what = 'u64'): bigint {
    return this.#view.getBigUint64(this.#take(8, what), this.littleEndian)
  }
  i64(what = 's64'): bigint {
    return this.#view.getBigInt64(this.#take(8, what), this.littleEndian)
  }
  /** A u64 that is used as a size or offset: refused above 2^53. */
  size64(what = 'size'): number {
    const at = this.pos
    const value = this.u64(what)
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw new FormatError(this.format, `${what} ${value} is out of range`, { offset: at })
    }
    return Number(value)
  }
  /** A view (not a copy) of the next `size` bytes. */
  take(size: number, what = 'bytes'): Uint8Array {
    const start = this.#take(size, what)
    return this.bytes.subarray(start, start + size)
  }
  skip(size: number, what = 'bytes'): void {
    this.#take(size, what)
  }
}
