import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FormatError } from '#src/base/index.js'
import { declareC, defineC, dumpJson, dumpRaw, encodeBtf, formatRawType, parseBtf, printC } from '#src/btf/index.js'
import { btfBytes, objectPath, vmlinuxBytes } from './support/objects.js'
import { bpftool, skipWithoutBpftool } from './support/tools.js'

const objects = ['kinds.o', 'core.o', 'core-target.o', 'core-kernel.o', 'values.o', 'layouts.o']

/** A short account of the first difference: whole texts are megabytes. */
function assertSameText(actual: string, expected: string, what: string): void {
  if (actual === expected) return
  let at = 0
  while (actual[at] === expected[at]) at++
  const around = (text: string) => JSON.stringify(text.slice(Math.max(0, at - 80), at + 80))
  assert.fail(`${what} differs at ${at}: printed ${around(actual)}, bpftool prints ${around(expected)}`)
}

/** bpftool -j prints an unsigned 32-bit enumerator above 2^31 as if it were a sign-extended u64. */
function corrected(json: string): string {
  return json.replace(/"kind": ?"ENUM",[^\]]*/g, (type) =>
    type.replace(/("val": ?)(184467440\d{11})\b/g, (_, key, value) => `${key}${BigInt.asUintN(32, BigInt(value))}`),
  )
}

test('objects are dumped as bpftool dumps them: C, raw, JSON', { skip: skipWithoutBpftool }, () => {
  for (const file of objects) {
    const path = objectPath(file)
    const btf = parseBtf(btfBytes(file))
    assertSameText(printC(btf), bpftool('btf', 'dump', 'file', path, 'format', 'c'), `${file} as C`)
    assertSameText(`${[...dumpRaw(btf)].join('\n')}\n`, bpftool('btf', 'dump', 'file', path), `${file} raw`)
    assertSameText(dumpJson(btf), corrected(bpftool('-j', 'btf', 'dump', 'file', path).trim()), `${file} as JSON`)
    assertSameText(dumpJson(btf, { pretty: true }), corrected(bpftool('-p', 'btf', 'dump', 'file', path).trim()), file)
  }
})

const vmlinux = vmlinuxBytes()
const noKernel = vmlinux === undefined && 'no /sys/kernel/btf/vmlinux'

test("the kernel's types are dumped as bpftool dumps them", { skip: noKernel || skipWithoutBpftool }, () => {
  const path = '/sys/kernel/btf/vmlinux'
  const btf = parseBtf(vmlinux!)
  assertSameText(printC(btf), bpftool('btf', 'dump', 'file', path, 'format', 'c'), 'vmlinux as C')
  assertSameText(`${[...dumpRaw(btf)].join('\n')}\n`, bpftool('btf', 'dump', 'file', path), 'vmlinux raw')
  assertSameText(dumpJson(btf), corrected(bpftool('-j', 'btf', 'dump', 'file', path).trim()), 'vmlinux as JSON')
})

const kinds = parseBtf(btfBytes('kinds.o'))
const id = (name: string) => kinds.findByName(name)!

test('single types and declarations are printed', () => {
  assert.equal(declareC(kinds, id('callback_t'), 'cb'), 'callback_t cb')
  assert.equal(defineC(kinds, id('callback_t')), 'typedef int (*callback_t)(struct forward *, const char *, ...);')
  assert.equal(defineC(kinds, id('numbers_t')), 'typedef u32 numbers_t[4];')
  assert.equal(defineC(kinds, id('negative')), 'enum negative {\n\tMINUS = -3,\n\tZERO = 0,\n\tPLUS = 7,\n};')
  assert.equal(defineC(kinds, id('packed')), 'struct packed {\n\tu8 a;\n\tu32 b;\n\tu16 c;\n} __attribute__((packed));')
  assert.equal(formatRawType(kinds, 3), "[3] INT 'int' size=4 bits_offset=0 nr_bits=32 encoding=SIGNED")
  assert.match(printC(kinds, { roots: [id('deep')], bare: true }), /^struct deep \{[\s\S]*\};\n\n$/)
})

test('big-endian objects print the same', () => {
  assert.equal(printC(parseBtf(btfBytes('kinds-be.o'))), printC(kinds))
})

test('types of one name are told apart', () => {
  const member = (type: number) => [{ name: 'm', type, bitOffset: 0, bitSize: 0 }]
  const int = {
    kind: 'int',
    name: 'int',
    size: 4,
    bits: 32,
    bitOffset: 0,
    signed: true,
    char: false,
    bool: false,
  } as const
  const text = printC(
    parseBtf(
      encodeBtf([
        int,
        { kind: 'struct', name: 'same', size: 4, kindFlag: false, members: member(1) },
        { kind: 'struct', name: 'same', size: 4, kindFlag: false, members: member(2) },
        { kind: 'enum', name: '', size: 4, signed: false, values: [{ name: 'ONE', value: 1 }] },
        { kind: 'enum', name: 'e', size: 4, signed: false, values: [{ name: 'ONE', value: 2 }] },
      ]),
    ),
    { bare: true },
  )
  assert.match(text, /struct same___2 \{\n\tstruct same m;\n\}/)
  assert.match(text, /enum e \{\n\tONE___2 = 2,\n\}/)
})

test('types that are no C are refused', () => {
  const loop = (types: Parameters<typeof encodeBtf>[0]) => () => printC(parseBtf(encodeBtf(types)))
  const member = { name: 'm', type: 1, bitOffset: 0, bitSize: 0 }
  assert.throws(loop([{ kind: 'struct', name: 's', size: 4, kindFlag: false, members: [member] }]), FormatError)
  assert.throws(
    loop([
      { kind: 'ptr', name: '', type: 1 },
      { kind: 'typedef', name: 't', type: 1 },
    ]),
    FormatError,
  )
  assert.throws(loop([{ kind: 'typedef', name: 't', type: 1 }]), FormatError)
  // Each function takes the one before twice: 2^60 parameters.
  const params = (type: number) => [
    { name: '', type },
    { name: '', type },
  ]
  const bomb: Parameters<typeof encodeBtf>[0] = Array.from({ length: 60 }, (_, i) => ({
    kind: 'func_proto' as const,
    name: '',
    type: 0,
    params: i === 0 ? [] : params(i),
  }))
  assert.throws(loop([...bomb, { kind: 'typedef', name: 'boom', type: 60 }]), FormatError)
})
