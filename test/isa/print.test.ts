import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fromHex } from '#src/base/index.js'
import {
  decodeInsns,
  disassemble,
  encodeInsns,
  formatKernelInsn,
  formatLlvmInsn,
  generateProgram,
  type InsnFields,
  isLinuxOpcode,
  OPS,
  programBuilder,
  randomInsn,
  seededRandom,
  XLATED_NAMES,
} from '#src/isa/index.js'
import { BPF_PROG_TYPE_SOCKET_FILTER, BPF_PROG_TYPE_XDP, kernel, needsKernel } from '../support/bpf-syscall.js'
import { root } from '../support/paths.js'
import { testSeed } from '../support/seed.js'
import { kernelTexts, llvmListing, llvmTexts, loggedTexts, needsLlvm } from './oracles.js'

const hasBpftool = spawnSync('bpftool', ['version']).status === 0

function one(bytes: Uint8Array, options = {}) {
  const [insn, ...rest] = decodeInsns(bytes, options)
  assert.deepEqual(rest, [])
  return insn as NonNullable<typeof insn>
}

test('every row prints as recorded from Linux and from llvm-objdump', () => {
  const recorded = readFileSync(join(root, 'test/recorded/isa-text.tsv'), 'utf8').trim().split('\n').slice(1)
  const rows = new Set<string>()
  for (const line of recorded) {
    const [hex = '', linux, llvm] = line.split('\t')
    const more = line.split('\t').slice(2).join('\t')
    const insn = one(fromHex(hex))
    rows.add(insn.op?.name ?? '')
    if (linux !== '-') assert.equal(formatKernelInsn(insn), linux, hex)
    if (llvm !== '-') assert.equal(formatLlvmInsn(insn, { alu32: true }), more, hex)
  }
  assert.deepEqual(
    OPS.filter((op) => !rows.has(op.name)).map((op) => op.name),
    [],
  )
})

test('rows Linux refuses to print and what no row covers', () => {
  const text = (hex: string) => formatKernelInsn(one(fromHex(hex)))
  assert.equal(text('8d03000000000000'), '(8d) callx r3')
  assert.equal(text('8520000007000000'), '(85) call kernel-function#7')
  assert.equal(text('c200000000000000'), '(c2) nospec')
  assert.equal(text('c700000000000000').slice(0, 4), '(c7)')
  assert.equal(text('2300000000000000'), 'BUG_23')
  assert.equal(text('2200000000000000'), 'BUG_st_22')
  assert.equal(text('2100000000000000'), 'BUG_ldx_21')
  assert.equal(text('3800000000000000'), 'BUG_ld_38')
  assert.equal(formatLlvmInsn(one(fromHex('3800000000000000'))), '<unknown>')
})

test('random instructions print as in the verifier log of this kernel', { skip: needsKernel }, () => {
  const seed = testSeed
  const random = seededRandom(seed)
  const rows = OPS.filter((op) => op.only === undefined && !/^ld_(map|btf)|kfunc/.test(op.name))
  const insns = Array.from({ length: 1500 }, () => randomInsn(random.pick(rows), random))
  const texts = kernelTexts(kernel!, insns)
  let compared = 0
  insns.forEach((insn, i) => {
    const linux = texts[i]
    if (linux === undefined) return
    compared++
    assert.equal(formatKernelInsn(one(encodeInsns([insn]))), linux, `seed ${seed}`)
  })
  assert.ok(compared > 1400, `only ${compared} of 1500 were printed by the kernel (seed ${seed})`)
})

test('streams with reserved fields set print as in the verifier log', { skip: needsKernel }, () => {
  const seed = testSeed
  const random = seededRandom(seed)
  const codes = Array.from({ length: 256 }, (_, code) => code).filter(
    (code) => isLinuxOpcode(code) && ![0x95, 0x85, 0x18, 0x06].includes(code),
  )
  let compared = 0
  for (let i = 0; i < 120; i++) {
    const insns: InsnFields[] = [{ code: 0xb7 }]
    for (let k = 0; k < 30; k++) {
      const code = random.pick(codes)
      const jump = (code & 7) === 5 || (code & 7) === 6
      insns.push({
        code,
        dst: random.below(16),
        src: random.below(16),
        off: jump ? 0 : random.pick([0, 1, 2, 8, 16, 32, -1, (random.s32() << 16) >> 16]),
        imm:
          (code & 7) === 1
            ? 0
            : random.pick([0, 1, 16, 32, 64, 0x40, 0x50, 0xa0, 0x51, 0xe1, 0xf1, 0x100, 0x110, random.s32()]),
      })
    }
    insns.push({ code: 0x95 })
    const bytes = encodeInsns(insns)
    const { fd, log } = kernel!.progLoad(BPF_PROG_TYPE_SOCKET_FILTER, bytes, { logLevel: 2 })
    if (fd >= 0) kernel!.close(fd)
    const texts = loggedTexts(log)
    for (const insn of decodeInsns(bytes)) {
      const linux = texts.get(insn.pc)
      if (linux === undefined) continue
      compared++
      assert.equal(formatKernelInsn(insn), linux, `seed ${seed}`)
    }
  }
  assert.ok(compared > 3000, `only ${compared} compared (seed ${seed})`)
})

test('generated programs print as bpftool dumps them', {
  skip: needsKernel || (hasBpftool ? false : 'no bpftool'),
}, () => {
  const dir = mkdtempSync(join(tmpdir(), 'skep-isa-'))
  const array = kernel!.mapCreate(2, 4, 16, 1)
  try {
    // bpftool 7.1 is older than the -mcpu=v4 instructions.
    const programs = [1, 2, 3].map((seed) => generateProgram({ seed, cpu: 3, input: 'xdp', length: 60 }))
    const maps = programBuilder()
      .ldMapFd(1, array)
      .ldMapValue(2, array, 8)
      .mov64Reg(2, 10)
      .alu64Imm('add', 2, -4)
      .st(32, 10, -4, 0)
      .call('bpf_map_lookup_elem')
      .callSubprog('sub')
      .mov64Imm(0, 0)
      .exit()
      .label('sub')
      .mov64Imm(0, 1)
      .exit()
      .build()
    for (const program of [...programs, maps]) {
      const { fd, log } = kernel!.progLoad(BPF_PROG_TYPE_XDP, program, { logLevel: 1 })
      assert.ok(fd >= 0, log)
      const id = /prog_id:\s*(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] as string
      const raw = join(dir, 'xlated')
      execFileSync('bpftool', ['prog', 'dump', 'xlated', 'id', id, 'file', raw])
      const listing = execFileSync('bpftool', ['prog', 'dump', 'xlated', 'id', id], { encoding: 'utf8' })
      kernel!.close(fd)
      // Names of kernel functions and of subprograms are bpftool's knowledge of this kernel: take them from it.
      const names = new Map<number, string>()
      for (const [, pc, name] of listing.matchAll(/^ *(\d+): \(85\) call (?:pc\S+?#)?([^#\s]+)(?:#-?\d+)?$/gm)) {
        names.set(Number(pc), name as string)
      }
      const ours = disassemble(readFileSync(raw), { names: { ...XLATED_NAMES, call: ({ pc }) => names.get(pc) } })
      const theirs = listing.match(/^ *\d+: .*$/gm)?.map((line) => line.trim())
      assert.deepEqual(ours.trimEnd().split('\n'), theirs)
    }
  } finally {
    kernel!.close(array)
    rmSync(dir, { recursive: true })
  }
})

test('random instructions print as by llvm-objdump, both byte orders and register widths', { skip: needsLlvm }, () => {
  const seed = testSeed
  const random = seededRandom(seed)
  // LLVM 19 has no acquire and release, without subregisters no 32-bit atomics but add, and misses what Linux adds.
  const rows = OPS.filter((op) => op.only !== 'xlated' && !/acquire|release|gotox/.test(op.name))
  for (const bigEndian of [false, true]) {
    for (const cpu of ['v2', 'v4'] as const) {
      const known = rows.filter(
        (op) =>
          cpu === 'v4' ||
          (op.name !== 'gotol' && (op.kind !== 'atomic' || op.bits === 64 || op.name === 'atomic_add32')),
      )
      const insns = Array.from({ length: 3000 }, () => randomInsn(random.pick(known), random))
      const texts = llvmTexts(insns, { bigEndian, cpu })
      const decoded = decodeInsns(encodeInsns(insns, { bigEndian }), { bigEndian })
      decoded.forEach((insn, i) => {
        assert.equal(formatLlvmInsn(insn, { alu32: cpu === 'v4' }), texts[i], `${insn.op?.name} ${cpu} seed ${seed}`)
      })
    }
  }
})

test('a listing in LLVM columns is llvm-objdump -d', { skip: needsLlvm }, () => {
  const bytes = generateProgram({ seed: 5, cpu: 3, input: 'none' })
  for (const [args, options] of [
    [['--mcpu=v3'], { alu32: true }],
    [['--mcpu=v3', '--no-show-raw-insn'], { alu32: true, rawBytes: false }],
    [['--mcpu=v3', '--no-print-imm-hex'], { alu32: true, decimal: true }],
  ] as const) {
    const theirs = llvmListing(bytes, false, args)
      .match(/^ *\d+:.*\n/gm)
      ?.join('')
    const target = (pc: number): string => (pc === 0 ? '.text' : `.text+0x${(8 * pc).toString(16)}`)
    assert.equal(disassemble(bytes, { dialect: 'llvm', target, ...options }), theirs)
  }
})

test('source lines stand above the instructions they made, once', () => {
  const bytes = programBuilder().mov64Imm(0, 1).mov64Imm(1, 2).exit().build()
  const lines = [
    { file: 'src/a.c', line: 3, text: '  int x = 1;' },
    { file: 'src/a.c', line: 3, text: '  int x = 1;' },
    { file: 'src/a.c', line: 4, text: 'return x;' },
  ]
  const source = (pc: number) => lines[pc]
  assert.equal(
    disassemble(bytes, { source }),
    '; int x = 1; @ a.c:3\n0: (b7) r0 = 1\n1: (b7) r1 = 2\n; return x; @ a.c:4\n2: (95) exit\n',
  )
  assert.equal(
    disassemble(bytes, { source, dialect: 'llvm', rawBytes: false }),
    ';   int x = 1;\n       0:\tr0 = 0x1\n       1:\tr1 = 0x2\n; return x;\n       2:\texit\n',
  )
})
