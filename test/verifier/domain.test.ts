import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assume, type Comparison, certainOutcome } from '#src/verifier/domain/compare.js'
import { fromBig, hi, toBig, toSigned } from '#src/verifier/domain/int64.js'
import { copyNum, type Num, newNum, setKnown } from '#src/verifier/domain/num.js'
import * as alu from '#src/verifier/domain/scalar-alu.js'
import { isContradictory, syncBounds, zeroExtend32 } from '#src/verifier/domain/sync.js'
import { Random } from '../support/random.js'
import { testSeed } from '../support/seed.js'

// Soundness: whatever concrete values the abstract ones stand for, the abstract result stands for the concrete result.

const U64 = (1n << 64n) - 1n
const SEED = testSeed
const random = new Random(SEED)
const below = (limit: number): number => random.u32() % limit

function randomBig(): bigint {
  const word = () => BigInt(below(0x1_0000_0000))
  const value = (word() << 32n) | word()
  switch (below(7)) {
    case 0:
      return BigInt(below(16))
    case 1:
      return U64 - BigInt(below(16))
    case 2:
      return value & 0xffffffffn
    case 3:
      return ((1n << BigInt(below(64))) - BigInt(below(3)) + BigInt(below(3))) & U64
    case 4:
      return BigInt.asUintN(64, BigInt.asIntN(32, value))
    case 5:
      return value >> BigInt(below(64))
    default:
      return value
  }
}

function put(n: Num, lo: keyof Num, high: keyof Num, value: bigint): void {
  n[lo] = fromBig(value)
  n[high] = hi
}

/** A number that may be `x`: some bits unknown, some ranges around it. */
function around(x: bigint): Num {
  const n = newNum()
  const kind = below(5)
  if (kind === 0) {
    setKnown(n, fromBig(x), hi)
    return n
  }
  if (kind !== 1) {
    const mask = below(2) === 0 ? randomBig() : (1n << BigInt(below(65))) - 1n
    put(n, 'maskLo', 'maskHi', mask)
    put(n, 'valueLo', 'valueHi', x & ~mask & U64)
  }
  if (kind !== 2) {
    const width = randomBig() >> BigInt(below(64))
    const lowest = x > width ? x - width : 0n
    put(n, 'uminLo', 'uminHi', lowest)
    put(n, 'umaxLo', 'umaxHi', x + width > U64 ? U64 : x + width)
  }
  if (kind === 4) {
    const s = BigInt.asIntN(64, x)
    const width = randomBig() >> BigInt(1 + below(63))
    const limit = 1n << 63n
    put(n, 'sminLo', 'sminHi', s - width < -limit ? -limit : s - width)
    put(n, 'smaxLo', 'smaxHi', s + width > limit - 1n ? limit - 1n : s + width)
  }
  syncBounds(n)
  return n
}

/** The three-line definition of what an abstract number stands for. */
function contains(n: Num, x: bigint): boolean {
  const s = BigInt.asIntN(64, x)
  const low = Number(x & 0xffffffffn)
  return (
    (x & ~toBig(n.maskLo, n.maskHi) & U64) === toBig(n.valueLo, n.valueHi) &&
    x >= toBig(n.uminLo, n.uminHi) &&
    x <= toBig(n.umaxLo, n.umaxHi) &&
    s >= toSigned(n.sminLo, n.sminHi) &&
    s <= toSigned(n.smaxLo, n.smaxHi) &&
    low >= n.umin32 >>> 0 &&
    low <= n.umax32 >>> 0 &&
    (low | 0) >= n.smin32 &&
    (low | 0) <= n.smax32
  )
}

const show = (n: Num): string => JSON.stringify(n)

/** As assert.ok, the message made only where it is needed. */
function ensure(holds: boolean, message: () => string): void {
  if (!holds) assert.fail(message())
}

const ROUNDS = 4_000

function checkBinary(
  name: string,
  abstract: (a: Num, b: Num) => void,
  concrete: (x: bigint, y: bigint) => bigint,
  narrow: boolean,
): void {
  for (let i = 0; i < ROUNDS; i++) {
    const x = randomBig()
    const y = randomBig()
    const a = around(x)
    const b = around(y)
    const before = { ...a }
    abstract(a, b)
    if (narrow) zeroExtend32(a)
    syncBounds(a)
    const result = BigInt.asUintN(narrow ? 32 : 64, concrete(x, y))
    ensure(
      contains(a, result),
      () => `${name} seed ${SEED}: ${show(before)} ${show(b)} of ${x} ${y} gives ${result}, not in ${show(a)}`,
    )
    assert.ok(!isContradictory(a))
  }
}

for (const narrow of [false, true]) {
  const bits = narrow ? '32' : '64'
  test(`sums, differences, products and bit operations of ${bits} bits cover every concrete result`, () => {
    checkBinary('add', alu.addNum, (x, y) => x + y, narrow)
    checkBinary('sub', alu.subNum, (x, y) => x - y, narrow)
    checkBinary('and', alu.andNum, (x, y) => x & y, narrow)
    checkBinary('or', alu.orNum, (x, y) => x | y, narrow)
    checkBinary('xor', alu.xorNum, (x, y) => x ^ y, narrow)
    checkBinary('mul', alu.mulNum, (x, y) => x * y, narrow)
    checkBinary(
      'neg',
      (a) => alu.negNum(a, newNum()),
      (x) => -x,
      narrow,
    )
  })

  test(`shifts of ${bits} bits by known amounts cover every concrete result`, () => {
    const shift = (abstract: (n: Num, by: number) => void, concrete: (x: bigint, by: bigint) => bigint) => {
      for (let i = 0; i < ROUNDS; i++) {
        const by = below(narrow ? 32 : 64)
        const x = randomBig()
        const n = around(x)
        abstract(n, by)
        if (narrow) zeroExtend32(n)
        syncBounds(n)
        const result = BigInt.asUintN(narrow ? 32 : 64, concrete(x, BigInt(by)))
        ensure(contains(n, result), () => `seed ${SEED}: ${x} by ${by} gives ${result}, not in ${show(n)}`)
      }
    }
    const width = narrow ? 32 : 64
    shift(narrow ? alu.lshNum32 : alu.lshNum, (x, by) => x << by)
    shift(narrow ? alu.rshNum32 : alu.rshNum, (x, by) => BigInt.asUintN(width, x) >> by)
    shift(narrow ? alu.arshNum32 : alu.arshNum, (x, by) => BigInt.asIntN(width, x) >> by)
  })
}

test('truncation, sign extension and byte order cover every concrete result', () => {
  const swapped = (x: bigint, size: number): bigint => {
    let out = 0n
    for (let i = 0n; i < BigInt(size); i++) out = (out << 8n) | ((x >> (8n * i)) & 255n)
    return out
  }
  for (let i = 0; i < ROUNDS; i++) {
    const x = randomBig()
    for (const size of [1, 2, 4] as const) {
      const cut = around(x)
      alu.truncateNum(cut, size)
      ensure(contains(cut, BigInt.asUintN(size * 8, x)), () => `truncate ${size} of ${x}: ${show(cut)}`)
      const wide = around(x)
      alu.signExtendNum(wide, size, false)
      ensure(
        contains(wide, BigInt.asUintN(64, BigInt.asIntN(size * 8, x))),
        () => `sign ${size} of ${x}: ${show(wide)}`,
      )
      if (size === 4) continue
      const half = around(x)
      alu.signExtendNum(half, size, true)
      ensure(
        contains(half, BigInt.asUintN(32, BigInt.asIntN(size * 8, x))),
        () => `sign32 ${size} of ${x}: ${show(half)}`,
      )
    }
    for (const size of [2, 4, 8]) {
      const n = around(x)
      alu.byteSwapNum(n, size)
      syncBounds(n)
      ensure(contains(n, swapped(x, size)), () => `swap ${size} of ${x}: ${show(n)}`)
    }
  }
})

const COMPARE: Readonly<Record<Comparison, (x: bigint, y: bigint, width: number) => boolean>> = {
  eq: (x, y) => x === y,
  ne: (x, y) => x !== y,
  gt: (x, y) => x > y,
  ge: (x, y) => x >= y,
  lt: (x, y) => x < y,
  le: (x, y) => x <= y,
  sgt: (x, y, width) => BigInt.asIntN(width, x) > BigInt.asIntN(width, y),
  sge: (x, y, width) => BigInt.asIntN(width, x) >= BigInt.asIntN(width, y),
  slt: (x, y, width) => BigInt.asIntN(width, x) < BigInt.asIntN(width, y),
  sle: (x, y, width) => BigInt.asIntN(width, x) <= BigInt.asIntN(width, y),
  set: (x, y) => (x & y) !== 0n,
  clear: (x, y) => (x & y) === 0n,
}

test('a certain outcome is the outcome, and what a comparison teaches leaves the true values in', () => {
  const operators = Object.keys(COMPARE) as Comparison[]
  let certain = 0
  for (let i = 0; i < 40_000; i++) {
    const narrow = below(2) === 0
    const width = narrow ? 32 : 64
    const x = randomBig()
    const y = below(4) === 0 ? x : randomBig()
    const op = operators[below(operators.length)] as Comparison
    const a = around(x)
    const b = around(y)
    const holds = COMPARE[op](BigInt.asUintN(width, x), BigInt.asUintN(width, y), width)
    const outcome = certainOutcome(op, a, b, narrow)
    const text = () => `seed ${SEED}: ${x} ${op}${width} ${y}, ${show(a)} ${show(b)}`
    if (outcome !== undefined) {
      certain++
      ensure(outcome === holds, text)
      continue
    }
    if (!holds) continue
    const [learntA, learntB] = [newNum(), newNum()]
    copyNum(learntA, a)
    copyNum(learntB, b)
    assume(op, learntA, learntB, narrow)
    ensure(contains(learntA, x), () => `left of ${text()} -> ${show(learntA)}`)
    ensure(contains(learntB, y), () => `right of ${text()} -> ${show(learntB)}`)
  }
  assert.ok(certain > 1000)
})

test('tnum sums and differences of four bits are exact covers, all 3^4 x 3^4 of them', () => {
  const tnums: { value: number; mask: number }[] = []
  for (let mask = 0; mask < 16; mask++)
    for (let value = 0; value < 16; value++) if ((value & mask) === 0) tnums.push({ value, mask })
  const make = ({ value, mask }: { value: number; mask: number }): Num => {
    const n = newNum()
    n.valueLo = value
    n.maskLo = mask
    n.valueHi = n.maskHi = 0
    return n
  }
  const members = ({ value, mask }: { value: number; mask: number }) =>
    Array.from({ length: 16 }, (_, x) => x).filter((x) => (x & ~mask & 15) === value)
  for (const left of tnums) {
    for (const right of tnums) {
      const n = make(left)
      alu.addNum(n, make(right))
      for (const x of members(left)) {
        for (const y of members(right)) assert.equal((x + y) & ~n.maskLo, n.valueLo)
      }
    }
  }
})
