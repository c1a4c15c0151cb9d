import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { csumDiff, csumReplace2, csumReplace4, csumReplaceByDiff } from '#src/packet/index.js'
import { bpf, closeFd, insns, noBpf, progLoad, written } from '../support/linux-bpf.js'

// The running kernel computes the same: each case is a program with its numbers in the instructions.

type Insn = readonly [code: number, regs: number, off: number, imm: number]

const MOV_IMM = 0xb7
const MOV_REG = 0xbf
const ADD_IMM = 0x07
const ST_W = 0x62
const CALL = 0x85
const EXIT = 0x95
const frame = (register: number, off: number): Insn[] => [
  [MOV_REG, register | (10 << 4), 0, 0],
  [ADD_IMM, register, 0, off],
]
const mov = (register: number, value: number): Insn => [MOV_IMM, register, 0, value | 0]
/** ld_imm64 of an unsigned 32-bit number: mov would sign-extend it. */
const mov64 = (register: number, value: number): Insn[] => [
  [0x18, register, 0, value | 0],
  [0, 0, 0, 0],
]

function run(
  type: 'BPF_PROG_TYPE_XDP' | 'BPF_PROG_TYPE_SCHED_CLS',
  code: readonly Insn[],
  data: Uint8Array,
): { retval: number; out: Uint8Array } {
  const { fd, log } = progLoad(type, insns(...code))
  assert.ok(fd >= 0, log)
  try {
    const out = new Uint8Array(data.length + 64)
    const result = bpf('BPF_PROG_TEST_RUN', 'test', {
      prog_fd: fd,
      data_in: data,
      data_size_in: data.length,
      data_out: out,
      data_size_out: out.length,
      repeat: 1,
    })
    assert.equal(result, 0)
    return { retval: Number(written('test', 'retval')), out: out.subarray(0, data.length) }
  } finally {
    closeFd(fd)
  }
}

function words(list: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(4 * list.length)
  const view = new DataView(bytes.buffer)
  for (const [index, word] of list.entries()) view.setUint32(4 * index, word, true)
  return bytes
}

const edge = fc.constantFrom(0, 1, 0xffff, 0x10000, 0xffff0000, 0xffffffff, 0xfffeffff, 0x80000000)
const word = fc.oneof(edge, fc.nat({ max: 0xffff_ffff }))

test('bpf_csum_diff', { skip: noBpf }, () => {
  fc.assert(
    fc.property(fc.array(word, { maxLength: 8 }), fc.array(word, { maxLength: 8 }), word, (from, to, seed) => {
      const code: Insn[] = []
      for (const [index, value] of from.entries()) code.push([ST_W, 10, -64 + 4 * index, value | 0])
      for (const [index, value] of to.entries()) code.push([ST_W, 10, -32 + 4 * index, value | 0])
      code.push(
        ...(from.length === 0 ? [mov(1, 0)] : frame(1, -64)),
        mov(2, 4 * from.length),
        ...(to.length === 0 ? [mov(3, 0)] : frame(3, -32)),
        mov(4, 4 * to.length),
        ...mov64(5, seed),
        [CALL, 0, 0, 28],
        [EXIT, 0, 0, 0],
      )
      const { retval } = run('BPF_PROG_TYPE_XDP', code, new Uint8Array(14))
      assert.equal(csumDiff(words(from), words(to), seed), retval)
    }),
    { numRuns: 150, examples: [[[0xffff_ffff], [], 0]] },
  )
})

test('bpf_l3_csum_replace and bpf_l4_csum_replace', { skip: noBpf }, () => {
  const half = fc.oneof(fc.constantFrom(0, 1, 0xfffe, 0xffff), fc.nat({ max: 0xffff }))
  fc.assert(
    fc.property(fc.constantFrom(10, 11), fc.constantFrom(0, 2, 4), half, word, word, (helper, size, check, a, b) => {
      const from = size === 0 ? 0 : size === 2 ? a & 0xffff : a
      const to = size === 2 ? b & 0xffff : b
      const data = new Uint8Array(64)
      new DataView(data.buffer).setUint16(40, check, true)
      const code: Insn[] = [
        mov(2, 40),
        ...mov64(3, from),
        ...mov64(4, to),
        mov(5, size),
        [CALL, 0, 0, helper],
        [EXIT, 0, 0, 0],
      ]
      const { retval, out } = run('BPF_PROG_TYPE_SCHED_CLS', code, data)
      assert.equal(retval, 0)
      const found = new DataView(out.buffer, out.byteOffset).getUint16(40, true)
      // The layer 4 helper treats a 16-bit word as one of 32 bits.
      const expected =
        size === 0
          ? csumReplaceByDiff(check, to)
          : size === 2 && helper === 10
            ? csumReplace2(check, from, to)
            : csumReplace4(check, from, to)
      assert.equal(found, expected, `helper ${helper} size ${size} ${check} ${from} ${to}`)
    }),
    { numRuns: 300 },
  )
})
