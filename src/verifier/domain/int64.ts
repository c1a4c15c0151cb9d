// 64-bit arithmetic on pairs of signed 32-bit halves: V8 keeps those unboxed. A function returns the low half and leaves the
// high half in `hi`, which the caller reads at once.

/** High half of the last result. */
export let hi = 0

export function add64(aLo: number, aHi: number, bLo: number, bHi: number): number {
  const lo = (aLo + bLo) | 0
  hi = (aHi + bHi + (lo >>> 0 < aLo >>> 0 ? 1 : 0)) | 0
  return lo
}

export function sub64(aLo: number, aHi: number, bLo: number, bHi: number): number {
  hi = (aHi - bHi - (aLo >>> 0 < bLo >>> 0 ? 1 : 0)) | 0
  return (aLo - bLo) | 0
}

/** Shift left by 0..63. */
export function shl64(lo: number, high: number, by: number): number {
  if (by === 0) {
    hi = high
    return lo
  }
  if (by >= 32) {
    hi = lo << (by - 32)
    return 0
  }
  hi = (high << by) | (lo >>> (32 - by))
  return lo << by
}

/** Logical shift right by 0..63. */
export function shr64(lo: number, high: number, by: number): number {
  if (by === 0) {
    hi = high
    return lo
  }
  if (by >= 32) {
    hi = 0
    return (high >>> (by - 32)) | 0
  }
  hi = (high >>> by) | 0
  return (lo >>> by) | (high << (32 - by))
}

/** Arithmetic shift right by 0..63. */
export function sar64(lo: number, high: number, by: number): number {
  if (by === 0) {
    hi = high
    return lo
  }
  if (by >= 32) {
    hi = high >> 31
    return high >> (by - 32)
  }
  hi = high >> by
  return (lo >>> by) | (high << (32 - by))
}

/** Unsigned a < b. */
export function ult(aLo: number, aHi: number, bLo: number, bHi: number): boolean {
  return aHi === bHi ? aLo >>> 0 < bLo >>> 0 : aHi >>> 0 < bHi >>> 0
}

/** Signed a < b. */
export function slt(aLo: number, aHi: number, bLo: number, bHi: number): boolean {
  return aHi === bHi ? aLo >>> 0 < bLo >>> 0 : aHi < bHi
}

/** Unsigned a < b of 32 bits given in either sign. */
export function ult32(a: number, b: number): boolean {
  return a >>> 0 < b >>> 0
}

/** The unsigned value as a bigint; for rare operations, messages and logs. */
export function toBig(lo: number, high: number): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(lo >>> 0)
}

/** The signed value as a bigint. */
export function toSigned(lo: number, high: number): bigint {
  return (BigInt(high) << 32n) | BigInt(lo >>> 0)
}

/** The halves of a bigint, modulo 2^64. */
export function fromBig(value: bigint): number {
  hi = Number(BigInt.asIntN(32, value >> 32n))
  return Number(BigInt.asIntN(32, value))
}

/** The signed value as a double: exact below 2^53, of the right sign and magnitude beyond. */
export function toNumber(lo: number, high: number): number {
  return high * 4294967296 + (lo >>> 0)
}
