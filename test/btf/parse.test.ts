import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FormatError } from '#src/base/index.js'
import { alignOf, type BtfType, parseBtf, parseBtfExt, resolve, sizeOf } from '#src/btf/index.js'
import { btfBytes, objectSections, vmlinuxBytes } from './support/objects.js'

const btf = parseBtf(btfBytes('kinds.o'), { file: 'kinds.o' })

function find(name: string, ...kind: Parameters<typeof btf.findByName>[1][]): BtfType {
  const id = btf.findByName(name, ...kind)
  assert.ok(id !== undefined, name)
  return btf.type(id)
}

test('every kind of type is decoded', () => {
  const kinds = new Set<string>()
  for (let id = 1; id < btf.typeCount; id++) {
    assert.equal(btf.type(id).kind, btf.kindOf(id))
    assert.equal(btf.type(id).name, btf.typeName(id))
    kinds.add(btf.type(id).kind)
  }
  assert.equal(kinds.size, 19)
})

test('a struct with bitfields, an enum of each sort and a variable read as the source says', () => {
  const bits = find('bits', 'struct')
  assert.ok(bits.kind === 'struct' && bits.kindFlag)
  assert.deepEqual(
    bits.members.map((m) => [m.name, m.bitOffset, m.bitSize]),
    [
      ['a', 0, 3],
      ['b', 3, 5],
      ['c', 16, 16],
      ['d', 64, 40],
      ['e', 104, 1],
      ['f', 105, 4],
    ],
  )
  const negative = find('negative')
  assert.ok(negative.kind === 'enum' && negative.signed)
  assert.deepEqual(negative.values[0], { name: 'MINUS', value: -3 })
  const wide = find('wide')
  assert.ok(wide.kind === 'enum64' && !wide.signed)
  assert.deepEqual(wide.values[1], { name: 'HUGE_VALUE', value: 0x123456789abcdefn })
  const signed = find('wide_signed')
  assert.ok(signed.kind === 'enum64' && signed.values[0]?.value === -0x123456789abcdefn)
  const outside = find('outside')
  assert.ok(outside.kind === 'var' && outside.linkage === 'extern')
  const helper = find('helper')
  assert.ok(helper.kind === 'func' && helper.linkage === 'static')
  const tag = find('a constant')
  assert.ok(tag.kind === 'decl_tag' && tag.componentIdx === -1)
})

test('sizes and alignments follow the C compiler', () => {
  const size = (name: string) => sizeOf(btf, btf.findByName(name)!)
  assert.equal(size('bits'), 16)
  assert.equal(size('packed'), 7)
  assert.equal(size('aligned'), 64)
  assert.equal(size('holes'), 32)
  assert.equal(size('numbers_t'), 16)
  assert.equal(size('global'), 8)
  assert.equal(alignOf(btf, btf.findByName('packed')!), 1)
  assert.equal(alignOf(btf, btf.findByName('holes')!), 8)
  assert.equal(resolve(btf, btf.findByName('numbers_t')!).kind, 'array')
  assert.throws(() => sizeOf(btf, btf.findByName('forward')!), FormatError)
})

test('names are found by kind, all of them, and by essential name', () => {
  assert.equal(btf.findByName('tree', 'union'), undefined)
  assert.equal(btf.findByName('tre'), undefined)
  assert.equal(btf.findByName(''), undefined)
  assert.equal(btf.findByName('tree', ['union', 'struct']), btf.findByName('tree'))
  for (let id = 1; id < btf.typeCount; id++) {
    const name = btf.typeName(id)
    if (name !== '') assert.ok(btf.findAllByName(name).includes(id), name)
  }
})

test('big-endian BTF reads the same', () => {
  const big = parseBtf(btfBytes('kinds-be.o'))
  assert.equal(big.littleEndian, false)
  assert.equal(big.typeCount, btf.typeCount)
  for (let id = 1; id < btf.typeCount; id++) assert.deepEqual(big.type(id), btf.type(id))
})

test('BTF.ext records are read in both byte orders', () => {
  for (const file of ['kinds.o', 'kinds-be.o']) {
    const own = parseBtf(btfBytes(file))
    const ext = parseBtfExt(objectSections(file).get('.BTF.ext')!, own)
    const names = ext.funcInfo.flatMap((g) => g.records.map((r) => `${g.section}:${own.typeName(r.typeId)}`))
    assert.deepEqual(names.sort(), ['.text:helper', 'socket:prog'])
    const lines = ext.lineInfo.find((g) => g.section === 'socket')!.records
    assert.ok(lines.every((r) => r.fileName.endsWith('kinds.c') && r.line > 0))
    assert.ok(lines.some((r) => r.text.includes('return helper(global, 3)')))
  }
})

test('split BTF continues the ids and strings of its base', () => {
  const strings = '\0point_holder\0p\0'
  const bytes = new Uint8Array(24 + 24 + strings.length)
  const view = new DataView(bytes.buffer)
  const pointId = btf.findByName('point_t')!
  view.setUint16(0, 0xeb9f, true)
  bytes[2] = 1
  view.setUint32(4, 24, true)
  view.setUint32(12, 24, true)
  view.setUint32(16, 24, true)
  view.setUint32(20, strings.length, true)
  view.setUint32(24, btf.stringLength + 1, true)
  view.setUint32(28, (4 << 24) | 1, true)
  view.setUint32(32, 8, true)
  view.setUint32(36, btf.stringLength + 14, true)
  view.setUint32(40, pointId, true)
  bytes.set(new TextEncoder().encode(strings), 48)
  const split = parseBtf(bytes, { base: btf })
  assert.equal(split.typeCount, btf.typeCount + 1)
  const holder = split.type(btf.typeCount)
  assert.ok(holder.kind === 'struct' && holder.name === 'point_holder' && holder.members[0]?.name === 'p')
  assert.equal(split.findByName('point_holder'), btf.typeCount)
  assert.equal(split.findByName('tree'), btf.findByName('tree'))
  assert.equal(sizeOf(split, holder.members[0].type), 8)
})

test('a cycle or an impossible size is a FormatError', () => {
  // [1] TYPEDEF -> 2, [2] TYPEDEF -> 1, [3] ARRAY of 3 (itself), [4] INT 4, [5] ARRAY 2^31 of 4, [6] ARRAY 2 of 5
  const words = [
    [0, 8 << 24, 2],
    [0, 8 << 24, 1],
    [0, 3 << 24, 0, 3, 4, 2],
    [0, 1 << 24, 4, 32],
    [0, 3 << 24, 0, 4, 4, 0x8000_0000],
    [0, 3 << 24, 0, 5, 4, 2],
  ].flat()
  const bytes = new Uint8Array(24 + 4 * words.length + 1)
  const view = new DataView(bytes.buffer)
  for (const [at, value] of [
    [4, 24],
    [12, 4 * words.length],
    [16, 4 * words.length],
    [20, 1],
  ] as const) {
    view.setUint32(at, value, true)
  }
  view.setUint32(0, 0x1eb9f, true)
  words.forEach((word, i) => {
    view.setUint32(24 + 4 * i, word, true)
  })
  const odd = parseBtf(bytes)
  for (const id of [1, 3, 5, 6]) assert.throws(() => sizeOf(odd, id), FormatError)
  for (const id of [1, 3]) assert.throws(() => alignOf(odd, id), FormatError)
  assert.throws(() => resolve(odd, 2), FormatError)
  assert.throws(() => odd.type(7), FormatError)
})

const vmlinux = vmlinuxBytes()
test('vmlinux opens without being decoded', { skip: vmlinux === undefined && 'no /sys/kernel/btf/vmlinux' }, () => {
  const kernel = parseBtf(vmlinux!)
  assert.ok(kernel.typeCount > 10_000)
  const task = kernel.type(kernel.findByName('task_struct', 'struct')!)
  assert.ok(task.kind === 'struct' && task.members.some((m) => m.name === 'pid'))
  assert.equal(kernel.findByEssentialName('task_struct').includes(task.id), true)
})
