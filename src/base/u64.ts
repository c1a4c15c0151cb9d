// 64-bit values are bigint at public doors and pairs of 32-bit halves on hot paths.

export const U64_MAX = 0xffff_ffff_ffff_ffffn

export function u64(value: bigint): bigint {
  return BigInt.asUintN(64, value)
}

export function s64(value: bigint): bigint {
  return BigInt.asIntN(64, value)
}

/** Low 32 bits, unsigned. */
export function lo32(value: bigint): number {
  return Number(BigInt.asUintN(32, value))
}

/** High 32 bits, unsigned. */
export function hi32(value: bigint): number {
  return Number(BigInt.asUintN(32, value >> 32n))
}

/** Unsigned 64-bit value of two halves, each given signed or unsigned. */
export function fromHalves(lo: number, hi: number): bigint {
  return (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0)
}

/** `0x…` without padding, as the field prints addresses and register values. */
export function hex64(value: bigint): string {
  return '0x' + u64(value).toString(16)
}
