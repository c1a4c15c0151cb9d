import { encodeText } from '../../base/index.js'

/** Growing bytes, and LEB128: the only place that knows it. */
export class ByteWriter {
  #bytes = new Uint8Array(512)
  length = 0

  /** What was written; a view that the next write may leave behind. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.length)
  }

  u8(value: number): void {
    if (this.length === this.#bytes.length) this.#grow(1)
    this.#bytes[this.length++] = value
  }

  /** Unsigned LEB128 of a 32-bit number. */
  u32(value: number): void {
    let rest = value >>> 0
    while (rest >= 0x80) {
      this.u8((rest & 0x7f) | 0x80)
      rest >>>= 7
    }
    this.u8(rest)
  }

  /** Signed LEB128 of a 32-bit number. */
  s32(value: number): void {
    this.s64(value, value >> 31)
  }

  /** Signed LEB128 of a 64-bit number given as halves. */
  s64(low: number, high: number): void {
    let lo = low | 0
    let hi = high | 0
    for (;;) {
      const byte = lo & 0x7f
      lo = (lo >>> 7) | (hi << 25)
      hi >>= 7
      const sign = (byte & 0x40) === 0 ? 0 : -1
      if (lo === sign && hi === sign) {
        this.u8(byte)
        return
      }
      this.u8(byte | 0x80)
    }
  }

  raw(bytes: Uint8Array): void {
    if (this.length + bytes.length > this.#bytes.length) this.#grow(bytes.length)
    this.#bytes.set(bytes, this.length)
    this.length += bytes.length
  }

  /** A length and the bytes. */
  sized(bytes: Uint8Array): void {
    this.u32(bytes.length)
    this.raw(bytes)
  }

  text(text: string): void {
    this.sized(encodeText(text))
  }

  #grow(by: number): void {
    const bigger = new Uint8Array(Math.max(this.#bytes.length * 2, this.length + by))
    bigger.set(this.#bytes)
    this.#bytes = bigger
  }
}
