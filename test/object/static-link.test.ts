import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { linkObjects, ObjectError, openObject } from '#src/object/index.js'
import { root } from '../support/paths.js'

const inputs = ['application', 'library'].map((name) => ({
  file: `${name}.o`,
  bytes: new Uint8Array(readFileSync(join(root, `test/fixtures/link/${name}.o`))),
}))

test('linking is a function of its inputs, and leaves them alone', () => {
  const before = inputs.map(({ bytes }) => bytes.slice())
  assert.deepEqual(linkObjects(inputs), linkObjects(inputs))
  assert.deepEqual(
    inputs.map(({ bytes }) => bytes),
    before,
  )
})

test('any bytes: an object, or an ObjectError', () => {
  const change = fc.record({ input: fc.nat(1), place: fc.nat(), fromEnd: fc.boolean(), byte: fc.nat(255) })
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), (changes) => {
      const changed = inputs.map(({ file, bytes }) => ({ file, bytes: bytes.slice() }))
      for (const { input, place, fromEnd, byte } of changes) {
        const bytes = changed[input]?.bytes as Uint8Array
        // Headers of sections, symbols and relocations are at the end.
        bytes[fromEnd ? bytes.length - 1 - (place % 2600) : place % bytes.length] = byte
      }
      try {
        openObject(linkObjects(changed), { file: 'linked.o' })
      } catch (error) {
        assert.ok(error instanceof ObjectError, String(error))
      }
    }),
    { numRuns: 300 },
  )
})
