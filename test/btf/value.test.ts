import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { UsageError } from '#src/base/index.js'
import {
  decodeValue,
  encodeBtf,
  encodeValue,
  fixDatasecs,
  formatMap,
  formatValue,
  type MapEntry,
  parseBtf,
} from '#src/btf/index.js'
import { btfBytes, objectPath } from './support/objects.js'

// The offsets the linker's symbols would give.
const btf = parseBtf(
  fixDatasecs(parseBtf(btfBytes('values.o')), (section) =>
    section === '.data' ? { size: 360, offsetOf: (name) => ({ everything: 0, counter: 352 })[name] } : undefined,
  ),
)
const id = (name: string) => btf.findByName(name, ['struct', 'union', 'datasec', 'int', 'typedef', 'enum'])!

/** `bpftool map dump` and `bpftool -j map dump` of the maps of values.o, as recorded on Linux 6.18. */
const recorded: Record<'data' | 'hash' | 'percpu', { plain: string; json: string }> = JSON.parse(
  readFileSync(objectPath('values.expected.json'), 'utf8'),
)

type Hex = readonly string[]
function entriesOf(name: keyof typeof recorded): MapEntry[] {
  // bpftool writes a back slash as "\n": see below.
  const parsed = JSON.parse(recorded[name].json) as { key: Hex; value?: Hex; values?: { value: Hex }[] }[]
  const bytes = (hex: Hex) => new Uint8Array(hex.map(Number))
  return parsed.map(({ key, value, values }) => ({
    key: bytes(key),
    ...(value === undefined ? {} : { value: bytes(value) }),
    ...(values === undefined ? {} : { values: values.map((v) => bytes(v.value)) }),
  }))
}

/** Where this printer is right and bpftool 7.1 is not: a back slash, and a one-byte unsigned enumerator. */
function corrected(text: string): string {
  return text.replace(String.raw`"a\"b\nc"`, String.raw`"a\"b\\c"`).replace(/("small": ?)-1/, '$1"P1"')
}

const types = {
  data: { key: 0, value: id('.data') },
  hash: { key: id('key'), value: id('point') },
  percpu: { key: id('u32'), value: id('point') },
}

test('maps are dumped as bpftool dumps them', () => {
  for (const name of ['data', 'hash', 'percpu'] as const) {
    const entries = entriesOf(name)
    assert.equal(formatMap(btf, types[name], entries), corrected(recorded[name].plain), name)
    assert.equal(formatMap(btf, types[name], entries, { style: 'json' }), corrected(recorded[name].json), name)
  }
})

test('pretty JSON is the compact JSON, indented', () => {
  const entries = entriesOf('data')
  const pretty = formatMap(btf, types.data, entries, { style: 'pretty' })
  const compact = formatMap(btf, types.data, entries, { style: 'json' })
  assert.ok(pretty.includes('\n'))
  assert.deepEqual(JSON.parse(pretty), JSON.parse(compact))
})

const everything = entriesOf('data')[0]!.value!.subarray(0, 352)

test('a value becomes plain JavaScript', () => {
  const value = decodeValue(btf, id('everything'), everything) as Record<string, unknown>
  const { u8v, s8v, s32v, u64v, s64v, big, negative_big, yes, no, text, full, bytes, letters } = value
  assert.deepEqual(
    { u8v, s8v, s32v, u64v, s64v, big, negative_big, yes, no, text, full, bytes, letters },
    {
      u8v: 200,
      s8v: -100,
      s32v: -2000000000,
      u64v: 0xfedcba9876543210n,
      s64v: -0x123456789abcdefn,
      big: (0x1122334455667788n << 64n) | 0x99n,
      negative_big: -2n,
      yes: true,
      no: false,
      text: 'hello',
      full: 'abcd',
      bytes: new Uint8Array([1, 2, 255]),
      letters: [97, 98, 0, 0],
    },
  )
  assert.deepEqual(
    [value.color, value.unknown_color, value.minus, value.wide, value.small],
    ['GREEN', 99, 'MINUS', 'HUGE_VALUE', 'P1'],
  )
  assert.deepEqual([value.null, value.ptr, value.flags], [0n, 0xffff888012345678n, [true, false, true]])
  assert.deepEqual(value.points, [
    { x: 1, y: -2 },
    { x: 3, y: -4 },
  ])
  assert.deepEqual(value.matrix, [
    [1, 2, 3],
    [4, 5, 6],
  ])
  // Members of anonymous structs and unions are the parent's.
  assert.deepEqual([value.word, value.parts, value.lo, value.hi], [0x04030201, new Uint8Array([1, 2, 3, 4]), 513, 1027])
  assert.deepEqual(value.bits, {
    a: 5,
    b: 17,
    c: 0xbeef,
    d: -77n,
    e: -3,
    f: true,
    g: 'GREEN',
    whole: 0xffffffffffffffffn,
  })
})

test('what was decoded encodes to the same bytes', () => {
  const value = decodeValue(btf, id('everything'), everything)
  assert.deepEqual(encodeValue(btf, id('everything'), value), everything.slice())
  const section = entriesOf('data')[0]!.value!
  assert.deepEqual(encodeValue(btf, id('.data'), decodeValue(btf, id('.data'), section)), section)
})

test('partial objects are filled with zeros', () => {
  assert.deepEqual([...encodeValue(btf, id('point'), { y: -1 })], [0, 0, 0, 0, 255, 255, 255, 255])
  const value = encodeValue(btf, id('everything'), { lo: 3, color: 5, bits: { c: 2 }, text: 'hi', full: [1, 255] })
  const back = decodeValue(btf, id('everything'), value) as Record<string, unknown>
  assert.deepEqual([back.word, back.color, back.text, back.u64v], [3, 'GREEN', 'hi', 0n])
  assert.deepEqual([...value.subarray(98, 100)].length, 2)
})

test('a wrong value is refused with the path to it', () => {
  const refuse = (value: unknown, message: RegExp) =>
    assert.throws(
      () => encodeValue(btf, id('everything'), value),
      (error) => error instanceof UsageError && message.test(error.message),
    )
  refuse({ points: [{ x: 1 }, { x: 2 ** 31 }] }, /^value\.points\[1\]\.x: 2147483648 does not fit a signed 32-bit/)
  refuse({ u8v: 256 }, /^value\.u8v: 256 does not fit an unsigned 8-bit integer \(0 to 255\)/)
  refuse({ u8v: 1.5 }, /value\.u8v: 1.5 is not an integer/)
  refuse({ u64v: 2 ** 60 }, /value\.u64v: .* is not exact/)
  refuse({ u64v: '1' }, /value\.u64v: expected an integer, got "1"/)
  refuse({ nonsense: 1 }, /^value: struct everything has no member 'nonsense'/)
  refuse({ inner: { outer: 1 } }, /^value\.inner: struct <anon> has no member 'outer'/)
  refuse({ color: 'MAUVE' }, /value\.color: enum color has no "MAUVE"/)
  refuse({ text: 'much too long' }, /value\.text: 13 bytes do not fit 8/)
  refuse({ matrix: [[1, 2, 3, 4]] }, /value\.matrix\[0\]: 4 elements do not fit 3/)
  refuse({ bits: { a: 8 } }, /value\.bits\.a: 8 does not fit an unsigned 3-bit/)
  refuse({ bits: { g: 'BLUE', e: 8 } }, /value\.bits\.e: 8 does not fit a signed 4-bit/)
  refuse({ yes: 2 }, /value\.yes: expected a boolean/)
  refuse({ point: null }, /no member 'point'/)
  refuse({ inner: null }, /value\.inner: expected an object for struct <anon>, got null/)
  refuse({ word: 1, lo: 2 }, /members word and lo of union <anon> are given different values/)
  refuse(7, /^value: expected an object for struct everything, got 7/)
  assert.throws(() => decodeValue(btf, id('point'), new Uint8Array(7)), UsageError)
  assert.throws(() => decodeValue(btf, 0, new Uint8Array(7)), UsageError)
})

test('consistent members of a union are taken', () => {
  const bytes = encodeValue(btf, id('everything'), { word: 0x00020001, lo: 1, hi: 2 })
  assert.equal((decodeValue(btf, id('everything'), bytes) as { word: number }).word, 0x00020001)
})

test('any bytes decode, and encode to bytes that decode alike', () => {
  const point = id('bits')
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 24, maxLength: 24 }), (bytes) => {
      const value = decodeValue(btf, point, bytes)
      assert.deepEqual(decodeValue(btf, point, encodeValue(btf, point, value)), value)
      assert.ok(formatValue(btf, point, bytes).startsWith('{'))
    }),
  )
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 352, maxLength: 352 }), (bytes) => {
      JSON.parse(formatValue(btf, id('everything'), bytes, { style: 'json' }))
      decodeValue(btf, id('everything'), bytes)
    }),
  )
})

test('big-endian values are read in their order, bitfields from the top', () => {
  const big = parseBtf(
    encodeBtf(
      [
        { kind: 'int', name: 'unsigned int', size: 4, bits: 32, bitOffset: 0, signed: false, char: false, bool: false },
        {
          kind: 'struct',
          name: 's',
          size: 8,
          kindFlag: true,
          members: [
            { name: 'plain', type: 1, bitOffset: 0, bitSize: 0 },
            { name: 'high', type: 1, bitOffset: 32, bitSize: 4 },
            { name: 'low', type: 1, bitOffset: 36, bitSize: 12 },
          ],
        },
      ],
      { littleEndian: false },
    ),
  )
  const bytes = new Uint8Array([0, 0, 1, 2, 0xab, 0xcd, 0, 0])
  const value = decodeValue(big, 2, bytes)
  assert.deepEqual(value, { plain: 258, high: 0xa, low: 0xbcd })
  assert.deepEqual(encodeValue(big, 2, value), bytes)
})

test('bitfields of BTF without kind_flag are ints narrower than their size', () => {
  const int = { kind: 'int', name: 'int', size: 4, bitOffset: 0, signed: true, char: false, bool: false } as const
  const old = parseBtf(
    encodeBtf([
      { ...int, bits: 3 },
      { ...int, bits: 5, signed: false },
      {
        kind: 'struct',
        name: 's',
        size: 4,
        kindFlag: false,
        members: [
          { name: 'a', type: 1, bitOffset: 0, bitSize: 0 },
          { name: 'b', type: 2, bitOffset: 3, bitSize: 0 },
        ],
      },
    ]),
  )
  const bytes = new Uint8Array([0b10101_111, 0xff, 0xff, 0xff])
  assert.deepEqual(decodeValue(old, 3, bytes), { a: -1, b: 0b10101 })
  assert.equal(formatValue(old, 3, bytes, { style: 'json' }), '{"a":"0x7","b":"0x15"}')
})

test('floats and characters print as numbers and letters', () => {
  const odd = parseBtf(
    encodeBtf([
      { kind: 'float', name: 'float', size: 4 },
      { kind: 'float', name: 'double', size: 8 },
      { kind: 'int', name: 'character', size: 1, bits: 8, bitOffset: 0, signed: false, char: true, bool: false },
    ]),
  )
  const bytes = encodeValue(odd, 1, 0.1)
  assert.equal(formatValue(odd, 1, bytes), '0.1')
  assert.equal(decodeValue(odd, 2, encodeValue(odd, 2, -2.5)), -2.5)
  assert.equal(formatValue(odd, 2, encodeValue(odd, 2, NaN), { style: 'json' }), '"NaN"')
  assert.equal(formatValue(odd, 3, new Uint8Array([0x41])), '"A"')
  assert.equal(formatValue(odd, 3, new Uint8Array([7])), '0x7')
})
