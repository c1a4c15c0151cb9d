// Objects a program allocates: bpf_obj_new(), bpf_obj_drop(), their per-CPU kin and bpf_refcount_acquire().

import type { Btf } from '../../../btf/index.js'
import { fieldOfKind, fieldsBehind, fieldsOfType } from '../../access/special-fields.js'
import type { Env } from '../../env.js'
import { ALLOC, NON_OWN_REF, PERCPU, pointerReg, type Reg } from '../../state/reg.js'
import { isPlainStruct } from '../struct-types.js'

/** Largest per-CPU object. */
const PERCPU_MAX = 512

/** An object about to be dropped; `name` is the kernel function. */
export function released(env: Env, index: number, reg: Reg, name: string): void {
  const perCpu = reg.type === 'ptr_' && reg.flags === (ALLOC | PERCPU)
  if (reg.type === 'ptr_' && reg.flags === ALLOC) {
    if (name !== 'bpf_obj_drop_impl') env.refuse(`arg#${index} expected for bpf_obj_drop_impl()`)
  } else if (perCpu) {
    if (name !== 'bpf_percpu_obj_drop_impl') env.refuse(`arg#${index} expected for bpf_percpu_obj_drop_impl()`)
  } else env.refuse(`arg#${index} expected pointer to allocated object`)
  if (reg.refObjId === 0) env.refuse('allocated object must be referenced')
}

/** Whether the program owns the object already: then taking one more reference cannot fail. */
export function refcounted(env: Env, index: number, reg: Reg): boolean {
  if (reg.type !== 'ptr_' || (reg.flags & ALLOC) === 0) {
    env.refuse(`arg#${index} is neither owning or non-owning ref`)
  }
  if (fieldOfKind(fieldsBehind(reg), 'bpf_refcount') === undefined) {
    env.refuse(`arg#${index} doesn't point to a type with bpf_refcount field`)
  }
  return (reg.flags & NON_OWN_REF) === 0
}

/** What bpf_obj_new() returns for the type its constant names. */
export function newObject(env: Env, constant: bigint, perCpu: boolean): Reg {
  const { btf } = env.prog
  if (constant > 0xffff_ffffn) env.refuse('local type ID argument must be in range [0, U32_MAX]')
  if (btf === undefined) env.refuse('bpf_obj_new/bpf_percpu_obj_new requires prog BTF')
  const id = Number(constant)
  const type = id < btf.typeCount ? btf.type(id) : undefined
  if (type?.kind !== 'struct') env.refuse('bpf_obj_new/bpf_percpu_obj_new type ID argument must be of a struct')
  if (perCpu) {
    if (type.size > PERCPU_MAX) env.refuse(`bpf_percpu_obj_new type size (${type.size}) is greater than ${PERCPU_MAX}`)
    if (!isPlainStruct(btf, type)) {
      env.refuse('bpf_percpu_obj_new type ID argument must be of a struct of scalars')
    }
    if (fieldsOfType(btf, id).length > 0) {
      env.refuse('bpf_percpu_obj_new type ID argument must not contain special fields')
    }
  }
  return objectReg(btf, id, perCpu ? ALLOC | PERCPU : ALLOC)
}

const refs = new WeakMap<Btf, { readonly btf: Btf; readonly kernel: false }>()

/** A pointer to an object of the program's own types. */
export function objectReg(btf: Btf, id: number, flags: number): Reg {
  let ref = refs.get(btf)
  if (ref === undefined) {
    ref = { btf, kernel: false }
    refs.set(btf, ref)
  }
  const reg = pointerReg('ptr_', flags)
  reg.btf = ref
  reg.btfId = id
  return reg
}
