import { type Btf, sizeOf } from '../../btf/index.js'
import { BPF_PSEUDO_FUNC, getCode, getImm, getSrc, slotCount } from '../../isa/index.js'
import type { ProgramImage } from '../../vm/index.js'
import { findSpecialFields } from './map-btf.js'
import { LD_IMM64 } from './opcodes.js'
import { refuse } from './refusal.js'

/** What a program's BTF records say of its functions. */
export interface ProgramFunctions {
  readonly btf: Btf | undefined
  /** First slot of a function -> id of its FUNC. */
  readonly types: ReadonlyMap<number, number>
}

/** The func_info records of a load request. */
export function programFunctions(
  btf: Btf | undefined,
  funcInfo: Uint8Array | undefined,
  recordSize: number,
): ProgramFunctions {
  const types = new Map<number, number>()
  if (btf === undefined || funcInfo === undefined || recordSize < 8) return { btf, types }
  const view = new DataView(funcInfo.buffer, funcInfo.byteOffset, funcInfo.length)
  for (let at = 0; at + 8 <= funcInfo.length; at += recordSize) {
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
