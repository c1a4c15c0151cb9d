import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ERRNO } from '#src/base/index.js'
import {
  assemble,
  checkInsnFields,
  checkInsnStream,
  checkInsns,
  decodeInsns,
  disassemble,
  encodeInsns,
  generateProgram,
  getCode,
  getImm,
  getSrc,
  type InsnFields,
  type InsnProblem,
  insnFields,
  isLinuxOpcode,
  OPS,
  type Random,
  randomInsns,
  seededRandom,
} from '#src/isa/index.js'
import { BPF_PROG_TYPE_SOCKET_FILTER, kernel, needsKernel } from '../support/bpf-syscall.js'
import { testSeed } from '../support/seed.js'

/** Each broken program, with Linux's message; verified against the kernel below. */
const BROKEN: readonly (readonly [string, InsnFields[], string])[] = [
  ['opcode', [{ code: 0xff }], 'unknown opcode ff'],
  ['callx', [{ code: 0x8d, dst: 1 }], 'unknown opcode 8d'],
  ['nospec', [{ code: 0xc2 }], 'unknown opcode c2'],
  ['second slot', [{ code: 0x18, imm64: 1n }, { code: 0 }], 'unknown opcode 00'],
  ['src of ld_imm64', [{ code: 0x18, src: 7, imm64: 1n }], 'unrecognized bpf_ld_imm64 insn'],
  ['high half of a map', [{ code: 0x18, src: 1, imm64: 1n << 32n }], 'unrecognized bpf_ld_imm64 insn'],
  ['off of ld_imm64', [{ code: 0x18, off: 1, imm64: 1n }], 'BPF_LD_IMM64 uses reserved fields'],
  ['jump out', [{ code: 0x05, off: 10 }], 'jump out of range from insn 1 to 12'],
  ['jump before', [{ code: 0x15, off: -5 }], 'jump out of range from insn 1 to -3'],
  ['gotol out', [{ code: 0x06, imm: 100000 }], 'jump out of range from insn 1 to 100002'],
  ['call out', [{ code: 0x85, src: 1, imm: 77 }], 'call to invalid destination'],
  ['unreachable', [{ code: 0x05, off: 1 }, { code: 0xb7 }], 'unreachable insn 2'],
  [
    'middle of ld_imm64',
    [
      { code: 0x15, dst: 1, off: 1 },
      { code: 0x18, imm64: 0n },
    ],
    'jump into the middle of ldimm64 insn 2',
  ],
  [
    'last insn',
    [{ code: 0x05, off: 0 }, { code: 0x95 }, { code: 0x85, src: 1, imm: 0 }],
    'last insn is not an exit or jmp',
  ],
  ['alu', [{ code: 0x07, src: 1 }], 'BPF_ALU uses reserved fields'],
  ['alu off', [{ code: 0x0f, off: 1 }], 'BPF_ALU uses reserved fields'],
  ['mov', [{ code: 0xbf, off: 5 }], 'BPF_MOV uses reserved fields'],
  ['w movsx 32', [{ code: 0xbc, off: 32 }], 'BPF_MOV uses reserved fields'],
  ['percpu mov', [{ code: 0xbf, off: -1 }], 'BPF_MOV uses reserved fields'],
  ['neg', [{ code: 0x87, imm: 1 }], 'BPF_NEG uses reserved fields'],
  ['end', [{ code: 0xdc, imm: 8 }], 'BPF_END uses reserved fields'],
  ['cast', [{ code: 0xbf, off: 1, imm: 2 }], 'addr_space_cast insn can only convert between address space 1 and 0'],
  ['ldx', [{ code: 0x61, src: 10, imm: 1 }], 'BPF_LDX uses reserved fields'],
  ['st', [{ code: 0x62, dst: 10, src: 1, off: -4 }], 'BPF_ST uses reserved fields'],
  ['stx', [{ code: 0x63, dst: 10, off: -4, imm: 1 }], 'BPF_STX uses reserved fields'],
  ['atomic', [{ code: 0xdb, dst: 10, off: -8, imm: 2 }], 'BPF_ATOMIC uses invalid atomic opcode 02'],
  ['atomic high', [{ code: 0xdb, dst: 10, off: -8, imm: -1 }], 'BPF_ATOMIC uses invalid atomic opcode ffffffff'],
  ['atomic size', [{ code: 0xd3, dst: 10, off: -8, imm: 0 }], 'invalid atomic operand size'],
  ['ja', [{ code: 0x05, dst: 1 }], 'BPF_JA uses reserved fields'],
  ['gotol off', [{ code: 0x06, off: 1 }], 'BPF_JA uses reserved fields'],
  ['cond', [{ code: 0x15, src: 1 }], 'BPF_JMP/JMP32 uses reserved fields'],
  ['may_goto', [{ code: 0xe5, src: 1 }], 'invalid may_goto imm 0'],
  ['call', [{ code: 0x85, imm: 7, off: 1 }], 'BPF_CALL uses reserved fields'],
  ['call src', [{ code: 0x85, src: 3 }], 'BPF_CALL uses reserved fields'],
  [
    'exit',
    [
      { code: 0x15, dst: 1, off: 1 },
      { code: 0x95, imm: 1 },
    ],
    'BPF_EXIT uses reserved fields',
  ],
  [
    'ld_abs',
    [
      { code: 0xbf, dst: 6, src: 1 },
      { code: 0x30, src: 1 },
    ],
    'BPF_LD_[ABS|IND] uses reserved fields',
  ],
  ['register', [{ code: 0xb7, dst: 11 }], 'R11 is invalid'],
  ['source register', [{ code: 0xbf, src: 15 }], 'R15 is invalid'],
  ['frame pointer', [{ code: 0xb7, dst: 10 }], 'frame pointer is read only'],
  ['division', [{ code: 0x37, imm: 0 }], 'div by zero'],
  ['modulo', [{ code: 0x94, off: 1, imm: 0 }], 'div by zero'],
  ['shift', [{ code: 0x67, imm: 64 }], 'invalid shift 64'],
  ['narrow shift', [{ code: 0xc4, imm: 32 }], 'invalid shift 32'],
  ['negative shift', [{ code: 0x77, imm: -1 }], 'invalid shift -1'],
]

function around(insns: readonly InsnFields[]): Uint8Array {
  return encodeInsns([insnFields('mov64_imm'), ...insns, insnFields('mov64_imm'), insnFields('exit')])
}

test("each rule has Linux's message", () => {
  for (const [name, insns, message] of BROKEN) {
    const problem = checkInsns(around(insns))
    assert.ok(problem?.message.startsWith(message), `${name}: ${problem?.message}`)
  }
  assert.equal(checkInsns(assemble('r0 = 0\nr1 = 1'))?.message, 'last insn is not an exit or jmp')
  assert.equal(checkInsns(new Uint8Array())?.errno, 'E2BIG')
  assert.equal(checkInsns(new Uint8Array(12))?.rule, 'size')
  assert.equal(checkInsns(new Uint8Array(80), { maxInsns: 9 })?.errno, 'E2BIG')
  assert.equal(checkInsns(encodeInsns([{ code: 0xb7 }, { code: 0x18 }]).subarray(0, 16))?.rule, 'last-insn')
})

test('the kernel refuses the same programs with the same words', { skip: needsKernel }, () => {
  for (const [name, insns, message] of BROKEN) {
    const { fd, log } = kernel!.progLoad(BPF_PROG_TYPE_SOCKET_FILTER, around(insns), { logLevel: 1 })
    assert.equal(fd, -1, name)
    assert.ok(
      log.split('\n').some((line) => line.startsWith(message)),
      `${name}: ${log}`,
    )
  }
})

test('known opcodes are those of the kernel', { skip: needsKernel }, () => {
  for (let code = 0; code < 256; code++) {
    const wide = code === 0x18 ? [{ code, imm64: 0n }] : [{ code }]
    const { fd, log } = kernel!.progLoad(BPF_PROG_TYPE_SOCKET_FILTER, around(wide), { logLevel: 1 })
    if (fd >= 0) kernel!.close(fd)
    assert.equal(isLinuxOpcode(code), !/unknown opcode|BPF_LDX uses/.test(log), `opcode ${code.toString(16)}: ${log}`)
  }
})

/** Straight code over unknown scalars, so that the verifier visits everything there is. */
function candidate(random: Random): Uint8Array {
  const insns: InsnFields[] = [insnFields('mov64_reg', { dst: 6, src: 1 }), insnFields('call', { imm: 7 })]
  for (const dst of [1, 2, 3, 4, 5, 7, 8, 9]) insns.push(insnFields('mov64_reg', { dst }))
  for (const off of [-8, -16, -24, -32]) insns.push(insnFields('st64', { dst: 10, off, imm: 1 }))
  for (let i = 1 + random.below(5); i > 0; i--) {
    const op = random.pick(OPS)
    if (op.only !== undefined || ['ld_abs', 'ld_ind', 'addr_space_cast', 'call'].includes(op.kind)) continue
    if (op.kind === 'ld_imm64' && op.op !== 'imm64' && op.op !== 'func') continue
    const stores = ['st', 'stx', 'atomic', 'store_release'].includes(op.kind)
    const loads = op.kind === 'ldx' || op.kind === 'load_acquire'
    insns.push(
      insnFields(op.name, {
        ...(op.dst === undefined ? {} : { dst: stores ? 10 : random.pick([0, 1, 2, 3, 4, 5, 7, 8, 9]) }),
        ...(typeof op.src === 'string' ? { src: loads ? 10 : random.pick([0, 1, 2, 3, 4, 5, 7, 8, 9]) } : {}),
        ...(op.off === 'mem' ? { off: random.pick([-8, -16, -24]) } : {}),
        ...(op.off === 'jump' ? { off: random.pick([0, 0, 1, 2]) } : {}),
        ...(op.imm === 'jump' ? { imm: random.below(2) } : {}),
        ...(op.imm === 'value' ? { imm: 1 + random.below(32) } : {}),
        ...(op.kind === 'ld_imm64' ? { imm64: BigInt(random.below(op.op === 'func' ? 4 : 1000)) } : {}),
      }),
    )
  }
  insns.push(insnFields('mov64_imm'), insnFields('exit'))
  const bytes = encodeInsns(insns)
  const start = 14 * 8
  for (let i = random.below(3); i > 0; i--) {
    const at = start + random.below(bytes.length - start)
    const kind = random.below(3)
    const old = bytes[at] as number
    bytes[at] =
      kind === 0
        ? random.below(256)
        : kind === 1
          ? old ^ (1 << random.below(8))
          : random.pick([0, 1, 2, 8, 16, 32, 0x95, 0x18, 0x85, 5, 255])
  }
  return bytes
}

// What Linux says for reasons this check knows nothing of may come first; these are the messages it does know.
const OURS =
  /reserved fields|^jump |^last insn|^unknown opcode|^R1[1-5] is invalid|frame pointer is read only|bpf_ld_imm64|^unreachable|^div by zero|^invalid shift|atomic op|^call to invalid|may_goto imm|only convert|^fd -?\d+ is not|^fd_idx|failed to find BTF for kernel function|kernel btf_id/
const STREAM_RULES = [
  'size',
  'call-target',
  'jump-range',
  'last-insn',
  'opcode',
  'ld-imm64',
  'resolve',
  'unreachable',
  'jump-middle',
]

test('thousands of mutated streams: the same verdict and words as the kernel', { skip: needsKernel }, () => {
  const seed = testSeed
  const random = seededRandom(seed)
  const tally = { accepted: 0, same: 0, other: 0 }
  for (let i = 0; i < 4000; i++) {
    const bytes = candidate(random)
    const { fd, errno, log } = kernel!.progLoad(BPF_PROG_TYPE_SOCKET_FILTER, bytes, { logLevel: 2 })
    if (fd >= 0) kernel!.close(fd)
    const last =
      log
        .trim()
        .split('\n')
        .filter((line) => !/^processed|^func#/.test(line))
        .at(-1) ?? ''
    // The same maps exist for both: none.
    const resolvePseudo = (pc: number) => {
      const src = getCode(bytes, pc) === 0x18 ? getSrc(bytes, pc) : 0
      if (src === 1 || src === 2)
        return { message: `fd ${getImm(bytes, pc)} is not pointing to valid bpf_map`, errno: 'EBADF' } as const
      if (src === 5 || src === 6) return { message: 'fd_idx without fd_array is invalid', errno: 'EPROTO' } as const
      // Which BTF ids are kfuncs is the kernel's affair: it says so, or goes on.
      if (getCode(bytes, pc) === 0x85 && /kernel function|kernel btf_id/.test(last))
        return { message: last, errno: 'EINVAL' } as const
      return undefined
    }
    const problem: InsnProblem | undefined = checkInsns(bytes, { resolvePseudo })
    const context = (): string => `seed ${seed}: ours ${problem?.message}, Linux ${errno} ${last}\n${listing(bytes)}`
    // Linux judges fields only where it walks; a line of the walk, after the dump of live registers, shows that it did.
    const walk = log.slice(log.indexOf('R10=fp0'))
    const walked = problem !== undefined && new RegExp(`^${problem.pc}: (\\(|BUG)`, 'm').test(walk)
    const late = problem !== undefined && !STREAM_RULES.includes(problem.rule)
    if (fd >= 0) {
      tally.accepted++
      assert.ok(problem === undefined || (late && !walked), context())
    } else if (OURS.test(last)) {
      assert.ok(problem !== undefined, context())
      if (late && !walked) continue
      assert.equal(problem.message, last, context())
      // An open descriptor of something else is EINVAL, none EBADF: which one is the test process's affair.
      if (problem.rule !== 'resolve') assert.equal(ERRNO[problem.errno], errno, context())
      tally.same++
    } else {
      // A reason of the verifier's own. It can only have come before a field rule.
      tally.other++
      assert.ok(problem === undefined || late, context())
    }
  }
  assert.ok(tally.accepted > 1000 && tally.same > 1000, JSON.stringify(tally))
})

function listing(bytes: Uint8Array): string {
  try {
    return disassemble(bytes)
  } catch {
    return '(does not decode)'
  }
}

test('the check never throws, and stream and field checks add up to it', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 160 }), (bytes) => {
      const problem = checkInsns(bytes)
      const stream = checkInsnStream(bytes)
      if (stream !== undefined) assert.deepEqual(problem, stream)
      else assert.deepEqual(problem, decodeInsns(bytes).map(checkInsnFields).find(Boolean))
    }),
    { numRuns: 3000 },
  )
})

test('random instructions break no rule of fields', () => {
  for (const insn of decodeInsns(randomInsns(4, 2000))) {
    if (insn.op?.only !== undefined) continue
    const problem = checkInsnFields(insn)
    if (problem !== undefined) assert.match(problem.rule, /frame-pointer|division|shift/, problem.message)
  }
})

test('generated programs are legal', () => {
  for (let seed = 0; seed < 200; seed++) {
    for (const input of ['none', 'memory', 'xdp', 'socket_filter'] as const) {
      assert.equal(checkInsns(generateProgram({ seed, input })), undefined)
    }
  }
})
