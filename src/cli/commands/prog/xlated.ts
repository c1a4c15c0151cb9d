import { toHex } from '../../../base/index.js'
import { decodeInsns, formatKernelInsn, type Insn, insnSlots } from '../../../isa/index.js'
import type { Kernel, ProgInfo } from '../../../kernel/index.js'
import { lineJson, lineText, namesOf, placesOf } from './places.js'

export interface XlatedOptions {
  readonly opcodes: boolean
  readonly linum: boolean
}

/** Instructions as the kernel translated them, as JSON and as text. */
export function dumpXlated(kernel: Kernel, info: ProgInfo, options: XlatedOptions) {
  const { opcodes, linum } = options
  const insns = info.xlatedProgInsns ?? new Uint8Array()
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
  const json = rows.map(({ raw, func, line, text }) => ({
    ...(func === undefined ? {} : { proto: func }),
    ...lineJson(line, linum),
    disasm: text,
    ...(opcodes ? { opcodes: opcodesJson(raw) } : {}),
  }))
  const text = rows
    .flatMap(({ insn, raw, func, line, text }) => [
      ...(func === undefined ? [] : [`${func}:`]),
      ...(line === undefined ? [] : [lineText(line, linum)]),
      `${String(insn.pc).padStart(4)}: ${text}`,
      ...(opcodes ? [`       ${spacedHex(raw)}`] : []),
    ])
    .join('\n')
  return { json, text }
}

/** The program's instructions with their texts, without source. */
export function xlatedTexts(
  kernel: Kernel,
  info: ProgInfo,
): { readonly insn: Insn; readonly text: string; readonly hex: string }[] {
  const insns = info.xlatedProgInsns ?? new Uint8Array()
  const decoded = decodeInsns(insns)
  const names = namesOf(kernel, info, { functions: new Map(), lines: new Map() }, decoded)
  return decoded.map((insn) => ({
    insn,
    text: formatKernelInsn(insn, names),
    hex: spacedHex(insns.subarray(insn.pc * 8, (insn.pc + insnSlots(insn)) * 8)),
  }))
}

function spacedHex(raw: Uint8Array): string {
  return toHex(raw).replace(/..(?=.)/g, '$& ')
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
