import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UsageError } from '#src/base/index.js'
import {
  BtfBuilder,
  encodeBtf,
  encodeFuncInfo,
  encodeLineInfo,
  fixDatasecs,
  parseBtf,
  reencodeBtf,
  sizeOf,
} from '#src/btf/index.js'
import { btfBytes, vmlinuxBytes } from './support/objects.js'

test("clang's BTF is re-encoded byte for byte", () => {
  for (const file of ['kinds.o', 'core.o', 'core-target.o', 'core-kernel.o']) {
    const bytes = btfBytes(file)
    assert.deepEqual(reencodeBtf(parseBtf(bytes)), bytes, file)
  }
})

const vmlinux = vmlinuxBytes()
test("the kernel's BTF is re-encoded byte for byte", { skip: vmlinux === undefined && 'no vmlinux BTF' }, () => {
  assert.ok(Buffer.compare(reencodeBtf(parseBtf(vmlinux!)), vmlinux!) === 0)
})

test('big-endian BTF becomes little-endian and comes back', () => {
  const big = btfBytes('kinds-be.o')
  const little = reencodeBtf(parseBtf(big))
  assert.deepEqual(little, btfBytes('kinds.o'))
  assert.deepEqual(reencodeBtf(parseBtf(little), false), big)
})

test('BTF is built from nothing', () => {
  const builder = new BtfBuilder()
  const u32 = builder.add({
    kind: 'int',
    name: 'unsigned int',
    size: 4,
    bits: 32,
    bitOffset: 0,
    signed: false,
    char: false,
    bool: false,
  })
  const key = builder.add({
    kind: 'struct',
    name: 'key',
    size: 8,
    kindFlag: false,
    members: [
      { name: 'address', type: u32, bitOffset: 0, bitSize: 0 },
      { name: 'port', type: u32, bitOffset: 32, bitSize: 0 },
    ],
  })
  builder.add({ kind: 'ptr', name: '', type: key })
  const btf = parseBtf(builder.build())
  assert.equal(btf.typeCount, 4)
  assert.equal(btf.findByName('key'), key)
  assert.equal(sizeOf(btf, key), 8)
  assert.equal(builder.addString('address'), builder.addString('address'))
})

test('what does not fit is a UsageError', () => {
  const member = { name: 'x', type: 1, bitOffset: 0, bitSize: 3 }
  assert.throws(
    () => encodeBtf([{ kind: 'struct', name: 's', size: 4, kindFlag: false, members: [member] }]),
    UsageError,
  )
  assert.throws(() => encodeBtf([{ kind: 'ptr', name: 'a\0b', type: 0 }]), UsageError)
  const members = new Array(65536).fill({ ...member, bitSize: 0 })
  assert.throws(() => encodeBtf([{ kind: 'struct', name: 's', size: 4, kindFlag: false, members }]), UsageError)
  assert.throws(() => new BtfBuilder().set(1, { kind: 'float', name: 'f', size: 4 }), UsageError)
})

test('split BTF is built over a base and reuses its strings', () => {
  const base = parseBtf(btfBytes('kinds.o'))
  const builder = new BtfBuilder({ base })
  const id = builder.add({ kind: 'ptr', name: '', type: base.findByName('tree', 'struct')! })
  builder.add({ kind: 'typedef', name: 'tree', type: id })
  builder.add({ kind: 'typedef', name: 'tree_pointer', type: id })
  const bytes = builder.build()
  assert.ok(!new TextDecoder().decode(bytes).includes('tree\0'))
  const split = parseBtf(bytes, { base })
  assert.equal(id, base.typeCount)
  assert.equal(split.findAllByName('tree').length, 2)
  assert.deepEqual(reencodeBtf(split), bytes)
})

test('datasecs get sizes and offsets, in order', () => {
  const btf = parseBtf(btfBytes('kinds.o'))
  const fixed = parseBtf(
    fixDatasecs(btf, (section) =>
      section === '.bss'
        ? { size: 32, offsetOf: (name) => ({ global: 16, deep_global: 0, small: 24 })[name] }
        : undefined,
    ),
  )
  const section = fixed.type(fixed.findByName('.bss', 'datasec')!)
  assert.ok(section.kind === 'datasec' && section.size === 32)
  assert.deepEqual(
    section.vars.map((v) => [fixed.typeName(v.type), v.offset, v.size]),
    [
      ['deep_global', 0, 16],
      ['global', 16, 8],
      ['small', 24, 1],
    ],
  )
})

test('func and line info records have the layout bpf(2) takes', () => {
  assert.deepEqual([...encodeFuncInfo([{ insnOff: 3, typeId: 9 }])], [3, 0, 0, 0, 9, 0, 0, 0])
  const line = encodeLineInfo([{ insnOff: 1, fileNameOff: 2, lineOff: 3, line: 5, column: 7 }])
  assert.deepEqual([...line], [1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 7, 0x14, 0, 0])
})
