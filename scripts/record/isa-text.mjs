// Records how Linux's verifier log and llvm-objdump print every row of the opcode table, into test/recorded/isa-text.tsv:
// bytes, Linux's text, LLVM's text (- where the tool does not print the instruction). Needs root, llvm-mc and
// llvm-objdump 19, and a build (npm run build).
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { release } from 'node:os'
import { kernelTexts, llvmTexts } from '../../build/test/isa/oracles.js'
import { kernel } from '../../build/test/support/bpf-syscall.js'
import { toHex } from '../../dist/base/index.js'
import { encodeInsns, OPS, randomInsn, seededRandom } from '../../dist/isa/index.js'

if (kernel === undefined) throw new Error('bpf(2) does not work here')
const random = seededRandom(20251)
const insns = OPS.flatMap((op) => [0, 1].map(() => randomInsn(op, random)))
const linux = kernelTexts(kernel, insns)
// LLVM 19 is older than acquire and release and takes some of them for an add.
const llvm = llvmTexts(insns).map((text, i) =>
  text === undefined || /acquire|release/.test(linux[i] ?? '') ? undefined : text,
)
const version = /\d+\.\d+\.\d+/.exec(execFileSync('llvm-objdump-19', ['--version'], { encoding: 'utf8' }))?.[0]
const lines = insns.map((insn, i) => `${toHex(encodeInsns([insn]))}\t${linux[i] ?? '-'}\t${llvm[i] ?? '-'}\n`)
writeFileSync(
  new URL('../../test/recorded/isa-text.tsv', import.meta.url),
  `# Recorded by scripts/record/isa-text.mjs: bytes, Linux ${/^\d+\.\d+/.exec(release())?.[0]}, llvm-objdump ${version} --mcpu=v4\n${lines.join('')}`,
)
