import { writeFileSync } from 'node:fs'
import { toHex } from '../../../base/index.js'
import { type Btf, parseBtf } from '../../../btf/index.js'
import {
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_KFUNC_CALL,
  decodeInsns,
  formatKernelInsn,
  type Insn,
  type InsnNames,
  insnSlots,
  XLATED_NAMES,
} from '../../../isa/index.js'
import type { Kernel, ProgInfo } from '../../../kernel/index.js'
import { helperById } from '../../../spec/index.js'
import { funcHead } from '../../noun/func-proto.js'
import { readKallsyms } from '../../noun/kallsyms.js'
import { oneNamed } from '../../noun/objects.js'
import type { VerbContext } from '../../noun/verb.js'

/** Where the records of a program's BTF say things begin. */
interface Places {
  readonly functions: ReadonlyMap<number, { readonly head: string; readonly name: string; readonly index: number }>
  readonly lines: ReadonlyMap<
    number,
    { readonly text: string; readonly file: string; readonly line: number; readonly column: number }
  >
}

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
      ...(line === undefined ? {} : { src: line.text }),
      ...(line === undefined || !linum ? {} : { file: line.file, line_num: line.line, line_col: line.column }),
      disasm: text,
      ...(opcodes ? { opcodes: opcodesJson(raw) } : {}),
    })),
    rows
      .flatMap(({ insn, raw, func, line, text }) => [
        ...(func === undefined ? [] : [`${func}:`]),
        ...(line === undefined
          ? []
          : [`; ${line.text}${linum ? ` [file:${line.file} line_num:${line.line} line_col:${line.column}]` : ''}`]),
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

function placesOf(kernel: Kernel, info: ProgInfo): Places {
  const functions = new Map()
  const lines = new Map()
  const btf = info.btfId === 0 ? undefined : btfOf(kernel, info.btfId)
  if (btf !== undefined && info.funcInfo !== undefined) {
    for (const [index, record] of records(info.funcInfo, info.funcInfoRecSize).entries()) {
      const typeId = record.getUint32(4, true)
      const head = funcHead(btf, typeId)
      if (head !== undefined) functions.set(record.getUint32(0, true), { head, name: btf.type(typeId).name, index })
    }
  }
  if (btf !== undefined && info.lineInfo !== undefined) {
    for (const record of records(info.lineInfo, info.lineInfoRecSize)) {
      const place = record.getUint32(12, true)
      lines.set(record.getUint32(0, true), {
        text: btf.name(record.getUint32(8, true)).trimStart(),
        file: btf.name(record.getUint32(4, true)),
        line: place >>> 10,
        column: place & 1023,
      })
    }
  }
  return { functions, lines }
}

function records(bytes: Uint8Array, size: number): DataView[] {
  const views: DataView[] = []
  for (let at = 0; size > 0 && at + size <= bytes.length; at += size) {
    views.push(new DataView(bytes.buffer, bytes.byteOffset + at, size))
  }
  return views
}

function btfOf(kernel: Kernel, id: number): Btf | undefined {
  const fd = kernel.call('btf_get_fd_by_id', { id })
  try {
    const info = kernel.call('obj_get_info_by_fd', { fd, details: true })
    return info.kind === 'btf' && info.btf !== undefined ? parseBtf(info.btf) : undefined
  } finally {
    kernel.call('close', { fd })
  }
}

/** What calls reach: subprograms by their tag and name, helpers by the kernel's symbols or, on the embedded kernel, their number. */
function namesOf(kernel: Kernel, info: ProgInfo, places: Places, insns: readonly Insn[]): InsnNames {
  const callsKernel = insns.some(({ op, src }) => op?.name === 'call' && src !== BPF_PSEUDO_CALL)
  const symbols = kernel.name === 'linux' && callsKernel ? readKallsyms() : undefined
  const base = symbols && [...symbols].find(([, name]) => name === '__bpf_call_base')?.[0]
  return {
    ...XLATED_NAMES,
    call({ pc, src, off, imm }) {
      if (src === BPF_PSEUDO_CALL) {
        const target = places.functions.get(pc + 1 + off) ?? places.functions.get(pc + 1 + imm)
        if (target === undefined) return undefined
        const tag = info.progTags[target.index]
        return tag === undefined ? target.name : `bpf_prog_${toHex(tag)}_${target.name}`
      }
      if (base !== undefined) return symbols?.get(base + BigInt(imm))
      const helper = src === BPF_PSEUDO_KFUNC_CALL ? undefined : helperById(imm)
      return helper === undefined ? undefined : `bpf_${helper.name}`
    },
  }
}
