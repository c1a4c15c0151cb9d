import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FormatError, UsageError } from '#src/base/index.js'
import {
  alignOf,
  type Btf,
  BtfBuilder,
  CORE_RELO_KINDS,
  CoreResolver,
  checkBtf,
  decodeValue,
  dumpRaw,
  encodeValue,
  formatValue,
  mergeBtf,
  parseBtf,
  parseBtfExt,
  printC,
  resolve,
  sizeOf,
} from '#src/btf/index.js'
import { testSeed } from '../support/seed.js'
import { generator, loadable, MUTATED, mutate } from './support/check-cases.js'
import { objectSections } from './support/objects.js'

/** Runs a reader of hostile input: it may succeed or throw one of its own errors, nothing else. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch (error) {
    if (error instanceof FormatError || error instanceof UsageError) return undefined
    throw error
  }
}

const zeros = new Uint8Array(4096)
const healthy = parseBtf(loadable('layouts.o'))

/** Everything that reads a Btf. */
function exercise(btf: Btf, all: boolean): void {
  for (let id = 0; id < Math.min(btf.typeCount, 400); id++) {
    attempt(() => btf.type(id))
    attempt(() => btf.typeName(id))
    attempt(() => resolve(btf, id))
    attempt(() => sizeOf(btf, id))
    attempt(() => alignOf(btf, id))
    if (!all) continue
    attempt(() => formatValue(btf, id, zeros))
    attempt(() => decodeValue(btf, id, zeros))
    attempt(() => encodeValue(btf, id, {}))
  }
  attempt(() => btf.findByName('tree'))
  attempt(() => printC(btf))
  attempt(() => [...dumpRaw(btf)])
  attempt(() => new BtfBuilder({ from: btf }).build())
  attempt(() => mergeBtf([btf, healthy]).builder.build())
  const resolver = new CoreResolver(btf, [healthy])
  const back = new CoreResolver(healthy, [btf])
  for (const kind of CORE_RELO_KINDS) {
    for (const access of ['0', '0:1', '0:0:0', '1:2:3:4']) {
      resolver.resolve({ typeId: 2, access, kind })
      back.resolve({ typeId: 2, access, kind })
    }
  }
}

test('random bytes are refused in words', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      attempt(() => exercise(parseBtf(bytes), true))
      attempt(() => parseBtfExt(bytes, healthy))
      checkBtf(bytes)
    }),
    { numRuns: 500 },
  )
})

test('random records behind a good header are refused in words', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          kind: fc.nat(21),
          flag: fc.boolean(),
          vlen: fc.nat(3),
          words: fc.array(fc.oneof(fc.nat(8), fc.nat(300), fc.integer()), { minLength: 16, maxLength: 16 }),
        }),
        { maxLength: 12 },
      ),
      (records) => {
        const sizes = [0, 4, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 4, 0, 0]
        const each = [0, 0, 0, 0, 12, 12, 8, 0, 0, 0, 0, 0, 0, 8, 0, 12, 0, 0, 0, 12]
        const words = records.flatMap(({ kind, flag, vlen, words: [name = 0, third = 0, ...rest] }) => {
          const extra = ((sizes[kind] ?? 0) + (each[kind] ?? 0) * vlen) / 4
          return [name & 15, (Number(flag) << 31) | (kind << 24) | vlen, third, ...rest, ...rest, ...rest].slice(
            0,
            3 + extra,
          )
        })
        const strings = new TextEncoder().encode('\0alpha\0b\0gamma_delta\0')
        const bytes = new Uint8Array(24 + 4 * words.length + strings.length)
        const view = new DataView(bytes.buffer)
        for (const [at, value] of [
          [0, 0x1eb9f],
          [4, 24],
          [12, 4 * words.length],
          [16, 4 * words.length],
          [20, strings.length],
        ] as const) {
          view.setUint32(at, value, true)
        }
        words.forEach((word, i) => {
          view.setInt32(24 + 4 * i, word, true)
        })
        bytes.set(strings, 24 + 4 * words.length)
        attempt(() => exercise(parseBtf(bytes), true))
        checkBtf(bytes)
      },
    ),
    { numRuns: 1500 },
  )
})

test('mutated BTF is read or refused in words', () => {
  const seed = testSeed
  const random = generator(seed)
  for (let i = 0; i < 120; i++) {
    const file = MUTATED[random(MUTATED.length)]!
    const bytes = loadable(file)
    const mutated = mutate(bytes, parseBtf(bytes), random)
    try {
      const btf = attempt(() => parseBtf(mutated))
      if (btf !== undefined) exercise(btf, i % 4 === 0)
    } catch (error) {
      assert.fail(`SKEP_FUZZ_SEED=${seed}, round ${i}, ${file}: ${(error as Error).stack}`)
    }
  }
})

test('mutated BTF.ext is read or refused in words', () => {
  const sections = objectSections('core.o')
  const btf = parseBtf(sections.get('.BTF')!)
  const ext = sections.get('.BTF.ext')!
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(ext.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
      fc.nat(ext.length),
      fc.boolean(),
      (edits, length, cut) => {
        const copy = ext.slice(0, cut ? length : ext.length)
        for (const [at, value] of edits) if (at < copy.length) copy[at] = value
        attempt(() => parseBtfExt(copy, btf))
      },
    ),
    { numRuns: 300 },
  )
})
