import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { FormatError, UsageError } from '#src/base/index.js'
import { type Btf, BtfBuilder, dedupBtf, dumpRaw, encodeBtf, mergeBtf, parseBtf, printC } from '#src/btf/index.js'
import { btfBytes, objectPath } from './support/objects.js'

const open = (file: string) => parseBtf(btfBytes(file))
const raw = (btf: Btf) => [...dumpRaw(btf)]

test('merged objects have the types, in the order, that libbpf gives', () => {
  // Recorded with record-dedup.c.
  for (const [recorded, files] of [
    ['dedup.expected.btf', ['dedup-a.o', 'dedup-b.o', 'dedup-c.o']],
    ['dedup-cab.expected.btf', ['dedup-c.o', 'dedup-a.o', 'dedup-b.o']],
  ] as const) {
    const wanted = parseBtf(new Uint8Array(readFileSync(objectPath(recorded))))
    const merged = parseBtf(mergeBtf(files.map(open)).builder.build())
    assert.deepEqual(raw(merged), raw(wanted))
  }
})

test('the id maps lead to the type that stands for each', () => {
  const inputs = ['dedup-a.o', 'dedup-b.o', 'dedup-c.o'].map(open)
  const { builder, ids } = mergeBtf(inputs)
  const merged = parseBtf(builder.build())
  const at = (unit: number, name: string, kind: 'struct' | 'fwd' | 'union') =>
    merged.type(ids[unit]![inputs[unit]!.findByName(name, kind)!]!)
  assert.equal(at(0, 'shared', 'struct'), at(1, 'shared', 'struct'))
  assert.equal(at(0, 'other', 'fwd'), at(1, 'other', 'struct'))
  assert.equal(at(2, 'later_union', 'fwd').kind, 'union')
  assert.notEqual(at(0, 'clash', 'struct'), at(1, 'clash', 'struct'))
  // Two structs of that name: nobody can say which one unit c means.
  assert.equal(at(2, 'clash', 'fwd').kind, 'fwd')
  for (const [i, input] of inputs.entries()) {
    for (let id = 1; id < input.typeCount; id++) {
      const [from, to] = [input.type(id), merged.type(ids[i]![id]!)]
      assert.equal(to.name, from.name)
      if (from.kind !== 'fwd') assert.equal(to.kind, from.kind)
    }
  }
})

test('merging again changes nothing, and without dedup everything is kept', () => {
  const inputs = ['dedup-a.o', 'dedup-b.o'].map(open)
  const once = parseBtf(mergeBtf(inputs).builder.build())
  assert.deepEqual(raw(parseBtf(dedupBtf(once).bytes)), raw(once))
  const all = parseBtf(mergeBtf(inputs, { dedup: false }).builder.build())
  assert.equal(all.typeCount, inputs[0]!.typeCount + inputs[1]!.typeCount - 1)
  assert.deepEqual(raw(parseBtf(dedupBtf(all).bytes)), raw(once))
})

test('an object merged with itself has each type once, variables twice', () => {
  const twice = parseBtf(mergeBtf([open('kinds.o'), open('kinds.o')]).builder.build())
  const count = (btf: Btf, kept: boolean) =>
    raw(btf).filter((line) => /^\[\d+\] (VAR|DATASEC|DECL_TAG)/.test(line) === kept).length
  const clean = parseBtf(dedupBtf(open('kinds.o')).bytes)
  assert.equal(count(twice, false), count(clean, false))
  assert.equal(printC(twice), printC(clean))
})

test('an enum declared without values is the one with values', () => {
  const merged = parseBtf(
    mergeBtf([
      parseBtf(
        encodeBtf([
          { kind: 'enum', name: 'e', size: 4, signed: false, values: [] },
          { kind: 'ptr', name: '', type: 1 },
        ]),
      ),
      parseBtf(
        encodeBtf([
          { kind: 'enum64', name: 'e', size: 8, signed: false, values: [{ name: 'A', value: 1n }] },
          { kind: 'ptr', name: '', type: 1 },
        ]),
      ),
    ]).builder.build(),
  )
  assert.deepEqual(raw(merged), [
    "[1] PTR '(anon)' type_id=2",
    "[2] ENUM64 'e' encoding=UNSIGNED size=8 vlen=1\n\t'A' val=1ULL",
  ])
})

test('what cannot be merged is refused in words', () => {
  const loop = parseBtf(
    encodeBtf([
      { kind: 'const', name: '', type: 2 },
      { kind: 'ptr', name: '', type: 1 },
    ]),
  )
  assert.throws(() => dedupBtf(loop), FormatError)
  const chain = Array.from({ length: 5000 }, (_, i) => ({ kind: 'ptr' as const, name: '', type: i + 2 }))
  assert.throws(() => dedupBtf(parseBtf(encodeBtf(chain))), FormatError)
  assert.throws(() => dedupBtf(parseBtf(encodeBtf([{ kind: 'ptr', name: '', type: 7 }]))), FormatError)
  const base = open('kinds.o')
  const split = new BtfBuilder({ base })
  split.add({ kind: 'ptr', name: '', type: 1 })
  assert.throws(() => mergeBtf([parseBtf(split.build(), { base })]), UsageError)
})

test('look-alikes without end do not take time without end', () => {
  const int = { kind: 'int', size: 4, bits: 32, bitOffset: 0, signed: true, char: false, bool: false } as const
  const types: Parameters<typeof encodeBtf>[0][number][] = []
  for (let i = 0; i < 12_000; i++) {
    types.push({ ...int, name: `int_${i}` })
    const members = [{ name: 'm', type: types.length, bitOffset: 0, bitSize: 0 }]
    types.push({ kind: 'struct', name: 's', size: 4, kindFlag: false, members })
  }
  const result = dedupBtf(parseBtf(encodeBtf(types)))
  assert.equal(parseBtf(result.bytes).typeCount, types.length + 1)
})
