// Pointers to objects kept in map values and allocated objects (kptr): bpf_kptr_xchg(), loads and stores.

import { checkPlainPointer } from '../../access/regions.js'
import {
  fieldName,
  fieldsBehind,
  fieldsOfType,
  isPointerField,
  type SpecialField,
} from '../../access/special-fields.js'
import { isConst } from '../../domain/num.js'
import type { Env } from '../../env.js'
import {
  ALLOC,
  MAYBE_NULL,
  NON_OWN_REF,
  PERCPU,
  pointerReg,
  RCU,
  type Reg,
  TRUSTED,
  typeText,
  UNTRUSTED,
} from '../../state/reg.js'
import type { BtfRef } from '../../types.js'
import { inReadSection } from '../effects.js'
import { isStructAt } from '../struct-types.js'
import { objectReg } from './objects.js'

export interface Target {
  readonly ref: BtfRef
  readonly id: number
  readonly name: string
}

/** The struct a pointer field is for: the kernel's of that name, else the program's own. */
export function targetOf(env: Env, field: SpecialField): Target {
  const { name = '', typeId = 0 } = field.pointer ?? {}
  const { kernelBtf } = env.prog
  const id = field.kind === 'uptr' ? undefined : kernelBtf?.findByName(name, 'struct')
  if (kernelBtf !== undefined && id !== undefined) return { ref: { btf: kernelBtf, kernel: true }, id, name }
  const own = objectReg(field.btf, typeId, 0).btf as BtfRef
  return { ref: own, id: typeId, name }
}

/** The field bpf_kptr_xchg() works on. */
export function exchangeField(env: Env, regno: number): SpecialField {
  const reg = env.reg(regno)
  const map = reg.type === 'map_value' ? reg.map : null
  if (map !== null && map.btf === undefined) {
    env.refuse(`map '${map.name}' has to have BTF in order to use bpf_kptr_xchg`)
  }
  if (!isConst(reg)) env.refuse(`R${regno} doesn't have constant offset. kptr has to be at the constant offset`)
  const fields = fieldsBehind(reg).filter((field) => isPointerField(field) && field.kind !== 'uptr')
  if (fields.length === 0) env.refuse(`R${regno} has no valid kptr`)
  const off = reg.off + reg.valueLo
  const field = fields.find((each) => each.offset === off)
  if (field === undefined) env.refuse(`off=${off} doesn't point to kptr`, 'EACCES')
  if (field.kind === 'kptr_untrusted') env.refuse(`off=${off} kptr isn't referenced kptr`, 'EACCES')
  return field
}

/** What the register holds may be kept in the field. */
export function fitsPointerField(env: Env, field: SpecialField, regno: number): void {
  const reg = env.reg(regno)
  const target = targetOf(env, field)
  const bad = (name: string): never => {
    const plain = typeText('ptr_', 0)
    let text = `invalid kptr access, R${regno} type=${typeText(reg.type, reg.flags)}${name} expected=${plain}${target.name}`
    if (field.kind === 'kptr_untrusted') text += ` or ${typeText('ptr_', UNTRUSTED)}${target.name}`
    return env.refuse(text, 'EACCES')
  }
  if (reg.type !== 'ptr_' || reg.btf === null) {
    bad('')
    return
  }
  let allowed = MAYBE_NULL | ALLOC
  if (reg.btf.kernel) {
    allowed = MAYBE_NULL | TRUSTED | RCU
    if (field.kind === 'kptr_untrusted') allowed |= UNTRUSTED
  } else if (field.kind === 'percpu_kptr') allowed |= PERCPU
  if ((reg.flags & ~allowed) !== 0) bad('')
  checkPlainPointer(env, regno, true)
  const strict = field.kind !== 'kptr_untrusted'
  if (!isStructAt(reg.btf, reg.btfId, reg.off, target.ref, target.id, strict)) {
    bad(reg.btf.btf.typeName(reg.btfId))
  }
}

/** What bpf_kptr_xchg() returns: the object that was there, now the program's. */
export function exchanged(env: Env, field: SpecialField): Reg {
  const target = targetOf(env, field)
  const reg = pointerReg('ptr_', MAYBE_NULL)
  reg.btf = target.ref
  reg.btfId = target.id
  if (!target.ref.kernel) reg.flags |= field.kind === 'percpu_kptr' ? ALLOC | PERCPU : ALLOC
  return reg
}

/** Kernel types that RCU protects. */
const RCU_SAFE: ReadonlySet<string> = new Set([
  'cgroup',
  'bpf_cpumask',
  'task_struct',
  'bpf_crypto_ctx',
  'prog_test_ref_kfunc',
])

/** What a load of the field gives. */
export function loadedPointer(env: Env, field: SpecialField): Reg {
  const target = targetOf(env, field)
  if (field.kind === 'uptr') {
    const reg = pointerReg('mem', MAYBE_NULL)
    const type = target.ref.btf.type(target.id)
    reg.memSize = type.kind === 'struct' ? type.size : 0
    reg.id = env.newId()
    return reg
  }
  const safe =
    field.kind === 'percpu_kptr' || (field.kind === 'kptr' && (!target.ref.kernel || RCU_SAFE.has(target.name)))
  let flags = MAYBE_NULL
  if (safe && inReadSection(env)) {
    flags |= RCU
    if (field.kind === 'percpu_kptr') flags |= PERCPU
    else if (!target.ref.kernel) {
      const inside = fieldsOfType(target.ref.btf, target.id)
      flags |= inside.length > 0 ? ALLOC | NON_OWN_REF : ALLOC
    }
  } else flags |= UNTRUSTED
  const reg = pointerReg('ptr_', flags)
  reg.btf = target.ref
  reg.btfId = target.id
  reg.id = env.newId()
  return reg
}

export interface PointerStore {
  /** The stored register, or -1 with an immediate. */
  readonly value: number
  readonly imm?: number
}

/** Direct store to a field. */
export function storePointer(env: Env, field: SpecialField, store: PointerStore): void {
  if (field.kind === 'uptr') env.refuse('store to uptr disallowed', 'EACCES')
  if (field.kind !== 'kptr_untrusted') env.refuse('store to referenced kptr disallowed', 'EACCES')
  if (store.value < 0) {
    if (store.imm !== 0) env.refuse(`BPF_ST imm must be 0 when storing to kptr at off=${field.offset}`, 'EACCES')
    return
  }
  const reg = env.reg(store.value)
  const isNull = reg.type === 'scalar' && isConst(reg) && reg.valueLo === 0 && reg.valueHi === 0
  if (!isNull) fitsPointerField(env, field, store.value)
}

/** A load or store touches these bytes: whole fields only, of pointers only. */
export function checkFieldAccess(
  env: Env,
  field: SpecialField,
  access: { readonly off: number; readonly size: number; readonly direct: boolean; readonly fixed: boolean },
): void {
  const name = fieldName(field)
  if (!isPointerField(field)) env.refuse(`${name} cannot be accessed directly by load/store`, 'EACCES')
  if (!access.direct) env.refuse(`${name} cannot be accessed indirectly by helper`, 'EACCES')
  if (!access.fixed) env.refuse(`${name} access cannot have variable offset`, 'EACCES')
  if (field.offset !== access.off) {
    env.refuse(`${name} access misaligned expected=${field.offset} off=${access.off}`, 'EACCES')
  }
  if (access.size !== 8) env.refuse(`${name} access size must be BPF_DW`, 'EACCES')
}
