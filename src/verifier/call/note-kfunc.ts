// What the translation of a kernel function's call needs to know of its arguments.

import { sizeOf } from '../../btf/index.js'
import { fieldsOfType } from '../access/special-fields.js'
import type { Env } from '../env.js'
import type { KfuncFacts } from './kfunc-args.js'

export interface KfuncUse {
  readonly name: string
  /** Bytes of the object it makes. */
  readonly size?: number
  /** The object has fields the kernel has to look after. */
  readonly special?: boolean
  /** Offset of the node in its object. */
  readonly nodeOffset?: number
}

/** Remembers the call at the current instruction. */
export function noteKfunc(env: Env, name: string, facts: KfuncFacts): void {
  if (name === 'bpf_dynptr_slice_rdwr') env.writesPacket = true
  env.kfuncUses[env.insnIdx] = useOf(env, name, facts)
}

function useOf(env: Env, name: string, facts: KfuncFacts): KfuncUse {
  switch (name) {
    case 'bpf_obj_new_impl':
    case 'bpf_percpu_obj_new_impl': {
      const { btf } = env.prog
      const id = Number(facts.constant ?? 0n)
      if (btf === undefined || id >= btf.typeCount) return { name }
      return { name, size: sizeOf(btf, id), special: fieldsOfType(btf, id).length > 0 }
    }
    case 'bpf_obj_drop_impl':
    case 'bpf_percpu_obj_drop_impl':
    case 'bpf_refcount_acquire_impl': {
      const { btf, btfId } = env.reg(1)
      return btf === null ? { name } : { name, special: fieldsOfType(btf.btf, btfId).length > 0 }
    }
    case 'bpf_list_push_front_impl':
    case 'bpf_list_push_back_impl':
    case 'bpf_rbtree_add_impl': {
      const root = facts.root?.root
      if (root === undefined || facts.root === undefined) return { name }
      const special = fieldsOfType(facts.root.btf, root.typeId).length > 0
      return { name, nodeOffset: root.nodeOffset, special }
    }
    default:
      return { name }
  }
}
