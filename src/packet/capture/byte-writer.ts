/** A growing buffer that is drained whole: writers of captures append records and hand out what has gathered. */
export class ByteWriter {
  readonly littleEndian: boolean
  #bytes: Uint8Array<ArrayBuffer>
  #view: DataView
  length = 0

  constructor(littleEndian: boolean, capacity = 0x1000) {
    this.littleEndian = littleEndian
    this.#bytes = new Uint8Array(capacity)
    this.#view = new DataView(this.#bytes.buffer)
  }

  /** Makes room for `size` bytes and returns where they start. They hold what was there before. */
  reserve(size: number): number {
    const start = this.length
    const wanted = start + size
    if (wanted > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(wanted, 2 * this.#bytes.length))
      grown.set(this.#bytes.subarray(0, start))
      this.#bytes = grown
      this.#view = new DataView(grown.buffer)
    }
    this.length = wanted
    return start
  }

  u8(value: number): void {
    this.#bytes[this.reserve(1)] = value
  }
  u16(value: number): void {
    this.setU16(this.reserve(2), value)
  }
  u32(value: number): void {
    this.setU32(this.reserve(4), value)
  }
  u64(value: bigint): void {
    this.#view.setBigUint64(this.reserve(8), value, this.littleEndian)
  }
  i64(value: bigint): void {
    this.#view.setBigInt64(this.reserve(8), value, this.littleEndian)
  }
  setU16(at: number, value: number): void {
    this.#view.setUint16(at, value, this.littleEndian)
  }
  setU32(at: number, value: number): void {
    this.#view.setUint32(at, value, this.littleEndian)
  }

  put(bytes: Uint8Array, offset = 0, length = bytes.length): void {
    const at = this.reserve(length)
    // A short copy by hand costs less than a subarray object.
    if (length < 128) {
      const target = this.#bytes
      for (let i = 0; i < length; i++) target[at + i] = bytes[offset + i] as number
    } else this.#bytes.set(bytes.subarray(offset, offset + length), at)
  }

  /** Zero bytes up to a multiple of 4 of the length since `start`. */
  pad4(start = 0): void {
    while ((this.length - start) & 3) this.u8(0)
  }

  /** A view of all bytes, valid until the next write; the buffer then starts anew. */
  drain(): Uint8Array<ArrayBuffer> {
    const bytes = this.#bytes.subarray(0, this.length)
    this.length = 0
    return bytes
  }
}
