import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FormatError } from '#src/base/index.js'
import {
  type ElfInput,
  EM,
  ET,
  findSection,
  isElf,
  R_BPF,
  readElf,
  SHF,
  SHN,
  SHT,
  STB,
  STT,
  writeElf,
} from '#src/elf/index.js'

const sample = (littleEndian: boolean): ElfInput => ({
  littleEndian,
  sections: [
    {
      name: 'xdp',
      flags: SHF.ALLOC | SHF.EXECINSTR,
      data: new Uint8Array(32).fill(7),
      relocations: [
        { offset: 0, type: R_BPF.LD64, symbol: 1 },
        { offset: 16, type: R_BPF.CALL32, symbol: 0 },
      ],
    },
    {
      name: '.data',
      data: Uint8Array.of(1, 2, 3),
      relocations: [{ offset: 0, type: R_BPF.ABS64, symbol: 1, addend: -4n }],
    },
    { name: '.bss', type: SHT.NOBITS, size: 1 << 30 },
  ],
  symbols: [
    { name: 'main', section: 1, size: 32, type: STT.FUNC },
    { name: 'thing', section: 2, value: 1, size: 2, bind: STB.LOCAL, type: STT.OBJECT },
    { name: 'far', bind: STB.WEAK },
    { name: 'abs', section: SHN.ABS, value: 5 },
  ],
})

for (const littleEndian of [true, false]) {
  test(`an object written is the object read (${littleEndian ? 'little' : 'big'} endian)`, () => {
    const bytes = writeElf(sample(littleEndian))
    assert.ok(isElf(bytes))
    const elf = readElf(bytes)
    assert.equal(elf.littleEndian, littleEndian)
    assert.equal(elf.machine, EM.BPF)
    assert.equal(elf.type, ET.REL)
    assert.deepEqual(elf.sections.map(({ name, size }) => [name, size]).slice(0, 6), [
      ['', 0],
      ['xdp', 32],
      ['.data', 3],
      ['.bss', 1 << 30],
      ['.relxdp', 32],
      ['.rela.data', 24],
    ])
    assert.equal(findSection(elf, '.bss')?.data.length, 0)
    assert.deepEqual([...(findSection(elf, '.data')?.data ?? [])], [1, 2, 3])
    // The local symbol moved in front of the others, relocations follow it.
    assert.deepEqual(
      elf.symbols.map(({ name, section, bind }) => [name, section, bind]),
      [
        ['', 0, 0],
        ['thing', 2, STB.LOCAL],
        ['main', 1, STB.GLOBAL],
        ['far', 0, STB.WEAK],
        ['abs', SHN.ABS, STB.GLOBAL],
      ],
    )
    const [code, data] = elf.relocations
    assert.deepEqual(code?.records, [
      { offset: 0, type: R_BPF.LD64, symbol: 1, addend: undefined },
      { offset: 16, type: R_BPF.CALL32, symbol: 2, addend: undefined },
    ])
    assert.equal(data?.target, 2)
    assert.deepEqual(data?.records, [{ offset: 0, type: R_BPF.ABS64, symbol: 1, addend: -4n }])
  })
}

function refused(bytes: Uint8Array, pattern: RegExp): void {
  assert.throws(
    () => readElf(bytes),
    (error) => error instanceof FormatError && error.format === 'elf' && pattern.test(error.message),
  )
}

function patched(change: (bytes: Uint8Array, view: DataView) => void): Uint8Array {
  const bytes = writeElf(sample(true))
  change(bytes, new DataView(bytes.buffer))
  return bytes
}

test('what is wrong with a file is said', () => {
  refused(new Uint8Array(0), /empty/)
  refused(Uint8Array.of(1, 2, 3), /not an ELF file/)
  refused(
    patched((bytes) => (bytes[4] = 1)),
    /32-bit/,
  )
  refused(
    patched((bytes) => (bytes[5] = 9)),
    /encoding 9/,
  )
  refused(
    patched((_, view) => view.setUint16(58, 40, true)),
    /section headers of 40 bytes/,
  )
  refused(
    patched((_, view) => view.setUint16(62, 200, true)),
    /name table index 200/,
  )
  refused(
    patched((_, view) => view.setUint16(60, 0xfeff, true)),
    /do not fit/,
  )
  assert.equal(readElf(patched((_, view) => view.setUint16(60, 0, true))).sections.length, 0)
  refused(
    patched((_, view) => view.setBigUint64(40, 1n << 60n, true)),
    /out of range/,
  )
  const table = (view: DataView) => Number(view.getBigUint64(40, true))
  const header = (view: DataView, index: number) => table(view) + 64 * index
  refused(
    patched((_, view) => view.setBigUint64(header(view, 1) + 32, 1n << 40n, true)),
    /beyond the file/,
  )
  refused(
    patched((_, view) => view.setBigUint64(header(view, 2) + 24, 70n, true)),
    /overlap/,
  )
  refused(
    patched((_, view) => view.setUint32(header(view, 4) + 44, 77, true)),
    /section 77/,
  )
  refused(
    patched((_, view) => view.setUint32(header(view, 4) + 44, 4, true)),
    /section 4/,
  )
  refused(
    patched((_, view) => view.setUint32(header(view, 6) + 40, 6, true)),
    /string table/,
  )
  refused(
    patched((_, view) => view.setBigUint64(header(view, 6) + 56, 7n, true)),
    /entries of 7/,
  )
  refused(
    patched((_, view) => view.setUint32(header(view, 1), 0xffff, true)),
    /name offset/,
  )
})

test('any cut of a good file is refused or read, never worse', () => {
  const bytes = writeElf(sample(true))
  for (let length = 0; length < bytes.length; length++) refused(bytes.subarray(0, length), /elf/)
})

test('random changes give a file or a FormatError', () => {
  const base = writeElf(sample(true))
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(base.length - 1), fc.nat(255)), { minLength: 1, maxLength: 12 }),
      (changes) => {
        const bytes = base.slice()
        for (const [at, value] of changes) bytes[at] = value
        try {
          readElf(bytes)
        } catch (error) {
          assert.ok(error instanceof FormatError, String(error))
        }
      },
    ),
    { numRuns: 3000 },
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (tail, big) => {
      const bytes = Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 2, big ? 2 : 1, 1, ...tail)
      try {
        readElf(bytes)
      } catch (error) {
        assert.ok(error instanceof FormatError, String(error))
      }
    }),
    { numRuns: 2000 },
  )
})
