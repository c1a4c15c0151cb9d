// The function and line records that come with a program. Linux: check_btf_info_early() and check_btf_info().

import type { ErrnoName } from '../../base/index.js'
import { type Btf, type FuncInfo, type LineInfo, skipModifiers } from '../../btf/index.js'
import { getCode, getImm, getSrc } from '../../isa/index.js'

/** A record that Linux refuses. */
export interface BtfInfoProblem {
  /** As in the log, without the line's end. */
  readonly message: string
  readonly errno: ErrnoName
  /** Linux ends no line after it. */
  readonly open?: true
}

const problem = (message: string): BtfInfoProblem => ({ message, errno: 'EINVAL' })

/** Looked at before anything else: records in order, each naming a function of the BTF. */
export function checkFuncRecords(btf: Btf | undefined, records: readonly FuncInfo[]): BtfInfoProblem | undefined {
  let previous = 0
  for (const [i, { insnOff, typeId }] of records.entries()) {
    if (i === 0 && insnOff !== 0) {
      return { ...problem(`nonzero insn_off ${insnOff} for the first func info record`), open: true }
    }
    if (i > 0 && insnOff <= previous) {
      const message = `same or smaller insn offset (${insnOff}) than previous func info record (${previous})`
      return { ...problem(message), open: true }
    }
    if (btf === undefined || typeId >= btf.typeCount || btf.kindOf(typeId) !== 'func') {
      return { ...problem(`invalid type id ${typeId | 0} in func info`), open: true }
    }
    previous = insnOff
  }
  return undefined
}

/** What the program's functions do that only some may. */
interface Effects {
  readonly loadsPacket: boolean
  readonly tailCalls: boolean
}

function effectsOf(insns: Uint8Array, start: number, end: number): Effects {
  let loadsPacket = false
  let tailCalls = false
  for (let slot = start; slot < end; slot++) {
    const code = getCode(insns, slot)
    if ((code & 7) === 0 && ((code & 0xe0) === 0x20 || (code & 0xe0) === 0x40)) loadsPacket = true
    if (code === 0x85 && getSrc(insns, slot) === 0 && getImm(insns, slot) === 12) tailCalls = true
    if (code === 0x18) slot++
  }
  return { loadsPacket, tailCalls }
}

/** Records say all functions and no others; what may end a function early must be in one that returns a number. */
export function checkFuncLayout(
  btf: Btf | undefined,
  records: readonly FuncInfo[],
  starts: readonly number[],
  insns: Uint8Array,
): BtfInfoProblem | undefined {
  const effects = (i: number) => effectsOf(insns, starts[i] ?? 0, starts[i + 1] ?? insns.length / 8)
  if (records.length === 0) {
    for (let i = 1; i < starts.length; i++) {
      const { loadsPacket, tailCalls } = effects(i)
      if (loadsPacket) return problem('LD_ABS is not allowed in subprogs without BTF')
      if (tailCalls) return problem('tail_call is not allowed in subprogs without BTF')
    }
    return undefined
  }
  if (records.length !== starts.length) {
    return problem("number of funcs in func_info doesn't match number of subprogs")
  }
  for (const [i, { insnOff, typeId }] of records.entries()) {
    if (starts[i] !== insnOff) {
      return problem("func_info BTF section doesn't match subprog layout in BPF program")
    }
    if (i === 0 || btf === undefined || returnsNumber(btf, typeId)) continue
    const { loadsPacket, tailCalls } = effects(i)
    if (loadsPacket) return problem("LD_ABS is only allowed in functions that return 'int'.")
    if (tailCalls) return problem("tail_call is only allowed in functions that return 'int'.")
  }
  return undefined
}

function returnsNumber(btf: Btf, func: number): boolean {
  const type = btf.type(func)
  const proto = type.kind === 'func' ? btf.type(type.type) : undefined
  if (proto?.kind !== 'func_proto') return false
  let result = skipModifiers(btf, proto.type)
  while (result.kind === 'typedef') result = skipModifiers(btf, result.type)
  return (result.kind === 'int' && result.size <= 8) || result.kind === 'enum' || result.kind === 'enum64'
}

/** Line records in order, inside the program, one at every function's start. */
export function checkLineRecords(
  btf: Btf | undefined,
  records: readonly Pick<LineInfo, 'insnOff' | 'fileNameOff' | 'lineOff'>[],
  starts: readonly number[],
  insns: Uint8Array,
): BtfInfoProblem | undefined {
  if (records.length === 0 || btf === undefined) return undefined
  const count = insns.length / 8
  let previous = 0
  let seen = 0
  for (const [i, { insnOff, fileNameOff, lineOff }] of records.entries()) {
    if ((i > 0 && insnOff <= previous) || insnOff >= count) {
      return problem(`Invalid line_info[${i}].insn_off:${insnOff} (prev_offset:${previous} prog->len:${count})`)
    }
    if (getCode(insns, insnOff) === 0) return problem(`Invalid insn code at line_info[${i}].insn_off`)
    if (lineOff >= btf.stringLength || fileNameOff >= btf.stringLength) {
      return problem(`Invalid line_info[${i}].line_off or .file_name_off`)
    }
    const next = starts[seen]
    if (insnOff === next) seen++
    else if (next !== undefined && next < insnOff) return problem(`missing bpf_line_info for func#${seen}`)
    previous = insnOff
  }
  if (seen === starts.length) return undefined
  return problem(`missing bpf_line_info for ${starts.length - seen} funcs starting from func#${seen}`)
}
