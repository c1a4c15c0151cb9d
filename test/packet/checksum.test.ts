import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fromHex } from '#src/base/index.js'
import {
  csumAdd,
  csumDiff,
  csumFold,
  csumFold16,
  csumPartial,
  csumReplace2,
  csumReplace4,
  csumReplaceByDiff,
  csumSub,
  internetChecksum,
  swap16,
} from '#src/packet/index.js'

/** RFC 1071 word by word over big-endian words. */
function plainChecksum(bytes: Uint8Array): number {
  let sum = 0n
  for (let i = 0; i < bytes.length; i += 2) sum += (BigInt(bytes[i] as number) << 8n) | BigInt(bytes[i + 1] ?? 0)
  while (sum > 0xffffn) sum = (sum & 0xffffn) + (sum >> 16n)
  return Number(~sum & 0xffffn)
}

test('the checksum of a well-known header', () => {
  const header = fromHex('4500 0073 0000 4000 4011 0000 c0a8 0001 c0a8 00c7')
  assert.equal(internetChecksum(header), 0xb861)
})

test('the internet checksum of any bytes, whole or in even parts', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat({ max: 300 }), (bytes, cut) => {
      assert.equal(internetChecksum(bytes), plainChecksum(bytes))
      const middle = Math.min(cut & ~1, bytes.length)
      const first = csumPartial(bytes, 0, middle)
      assert.equal(
        csumFold16(csumPartial(bytes, middle, bytes.length, first)),
        csumFold16(csumPartial(bytes, 0, bytes.length)),
      )
    }),
  )
})

test('a long run of ones does not lose a carry', () => {
  const bytes = new Uint8Array(1 << 22).fill(0xff)
  assert.equal(csumFold16(csumPartial(bytes, 0, bytes.length, 0xffffffff)), 0xffff)
  assert.equal(internetChecksum(bytes), 0)
})

test('addition carries around, subtraction undoes it', () => {
  assert.equal(csumAdd(0xffffffff, 1), 1)
  assert.equal(csumAdd(0, 0), 0)
  assert.equal(csumSub(0, 0), 0xffffffff)
  const word = fc.nat({ max: 0xffff_ffff })
  fc.assert(
    fc.property(word, word, (a, b) => {
      // Equal in one's complement, where 0 and ~0 are the same.
      assert.equal(csumSub(csumAdd(a, b), b) % 0xffff_ffff, a % 0xffff_ffff)
    }),
  )
})

test('replacing a word gives the checksum of the changed data', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 8, maxLength: 64 }),
      fc.nat({ max: 60 }),
      fc.nat({ max: 0xffff_ffff }),
      (bytes, place, value) => {
        const at = Math.min(place & ~3, (bytes.length & ~3) - 4)
        const view = new DataView(bytes.buffer)
        const before = csumFold(csumPartial(bytes, 0, bytes.length))
        const old = view.getUint32(at, true)
        const oldBytes = bytes.slice(at, at + 4)
        const halves = [old & 0xffff, value & 0xffff] as const
        view.setUint32(at, value, true)
        const after = csumFold(csumPartial(bytes, 0, bytes.length))
        const same = (a: number, b: number): boolean => a % 0xffff === b % 0xffff
        assert.ok(same(csumReplace4(before, old, value), after))
        const diff = csumDiff(oldBytes, bytes.subarray(at, at + 4), 0)
        assert.ok(same(csumReplaceByDiff(before, diff), after))
        view.setUint16(at + 2, old >>> 16, true)
        const half = csumFold(csumPartial(bytes, 0, bytes.length))
        assert.ok(same(csumReplace2(before, ...halves), half))
      },
    ),
  )
})

test('differences: pushing, pulling and exchanging data', () => {
  const a = fromHex('01020304')
  const b = fromHex('fffefdfc')
  const none = new Uint8Array(0)
  assert.equal(csumDiff(none, a, 0), swap16(0x0102 + 0x0304))
  assert.equal(csumDiff(none, none, 0x12345), 0x2346)
  assert.equal(csumDiff(none, none, 0), 0)
  // The same data taken away and added leaves a one's complement zero, which is all ones.
  assert.equal(csumDiff(a, a, 0), 0xffff)
  assert.equal(csumDiff(b, none, csumPartial(b, 0, 4)), 0)
})
