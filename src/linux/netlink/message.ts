import { encodeText } from '../../base/index.js'

export const NLM_F = {
  REQUEST: 1,
  MULTI: 2,
  ACK: 4,
  DUMP: 0x300,
  REPLACE: 0x100,
  EXCL: 0x200,
  CREATE: 0x400,
  CAPPED: 0x100,
  ACK_TLVS: 0x200,
} as const
const NLA_F_NESTED = 0x8000
const NLA_TYPE_MASK = 0x3fff

/** Writes a netlink message: header, fixed part, attributes. Everything is little-endian host order as on our machines. */
export class NetlinkMessage {
  #bytes = new Uint8Array(1024)
  #view = new DataView(this.#bytes.buffer)
  #length = 16

  constructor(type: number, flags: number) {
    this.#view.setUint16(4, type, true)
    this.#view.setUint16(6, flags, true)
  }

  u8(value: number): this {
    this.#view.setUint8(this.#grow(1), value)
    return this
  }

  u16(value: number): this {
    this.#view.setUint16(this.#grow(2), value, true)
    return this
  }

  u32(value: number): this {
    this.#view.setUint32(this.#grow(4), value, true)
    return this
  }

  bytes(value: Uint8Array): this {
    const at = this.#grow(value.length)
    this.#bytes.set(value, at)
    this.#align()
    return this
  }

  attr(type: number, value: Uint8Array): this {
    return this.u16(value.length + 4)
      .u16(type)
      .bytes(value)
  }

  attrU32(type: number, value: number | undefined): this {
    return value === undefined ? this : this.u16(8).u16(type).u32(value)
  }

  /** A string with its NUL. */
  attrText(type: number, text: string | undefined): this {
    return text === undefined ? this : this.attr(type, encodeText(text + '\0'))
  }

  /** An attribute whose content `fill` writes. */
  nest(type: number, fill: (message: this) => void): this {
    const start = this.#length
    this.u16(0).u16(type | NLA_F_NESTED)
    fill(this)
    this.#view.setUint16(start, this.#length - start, true)
    return this
  }

  finish(sequence: number): Uint8Array {
    this.#view.setUint32(0, this.#length, true)
    this.#view.setUint32(8, sequence, true)
    return this.#bytes.subarray(0, this.#length)
  }

  #align(): void {
    this.#grow((4 - (this.#length & 3)) & 3)
  }

  #grow(size: number): number {
    const at = this.#length
    this.#length += size
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2))
      larger.set(this.#bytes)
      this.#bytes = larger
      this.#view = new DataView(larger.buffer)
    }
    return at
  }
}

/** One received message: its type and what follows the header. */
export interface Received {
  readonly type: number
  readonly flags: number
  readonly sequence: number
  readonly body: Uint8Array
}

/** Messages of one datagram. A length that does not fit ends the list. */
export function* splitMessages(datagram: Uint8Array): Generator<Received, void, undefined> {
  const view = viewOf(datagram)
  for (let at = 0; at + 16 <= datagram.length; ) {
    const length = view.getUint32(at, true)
    if (length < 16 || at + length > datagram.length) return
    yield {
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + 6, true),
      sequence: view.getUint32(at + 8, true),
      body: datagram.subarray(at + 16, at + length),
    }
    at += (length + 3) & ~3
  }
}

/** Attributes by type; of repeated ones the last. A length that does not fit ends the list. */
export class Attributes {
  readonly #all = new Map<number, Uint8Array>()

  constructor(bytes: Uint8Array | undefined, start = 0) {
    if (bytes === undefined) return
    const view = viewOf(bytes)
    for (let at = start; at + 4 <= bytes.length; ) {
      const length = view.getUint16(at, true)
      if (length < 4 || at + length > bytes.length) return
      this.#all.set(view.getUint16(at + 2, true) & NLA_TYPE_MASK, bytes.subarray(at + 4, at + length))
      at += (length + 3) & ~3
    }
  }

  has(type: number): boolean {
    return this.#all.has(type)
  }

  bytes(type: number): Uint8Array | undefined {
    return this.#all.get(type)
  }

  u8(type: number): number | undefined {
    return this.#all.get(type)?.[0]
  }

  u32(type: number): number | undefined {
    const bytes = this.#all.get(type)
    return bytes === undefined || bytes.length < 4 ? undefined : viewOf(bytes).getUint32(0, true)
  }

  text(type: number): string | undefined {
    const bytes = this.#all.get(type)
    if (bytes === undefined) return undefined
    const end = bytes.indexOf(0)
    return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString('utf8')
  }

  nested(type: number): Attributes {
    return new Attributes(this.#all.get(type))
  }
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
