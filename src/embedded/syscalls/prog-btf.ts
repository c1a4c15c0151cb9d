import { type Btf, type FuncInfo, type LineInfo, sizeOf } from '../../btf/index.js'
import { BPF_PSEUDO_CALL, BPF_PSEUDO_FUNC, getCode, getImm, getSrc, slotCount } from '../../isa/index.js'
import type { ProgLoadRequest } from '../../kernel/index.js'
import { type BtfInfoProblem, checkFuncLayout, checkFuncRecords, checkLineRecords } from '../../verifier/index.js'
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

function refuseProblem(found: BtfInfoProblem | undefined): void {
  if (found !== undefined) refuse(found.errno, found.message)
}

function funcRecords(records: Uint8Array): FuncInfo[] {
  const view = wordsOf(records)
  const out: FuncInfo[] = []
  for (let at = 0; at < records.length; at += FUNC_INFO_SIZE) {
    out.push({ insnOff: view.getUint32(at, true), typeId: view.getUint32(at + 4, true) })
  }
  return out
}

function lineRecords(records: Uint8Array): Pick<LineInfo, 'insnOff' | 'fileNameOff' | 'lineOff'>[] {
  const view = wordsOf(records)
  const out: Pick<LineInfo, 'insnOff' | 'fileNameOff' | 'lineOff'>[] = []
  for (let at = 0; at < records.length; at += LINE_INFO_SIZE) {
    const [insnOff, fileNameOff, lineOff] = [0, 4, 8].map((field) => view.getUint32(at + field, true)) as [
      number,
      number,
      number,
    ]
    out.push({ insnOff, fileNameOff, lineOff })
  }
  return out
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
  refuseProblem(checkFuncRecords(btf, funcRecords(records)))
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
  refuseProblem(checkLineRecords(btf, lineRecords(records), starts, insns))
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

/** func_info must say all functions and no others; without it some instructions are for the main program alone. */
export function checkFunctions({ btf, types }: ProgramFunctions, starts: readonly number[], insns: Uint8Array): void {
  const records = [...types].map(([insnOff, typeId]) => ({ insnOff, typeId }))
  refuseProblem(checkFuncLayout(btf, records, starts, insns))
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
