import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Attributes, NetlinkMessage, splitMessages, viewOf } from '#src/linux/netlink/message.js'

test('messages are written as Linux lays them out, and read back', () => {
  const bytes = new NetlinkMessage(16, 5)
    .u32(7)
    .attrText(3, 'eth0')
    .nest(18, (nest) => nest.attrU32(1, 99).attr(2, Uint8Array.of(1, 2, 3)))
    .finish(42)
  const view = viewOf(bytes)
  assert.equal(view.getUint32(0, true), bytes.length)
  assert.equal(bytes.length % 4, 0)
  const [message, ...more] = [...splitMessages(bytes)]
  assert.equal(more.length, 0)
  assert.deepEqual([message?.type, message?.flags, message?.sequence], [16, 5, 42])
  const attrs = new Attributes(message?.body, 4)
  assert.equal(attrs.text(3), 'eth0')
  assert.equal(attrs.nested(18).u32(1), 99)
  assert.deepEqual(attrs.nested(18).bytes(2), Uint8Array.of(1, 2, 3))
  assert.equal(attrs.u32(77), undefined)
})

test('every list of attributes comes back, large ones too', () => {
  const value = fc.uint8Array({ maxLength: 700 })
  const list = fc.uniqueArray(fc.tuple(fc.integer({ min: 1, max: 0x3fff }), value), { selector: ([type]) => type })
  fc.assert(
    fc.property(list, (entries) => {
      const message = new NetlinkMessage(1, 0)
      for (const [type, bytes] of entries) message.attr(type, bytes)
      const attrs = new Attributes([...splitMessages(message.finish(1))][0]?.body)
      for (const [type, bytes] of entries) assert.deepEqual(attrs.bytes(type), bytes)
    }),
  )
})

test('no bytes make the readers throw or go on for ever', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      for (const { body } of splitMessages(bytes)) {
        const attrs = new Attributes(body)
        for (let type = 0; type < 64; type++) {
          attrs.u8(type)
          attrs.u32(type)
          attrs.text(type)
          attrs.nested(type).u32(1)
        }
      }
    }),
    { numRuns: 2000 },
  )
})
