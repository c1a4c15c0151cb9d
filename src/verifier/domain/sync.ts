// Every view of a number teaches the others: bits, unsigned and signed ranges, 64 and 32 bits wide. The order and number of
// steps decide how far knowledge spreads, and so the log: they follow what reg_bounds_sync() of Linux 6.18 shows.

import { add64, hi, slt, sub64, ult, ult32 } from './int64.js'
import {
  limitSigned32,
  limitUnsigned32,
  lowerSmax,
  lowerUmax,
  meetBits,
  type Num,
  raiseSmin,
  raiseUmin,
  S32_MAX,
  S32_MIN,
  setKnown,
  smear32,
} from './num.js'

/** Ranges learn from the bits. */
export function rangesFromBits(n: Num): void {
  const { valueLo, valueHi, maskLo, maskHi } = n
  rangesFromBits32(n)
  raiseSmin(n, valueLo, valueHi | (maskHi & S32_MIN))
  lowerSmax(n, valueLo | maskLo, valueHi | (maskHi & S32_MAX))
  raiseUmin(n, valueLo, valueHi)
  lowerUmax(n, valueLo | maskLo, valueHi | maskHi)
  singleValue(n)
}

/** The one value that both the bits and the unsigned range allow, where there is only one. */
function singleValue(n: Num): void {
  const { uminLo, uminHi, valueLo, valueHi, maskLo, maskHi } = n
  const inBits = (uminLo & ~maskLo) === valueLo && (uminHi & ~maskHi) === valueHi
  if (inBits && (maskLo & maskHi) === -1) {
    if (!ult(uminLo, uminHi, n.umaxLo, n.umaxHi)) setKnown(n, uminLo, uminHi)
    return
  }
  const nextLo = nextAllowed(n, uminLo, uminHi)
  const nextHi = hi
  if (inBits) {
    if (ult(n.umaxLo, n.umaxHi, nextLo, nextHi)) setKnown(n, uminLo, uminHi)
    return
  }
  if (nextLo === (valueLo | maskLo) && nextHi === (valueHi | maskHi)) {
    setKnown(n, nextLo, nextHi)
    return
  }
  if (ult(n.umaxLo, n.umaxHi, nextLo, nextHi)) return
  const thenLo = nextAllowed(n, nextLo, nextHi)
  if (ult(n.umaxLo, n.umaxHi, thenLo, hi)) setKnown(n, nextLo, nextHi)
}

/** The smallest value the bits allow above the given one, or the largest of all. High half in `hi`. */
function nextAllowed(n: Num, lo: number, high: number): number {
  const { valueLo, valueHi, maskLo, maskHi } = n
  const mostLo = valueLo | maskLo
  const mostHi = valueHi | maskHi
  if (!ult(lo, high, mostLo, mostHi)) return add64(mostLo, mostHi, 0, 0)
  if (ult(lo, high, valueLo, valueHi)) return add64(valueLo, valueHi, 0, 0)
  const byLo = sub64(lo, high, valueLo, valueHi)
  const byHi = hi
  // Below the highest bit that may not be set, everything is to be carried over.
  const strayHi = byHi & ~maskHi
  const strayLo = byLo & ~maskLo
  const carryHi = smear32(strayHi)
  const carryLo = strayHi !== 0 ? -1 : smear32(strayLo)
  const nextLo = add64(byLo | carryLo | ~maskLo, byHi | carryHi | ~maskHi, 1, 0)
  return add64(valueLo | (nextLo & maskLo), valueHi | (hi & maskHi), 0, 0)
}

export function rangesFromBits32(n: Num): void {
  const { valueLo, maskLo } = n
  limitSigned32(n, valueLo | (maskLo & S32_MIN), valueLo | (maskLo & S32_MAX))
  limitUnsigned32(n, valueLo, valueLo | maskLo)
}

/** Ranges of 32 bits learn from those of 64 and from each other. */
function deduce32(n: Num): void {
  if (n.uminHi === n.umaxHi) {
    limitUnsigned32(n, n.uminLo, n.umaxLo)
    if (n.uminLo <= n.umaxLo) limitSigned32(n, n.uminLo, n.umaxLo)
  }
  if (n.sminHi === n.smaxHi) {
    if (!ult32(n.smaxLo, n.sminLo)) limitUnsigned32(n, n.sminLo, n.smaxLo)
    if (n.sminLo <= n.smaxLo) limitSigned32(n, n.sminLo, n.smaxLo)
  }
  // A range over a multiple of 2^32 that starts in a negative and ends in a positive low half.
  if (((n.uminHi + 1) | 0) === n.umaxHi && n.uminLo < 0 && n.umaxLo >= 0) limitSigned32(n, n.uminLo, n.umaxLo)
  if (((n.sminHi + 1) | 0) === n.smaxHi && n.sminLo < 0 && n.smaxLo >= 0) limitSigned32(n, n.sminLo, n.smaxLo)
  if (n.umin32 <= n.umax32) limitSigned32(n, n.umin32, n.umax32)
  if (!ult32(n.smax32, n.smin32)) limitUnsigned32(n, n.smin32, n.smax32)
  else if (ult32(n.umax32, n.smin32)) {
    // The signed range wraps, and the unsigned one misses its negative part.
    n.smin32 = n.umin32
    if (ult32(n.smax32, n.umax32)) n.umax32 = n.smax32
  } else if (ult32(n.smax32, n.umin32)) {
    // It misses the positive part.
    n.smax32 = n.umax32
    if (ult32(n.umin32, n.smin32)) n.umin32 = n.smin32
  }
}

/** Signed and unsigned ranges of 64 bits learn from each other. */
function deduce64(n: Num): void {
  if (!slt(n.umaxLo, n.umaxHi, n.uminLo, n.uminHi)) {
    raiseSmin(n, n.uminLo, n.uminHi)
    lowerSmax(n, n.umaxLo, n.umaxHi)
  }
  if (!ult(n.smaxLo, n.smaxHi, n.sminLo, n.sminHi)) {
    raiseUmin(n, n.sminLo, n.sminHi)
    lowerUmax(n, n.smaxLo, n.smaxHi)
  } else if (ult(n.umaxLo, n.umaxHi, n.sminLo, n.sminHi)) {
    // The signed range wraps, and the unsigned one misses its negative part.
    n.sminLo = n.uminLo
    n.sminHi = n.uminHi
    lowerUmax(n, n.smaxLo, n.smaxHi)
  } else if (ult(n.smaxLo, n.smaxHi, n.uminLo, n.uminHi)) {
    // It misses the positive part.
    n.smaxLo = n.umaxLo
    n.smaxHi = n.umaxHi
    raiseUmin(n, n.sminLo, n.sminHi)
  }
}

/** Ranges of 64 bits learn from those of 32. */
function deduceMixed(n: Num): void {
  raiseUmin(n, n.umin32, n.uminHi)
  lowerUmax(n, n.umax32, n.umaxHi)
  raiseSmin(n, n.umin32, n.sminHi)
  lowerSmax(n, n.umax32, n.smaxHi)
  // A number whose low half is not negative and that fits 32 signed bits is its low half.
  if (n.smin32 < 0 || !fits32(n.sminLo, n.sminHi, true) || !fits32(n.smaxLo, n.smaxHi, false)) return
  n.sminLo = n.uminLo = n.smin32
  n.smaxLo = n.umaxLo = n.smax32
  n.sminHi = n.uminHi = n.smin32 >> 31
  n.smaxHi = n.umaxHi = n.smax32 >> 31
  const changedLo = smear32(n.sminLo ^ n.smaxLo)
  const changedHi = n.sminHi === n.smaxHi ? 0 : smear32(n.sminHi ^ n.smaxHi)
  meetBits(n, n.sminLo & ~changedLo, n.sminHi & ~changedHi, changedHi === 0 ? changedLo : -1, changedHi)
}

/** Signed: not below -2^31 (`low`), not above 2^31 - 1. */
function fits32(lo: number, high: number, low: boolean): boolean {
  return low ? high >= 0 || (high === -1 && lo < 0) : high < 0 || (high === 0 && lo >= 0)
}

/** Bits learn from the unsigned ranges: what smallest and largest share from the top. */
function bitsFromRanges(n: Num): void {
  const changedHi = smear32(n.uminHi ^ n.umaxHi)
  const changedLo = changedHi === 0 ? smear32(n.uminLo ^ n.umaxLo) : -1
  meetBits(n, n.uminLo & ~changedLo, n.uminHi & ~changedHi, changedLo, changedHi)
  const changed32 = smear32(n.umin32 ^ n.umax32)
  const bothLo = n.maskLo & changed32
  n.valueLo = (n.valueLo | (n.umin32 & ~changed32)) & ~bothLo
  n.maskLo = bothLo
}

/** Spreads what one view knows to all others. */
export function syncBounds(n: Num): void {
  rangesFromBits(n)
  for (let round = 0; round < 3; round++) {
    deduce32(n)
    deduce64(n)
    deduceMixed(n)
  }
  bitsFromRanges(n)
  rangesFromBits(n)
}

/** The low 32 bits stay, the high ones become zero; `syncBounds` is the caller's. */
export function zeroExtend32(n: Num): void {
  n.valueHi = 0
  n.maskHi = 0
  n.uminLo = n.umin32
  n.uminHi = 0
  n.umaxLo = n.umax32
  n.umaxHi = 0
  // A signed range helps only where it has no negative part.
  if (n.smin32 >= 0 && n.smax32 >= 0) {
    n.sminLo = n.smin32
    n.smaxLo = n.smax32
    n.sminHi = n.smaxHi = 0
  } else {
    n.sminLo = n.sminHi = 0
    n.smaxLo = -1
    n.smaxHi = 0
  }
}

/** Whether a range is empty: what led here cannot be. */
export function isContradictory(n: Num): boolean {
  return (
    ult(n.umaxLo, n.umaxHi, n.uminLo, n.uminHi) ||
    slt(n.smaxLo, n.smaxHi, n.sminLo, n.sminHi) ||
    ult32(n.umax32, n.umin32) ||
    n.smax32 < n.smin32
  )
}

/** What is wrong with what is known of a number (reg_bounds_sanity_check()); undefined where nothing is. */
export function violation(n: Num): string | undefined {
  if (isContradictory(n)) return 'range bounds violation'
  if ((n.maskLo | n.maskHi) === 0) {
    const { valueLo: lo, valueHi: high } = n
    const unsigned = n.uminLo === lo && n.uminHi === high && n.umaxLo === lo && n.umaxHi === high
    if (!unsigned || n.sminLo !== lo || n.sminHi !== high || n.smaxLo !== lo || n.smaxHi !== high) {
      return 'const tnum out of sync with range bounds'
    }
  }
  if (n.maskLo === 0) {
    const { valueLo: lo } = n
    if (n.umin32 !== lo || n.umax32 !== lo || n.smin32 !== lo || n.smax32 !== lo) {
      return 'const subreg tnum out of sync with range bounds'
    }
  }
  return undefined
}
