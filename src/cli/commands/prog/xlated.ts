import { writeFileSync } from 'node:fs'
import { toHex } from '../../../base/index.js'
import { decodeInsns, formatKernelInsn, insnSlots } from '../../../isa/index.js'
import { oneNamed } from '../../noun/objects.js'
import type { VerbContext } from '../../noun/verb.js'
import { lineJson, lineText, namesOf, placesOf } from './places.js'

/** `prog dump xlated PROG [opcodes] [linum] [file FILE]`: instructions as the kernel translated them. */
export function dumpXlated(context: VerbContext): void {
  const { kernel, words } = context
  const { info } = oneNamed(context, 'prog', true)
  let opcodes = false
  let linum = false
  let file: string | undefined
  while (!words.done) {
    if (words.take('opcodes')) opcodes = true
    else if (words.take('linum')) linum = true
    else if (words.take('file')) file = words.next('file')
    else words.end()
  }
  const insns = info.xlatedProgInsns ?? new Uint8Array()
  if (insns.length === 0)
    throw words.wrong(
      'the kernel does not show the instructions of this program (sysctl net.core.bpf_jit_harden, rights)',
    )
  if (file !== undefined) {
    writeFileSync(file, insns)
    context.silent()
    return
  }
  const places = placesOf(kernel, info)
  const decoded = decodeInsns(insns)
  const names = namesOf(kernel, info, places, decoded)
  const rows = decoded.map((insn) => ({
    insn,
    raw: insns.subarray(insn.pc * 8, (insn.pc + insnSlots(insn)) * 8),
    func: places.functions.get(insn.pc)?.head,
    line: places.lines.get(insn.pc),
    text: formatKernelInsn(insn, names),
  }))
  context.answer(
    rows.map(({ raw, func, line, text }) => ({
      ...(func === undefined ? {} : { proto: func }),
      ...lineJson(line, linum),
      disasm: text,
      ...(opcodes ? { opcodes: opcodesJson(raw) } : {}),
    })),
    rows
      .flatMap(({ insn, raw, func, line, text }) => [
        ...(func === undefined ? [] : [`${func}:`]),
        ...(line === undefined ? [] : [lineText(line, linum)]),
        `${String(insn.pc).padStart(4)}: ${text}`,
        ...(opcodes ? [`       ${toHex(raw).replace(/..(?=.)/g, '$& ')}`] : []),
      ])
      .join('\n'),
  )
}

function opcodesJson(raw: Uint8Array): object {
  const hex = (bytes: Uint8Array): string[] => [...bytes].map((byte) => `0x${byte.toString(16).padStart(2, '0')}`)
  const registers = raw[1] ?? 0
  return {
    code: `0x${(raw[0] ?? 0).toString(16).padStart(2, '0')}`,
    src_reg: `0x${(registers >> 4).toString(16)}`,
    dst_reg: `0x${(registers & 15).toString(16)}`,
    off: hex(raw.subarray(2, 4)),
    // As bpftool: of the two slots of an ld_imm64 everything from the first immediate on.
    imm: hex(raw.subarray(4)),
  }
}
