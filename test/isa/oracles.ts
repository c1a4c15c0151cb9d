// How other tools print instructions: Linux's verifier log and llvm-objdump.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeInsns, type InsnFields, insnFields, insnSlots, lookupOp } from '#src/isa/index.js'
import { BPF_PROG_TYPE_SOCKET_FILTER, type BpfSyscall } from '../support/bpf-syscall.js'

/** Texts by slot in the log's dump of the whole program, `(b7) r0 = 0`. */
export function loggedTexts(log: string): Map<number, string> {
  const texts = new Map<number, string>()
  for (const [, pc, text] of log.matchAll(/^ *(?:\d+ +)?(\d+): [.0-9]{10} (.*)$/gm))
    texts.set(Number(pc), text as string)
  return texts
}

/**
 * Linux's text of each instruction, undefined where it refuses a program before printing it. Jumps and calls are moved
 * to a target that exists; the fields are changed in place.
 */
export function kernelTexts(kernel: BpfSyscall, insns: InsnFields[]): (string | undefined)[] {
  return insns.map((insn, i) => {
    const op = lookupOp(insn.code, insn.src ?? 0, insn.off ?? 0, insn.imm ?? 0)
    let fields = insn
    // The instruction stands in slot 6, a subprogram begins in slot 9 or 10.
    const backward = -1 - ((Math.abs(insn.off ?? 0) + i) % 5)
    const forward = ((insn.off ?? 0) & 1) === 0
    if (op?.off === 'jump') fields = { ...insn, off: forward ? 0 : backward }
    else if (op?.name === 'gotol') fields = { ...insn, imm: forward ? 0 : backward }
    else if (op?.name === 'call_pc') fields = { ...insn, imm: 2 }
    else if (op?.name === 'ld_func') fields = { ...insn, imm64: 3n }
    else if (op?.name === 'exit') fields = { ...insn, off: 0 }
    insns[i] = fields
    const zero = insnFields('mov64_imm')
    const exit = insnFields('exit')
    const usesSubprog = op?.name === 'call_pc' || op?.name === 'ld_func'
    const program = encodeInsns([
      zero,
      zero,
      zero,
      zero,
      zero,
      insnFields('jeq64_imm', { dst: 0, off: insnSlots(fields) }),
      fields,
      zero,
      exit,
      ...(usesSubprog ? [zero, exit] : []),
    ])
    const { fd, log } = kernel.progLoad(BPF_PROG_TYPE_SOCKET_FILTER, program, { logLevel: 2 })
    if (fd >= 0) kernel.close(fd)
    return loggedTexts(log).get(6)
  })
}

export function hasLlvm(): boolean {
  return ['llvm-mc-19', 'llvm-objdump-19'].every((tool) => spawnSync(tool, ['--version']).status === 0)
}

/** For `test(name, { skip: needsLlvm }, …)`. */
export const needsLlvm: false | string = hasLlvm() ? false : 'llvm-mc-19 or llvm-objdump-19 is not installed'

/** Text that llvm-objdump prints for each instruction, without numbers, bytes and jump targets; undefined: `<unknown>`. */
export function llvmTexts(
  insns: readonly InsnFields[],
  { bigEndian = false, cpu = 'v4' }: { bigEndian?: boolean; cpu?: string } = {},
): (string | undefined)[] {
  const listing = llvmListing(encodeInsns(insns, { bigEndian }), bigEndian, [`--mcpu=${cpu}`])
  const bySlot = new Map<number, string>()
  for (const [, pc, text] of listing.matchAll(/^ *(\d+):\t[0-9a-f ]+\t(.*)$/gm)) {
    bySlot.set(Number(pc), (text as string).replace(/ <\.text[^>]*>$/, ''))
  }
  let pc = 0
  return insns.map((insn) => {
    const text = bySlot.get(pc)
    pc += insnSlots(insn)
    return text === '<unknown>' ? undefined : text
  })
}

/** The output of llvm-objdump -d for a stream in a section `.text`. */
export function llvmListing(bytes: Uint8Array, bigEndian: boolean, args: readonly string[]): string {
  const dir = mkdtempSync(join(tmpdir(), 'skep-isa-'))
  try {
    const source = join(dir, 'a.s')
    const object = join(dir, 'a.o')
    writeFileSync(source, `.text\n${[...bytes].map((byte) => `.byte ${byte}\n`).join('')}`)
    execFileSync('llvm-mc-19', ['-triple', bigEndian ? 'bpfeb' : 'bpfel', '-filetype=obj', source, '-o', object])
    return execFileSync('llvm-objdump-19', ['-d', ...args, object], { encoding: 'utf8', maxBuffer: 1 << 28 })
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

/** The stream llvm-mc assembles `text` to. */
export function llvmAssemble(text: string): Uint8Array {
  const dir = mkdtempSync(join(tmpdir(), 'skep-isa-'))
  try {
    const source = join(dir, 'a.s')
    const object = join(dir, 'a.o')
    writeFileSync(source, text)
    execFileSync('llvm-mc-19', ['-triple', 'bpfel', '-mcpu=v4', '-filetype=obj', source, '-o', object])
    const listing = execFileSync('llvm-objdump-19', ['-d', object], { encoding: 'utf8' })
    const hex = [...listing.matchAll(/^ *\d+:\t([0-9a-f ]+)\t/gm)].map(([, bytes]) => bytes).join(' ')
    return Uint8Array.from(hex.split(' ').map((byte) => Number.parseInt(byte, 16)))
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
