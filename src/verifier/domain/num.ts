// What is known of a 64-bit value: which bits (a tnum: `mask` bits are unknown, `value` holds the others), and its range as
// an unsigned and a signed number, of all 64 bits and of the low 32. Every number is a pair of signed 32-bit halves.

import { add64, hi, slt, sub64, ult, ult32 } from './int64.js'

export interface Num {
  valueLo: number
  valueHi: number
  maskLo: number
  maskHi: number
  uminLo: number
  uminHi: number
  umaxLo: number
  umaxHi: number
  sminLo: number
  sminHi: number
  smaxLo: number
  smaxHi: number
  /** Low 32 bits, unsigned, kept as signed bit patterns. */
  umin32: number
  umax32: number
  smin32: number
  smax32: number
}

export const S32_MIN = -0x8000_0000
export const S32_MAX = 0x7fff_ffff

/** A value nothing is known of. */
export function newNum(): Num {
  return {
    ...{ valueLo: 0, valueHi: 0, maskLo: -1, maskHi: -1 },
    ...{ uminLo: 0, uminHi: 0, umaxLo: -1, umaxHi: -1 },
    ...{ sminLo: 0, sminHi: S32_MIN, smaxLo: -1, smaxHi: S32_MAX },
    ...{ umin32: 0, umax32: -1, smin32: S32_MIN, smax32: S32_MAX },
  }
}

export function copyNum(to: Num, from: Num): void {
  to.valueLo = from.valueLo
  to.valueHi = from.valueHi
  to.maskLo = from.maskLo
  to.maskHi = from.maskHi
  to.uminLo = from.uminLo
  to.uminHi = from.uminHi
  to.umaxLo = from.umaxLo
  to.umaxHi = from.umaxHi
  to.sminLo = from.sminLo
  to.sminHi = from.sminHi
  to.smaxLo = from.smaxLo
  to.smaxHi = from.smaxHi
  to.umin32 = from.umin32
  to.umax32 = from.umax32
  to.smin32 = from.smin32
  to.smax32 = from.smax32
}

export function setUnknown(n: Num): void {
  n.valueLo = n.valueHi = 0
  n.maskLo = n.maskHi = -1
  setUnbounded(n)
}

/** Forgets the ranges, keeps the bits. */
export function setUnbounded(n: Num): void {
  setUnbounded64(n)
  setUnbounded32(n)
}

export function setUnbounded64(n: Num): void {
  n.uminLo = n.uminHi = 0
  n.umaxLo = n.umaxHi = -1
  n.sminLo = 0
  n.sminHi = S32_MIN
  n.smaxLo = -1
  n.smaxHi = S32_MAX
}

export function setUnbounded32(n: Num): void {
  n.umin32 = 0
  n.umax32 = -1
  n.smin32 = S32_MIN
  n.smax32 = S32_MAX
}

export function setKnown(n: Num, lo: number, high: number): void {
  n.valueLo = n.uminLo = n.umaxLo = n.sminLo = n.smaxLo = lo
  n.valueHi = n.uminHi = n.umaxHi = n.sminHi = n.smaxHi = high
  n.maskLo = n.maskHi = 0
  n.umin32 = n.umax32 = n.smin32 = n.smax32 = lo
}

/** The low 32 bits are known; what that means for all 64 is the caller's. */
export function setKnown32(n: Num, lo: number): void {
  n.valueLo = lo
  n.maskLo = 0
  n.umin32 = n.umax32 = n.smin32 = n.smax32 = lo
}

/** All 64 bits known. */
export function isConst(n: Num): boolean {
  return (n.maskLo | n.maskHi) === 0
}

export function isConst32(n: Num): boolean {
  return n.maskLo === 0
}

export function isUnknown(n: Num): boolean {
  return n.valueLo === 0 && n.valueHi === 0 && n.maskLo === -1 && n.maskHi === -1
}

export function sameRange(a: Num, b: Num): boolean {
  return (
    a.uminLo === b.uminLo &&
    a.uminHi === b.uminHi &&
    a.umaxLo === b.umaxLo &&
    a.umaxHi === b.umaxHi &&
    a.sminLo === b.sminLo &&
    a.sminHi === b.sminHi &&
    a.smaxLo === b.smaxLo &&
    a.smaxHi === b.smaxHi &&
    a.umin32 === b.umin32 &&
    a.umax32 === b.umax32 &&
    a.smin32 === b.smin32 &&
    a.smax32 === b.smax32
  )
}

export function sameNum(a: Num, b: Num): boolean {
  return (
    a.valueLo === b.valueLo &&
    a.valueHi === b.valueHi &&
    a.maskLo === b.maskLo &&
    a.maskHi === b.maskHi &&
    sameRange(a, b)
  )
}

/** Every range of `inner` lies inside that of `outer`. */
export function rangeWithin(outer: Num, inner: Num): boolean {
  return (
    !ult(inner.uminLo, inner.uminHi, outer.uminLo, outer.uminHi) &&
    !ult(outer.umaxLo, outer.umaxHi, inner.umaxLo, inner.umaxHi) &&
    !slt(inner.sminLo, inner.sminHi, outer.sminLo, outer.sminHi) &&
    !slt(outer.smaxLo, outer.smaxHi, inner.smaxLo, inner.smaxHi) &&
    !ult32(inner.umin32, outer.umin32) &&
    !ult32(outer.umax32, inner.umax32) &&
    inner.smin32 >= outer.smin32 &&
    inner.smax32 <= outer.smax32
  )
}

/** Every value the bits of `inner` allow is allowed by those of `outer`. */
export function bitsWithin(outer: Num, inner: Num): boolean {
  if ((inner.maskLo & ~outer.maskLo) !== 0 || (inner.maskHi & ~outer.maskHi) !== 0) return false
  return (inner.valueLo & ~outer.maskLo) === outer.valueLo && (inner.valueHi & ~outer.maskHi) === outer.valueHi
}

export function raiseUmin(n: Num, lo: number, high: number): void {
  if (ult(n.uminLo, n.uminHi, lo, high)) {
    n.uminLo = lo
    n.uminHi = high
  }
}

export function lowerUmax(n: Num, lo: number, high: number): void {
  if (ult(lo, high, n.umaxLo, n.umaxHi)) {
    n.umaxLo = lo
    n.umaxHi = high
  }
}

export function raiseSmin(n: Num, lo: number, high: number): void {
  if (slt(n.sminLo, n.sminHi, lo, high)) {
    n.sminLo = lo
    n.sminHi = high
  }
}

export function lowerSmax(n: Num, lo: number, high: number): void {
  if (slt(lo, high, n.smaxLo, n.smaxHi)) {
    n.smaxLo = lo
    n.smaxHi = high
  }
}

export function limitUnsigned32(n: Num, min: number, max: number): void {
  if (ult32(n.umin32, min)) n.umin32 = min
  if (ult32(max, n.umax32)) n.umax32 = max
}

export function limitSigned32(n: Num, min: number, max: number): void {
  if (min > n.smin32) n.smin32 = min
  if (max < n.smax32) n.smax32 = max
}

/** The bits become a + b of tnums. */
export function addBits(n: Num, a: Num, b: Num): void {
  const maskLo = add64(a.maskLo, a.maskHi, b.maskLo, b.maskHi)
  const maskHi = hi
  const sumLo = add64(a.valueLo, a.valueHi, b.valueLo, b.valueHi)
  const sumHi = hi
  const mostLo = add64(maskLo, maskHi, sumLo, sumHi)
  const unsureLo = (mostLo ^ sumLo) | a.maskLo | b.maskLo
  const unsureHi = (hi ^ sumHi) | a.maskHi | b.maskHi
  n.valueLo = sumLo & ~unsureLo
  n.valueHi = sumHi & ~unsureHi
  n.maskLo = unsureLo
  n.maskHi = unsureHi
}

/** The bits become a - b of tnums. */
export function subBits(n: Num, a: Num, b: Num): void {
  const diffLo = sub64(a.valueLo, a.valueHi, b.valueLo, b.valueHi)
  const diffHi = hi
  const mostLo = add64(diffLo, diffHi, a.maskLo, a.maskHi)
  const mostHi = hi
  const leastLo = sub64(diffLo, diffHi, b.maskLo, b.maskHi)
  const unsureLo = (mostLo ^ leastLo) | a.maskLo | b.maskLo
  const unsureHi = (mostHi ^ hi) | a.maskHi | b.maskHi
  n.valueLo = diffLo & ~unsureLo
  n.valueHi = diffHi & ~unsureHi
  n.maskLo = unsureLo
  n.maskHi = unsureHi
}

export function andBits(n: Num, a: Num, b: Num): void {
  const valueLo = a.valueLo & b.valueLo
  const valueHi = a.valueHi & b.valueHi
  n.maskLo = (a.valueLo | a.maskLo) & (b.valueLo | b.maskLo) & ~valueLo
  n.maskHi = (a.valueHi | a.maskHi) & (b.valueHi | b.maskHi) & ~valueHi
  n.valueLo = valueLo
  n.valueHi = valueHi
}

export function orBits(n: Num, a: Num, b: Num): void {
  const valueLo = a.valueLo | b.valueLo
  const valueHi = a.valueHi | b.valueHi
  n.maskLo = (a.maskLo | b.maskLo) & ~valueLo
  n.maskHi = (a.maskHi | b.maskHi) & ~valueHi
  n.valueLo = valueLo
  n.valueHi = valueHi
}

export function xorBits(n: Num, a: Num, b: Num): void {
  const maskLo = a.maskLo | b.maskLo
  const maskHi = a.maskHi | b.maskHi
  n.valueLo = (a.valueLo ^ b.valueLo) & ~maskLo
  n.valueHi = (a.valueHi ^ b.valueHi) & ~maskHi
  n.maskLo = maskLo
  n.maskHi = maskHi
}

/** Keeps what both tnums say. */
export function meetBits(n: Num, valueLo: number, valueHi: number, maskLo: number, maskHi: number): void {
  const bothLo = n.maskLo & maskLo
  const bothHi = n.maskHi & maskHi
  n.valueLo = (n.valueLo | valueLo) & ~bothLo
  n.valueHi = (n.valueHi | valueHi) & ~bothHi
  n.maskLo = bothLo
  n.maskHi = bothHi
}

/** All bits below and including the highest set one. */
export function smear32(bits: number): number {
  const zeros = Math.clz32(bits)
  return zeros === 0 ? -1 : zeros === 32 ? 0 : 2 ** (32 - zeros) - 1
}
