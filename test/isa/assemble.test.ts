import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { FormatError, fromHex, toHex } from '#src/base/index.js'
import {
  assemble,
  decodeInsns,
  disassemble,
  encodeInsns,
  formatKernelInsn,
  generateProgram,
  OPS,
  randomInsn,
  seededRandom,
} from '#src/isa/index.js'
import { sharedData } from '../support/paths.js'
import { testSeed } from '../support/seed.js'
import { llvmAssemble, needsLlvm } from './oracles.js'

/** Each line of text with the slots it stands for, in hex. */
const SPELLINGS: readonly (readonly [string, string])[] = [
  ['r0 = *(u32 *)(r1 + 4)', '6110040000000000'],
  ['r0 = *(u32 *)(r1 +4)', '6110040000000000'],
  ['r0 = *(u32*)(r1+4)', '6110040000000000'],
  ['w0 = *(u8 *)(r1 - 4)', '7110fcff00000000'],
  ['r0 = *(u16 *)(r10)', '69a0000000000000'],
  ['r0 = *(s32 *)(r1 + 0x10)', '8110100000000000'],
  ['if w1 s> 5 goto +3', '6601030005000000'],
  ['if r1 == 0xffffffff goto pc-2', '1501feffffffffff'],
  ['if r1 & r2 goto +0x7fff <prog+0x40>', '4d21ff7f00000000'],
  ['r1 = 0x1 ll', '18010000010000000000000000000000'],
  ['r1 = -1 ll', '18010000ffffffff00000000ffffffff'],
  ['(18) r1 = 0x90abcdef12345678', '180100007856341200000000efcdab90'],
  ['r1 = -5', 'b7010000fbffffff'],
  ['w1 = 0xffffffff', 'b4010000ffffffff'],
  ['r1 = -r1', '8701000000000000'],
  ['r1 = - r1', '8701000000000000'],
  ['w1 s>>= w2', 'cc21000000000000'],
  ['r3 s/= -7', '37030100f9ffffff'],
  ['w3 s%= w4', '9c43010000000000'],
  ['w1 = (s8)w2', 'bc21080000000000'],
  ['r1 = (s32)r2', 'bf21200000000000'],
  ['r0 = be16 r0', 'dc00000010000000'],
  ['r0 = bswap64 r0', 'd700000040000000'],
  ['lock *(u64 *)(r1 + 0) += r2', 'db21000000000000'],
  ['lock *(u32 *)(r10 -8) ^= w2', 'c32af8ffa0000000'],
  ['r2 = atomic_fetch_add((u64 *)(r1 + 0), r2)', 'db21000001000000'],
  ['r2 = atomic64_fetch_add((u64 *)(r1 +0), r2)', 'db21000001000000'],
  ['w2 = xchg32_32(r1 + 8, w2)', 'c3210800e1000000'],
  ['r2 = atomic_xchg((u32 *)(r1 +8), r2)', 'c3210800e1000000'],
  ['r0 = cmpxchg_64(r1 - 8, r0, r3)', 'db31f8fff1000000'],
  ['r0 = atomic64_cmpxchg((u64 *)(r1 -8), r0, r3)', 'db31f8fff1000000'],
  ['w1 = load_acquire((u8 *)(r2 + 1))', 'd321010000010000'],
  ['store_release((u64 *)(r1 +0), r2)', 'db21000010010000'],
  ['*(u64 *)(r10 - 8) = -1', '7a0af8ffffffffff'],
  ['*(u8 *)(r1 + 0) = w2', '7321000000000000'],
  ['goto -1', '0500ffff00000000'],
  ['gotol pc+70000', '0600000070110100'],
  ['may_goto +3', 'e500030000000000'],
  ['call 1', '8500000001000000'],
  ['call bpf_map_lookup_elem', '8500000001000000'],
  ['call map_lookup_elem', '8500000001000000'],
  ['(85) call bpf_map_lookup_elem#1', '8500000001000000'],
  ['call unknown#-1', '85000000ffffffff'],
  ['call pc+3', '8510000003000000'],
  ['call pc-3#bpf_prog_0011223344556677_F', '85100000fdffffff'],
  ['call kernel-function#65481', '85200000c9ff0000'],
  ['call bpf_rcu_read_lock#65481', '85200000c9ff0000'],
  ['callx r3', '8d03000000000000'],
  ['exit', '9500000000000000'],
  ['r0 = *(u8 *)skb[14]', '300000000e000000'],
  ['r0 = *(u32 *)skb[r7 + -4]', '40700000fcffffff'],
  ['r0 = *(u16 *)skb[r7]', '4870000000000000'],
  ['r1 = addr_space_cast(r2, 0, 1)', 'bf21010001000000'],
  ['r1 = &(void __percpu *)(r2)', 'bf21ffff00000000'],
  ['ld_pseudo\tr1, 0x1, 0x5', '18110000050000000000000000000000'],
]

test('both spellings of every kind of instruction', () => {
  for (const [text, hex] of SPELLINGS) assert.equal(toHex(assemble(text)), hex, text)
})

test('labels, comments and several instructions on a line', () => {
  const text = `
    # a countdown
    start:            // the entry
      r0 = 3 ; r1 = r0
    again: r0 += -1   # one less
      if r0 != 0 goto again
      call helper
      r2 = helper
      exit            ; R0=0 R10=fp0
    ; int helper(void)
    helper:
      goto out
    out:
      exit
  `
  assert.equal(
    disassemble(assemble(text)),
    [
      '0: (b7) r0 = 3',
      '1: (bf) r1 = r0',
      '2: (07) r0 += -1',
      '3: (55) if r0 != 0x0 goto pc-2',
      '4: (85) call pc+3',
      '5: (18) r2 = 0x2',
      '7: (95) exit',
      '8: (05) goto pc+0',
      '9: (95) exit',
      '',
    ].join('\n'),
  )
})

test('symbols and helpers by name come from the caller', () => {
  const bytes = assemble('r1 = my_map ll\nr2 = map[id:5]\ncall do_it\ncall special', {
    resolveHelper: (name) => (name === 'special' ? 99 : undefined),
    resolveSymbol: (name) =>
      ({ my_map: { src: 1, value: 7n }, 'map[id:5]': { src: 1, value: 5n }, do_it: { src: 2, value: 1234n, off: 1 } })[
        name
      ],
  })
  assert.equal(
    toHex(bytes),
    '18110000070000000000000000000000' + '18120000050000000000000000000000' + '85200100d2040000' + '8500000063000000',
  )
})

test('listings assemble to what they list', () => {
  const bytes = generateProgram({ seed: 77, length: 80, input: 'socket_filter', subprogs: 1 })
  const target = (pc: number): string => `.text+0x${(8 * pc).toString(16)}`
  const head = 'x.o:\tfile format elf64-bpf\n\nDisassembly of section .text:\n\n0000000000000000 <prog>:\n'
  assert.deepEqual(assemble(disassemble(bytes)), bytes)
  assert.deepEqual(assemble(head + disassemble(bytes, { dialect: 'llvm', alu32: true, target })), bytes)
  const withSource = disassemble(bytes, { source: (pc) => ({ file: 'a.c', line: pc, text: 'goto out;' }) })
  assert.deepEqual(assemble(withSource), bytes)
})

test('a listing with holes is refused', () => {
  assert.throws(
    () => assemble('0: (b7) r0 = 0\n2: (95) exit'),
    /line 2, column 1: instruction 2 stands where 1 comes next/,
  )
  assert.throws(() => assemble('0: (b7) r0 = r1'), /the text has opcode bf, the listing says \(b7\)/)
})

test('what a printer writes an assembler reads, for every row', () => {
  const seed = testSeed
  const random = seededRandom(seed)
  for (const op of OPS) {
    for (let i = 0; i < 20; i++) {
      const fields = { ...randomInsn(op, random) }
      if (op.off === 'btf_fd') fields.off = 0
      for (const bigEndian of [false, true]) {
        const bytes = encodeInsns([fields], { bigEndian })
        // The kernel prints an ld_imm64 without its kind.
        if (op.kind !== 'ld_imm64' || op.op === 'imm64') {
          const text = disassemble(bytes, { bigEndian })
          assert.deepEqual(assemble(text, { bigEndian }), bytes, `${text} seed ${seed}`)
        }
        if (op.only !== 'xlated') {
          const text = disassemble(bytes, {
            bigEndian,
            dialect: 'llvm',
            alu32: random.oneIn(2),
            decimal: random.oneIn(2),
          })
          assert.deepEqual(assemble(text, { bigEndian }), bytes, `${text} seed ${seed}`)
        }
      }
    }
  }
})

test('LLVM assembles the same bytes from our LLVM text', { skip: needsLlvm }, () => {
  // llvm-mc takes a gotol's number for 16 bits only, and loses ld_ind's.
  const random = seededRandom(99)
  const rows = OPS.filter(
    (op) => op.only === undefined && !/acquire|release|gotol|^ld_ind|call_|^ld_(map|func|btf)/.test(op.name),
  )
  const insns = Array.from({ length: 2000 }, () => randomInsn(random.pick(rows), random))
  const text = disassemble(encodeInsns(insns), { dialect: 'llvm', alu32: true, rawBytes: false }).replace(
    /^ *\d+:\t/gm,
    '',
  )
  assert.deepEqual(toHex(llvmAssemble(text)), toHex(encodeInsns(insns)))
})

test('the conformance programs survive both dialects', {
  skip: sharedData('conformance') ? false : 'no conformance data',
}, () => {
  const lines = readFileSync(`${sharedData('conformance')}/isa.jsonl`, 'utf8')
    .trim()
    .split('\n')
  for (const line of lines) {
    const { name, insns } = JSON.parse(line) as { name: string; insns: string }
    const bytes = fromHex(insns)
    assert.deepEqual(encodeInsns(decodeInsns(bytes)), bytes, name)
    if (decodeInsns(bytes).some((insn) => insn.op === undefined)) continue
    assert.deepEqual(assemble(disassemble(bytes)), bytes, name)
    assert.deepEqual(assemble(disassemble(bytes, { dialect: 'llvm' })), bytes, name)
  }
})

test('mistakes are named with line, column and a hint', () => {
  const cases: [string, RegExp, RegExp?][] = [
    ['r0 =', /line 2, column 7: expected a number, found 'the end'/],
    ['r0 += w1', /both operands must be r or both w registers/],
    ['goto nowhere', /column 8: unknown label 'nowhere'/],
    ['call foo', /column 8: unknown function 'foo'/, /helpers are called by number or name/],
    ['r12 = 1', /there is no register 'r12'/, /r0 to r10/],
    ['r0 = 4294967296', /does not fit/, /`ll`/],
    ['r0 = 0xffffffff', /would become -1/, /write -1/],
    ['r1 = *(u32 *)(r1 + 40000)', /column 20: 40000 does not fit -32768..32767/],
    ['lock *(u8 *)(r1 + 0) += r2', /no 8-bit atomic operations/, /u32 and u64/],
    ['r1 = be16 r2', /works on one r register/, /r1 = be16 r1/],
    ['r1 = map ll', /unknown symbol 'map'/],
    ['exit exit', /column 8: unexpected 'exit' after the instruction/],
    ['x: x: exit', /label 'x' is defined twice/],
    ['jmp 5', /unknown instruction 'jmp'/, /reads like/],
  ]
  for (const [text, reason, hint] of cases) {
    assert.throws(
      () => assemble(`r0 = 0\n  ${text}`),
      (error) => {
        assert.ok(error instanceof FormatError, text)
        assert.equal(error.format, 'asm')
        assert.match(error.message, reason)
        assert.match(error.message, /line 2, column \d+/)
        if (hint !== undefined) assert.match(error.hint ?? '', hint)
        return true
      },
    )
  }
})

test('random text gives bytes or a FormatError', () => {
  const words = SPELLINGS.flatMap(([text]) => text.split(/(\s+|\b)/)).concat([
    '\n',
    ';',
    '#',
    '//',
    'x:',
    '0:',
    '(b7)',
    '9'.repeat(400),
  ])
  const attempt = (text: string): void => {
    try {
      assemble(text)
    } catch (error) {
      if (!(error instanceof FormatError)) throw error
    }
  }
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...words), { maxLength: 30 }), (parts) => attempt(parts.join(' '))),
    { numRuns: 2000 },
  )
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...words), { maxLength: 30 }), (parts) => attempt(parts.join(''))),
    { numRuns: 2000 },
  )
  fc.assert(fc.property(fc.string({ unit: 'binary' }), attempt), { numRuns: 1000 })
})

test('random bytes decode or give a FormatError, and print', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, bigEndian) => {
      try {
        for (const insn of decodeInsns(bytes, { bigEndian })) formatKernelInsn(insn)
        disassemble(bytes, { bigEndian, dialect: 'llvm' })
      } catch (error) {
        if (!(error instanceof FormatError)) throw error
      }
    }),
    { numRuns: 2000 },
  )
})
