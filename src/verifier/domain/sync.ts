// Every view of a number teaches the others: bits, unsigned and signed ranges, 64 and 32 bits wide. The order and number of
// steps decide how far knowledge spreads, and so the log: they follow what reg_bounds_sync() of Linux 6.18 shows.

import { slt, ult, ult32 } from './int64.js'
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
  const minFits = n.sminHi === n.sminLo >> 31 || n.sminHi >= 0
  const maxFits = n.smaxHi === n.smaxLo >> 31 || n.smaxHi < 0
  if (minFits && maxFits) {
    raiseSmin(n, n.smin32, n.smin32 >> 31)
    lowerSmax(n, n.smax32, n.smax32 >> 31)
  }
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

/** Whether a range is empty or views contradict each other: Linux forgets everything then. */
export function isContradictory(n: Num): boolean {
  return (
    ult(n.umaxLo, n.umaxHi, n.uminLo, n.uminHi) ||
    slt(n.smaxLo, n.smaxHi, n.sminLo, n.sminHi) ||
    ult32(n.umax32, n.umin32) ||
    n.smax32 < n.smin32
  )
}
