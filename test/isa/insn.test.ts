import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FormatError } from '#src/base/index.js'
import {
  decodeInsns,
  encodeInsns,
  getCode,
  getDst,
  getImm,
  getImm64,
  getOff,
  getSrc,
  insnFields,
  lookupOp,
  OPS,
  opsOfCode,
  selectorOfCode,
  setCode,
  setDst,
  setImm,
  setImm64,
  setOff,
  setSrc,
  swapByteOrder,
} from '#src/isa/index.js'

const streams = fc.array(fc.uint8Array({ minLength: 8, maxLength: 8 }), { maxLength: 40 }).map((slots) => {
  const bytes = new Uint8Array(slots.length * 8)
  slots.forEach((slot, i) => {
    bytes.set(slot, i * 8)
  })
  return bytes
})

test('every row of the table is found by its own encoding', () => {
  for (const op of OPS) {
    const { code, src = 0, off = 0, imm = 0 } = insnFields(op.name)
    assert.equal(lookupOp(code, src, off, imm), op, op.name)
    if (opsOfCode(code).length > 1) assert.notEqual(selectorOfCode(code), undefined, op.name)
  }
})

test('decoding and encoding are inverse on any stream without second slots that carry junk', () => {
  fc.assert(
    fc.property(streams, fc.boolean(), (bytes, bigEndian) => {
      let insns: ReturnType<typeof decodeInsns>
      try {
        insns = decodeInsns(bytes, { bigEndian })
      } catch (error) {
        assert.ok(error instanceof FormatError)
        return
      }
      const clean = bytes.slice()
      for (const insn of insns) if (insn.imm64 !== undefined) clean.fill(0, insn.pc * 8 + 8, insn.pc * 8 + 12)
      assert.deepEqual(encodeInsns(insns, { bigEndian }), clean)
      assert.deepEqual(decodeInsns(swapByteOrder(bytes), { bigEndian: !bigEndian }), insns)
    }),
  )
})

test('slot accessors agree with the decoder', () => {
  fc.assert(
    fc.property(streams, (bytes) => {
      const copy = new Uint8Array(bytes.length)
      for (let slot = 0; slot < bytes.length / 8; slot++) {
        setCode(copy, slot, getCode(bytes, slot))
        setDst(copy, slot, getDst(bytes, slot))
        setSrc(copy, slot, getSrc(bytes, slot))
        setOff(copy, slot, getOff(bytes, slot))
        setImm(copy, slot, getImm(bytes, slot))
      }
      assert.deepEqual(copy, bytes)
    }),
  )
  const wide = encodeInsns([insnFields('ld_imm64', { dst: 1, imm64: 0xfedc_ba98_7654_3210n })])
  assert.equal(getImm64(wide, 0), 0xfedc_ba98_7654_3210n)
  setImm64(wide, 0, 0x8000_0000_ffff_ffffn)
  assert.equal(decodeInsns(wide)[0]?.imm64, 0x8000_0000_ffff_ffffn)
})

test('a known instruction, in both byte orders', () => {
  const insn = insnFields('stx32', { dst: 10, src: 3, off: -4 })
  assert.deepEqual([...encodeInsns([insn])], [0x63, 0x3a, 0xfc, 0xff, 0, 0, 0, 0])
  assert.deepEqual([...encodeInsns([insn], { bigEndian: true })], [0x63, 0xa3, 0xff, 0xfc, 0, 0, 0, 0])
})

test('cut-off streams are refused with the place', () => {
  assert.throws(() => decodeInsns(new Uint8Array(9)), { name: 'FormatError', offset: 8 })
  assert.throws(() => decodeInsns(Uint8Array.of(0x95, 0, 0, 0, 0, 0, 0, 0, 0x18, 0, 0, 0, 0, 0, 0, 0)), {
    name: 'FormatError',
    offset: 8,
    reason: 'incomplete ld_imm64: instruction 1 has no second slot',
  })
})
