// Lists and trees of allocated objects, in map values or other objects, under the lock beside their root.

import { fieldOfKind, fieldsBehind, type SpecialField } from '../../access/special-fields.js'
import { isConst } from '../../domain/num.js'
import type { Env } from '../../env.js'
import { ALLOC, NON_OWN_REF, type Reg } from '../../state/reg.js'
import { findLock, withoutOwnership } from '../effects.js'
import { objectReg } from './objects.js'

const isObject = (reg: Reg, flags = ALLOC): boolean => reg.type === 'ptr_' && reg.flags === flags

/** The less() of bpf_rbtree_add() runs under the lock. */
export function insideTreeCallback(env: Env): boolean {
  const { frame } = env
  if (frame.callback === undefined || frame.callback.async || env.state.frames.length < 2) return false
  return frame.callback.kind === 'rbtree_add'
}

export function graphRoot(env: Env, index: number, kind: 'bpf_list_head' | 'bpf_rb_root'): SpecialField {
  const regno = index + 1
  const reg = env.reg(regno)
  if (!(reg.type === 'map_value' && reg.flags === 0) && !isObject(reg)) {
    env.refuse(`arg#${index} expected pointer to map value or allocated object`)
  }
  if (reg.type === 'ptr_' && reg.refObjId === 0) env.refuse('allocated object must be referenced')
  if (!isConst(reg)) {
    env.refuse(`R${regno} doesn't have constant offset. ${kind} has to be at the constant offset`)
  }
  const fields = fieldsBehind(reg)
  const off = reg.off + reg.valueLo
  const field = fields.find((each) => each.kind === kind && each.offset === off)
  if (field === undefined) env.refuse(`${kind} not found at offset=${off >>> 0}`)
  const held = holdsLockOf(env, reg)
  if (held !== undefined) {
    const lock = fieldOfKind(fields, 'bpf_spin_lock') ?? fieldOfKind(fields, 'bpf_res_spin_lock')
    if (held !== '') env.log.write(`${held}\n`)
    env.refuse(`bpf_spin_lock at off=${lock?.kind === 'bpf_spin_lock' ? lock.offset : -22} must be held for ${kind}`)
  }
  return field
}

/** Why the lock of the object's allocation is not held; undefined where it is. */
function holdsLockOf(env: Env, reg: Reg): string | undefined {
  const of: unknown = reg.type === 'map_value' ? reg.map : reg.btf?.btf
  if (env.state.activeLocks === 0) return ''
  return findLock(env.state, undefined, reg.id, of) === undefined
    ? 'held lock and object are not in the same allocation'
    : undefined
}

/** A node to be added: an object the program owns. */
export function allocatedNode(env: Env, index: number): void {
  const reg = env.reg(index + 1)
  if (!isObject(reg)) env.refuse(`arg#${index} expected pointer to allocated object`)
  if (reg.refObjId === 0) env.refuse('allocated object must be referenced')
}

export function treeNode(env: Env, index: number, kfunc: string): void {
  if (kfunc === 'bpf_rbtree_add_impl') {
    allocatedNode(env, index)
    return
  }
  const reg = env.reg(index + 1)
  const unowned = reg.type === 'ptr_' && (reg.flags & ALLOC) !== 0 && (reg.flags & NON_OWN_REF) !== 0
  if (!unowned && reg.refObjId === 0) {
    env.refuse(`${kfunc} can only take non-owning or refcounted bpf_rb_node pointer`)
  }
  if (insideTreeCallback(env)) env.refuse(`${kfunc} not allowed in rbtree cb`)
}

export function graphNode(
  env: Env,
  regno: number,
  kind: 'bpf_list_node' | 'bpf_rb_node',
  root: SpecialField | undefined,
): void {
  const reg = env.reg(regno)
  if (!isConst(reg)) {
    env.refuse(`R${regno} doesn't have constant offset. ${kind} has to be at the constant offset`)
  }
  const off = reg.off + reg.valueLo
  const found = fieldsBehind(reg).some((each) => each.kind === kind && each.offset === off)
  if (!found) env.refuse(`${kind} not found at offset=${off >>> 0}`)
  if (root?.root === undefined || reg.btf === null) return
  const { typeId, nodeOffset } = root.root
  const wanted = root.btf.typeName(typeId)
  const given = reg.btf.btf.typeName(reg.btfId)
  if (reg.btf.btf !== root.btf || reg.btfId !== typeId) {
    env.refuse(
      `operation on ${root.kind} expects arg#1 ${kind} at offset=${nodeOffset} in struct ${wanted}, ` +
        `but arg is at offset=${off} in struct ${given}`,
    )
  }
  if (off !== nodeOffset) {
    env.refuse(`arg#1 offset=${off}, but expected ${kind} at offset=${nodeOffset} in struct ${wanted}`)
  }
}

/** A pointer to a node of the list or tree: to the node inside its object. */
export function nodeReg(root: SpecialField | undefined): Reg | undefined {
  if (root?.root === undefined) return undefined
  const reg = objectReg(root.btf, root.root.typeId, ALLOC)
  reg.off = root.root.nodeOffset
  return reg
}

/** A node the callback or the caller may look at but does not own. */
export function unownedNodeReg(root: SpecialField | undefined): Reg | undefined {
  const reg = nodeReg(root)
  return reg === undefined ? undefined : withoutOwnership(reg)
}
