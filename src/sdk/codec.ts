import { UsageError } from '../base/index.js'
import { type Btf, decodeValue, encodeValue } from '../btf/index.js'

/** How keys or values become bytes and back. `size` is in bytes; encode must give exactly that many. */
export interface Codec<T> {
  readonly size: number
  encode(value: T): Uint8Array
  decode(bytes: Uint8Array): T
}

/** Bytes as they are; encode accepts whole numbers too and writes them little-endian. */
export function bytesCodec(size: number): Codec<Uint8Array> {
  return {
    size,
    encode: (value: unknown) => rawBytes(value, size),
    decode: (bytes) => bytes,
  }
}

/** Unsigned (default) or signed little-endian integers of 1, 2 or 4 bytes as numbers. */
export function intCodec(size: 1 | 2 | 4, signed = false): Codec<number> {
  return {
    size,
    encode: (value) => rawBytes(value, size),
    decode(bytes) {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      if (size === 1) return signed ? view.getInt8(0) : view.getUint8(0)
      if (size === 2) return signed ? view.getInt16(0, true) : view.getUint16(0, true)
      return signed ? view.getInt32(0, true) : view.getUint32(0, true)
    },
  }
}

/** 64-bit little-endian integers as bigint; encode accepts whole numbers. */
export function int64Codec(signed = false): Codec<bigint> {
  return {
    size: 8,
    encode: (value: bigint | number) => rawBytes(value, 8),
    decode(bytes) {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      return signed ? view.getBigInt64(0, true) : view.getBigUint64(0, true)
    },
  }
}

/** Values of a BTF type: plain objects for structs, bigint for 64-bit integers. Bytes are accepted as they are. */
export function btfCodec(btf: Btf, typeId: number, size: number): Codec<unknown> {
  return {
    size,
    encode: (value) => (value instanceof Uint8Array ? rawBytes(value, size) : encodeValue(btf, typeId, value)),
    decode: (bytes) => decodeValue(btf, typeId, bytes),
  }
}

const MIN_I64 = -(1n << 63n)
const MAX_U64 = (1n << 64n) - 1n

function rawBytes(value: unknown, size: number): Uint8Array {
  if (value instanceof Uint8Array) {
    if (value.length !== size) throw new UsageError(`${value.length} bytes given where the map takes ${size}`)
    return value
  }
  if (
    typeof value === 'number' &&
    size === 4 &&
    value >= -0x8000_0000 &&
    value <= 0xffff_ffff &&
    Number.isInteger(value)
  ) {
    return Uint8Array.of(value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24)
  }
  if (typeof value === 'bigint' && size === 8 && value >= MIN_I64 && value <= MAX_U64) {
    const bytes = new Uint8Array(8)
    new DataView(bytes.buffer).setBigUint64(0, value, true)
    return bytes
  }
  if (typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value))) {
    const wide = BigInt(value)
    const bits = BigInt(size * 8)
    if (wide >= 1n << bits || wide < -(1n << (bits - 1n))) throw new UsageError(`${value} does not fit ${size} bytes`)
    const bytes = new Uint8Array(size)
    let rest = BigInt.asUintN(size * 8, wide)
    for (let i = 0; i < size; i++) {
      bytes[i] = Number(rest & 0xffn)
      rest >>= 8n
    }
    return bytes
  }
  throw new UsageError(
    `a map without BTF takes Uint8Array or integers, not ${value === null ? 'null' : typeof value}`,
    'build the object with -g, or give the map a codec',
  )
}
