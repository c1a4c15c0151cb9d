import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FormatError } from '#src/base/index.js'
import { R_BPF, readElf, SHF, SHT, STT, writeElf } from '#src/elf/index.js'
import {
  applyKconfig,
  describeObject,
  linkProgram,
  loadableBtf,
  ObjectError,
  openObject,
  variableBytes,
} from '#src/object/index.js'
import { fixtureBytes, fixtureNames } from './fixtures.js'

/** Opens and uses bytes in every way; anything but an ObjectError is a bug. */
function survive(bytes: Uint8Array): void {
  try {
    const spec = openObject(bytes, { file: 'hostile.o' })
    describeObject(spec)
    loadableBtf(spec)
    applyKconfig(spec, { text: 'CONFIG_HZ=250\nCONFIG_IPV6=m\nCONFIG_BPF_SYSCALL=y', kernelVersion: 1 })
    for (const { name, size } of spec.variables) if (size < 4096) variableBytes(spec, name)
    for (const { name } of spec.programs.slice(0, 50)) {
      try {
        linkProgram(spec, name)
      } catch (error) {
        assert.ok(error instanceof ObjectError, String((error as Error).stack))
      }
    }
  } catch (error) {
    assert.ok(error instanceof ObjectError, String((error as Error).stack))
  }
}

const fixtures = fixtureNames.map(fixtureBytes)

test('random bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => survive(bytes)),
    { numRuns: 300 },
  )
})

test('cut files', () => {
  fc.assert(
    fc.property(fc.constantFrom(...fixtures), fc.double({ min: 0, max: 1, noNaN: true }), (bytes, part) =>
      survive(bytes.subarray(0, Math.floor(bytes.length * part))),
    ),
    { numRuns: 300 },
  )
})

test('files with changed bytes anywhere', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...fixtures),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 }),
      (original, changes) => {
        const bytes = new Uint8Array(original)
        for (const [at, value] of changes) bytes[at % bytes.length] = value
        survive(bytes)
      },
    ),
    { numRuns: 1500 },
  )
})

test('files with changed words where it matters: headers, symbols, relocations, BTF, maps', () => {
  const targets = fixtures.map((bytes) => {
    const elf = readElf(bytes)
    const header = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(40, elf.littleEndian)
    const ranges = elf.sections
      .filter((section) => section.data.length > 0 && section.type !== SHT.STRTAB)
      .map(({ offset, size }) => [offset, size] as const)
    return { bytes, ranges: [...ranges, [Number(header), bytes.length - Number(header)] as const] }
  })
  const word = fc.constantFrom(0, 1, 2, 4, 7, 8, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff8, 0x01000000)
  fc.assert(
    fc.property(
      fc.constantFrom(...targets),
      fc.array(fc.tuple(fc.nat(), fc.nat(), word), { minLength: 1, maxLength: 4 }),
      ({ bytes: original, ranges }, changes) => {
        const bytes = new Uint8Array(original)
        const view = new DataView(bytes.buffer)
        for (const [which, where, value] of changes) {
          const [offset, size] = ranges[which % ranges.length] ?? [0, 64]
          const at = offset + (where % Math.max(1, Math.floor(size / 4))) * 4
          if (at + 4 <= bytes.length) view.setUint32(at, value, true)
        }
        survive(bytes)
      },
    ),
    { numRuns: 3000 },
  )
})

const code = { flags: SHF.ALLOC | SHF.EXECINSTR }

test('sizes that are only claimed take no memory', () => {
  const bytes = writeElf({
    sections: [
      { name: '.bss', type: SHT.NOBITS, size: 2 ** 52 },
      { name: 'xdp', ...code, data: new Uint8Array(8) },
    ],
    symbols: [{ name: 'huge', section: 1, size: 2 ** 50, type: STT.OBJECT }],
  })
  const spec = openObject(bytes)
  assert.equal(spec.maps[0]?.valueSize, 2 ** 52)
  assert.equal(spec.maps[0]?.contents, undefined)
  assert.throws(() => variableBytes(spec, 'huge'), /bytes/)
})

test('overlapping functions and piles of relocations stay fast', () => {
  const slots = 4000
  const bytes = writeElf({
    sections: [
      {
        name: 'xdp',
        ...code,
        data: new Uint8Array(slots * 8).fill(0x18),
        relocations: Array.from({ length: 30_000 }, (_, i) => ({
          offset: i % (slots * 8),
          type: R_BPF.LD64,
          symbol: 0,
        })),
      },
    ],
    symbols: Array.from({ length: 4000 }, (_, i) => ({ name: `f${i}`, section: 1, size: slots * 8, type: STT.FUNC })),
  })
  const start = performance.now()
  survive(bytes)
  assert.throws(() => openObject(bytes), /overlap many times over/)
  assert.ok(performance.now() - start < 10_000)
})

test('records beyond a section, odd sizes, missing targets', () => {
  const refuse = (
    sections: Parameters<typeof writeElf>[0]['sections'],
    pattern: RegExp,
    symbols = [{ name: 'prog', section: 1, size: 8, type: STT.FUNC }],
  ) =>
    assert.throws(
      () => {
        const spec = openObject(writeElf({ sections, symbols }))
        for (const { name } of spec.programs) linkProgram(spec, name)
      },
      (error) => error instanceof ObjectError && pattern.test(error.message),
    )
  const section = (length: number, relocations: { offset: number; type: number; symbol: number }[] = []) => ({
    name: 'xdp',
    ...code,
    data: new Uint8Array(length),
    relocations,
  })
  refuse([section(12)], /not a multiple of an instruction/)
  refuse([section(8)], /crosses section boundary/, [{ name: 'prog', section: 1, size: 16, type: STT.FUNC }])
  refuse([section(16)], /corrupted program 'prog'/, [{ name: 'prog', section: 1, size: 12, type: STT.FUNC }])
  refuse([section(8, [{ offset: 0, type: 1, symbol: 0 }])], /invalid relo against 'prog' for insns\[0\]\.code 0x0/)
  refuse([section(8, [{ offset: 3, type: 1, symbol: 0 }])], /inside an instruction/)
  refuse([{ name: 'version', data: new Uint8Array(2) }], /invalid kver section/, [])
  assert.throws(
    () => readElf(writeElf({ sections: [section(8, [{ offset: 8, type: 1, symbol: 0 }])], symbols: [{ name: 'x' }] })),
    FormatError,
  )
})
