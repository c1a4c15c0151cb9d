import { UsageError } from '../base/index.js'
import { type Btf, valueCodec } from '../btf/index.js'

/** How keys or values become bytes and back. `size` is in bytes; encode must give exactly that many. */
export interface Codec<T> {
  readonly size: number
  encode(value: T): Uint8Array
  decode(bytes: Uint8Array): T
  /** Writes `size` bytes where they belong: spares `encode` its array. Optional. */
  writeAt?(bytes: Uint8Array, at: number, value: T): void
  /** Decodes from `at` on without keeping a view of the bytes, which change afterwards. Optional. */
  readAt?(bytes: Uint8Array, at: number): T
}

/** One integer in all its widths, to go between bytes and numbers without objects. */
const word = new Uint8Array(8)
const numbers = {
  u8: word,
  i8: new Int8Array(word.buffer),
  u16: new Uint16Array(word.buffer),
  i16: new Int16Array(word.buffer),
  u32: new Uint32Array(word.buffer),
  i32: new Int32Array(word.buffer),
}
const u64 = new BigUint64Array(word.buffer)
const i64 = new BigInt64Array(word.buffer)

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
  const cell = numbers[`${signed ? 'i' : 'u'}${(size * 8) as 8 | 16 | 32}`]
  const low = -(2 ** (size * 8 - 1))
  const high = 2 ** (size * 8) - 1
  const readAt = (bytes: Uint8Array, at: number): number => {
    for (let i = 0; i < size; i++) word[i] = bytes[at + i] as number
    return cell[0] as number
  }
  return {
    size,
    encode: (value) => rawBytes(value, size),
    decode: (bytes) => readAt(bytes, 0),
    writeAt(bytes, at, value) {
      if (typeof value !== 'number' || !Number.isInteger(value) || value < low || value > high) {
        bytes.set(rawBytes(value, size), at)
        return
      }
      for (let i = 0, rest = value; i < size; i++, rest >>= 8) bytes[at + i] = rest
    },
    readAt,
  }
}

/** 64-bit little-endian integers as bigint; encode accepts whole numbers. */
export function int64Codec(signed = false): Codec<bigint> {
  const readAt = (bytes: Uint8Array, at: number): bigint => {
    for (let i = 0; i < 8; i++) word[i] = bytes[at + i] as number
    return (signed ? i64[0] : u64[0]) as bigint
  }
  return {
    size: 8,
    encode: (value: bigint | number) => rawBytes(value, 8),
    decode: (bytes) => readAt(bytes, 0),
    writeAt(bytes, at, value) {
      if (typeof value !== 'bigint' || value < MIN_I64 || value > MAX_U64) {
        bytes.set(rawBytes(value, 8), at)
        return
      }
      u64[0] = value
      for (let i = 0; i < 8; i++) bytes[at + i] = word[i] as number
    },
    readAt,
  }
}

/** Values of a BTF type: plain objects for structs, bigint for 64-bit integers. Bytes are accepted as they are. */
export function btfCodec(btf: Btf, typeId: number, size: number): Codec<unknown> {
  const codec = valueCodec(btf, typeId)
  const writeAt = (bytes: Uint8Array, at: number, value: unknown): void => {
    if (value instanceof Uint8Array) {
      bytes.set(rawBytes(value, size), at)
      return
    }
    // Members that are left out are zero.
    if (codec.leaves > 1) bytes.fill(0, at, at + codec.size)
    codec.encode(bytes, at, value, 'value')
  }
  return {
    size: codec.size,
    encode(value) {
      if (value instanceof Uint8Array) return rawBytes(value, size)
      const bytes = new Uint8Array(codec.size)
      codec.encode(bytes, 0, value, 'value')
      return bytes
    },
    decode(bytes) {
      if (bytes.length < codec.size) {
        throw new UsageError(`the value has ${bytes.length} bytes, type [${typeId}] needs ${codec.size}`)
      }
      return codec.decode(bytes, 0)
    },
    writeAt,
    readAt: (bytes, at) => codec.decode(bytes, at),
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
