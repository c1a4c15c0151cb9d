import { type Btf, sizeOf } from '../../btf/index.js'
import { BPF_PSEUDO_CALL, BPF_PSEUDO_FUNC, getCode, getImm, getSrc, slotCount } from '../../isa/index.js'
import type { ProgLoadRequest } from '../../kernel/index.js'
import type { ProgramImage } from '../../vm/index.js'
import { findSpecialFields } from './map-btf.js'
import { CALL, LD_IMM64 } from './opcodes.js'
import { refuse } from './refusal.js'

/** What a program's BTF records say of its functions. */
export interface ProgramFunctions {
  readonly btf: Btf | undefined
  /** First slot of a function -> id of its FUNC. */
  readonly types: ReadonlyMap<number, number>
}

/** Bytes of struct bpf_func_info and struct bpf_line_info that this kernel knows. */
export const FUNC_INFO_SIZE = 8
export const LINE_INFO_SIZE = 16
const MAX_RECORD_SIZE = 252

/** Records of `size` bytes out of user space's, which may be longer if the rest is zero. */
function trimRecords(records: Uint8Array, recordSize: number, size: number, tailMessage: string): Uint8Array {
  const count = Math.floor(records.length / recordSize)
  const trimmed = new Uint8Array(count * size)
  for (let i = 0; i < count; i++) {
    const record = records.subarray(i * recordSize, (i + 1) * recordSize)
    if (record.subarray(size).some((byte) => byte !== 0)) refuse('E2BIG', tailMessage)
    trimmed.set(record.subarray(0, size), i * size)
  }
  return trimmed
}

function wordsOf(records: Uint8Array): DataView {
  return new DataView(records.buffer, records.byteOffset, records.length)
}

/** The func_info records of a load request, trimmed to what this kernel knows (Linux: check_btf_func_early). */
export function readFuncInfo(btf: Btf, r: ProgLoadRequest): Uint8Array | undefined {
  const { funcInfo, funcInfoRecSize: size = 0 } = r
  if (funcInfo === undefined || size === 0 || funcInfo.length < size) return undefined
  if (size < FUNC_INFO_SIZE || size > MAX_RECORD_SIZE || size % 4 !== 0) {
    refuse('EINVAL', `invalid func info rec size ${size}`)
  }
  const records = trimRecords(funcInfo, size, FUNC_INFO_SIZE, 'nonzero tailing record in func info')
  const view = wordsOf(records)
  for (let at = 0; at < records.length; at += FUNC_INFO_SIZE) {
    const offset = view.getUint32(at, true)
    const previous = at === 0 ? 0 : view.getUint32(at - FUNC_INFO_SIZE, true)
    if (at === 0 && offset !== 0) {
      refuse('EINVAL', `nonzero insn_off ${offset} for the first func info record`)
    }
    if (at > 0 && offset <= previous) {
      refuse('EINVAL', `same or smaller insn offset (${offset}) than previous func info record (${previous})`)
    }
    const typeId = view.getUint32(at + 4, true)
    const type = typeId < btf.typeCount ? btf.type(typeId) : undefined
    if (type?.kind !== 'func') refuse('EINVAL', `invalid type id ${typeId} in func info`)
  }
  return records
}

/** The line_info records of a load request, trimmed likewise (Linux: check_btf_line). */
export function readLineInfo(btf: Btf, r: ProgLoadRequest, starts: readonly number[]): Uint8Array | undefined {
  const { lineInfo, lineInfoRecSize: size = 0, insns } = r
  if (lineInfo === undefined || size === 0 || lineInfo.length < size) return undefined
  if (size < LINE_INFO_SIZE || size > MAX_RECORD_SIZE || size % 4 !== 0) {
    refuse('EINVAL', `invalid line info rec size ${size}`)
  }
  const records = trimRecords(lineInfo, size, LINE_INFO_SIZE, 'nonzero tailing record in line_info')
  const view = wordsOf(records)
  const count = slotCount(insns)
  let seen = 0
  for (let i = 0; i * LINE_INFO_SIZE < records.length; i++) {
    const at = i * LINE_INFO_SIZE
    const offset = view.getUint32(at, true)
    const previous = i === 0 ? 0 : view.getUint32(at - LINE_INFO_SIZE, true)
    if ((i > 0 && offset <= previous) || offset >= count) {
      refuse('EINVAL', `Invalid line_info[${i}].insn_off:${offset} (prev_offset:${previous} prog->len:${count})`)
    }
    if (getCode(insns, offset) === 0) refuse('EINVAL', `Invalid insn code at line_info[${i}].insn_off`)
    if (view.getUint32(at + 4, true) >= btf.stringLength || view.getUint32(at + 8, true) >= btf.stringLength) {
      refuse('EINVAL', `Invalid line_info[${i}].line_off or .file_name_off`)
    }
    const next = starts[seen]
    if (offset === next) seen++
    else if (next !== undefined && next < offset) refuse('EINVAL', `missing bpf_line_info for func#${seen}`)
  }
  if (seen !== starts.length) {
    refuse('EINVAL', `missing bpf_line_info for ${starts.length - seen} funcs starting from func#${seen}`)
  }
  return records
}

/** First slots of the program's functions, in order. */
export function functionStarts(insns: Uint8Array, entries: readonly number[]): number[] {
  const starts = new Set([0, ...entries])
  for (let slot = 0; slot < slotCount(insns); slot++) {
    const code = getCode(insns, slot)
    const names = code === CALL ? BPF_PSEUDO_CALL : code === LD_IMM64 ? BPF_PSEUDO_FUNC : -1
    if (getSrc(insns, slot) === names) starts.add(slot + getImm(insns, slot) + 1)
    if (code === LD_IMM64) slot++
  }
  return [...starts].sort((a, b) => a - b)
}

/** func_info must say all functions and no others (Linux: check_btf_func). */
export function checkFunctions(functions: ProgramFunctions, starts: readonly number[]): void {
  const { types } = functions
  if (types.size === 0) return
  if (types.size !== starts.length) {
    refuse('EINVAL', "number of funcs in func_info doesn't match number of subprogs")
  }
  if (starts.some((start) => !types.has(start))) {
    refuse('EINVAL', "func_info BTF section doesn't match subprog layout in BPF program")
  }
}

export function programFunctions(btf: Btf | undefined, funcInfo: Uint8Array | undefined): ProgramFunctions {
  const types = new Map<number, number>()
  if (btf === undefined || funcInfo === undefined) return { btf, types }
  const view = wordsOf(funcInfo)
  for (let at = 0; at < funcInfo.length; at += FUNC_INFO_SIZE) {
    types.set(view.getUint32(at, true), view.getUint32(at + 4, true))
  }
  return { btf, types }
}

const EXCEPTION_CALLBACK = 'exception_callback:'

/** Slot of the function that the main program's declaration tag names for bpf_throw(); undefined without one. */
export function exceptionCallback({ btf, types }: ProgramFunctions): number | undefined {
  const main = types.get(0)
  if (btf === undefined || main === undefined) return undefined
  const names: string[] = []
  for (let id = btf.startId; id < btf.typeCount; id++) {
    const type = btf.type(id)
    if (type.kind !== 'decl_tag' || type.type !== main || type.componentIdx !== -1) continue
    if (type.name.startsWith(EXCEPTION_CALLBACK)) names.push(type.name.slice(EXCEPTION_CALLBACK.length))
  }
  const [name] = names
  if (name === undefined) return undefined
  if (names.length > 1) refuse('EINVAL', 'multiple exception callback tags for main subprog')
  const callback = btf.findByName(name, 'func')
  if (callback === undefined) refuse('EINVAL', `exception callback '${name}' could not be found in BTF`)
  for (const [slot, type] of types) if (type === callback) return slot
  return refuse('EINVAL', 'exception callback type id not found in func_info')
}

/** A function whose address is taken must be a static one that BTF describes (Linux: check_ld_imm). */
export function checkCallbacks(insns: Uint8Array, reached: Uint8Array, { btf, types }: ProgramFunctions): void {
  for (let slot = 0; slot < slotCount(insns); slot++) {
    if (reached[slot] === 0 || getCode(insns, slot) !== LD_IMM64) continue
    if (getSrc(insns, slot) === BPF_PSEUDO_FUNC) {
      const typeId = types.get(slot + getImm(insns, slot) + 1)
      if (btf === undefined || typeId === undefined) refuse('EINVAL', 'missing btf func_info')
      const type = btf.type(typeId)
      if (type.kind === 'func' && type.linkage !== 'static') refuse('EINVAL', 'callback function not static')
    }
    slot++
  }
}

/** Size and kernel-owned fields of the types of a program's BTF, for bpf_obj_new() and its relatives. */
export function localTypes(btf: Btf): NonNullable<ProgramImage['localType']> {
  const known = new Map<number, ReturnType<NonNullable<ProgramImage['localType']>>>()
  return (typeId) => {
    if (known.has(typeId)) return known.get(typeId)
    const isStruct = typeId > 0 && typeId < btf.typeCount && btf.type(typeId).kind === 'struct'
    const fields = isStruct ? findSpecialFields(btf, typeId) : []
    const found = isStruct ? { size: sizeOf(btf, typeId), fields: typeof fields === 'number' ? [] : fields } : undefined
    known.set(typeId, found)
    return found
  }
}
