// Comparisons: whether their outcome is certain, and what each outcome teaches about both sides.

import { add64, hi, slt, sub64, ult, ult32 } from './int64.js'
import {
  isConst,
  isConst32,
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
  setUnbounded,
} from './num.js'
import { syncBounds } from './sync.js'

/** Comparison operators; `a x b`. `set` is a & b, `clear` its negation. */
export type Comparison = 'eq' | 'ne' | 'gt' | 'ge' | 'lt' | 'le' | 'sgt' | 'sge' | 'slt' | 'sle' | 'set' | 'clear'

export const NEGATED: Readonly<Record<Comparison, Comparison>> = {
  eq: 'ne',
  ne: 'eq',
  gt: 'le',
  le: 'gt',
  ge: 'lt',
  lt: 'ge',
  sgt: 'sle',
  sle: 'sgt',
  sge: 'slt',
  slt: 'sge',
  set: 'clear',
  clear: 'set',
}

/** The operator with its sides exchanged. */
export const SWAPPED: Readonly<Record<Comparison, Comparison>> = {
  eq: 'eq',
  ne: 'ne',
  gt: 'lt',
  lt: 'gt',
  ge: 'le',
  le: 'ge',
  sgt: 'slt',
  slt: 'sgt',
  sge: 'sle',
  sle: 'sge',
  set: 'set',
  clear: 'clear',
}

/** true or false where the outcome is certain. */
export function certainOutcome(op: Comparison, a: Num, b: Num, narrow: boolean): boolean | undefined {
  return narrow ? certain32(op, a, b) : certain64(op, a, b)
}

function certain64(op: Comparison, a: Num, b: Num): boolean | undefined {
  switch (op) {
    case 'eq':
    case 'ne': {
      if (isConst(a) && isConst(b)) return (a.valueLo === b.valueLo && a.valueHi === b.valueHi) === (op === 'eq')
      if (bitsDiffer(a, b, false) || apart64(a, b)) return op === 'ne'
      return apart32(a, b) ? op === 'ne' : undefined
    }
    case 'set':
    case 'clear': {
      const maybeLo = (a.valueLo | a.maskLo) & (b.valueLo | b.maskLo)
      const maybeHi = (a.valueHi | a.maskHi) & (b.valueHi | b.maskHi)
      if (!isConst(b)) return undefined
      if ((a.valueLo & b.valueLo) !== 0 || (a.valueHi & b.valueHi) !== 0) return op === 'set'
      return maybeLo === 0 && maybeHi === 0 ? op === 'clear' : undefined
    }
    case 'gt':
    case 'le': {
      if (ult(b.umaxLo, b.umaxHi, a.uminLo, a.uminHi)) return op === 'gt'
      return !ult(b.uminLo, b.uminHi, a.umaxLo, a.umaxHi) ? op === 'le' : undefined
    }
    case 'lt':
    case 'ge': {
      if (ult(a.umaxLo, a.umaxHi, b.uminLo, b.uminHi)) return op === 'lt'
      return !ult(a.uminLo, a.uminHi, b.umaxLo, b.umaxHi) ? op === 'ge' : undefined
    }
    case 'sgt':
    case 'sle': {
      if (slt(b.smaxLo, b.smaxHi, a.sminLo, a.sminHi)) return op === 'sgt'
      return !slt(b.sminLo, b.sminHi, a.smaxLo, a.smaxHi) ? op === 'sle' : undefined
    }
    case 'slt':
    case 'sge': {
      if (slt(a.smaxLo, a.smaxHi, b.sminLo, b.sminHi)) return op === 'slt'
      return !slt(a.sminLo, a.sminHi, b.smaxLo, b.smaxHi) ? op === 'sge' : undefined
    }
  }
}

/** A bit both know, and know differently. */
function bitsDiffer(a: Num, b: Num, narrow: boolean): boolean {
  const lo = ~(a.maskLo | b.maskLo) & (a.valueLo ^ b.valueLo)
  return lo !== 0 || (!narrow && (~(a.maskHi | b.maskHi) & (a.valueHi ^ b.valueHi)) !== 0)
}

function apart64(a: Num, b: Num): boolean {
  return (
    ult(b.umaxLo, b.umaxHi, a.uminLo, a.uminHi) ||
    ult(a.umaxLo, a.umaxHi, b.uminLo, b.uminHi) ||
    slt(b.smaxLo, b.smaxHi, a.sminLo, a.sminHi) ||
    slt(a.smaxLo, a.smaxHi, b.sminLo, b.sminHi)
  )
}

function apart32(a: Num, b: Num): boolean {
  return ult32(b.umax32, a.umin32) || ult32(a.umax32, b.umin32) || b.smax32 < a.smin32 || a.smax32 < b.smin32
}

function certain32(op: Comparison, a: Num, b: Num): boolean | undefined {
  switch (op) {
    case 'eq':
    case 'ne':
      if (isConst32(a) && isConst32(b)) return (a.valueLo === b.valueLo) === (op === 'eq')
      return bitsDiffer(a, b, true) || apart32(a, b) ? op === 'ne' : undefined
    case 'set':
    case 'clear':
      if (!isConst32(b)) return undefined
      if ((a.valueLo & b.valueLo) !== 0) return op === 'set'
      return ((a.valueLo | a.maskLo) & b.valueLo) === 0 ? op === 'clear' : undefined
    case 'gt':
    case 'le':
      if (ult32(b.umax32, a.umin32)) return op === 'gt'
      return !ult32(b.umin32, a.umax32) ? op === 'le' : undefined
    case 'lt':
    case 'ge':
      if (ult32(a.umax32, b.umin32)) return op === 'lt'
      return !ult32(a.umin32, b.umax32) ? op === 'ge' : undefined
    case 'sgt':
    case 'sle':
      if (a.smin32 > b.smax32) return op === 'sgt'
      return a.smax32 <= b.smin32 ? op === 'sle' : undefined
    case 'slt':
    case 'sge':
      if (a.smax32 < b.smin32) return op === 'slt'
      return a.smin32 >= b.smax32 ? op === 'sge' : undefined
  }
}

/** Narrows both sides to where `a op b` holds. */
export function assume(op: Comparison, a: Num, b: Num, narrow: boolean): void {
  switch (op) {
    case 'ge':
    case 'gt':
    case 'sge':
    case 'sgt':
      teach(SWAPPED[op], b, a, narrow)
      break
    default:
      teach(op, a, b, narrow)
  }
  syncBounds(a)
  syncBounds(b)
}

function teach(op: Comparison, a: Num, b: Num, narrow: boolean): void {
  switch (op) {
    case 'eq':
      if (narrow) teachEqual32(a, b)
      else teachEqual64(a, b)
      return
    case 'ne':
      if (narrow ? isConst32(a) && !isConst32(b) : isConst(a) && !isConst(b)) {
        exclude(b, a, narrow)
        return
      }
      exclude(a, b, narrow)
      return
    case 'set':
      teachSet(a, b, narrow)
      return
    case 'clear':
      teachClear(a, b, narrow)
      return
    case 'le':
      if (narrow) teachLess32(a, b, 0)
      else teachLess64(a, b, 0)
      return
    case 'lt':
      if (narrow) teachLess32(a, b, 1)
      else teachLess64(a, b, 1)
      return
    case 'sle':
      if (narrow) teachSignedLess32(a, b, 0)
      else teachSignedLess64(a, b, 0)
      return
    case 'slt':
      if (narrow) teachSignedLess32(a, b, 1)
      else teachSignedLess64(a, b, 1)
      return
  }
}

function teachEqual64(a: Num, b: Num): void {
  raiseUmin(a, b.uminLo, b.uminHi)
  lowerUmax(a, b.umaxLo, b.umaxHi)
  raiseSmin(a, b.sminLo, b.sminHi)
  lowerSmax(a, b.smaxLo, b.smaxHi)
  limitUnsigned32(a, b.umin32, b.umax32)
  limitSigned32(a, b.smin32, b.smax32)
  meetBits(a, b.valueLo, b.valueHi, b.maskLo, b.maskHi)
  b.uminLo = a.uminLo
  b.uminHi = a.uminHi
  b.umaxLo = a.umaxLo
  b.umaxHi = a.umaxHi
  b.sminLo = a.sminLo
  b.sminHi = a.sminHi
  b.smaxLo = a.smaxLo
  b.smaxHi = a.smaxHi
  b.valueHi = a.valueHi
  b.maskHi = a.maskHi
  copyLow(b, a)
}

function copyLow(to: Num, from: Num): void {
  to.umin32 = from.umin32
  to.umax32 = from.umax32
  to.smin32 = from.smin32
  to.smax32 = from.smax32
  to.valueLo = from.valueLo
  to.maskLo = from.maskLo
}

function teachEqual32(a: Num, b: Num): void {
  limitUnsigned32(a, b.umin32, b.umax32)
  limitSigned32(a, b.smin32, b.smax32)
  const mask = a.maskLo & b.maskLo
  a.valueLo = (a.valueLo | b.valueLo) & ~mask
  a.maskLo = mask
  copyLow(b, a)
}

/** `a` is not the constant `b`: an end of a range that is exactly it moves by one. */
function exclude(a: Num, b: Num, narrow: boolean): void {
  if (narrow) {
    if (!isConst32(b)) return
    const value = b.valueLo
    if (a.umin32 === value) a.umin32 = (a.umin32 + 1) | 0
    if (a.umax32 === value) a.umax32 = (a.umax32 - 1) | 0
    if (a.smin32 === value && value !== S32_MAX) a.smin32++
    if (a.smax32 === value && value !== S32_MIN) a.smax32--
    return
  }
  if (!isConst(b)) return
  const { valueLo: lo, valueHi: high } = b
  if (a.uminLo === lo && a.uminHi === high) {
    a.uminLo = add64(lo, high, 1, 0)
    a.uminHi = hi
  }
  if (a.umaxLo === lo && a.umaxHi === high) {
    a.umaxLo = sub64(lo, high, 1, 0)
    a.umaxHi = hi
  }
  if (a.sminLo === lo && a.sminHi === high) {
    a.sminLo = add64(lo, high, 1, 0)
    a.sminHi = hi
  }
  if (a.smaxLo === lo && a.smaxHi === high) {
    a.smaxLo = sub64(lo, high, 1, 0)
    a.smaxHi = hi
  }
}

const oneBit = (lo: number, high: number) =>
  (lo !== 0 && (lo & (lo - 1)) === 0 && high === 0) || (lo === 0 && high !== 0 && (high & (high - 1)) === 0)

/** A single tested bit is set. */
function teachSet(a: Num, b: Num, narrow: boolean): void {
  const [num, bits] = (narrow ? isConst32(b) : isConst(b)) ? [a, b] : [b, a]
  if (!(narrow ? isConst32(bits) : isConst(bits))) return
  const high = narrow ? 0 : bits.valueHi
  if (!oneBit(bits.valueLo, high)) return
  num.valueLo |= bits.valueLo
  num.maskLo &= ~bits.valueLo
  num.valueHi |= high
  num.maskHi &= ~high
}

/** All tested bits are clear. */
function teachClear(a: Num, b: Num, narrow: boolean): void {
  const [num, bits] = (narrow ? isConst32(b) : isConst(b)) ? [a, b] : [b, a]
  if (!(narrow ? isConst32(bits) : isConst(bits))) return
  // Linux forgets the ranges here: on a path that cannot be they would contradict the bits.
  setUnbounded(num)
  num.valueLo &= ~bits.valueLo
  num.maskLo &= ~bits.valueLo
  if (narrow) return
  num.valueHi &= ~bits.valueHi
  num.maskHi &= ~bits.valueHi
}

/** a + step <= b, unsigned. */
function teachLess64(a: Num, b: Num, step: number): void {
  const maxLo = sub64(b.umaxLo, b.umaxHi, step, 0)
  const maxHi = hi
  const minLo = add64(a.uminLo, a.uminHi, step, 0)
  const minHi = hi
  lowerUmax(a, maxLo, maxHi)
  raiseUmin(b, minLo, minHi)
}

function teachLess32(a: Num, b: Num, step: number): void {
  const max = (b.umax32 - step) | 0
  const min = (a.umin32 + step) | 0
  if (ult32(max, a.umax32)) a.umax32 = max
  if (ult32(b.umin32, min)) b.umin32 = min
}

function teachSignedLess64(a: Num, b: Num, step: number): void {
  const maxLo = sub64(b.smaxLo, b.smaxHi, step, 0)
  const maxHi = hi
  const minLo = add64(a.sminLo, a.sminHi, step, 0)
  const minHi = hi
  lowerSmax(a, maxLo, maxHi)
  raiseSmin(b, minLo, minHi)
}

function teachSignedLess32(a: Num, b: Num, step: number): void {
  const max = (b.smax32 - step) | 0
  const min = (a.smin32 + step) | 0
  if (max < a.smax32) a.smax32 = max
  if (min > b.smin32) b.smin32 = min
}
