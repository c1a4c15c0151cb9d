// Arithmetic on numbers of which only bits and ranges are known. Each operation works on both widths at once; the caller
// zero-extends the result of a 32-bit one and spreads what is known (syncBounds).

import { add64, fromBig, hi, sar64, shl64, shr64, slt, sub64, toBig, toSigned, ult, ult32 } from './int64.js'
import {
  addBits,
  andBits,
  copyNum,
  isConst,
  isConst32,
  type Num,
  orBits,
  S32_MAX,
  S32_MIN,
  setKnown,
  setKnown32,
  setUnbounded32,
  setUnbounded64,
  setUnknown,
  subBits,
  xorBits,
} from './num.js'
import { rangesFromBits, rangesFromBits32, syncBounds, zeroExtend32 } from './sync.js'

const U64 = 0xffff_ffff_ffff_ffffn
const S64_MAX = 0x7fff_ffff_ffff_ffffn
const S64_MIN = -0x8000_0000_0000_0000n

export function addNum(n: Num, by: Num): void {
  addSigned(n, by)
  addUnsigned(n, by)
  addSigned32(n, by)
  addUnsigned32(n, by)
  addBits(n, n, by)
}

/** Signed overflow of either end loses the signed range. */
function addSigned(n: Num, by: Num): void {
  const minLo = add64(n.sminLo, n.sminHi, by.sminLo, by.sminHi)
  const minHi = hi
  const maxLo = add64(n.smaxLo, n.smaxHi, by.smaxLo, by.smaxHi)
  const maxHi = hi
  const minOver = ((n.sminHi ^ minHi) & (by.sminHi ^ minHi)) < 0
  const maxOver = ((n.smaxHi ^ maxHi) & (by.smaxHi ^ maxHi)) < 0
  setSigned(n, minLo, minHi, maxLo, maxHi, minOver || maxOver)
}

function setSigned(n: Num, minLo: number, minHi: number, maxLo: number, maxHi: number, lost: boolean): void {
  n.sminLo = lost ? 0 : minLo
  n.sminHi = lost ? S32_MIN : minHi
  n.smaxLo = lost ? -1 : maxLo
  n.smaxHi = lost ? S32_MAX : maxHi
}

/** If both ends wrap the range still holds; if one does it is lost. */
function addUnsigned(n: Num, by: Num): void {
  const minLo = add64(n.uminLo, n.uminHi, by.uminLo, by.uminHi)
  const minHi = hi
  const maxLo = add64(n.umaxLo, n.umaxHi, by.umaxLo, by.umaxHi)
  const maxHi = hi
  const minOver = ult(minLo, minHi, n.uminLo, n.uminHi)
  const maxOver = ult(maxLo, maxHi, n.umaxLo, n.umaxHi)
  setUnsigned(n, minLo, minHi, maxLo, maxHi, !minOver && maxOver)
}

function setUnsigned(n: Num, minLo: number, minHi: number, maxLo: number, maxHi: number, lost: boolean): void {
  n.uminLo = lost ? 0 : minLo
  n.uminHi = lost ? 0 : minHi
  n.umaxLo = lost ? -1 : maxLo
  n.umaxHi = lost ? -1 : maxHi
}

function setSigned32(n: Num, min: number, max: number): void {
  const lost = min < S32_MIN || min > S32_MAX || max < S32_MIN || max > S32_MAX
  n.smin32 = lost ? S32_MIN : min
  n.smax32 = lost ? S32_MAX : max
}

function setUnsigned32(n: Num, min: number, max: number, lost: boolean): void {
  n.umin32 = lost ? 0 : min | 0
  n.umax32 = lost ? -1 : max | 0
}

function addSigned32(n: Num, by: Num): void {
  setSigned32(n, n.smin32 + by.smin32, n.smax32 + by.smax32)
}

function addUnsigned32(n: Num, by: Num): void {
  const min = (n.umin32 >>> 0) + (by.umin32 >>> 0)
  const max = (n.umax32 >>> 0) + (by.umax32 >>> 0)
  setUnsigned32(n, min, max, min <= 0xffff_ffff && max > 0xffff_ffff)
}

export function subNum(n: Num, by: Num): void {
  const sminLo = sub64(n.sminLo, n.sminHi, by.smaxLo, by.smaxHi)
  const sminHi = hi
  const smaxLo = sub64(n.smaxLo, n.smaxHi, by.sminLo, by.sminHi)
  const smaxHi = hi
  const minOver = ((n.sminHi ^ by.smaxHi) & (n.sminHi ^ sminHi)) < 0
  const maxOver = ((n.smaxHi ^ by.sminHi) & (n.smaxHi ^ smaxHi)) < 0
  setSigned(n, sminLo, sminHi, smaxLo, smaxHi, minOver || maxOver)
  const minUnder = ult(n.uminLo, n.uminHi, by.umaxLo, by.umaxHi)
  const maxUnder = ult(n.umaxLo, n.umaxHi, by.uminLo, by.uminHi)
  const uminLo = sub64(n.uminLo, n.uminHi, by.umaxLo, by.umaxHi)
  const uminHi = hi
  const umaxLo = sub64(n.umaxLo, n.umaxHi, by.uminLo, by.uminHi)
  setUnsigned(n, uminLo, uminHi, umaxLo, hi, minUnder && !maxUnder)
  setSigned32(n, n.smin32 - by.smax32, n.smax32 - by.smin32)
  const min32 = (n.umin32 >>> 0) - (by.umax32 >>> 0)
  const max32 = (n.umax32 >>> 0) - (by.umin32 >>> 0)
  setUnsigned32(n, min32, max32, min32 < 0 && max32 >= 0)
  subBits(n, n, by)
}

/** n becomes 0 - n. */
export function negNum(n: Num, scratch: Num): void {
  setKnown(scratch, 0, 0)
  subNum(scratch, n)
  copyNum(n, scratch)
}

/** Multiplications are rare: bigints do. */
export function mulNum(n: Num, by: Num): void {
  mulBits(n, by)
  const umin = toBig(n.uminLo, n.uminHi) * toBig(by.uminLo, by.uminHi)
  const umax = toBig(n.umaxLo, n.umaxHi) * toBig(by.umaxLo, by.umaxHi)
  const unsignedLost = umin > U64 || umax > U64
  const ends = corners(
    [toSigned(n.sminLo, n.sminHi), toSigned(n.smaxLo, n.smaxHi)],
    [toSigned(by.sminLo, by.sminHi), toSigned(by.smaxLo, by.smaxHi)],
  )
  const signedLost = ends.min < S64_MIN || ends.max > S64_MAX
  const umin32 = (n.umin32 >>> 0) * (by.umin32 >>> 0)
  const umax32 = (n.umax32 >>> 0) * (by.umax32 >>> 0)
  const ends32 = corners([BigInt(n.smin32), BigInt(n.smax32)], [BigInt(by.smin32), BigInt(by.smax32)])
  const signed32Lost = ends32.min < BigInt(S32_MIN) || ends32.max > BigInt(S32_MAX)
  n.umin32 = umax32 > 0xffff_ffff ? 0 : umin32 | 0
  n.umax32 = umax32 > 0xffff_ffff ? -1 : umax32 | 0
  n.smin32 = signed32Lost ? S32_MIN : Number(ends32.min)
  n.smax32 = signed32Lost ? S32_MAX : Number(ends32.max)
  n.uminLo = fromBig(unsignedLost ? 0n : umin)
  n.uminHi = hi
  n.umaxLo = fromBig(unsignedLost ? U64 : umax)
  n.umaxHi = hi
  n.sminLo = fromBig(signedLost ? S64_MIN : ends.min)
  n.sminHi = hi
  n.smaxLo = fromBig(signedLost ? S64_MAX : ends.max)
  n.smaxHi = hi
}

function corners(a: readonly bigint[], b: readonly bigint[]): { min: bigint; max: bigint } {
  const products = a.flatMap((x) => b.map((y) => x * y))
  const least = (x: bigint, y: bigint) => (x < y ? x : y)
  const most = (x: bigint, y: bigint) => (x > y ? x : y)
  return { min: products.reduce(least), max: products.reduce(most) }
}

/** Long multiplication: an unknown bit of one factor means the sum with and without the other, shifted. */
function mulBits(n: Num, by: Num): void {
  let value = toBig(n.valueLo, n.valueHi)
  let mask = toBig(n.maskLo, n.maskHi)
  let byValue = toBig(by.valueLo, by.valueHi)
  let byMask = toBig(by.maskLo, by.maskHi)
  let sumValue = 0n
  let sumMask = 0n
  while (value !== 0n || mask !== 0n) {
    if ((value & 1n) === 1n || (mask & 1n) === 1n) {
      const total = (sumValue + byValue) & U64
      const unsure = (((sumMask + byMask + total) & U64) ^ total) | sumMask | byMask
      const addedValue = total & ~unsure
      if ((value & 1n) === 1n) {
        sumValue = addedValue
        sumMask = unsure
      } else {
        const differs = sumMask | unsure | (sumValue ^ addedValue)
        sumValue = sumValue & addedValue & ~differs
        sumMask = differs
      }
    }
    value >>= 1n
    mask >>= 1n
    byValue = (byValue << 1n) & U64
    byMask = (byMask << 1n) & U64
  }
  n.valueLo = fromBig(sumValue)
  n.valueHi = hi
  n.maskLo = fromBig(sumMask)
  n.maskHi = hi
}

/** After a bitwise operation: the signed range is the unsigned one where that does not cross the sign. */
function signedFromUnsigned(n: Num): void {
  if (!slt(n.umaxLo, n.umaxHi, n.uminLo, n.uminHi)) setSigned(n, n.uminLo, n.uminHi, n.umaxLo, n.umaxHi, false)
  else setSigned(n, 0, 0, 0, 0, true)
}

function signedFromUnsigned32(n: Num): void {
  const fits = n.umin32 <= n.umax32
  n.smin32 = fits ? n.umin32 : S32_MIN
  n.smax32 = fits ? n.umax32 : S32_MAX
}

export function andNum(n: Num, by: Num): void {
  const known32 = isConst32(n) && isConst32(by)
  const known = isConst(n) && isConst(by)
  const byMax32 = by.umax32
  const { umaxLo, umaxHi } = by
  andBits(n, n, by)
  if (known32) setKnown32(n, n.valueLo)
  else {
    n.umin32 = n.valueLo
    if (ult32(byMax32, n.umax32)) n.umax32 = byMax32
    signedFromUnsigned32(n)
  }
  if (known) {
    setKnown(n, n.valueLo, n.valueHi)
    return
  }
  n.uminLo = n.valueLo
  n.uminHi = n.valueHi
  if (ult(umaxLo, umaxHi, n.umaxLo, n.umaxHi)) {
    n.umaxLo = umaxLo
    n.umaxHi = umaxHi
  }
  signedFromUnsigned(n)
  rangesFromBits(n)
}

export function orNum(n: Num, by: Num): void {
  const known32 = isConst32(n) && isConst32(by)
  const known = isConst(n) && isConst(by)
  orBits(n, n, by)
  if (known32) setKnown32(n, n.valueLo)
  else {
    if (ult32(n.umin32, by.umin32)) n.umin32 = by.umin32
    n.umax32 = n.valueLo | n.maskLo
    signedFromUnsigned32(n)
  }
  if (known) {
    setKnown(n, n.valueLo, n.valueHi)
    return
  }
  if (ult(n.uminLo, n.uminHi, by.uminLo, by.uminHi)) {
    n.uminLo = by.uminLo
    n.uminHi = by.uminHi
  }
  n.umaxLo = n.valueLo | n.maskLo
  n.umaxHi = n.valueHi | n.maskHi
  signedFromUnsigned(n)
  rangesFromBits(n)
}

export function xorNum(n: Num, by: Num): void {
  const known32 = isConst32(n) && isConst32(by)
  const known = isConst(n) && isConst(by)
  xorBits(n, n, by)
  if (known32) setKnown32(n, n.valueLo)
  else {
    n.umin32 = n.valueLo
    n.umax32 = n.valueLo | n.maskLo
    signedFromUnsigned32(n)
  }
  if (known) {
    setKnown(n, n.valueLo, n.valueHi)
    return
  }
  n.uminLo = n.valueLo
  n.uminHi = n.valueHi
  n.umaxLo = n.valueLo | n.maskLo
  n.umaxHi = n.valueHi | n.maskHi
  signedFromUnsigned(n)
  rangesFromBits(n)
}

function lshRange32(n: Num, by: number): void {
  n.smin32 = S32_MIN
  n.smax32 = S32_MAX
  // As in lshNum().
  const top = n.umax32 >>> 0 > 2 ** (31 - by)
  n.umin32 = top ? 0 : n.umin32 << by
  n.umax32 = top ? -1 : n.umax32 << by
}

/** Shift left by a known amount: 0..63. */
export function lshNum(n: Num, by: number): void {
  if (by === 32) {
    // Half of a sign extension: the low half moves up, sign and all.
    setSigned(n, 0, n.smin32, 0, n.smax32, false)
  } else setSigned(n, 0, 0, 0, 0, true)
  // Linux gives up one bit early: above half of what would still fit.
  const limitLo = shl64(1, 0, 63 - by)
  const lost = ult(limitLo, hi, n.umaxLo, n.umaxHi)
  if (lost) setUnsigned(n, 0, 0, 0, 0, true)
  else {
    n.uminLo = shl64(n.uminLo, n.uminHi, by)
    n.uminHi = hi
    n.umaxLo = shl64(n.umaxLo, n.umaxHi, by)
    n.umaxHi = hi
  }
  n.valueLo = shl64(n.valueLo, n.valueHi, by)
  n.valueHi = hi
  n.maskLo = shl64(n.maskLo, n.maskHi, by)
  n.maskHi = hi
  setUnbounded32(n)
  rangesFromBits(n)
}

export function lshNum32(n: Num, by: number): void {
  lshRange32(n, by)
  n.valueLo <<= by
  n.maskLo <<= by
  n.valueHi = n.maskHi = 0
  setUnbounded64(n)
  rangesFromBits32(n)
}

export function rshNum(n: Num, by: number): void {
  setSigned(n, 0, 0, 0, 0, true)
  n.valueLo = shr64(n.valueLo, n.valueHi, by)
  n.valueHi = hi
  n.maskLo = shr64(n.maskLo, n.maskHi, by)
  n.maskHi = hi
  n.uminLo = shr64(n.uminLo, n.uminHi, by)
  n.uminHi = hi
  n.umaxLo = shr64(n.umaxLo, n.umaxHi, by)
  n.umaxHi = hi
  setUnbounded32(n)
  rangesFromBits(n)
}

export function rshNum32(n: Num, by: number): void {
  n.smin32 = S32_MIN
  n.smax32 = S32_MAX
  n.umin32 = (n.umin32 >>> by) | 0
  n.umax32 = (n.umax32 >>> by) | 0
  n.valueLo = (n.valueLo >>> by) | 0
  n.maskLo = (n.maskLo >>> by) | 0
  n.valueHi = n.maskHi = 0
  setUnbounded64(n)
  rangesFromBits32(n)
}

export function arshNum(n: Num, by: number): void {
  n.sminLo = sar64(n.sminLo, n.sminHi, by)
  n.sminHi = hi
  n.smaxLo = sar64(n.smaxLo, n.smaxHi, by)
  n.smaxHi = hi
  n.valueLo = sar64(n.valueLo, n.valueHi, by)
  n.valueHi = hi
  n.maskLo = sar64(n.maskLo, n.maskHi, by)
  n.maskHi = hi
  setUnsigned(n, 0, 0, 0, 0, true)
  setUnbounded32(n)
  rangesFromBits(n)
}

export function arshNum32(n: Num, by: number): void {
  n.smin32 >>= by
  n.smax32 >>= by
  n.valueLo >>= by
  n.maskLo >>= by
  n.valueHi = n.maskHi = 0
  n.umin32 = 0
  n.umax32 = -1
  setUnbounded64(n)
  rangesFromBits32(n)
}

/** The value cut to `size` bytes, zero-extended: what a narrow load or a narrow spill keeps. */
export function truncateNum(n: Num, size: number): void {
  if (size >= 8) return
  const keep = size === 4 ? -1 : size === 2 ? 0xffff : 0xff
  const sameHi = n.uminHi === n.umaxHi && (size === 4 || (n.uminLo & ~keep) === (n.umaxLo & ~keep))
  n.valueLo &= keep
  n.maskLo &= keep
  n.valueHi = n.maskHi = 0
  if (sameHi) {
    n.uminLo &= keep
    n.umaxLo &= keep
  } else {
    n.uminLo = 0
    n.umaxLo = keep
  }
  n.uminHi = n.umaxHi = 0
  n.sminLo = n.uminLo
  n.sminHi = 0
  n.smaxLo = n.umaxLo
  n.smaxHi = 0
  if (size < 4) setUnbounded32(n)
  syncBounds(n)
}

/** The low `size` bytes sign-extended to 64 bits (to 32 where `narrow`, then zero-extended). */
export function signExtendNum(n: Num, size: number, narrow: boolean): void {
  if (narrow) signExtend32(n, size)
  else signExtend64(n, size)
}

function signExtend64(n: Num, size: number): void {
  const bits = size * 8
  if (isConst(n)) {
    const lo = size === 4 ? n.valueLo : (n.valueLo << (32 - bits)) >> (32 - bits)
    setKnown(n, lo, lo >> 31)
    return
  }
  const sameTop = n.smaxHi === n.sminHi && (size === 4 || n.smaxLo >> bits === n.sminLo >> bits)
  if (sameTop) {
    const cut = (lo: number) => (size === 4 ? lo : (lo << (32 - bits)) >> (32 - bits))
    const max = cut(n.smaxLo)
    const min = cut(n.sminLo)
    if (max >= 0 === min >= 0) {
      n.sminLo = n.uminLo = Math.min(min, max)
      n.smaxLo = n.umaxLo = Math.max(min, max)
      n.sminHi = n.uminHi = n.sminLo >> 31
      n.smaxHi = n.umaxHi = n.smaxLo >> 31
      n.smin32 = n.umin32 = n.sminLo
      n.smax32 = n.umax32 = n.smaxLo
      rangeBits(n)
      return
    }
  }
  const limit = 2 ** (bits - 1)
  n.sminLo = -limit | 0
  n.sminHi = -1
  n.smaxLo = (limit - 1) | 0
  n.smaxHi = 0
  n.uminLo = n.uminHi = 0
  n.umaxLo = n.umaxHi = -1
  n.smin32 = -limit | 0
  n.smax32 = (limit - 1) | 0
  n.umin32 = 0
  n.umax32 = -1
  n.valueLo = n.valueHi = 0
  n.maskLo = n.maskHi = -1
}

/** The bits of [smin, smax] taken as an unsigned range. */
function rangeBits(n: Num): void {
  const changed = toBig(n.sminLo ^ n.smaxLo, n.sminHi ^ n.smaxHi)
  const width = changed === 0n ? 0 : changed.toString(2).length
  const mask = (1n << BigInt(width)) - 1n
  const value = toBig(n.sminLo, n.sminHi) & ~mask
  n.valueLo = fromBig(value)
  n.valueHi = hi
  n.maskLo = fromBig(mask)
  n.maskHi = hi
}

function signExtend32(n: Num, size: number): void {
  const bits = size * 8
  const cut = (lo: number) => (lo << (32 - bits)) >> (32 - bits)
  if (isConst32(n)) {
    const lo = cut(n.valueLo)
    setKnown(n, lo, 0)
    return
  }
  if (n.smax32 >> bits === n.smin32 >> bits) {
    const max = cut(n.smax32)
    const min = cut(n.smin32)
    if (max >= 0 === min >= 0) {
      n.smin32 = n.umin32 = Math.min(min, max)
      n.smax32 = n.umax32 = Math.max(min, max)
      const changed = n.smin32 ^ n.smax32
      const zeros = Math.clz32(changed)
      const mask = zeros === 0 ? -1 : changed === 0 ? 0 : 2 ** (32 - zeros) - 1
      n.maskLo = mask | 0
      n.valueLo = n.smin32 & ~mask
      n.valueHi = n.maskHi = 0
      zeroExtend32(n)
      syncBounds(n)
      return
    }
  }
  const limit = 2 ** (bits - 1)
  setUnknown(n)
  n.smin32 = -limit
  n.smax32 = limit - 1
  n.valueHi = n.maskHi = 0
  zeroExtend32(n)
  syncBounds(n)
}

/** The low `size` bytes in the other order, zero-extended: only the bits are followed. */
export function byteSwapNum(n: Num, size: number): void {
  swapBits(n, 'valueLo', 'valueHi', size)
  swapBits(n, 'maskLo', 'maskHi', size)
  setUnbounded64(n)
  setUnbounded32(n)
}

const swap32 = (word: number): number => (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)

function swapBits(n: Num, lo: 'valueLo' | 'maskLo', high: 'valueHi' | 'maskHi', size: number): void {
  const a = n[lo]
  const b = n[high]
  n[lo] = size === 8 ? swap32(b) : size === 4 ? swap32(a) : (swap32(a) >>> 16) | 0
  n[high] = size === 8 ? swap32(a) : 0
}
