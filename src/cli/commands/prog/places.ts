import { toHex } from '../../../base/index.js'
import { type Btf, parseBtf } from '../../../btf/index.js'
import { BPF_PSEUDO_CALL, BPF_PSEUDO_KFUNC_CALL, type Insn, type InsnNames, XLATED_NAMES } from '../../../isa/index.js'
import type { Kernel, ProgInfo } from '../../../kernel/index.js'
import { helperById, kernelFunctionName } from '../../../spec/index.js'
import { funcHead } from '../../noun/func-proto.js'
import { readKallsyms } from '../../noun/kallsyms.js'

/** Where the records of a program's BTF say things begin. */
export interface Places {
  readonly functions: ReadonlyMap<number, { readonly head: string; readonly name: string; readonly index: number }>
  readonly lines: ReadonlyMap<number, SourceLine>
}

export interface SourceLine {
  readonly text: string
  readonly file: string
  readonly line: number
  readonly column: number
}

/** A source line as bpftool prints it, with `linum` its place. */
export function lineText({ text, file, line, column }: SourceLine, linum: boolean): string {
  return `; ${text}${linum ? ` [file:${file} line_num:${line} line_col:${column}]` : ''}`
}

/** The same as JSON keys; of the place, as in bpftool, what is not zero. */
export function lineJson(line: SourceLine | undefined, linum: boolean): object {
  if (line === undefined) return {}
  const { text, file, line: lineNum, column } = line
  if (!linum) return { src: text }
  return {
    src: text,
    ...(file === '' ? {} : { file }),
    ...(lineNum === 0 ? {} : { line_num: lineNum }),
    ...(column === 0 ? {} : { line_col: column }),
  }
}

/** Functions and source lines by the slot where they begin. */
export function placesOf(kernel: Kernel, info: ProgInfo): Places {
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

export function records(bytes: Uint8Array, size: number): DataView[] {
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
export function namesOf(kernel: Kernel, info: ProgInfo, places: Places, insns: readonly Insn[]): InsnNames {
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
      return helper === undefined ? kernelFunctionName(imm) : `bpf_${helper.name}`
    },
  }
}
