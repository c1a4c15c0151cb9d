import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FormatError } from '#src/base/index.js'
import { assemble } from '#src/isa/index.js'
import { Jit, Machine, PLACES_SECTION, printModule, rawImage, readModule, readPlaces } from '#src/vm/index.js'
import { testSeed } from '../support/seed.js'

function moduleBytes(): Uint8Array {
  const machine = new Machine()
  const text =
    'r0 = 0\nagain: r0 += r1\nr1 += -1\nif r1 != 0 goto again\ncall bpf_ktime_get_ns\ncall sub\nexit\nsub: r0 = 1\nexit'
  const image = new Jit(machine).prepare(rawImage(machine, assemble(text), 'test')).image()
  assert.ok(image !== undefined)
  return image.bytes
}

test('functions, names and places of a module are read back', () => {
  const bytes = moduleBytes()
  const module = readModule(bytes)
  const names = module.functions.map(({ name }) => name)
  assert.deepEqual(names.slice(0, 2), ['bpf_prog_1_test', 'bpf_prog_1_test_7'])
  assert.ok(module.exports.some(({ name }) => name === 'run'))
  const places = readPlaces(module.custom.get(PLACES_SECTION) as Uint8Array)
  assert.deepEqual(
    [...new Set(places.values())].sort((a, b) => a - b),
    [0, 1, 2, 3, 4, 5, 6, 7, 8],
  )
  // Each place is the start of an instruction of the module.
  const starts = new Set(module.functions.flatMap(({ insns, end }) => [...insns.map(({ offset }) => offset), end]))
  for (const offset of places.keys()) assert.ok(starts.has(offset))
  for (const { insns, start, end } of module.functions) {
    assert.equal(insns[0]?.offset, start)
    assert.equal(
      insns.reduce((at, { length }) => at + length, start),
      end,
    )
  }
  assert.ok(printModule(module).startsWith('(module\n  (import "env" "memory" (memory 1))\n'))
})

test('damaged modules are a FormatError or a module, never something else', () => {
  const bytes = moduleBytes()
  const property = fc.property(
    fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
    fc.nat(bytes.length),
    (changes, length) => {
      const damaged = bytes.slice(0, length < 8 ? bytes.length : length)
      for (const [at, byte] of changes) if (at < damaged.length) damaged[at] = byte
      try {
        printModule(readModule(damaged))
      } catch (error) {
        assert.ok(error instanceof FormatError, String(error))
      }
    },
  )
  fc.assert(property, { seed: testSeed, numRuns: 2000 })
})
