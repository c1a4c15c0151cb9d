// A call of a kernel function.

import { resolve, sizeOf } from '../../btf/index.js'
import type { Insn } from '../../isa/index.js'
import { fieldOfKind, fieldsBehind } from '../access/special-fields.js'
import { checkResourceLeak, checkReturn } from '../check/exit.js'
import { syncBounds } from '../domain/sync.js'
import type { Env } from '../env.js'
import { forgetArguments } from '../insn/operands.js'
import {
  ALLOC,
  constReg,
  MAYBE_NULL,
  NOT_INIT,
  pointerReg,
  RCU,
  RDONLY,
  type Reg,
  TRUSTED,
  UNTRUSTED,
  unknownReg,
} from '../state/reg.js'
import type { State } from '../state/state.js'
import { kfuncCallback } from './callback.js'
import {
  acquireReference,
  clearPacketPointers,
  endReadSection,
  giveAwayOwnership,
  inReadSection,
  releaseReference,
  withoutOwnership,
} from './effects.js'
import { checkKfuncArgs, type KfuncFacts, newFacts } from './kfunc-args.js'
import { type KfuncMeta, kfuncMeta, mayCall } from './kfunc-meta.js'
import { noteKfunc } from './note-kfunc.js'
import { DYNPTR_FLAG } from './special/dynptr.js'
import { insideTreeCallback, nodeReg } from './special/graph.js'
import { forkIterator, iteratorAt } from './special/iterator.js'
import { newObject, objectReg } from './special/objects.js'
import { kindText } from './struct-types.js'

const PATH_END = -1

/** Returns the next instruction, or -1 where the path ends. */
export function kfuncCall(env: Env, insn: Insn): number {
  if (insn.imm === 0) env.refuse('invalid kernel function call not eliminated in verifier pass')
  const meta = kfuncMeta(env, insn)
  if (meta === undefined) return env.unsupported(`kernel function ${env.callName(insn) ?? insn.imm}`)
  const { name } = meta
  if (!mayCall(env, meta)) env.refuse(`calling kernel function ${name} is not allowed`, 'EACCES')
  if (name === 'bpf_res_spin_lock' || name === 'bpf_res_spin_lock_irqsave') forkFailedLock(env)
  if (name === '__bpf_trap') env.refuse('unexpected __bpf_trap() due to uninitialized variable?', 'EFAULT')
  const sleepable = meta.has('sleepable')
  if (sleepable && !env.state.sleepable) {
    env.refuse(`program must be sleepable to call sleepable kfunc ${name}`, 'EACCES')
  }
  const facts = newFacts()
  checkKfuncArgs(env, meta, facts)
  noteKfunc(env, name, facts)
  kfuncCallback(env, name, facts)
  sections(env, meta)
  release(env, meta, facts)
  if (name === 'bpf_throw') {
    if (env.exceptionCallback < 0) checkReturn(env, 1)
    forgetArguments(env)
    checkResourceLeak(env, 'bpf_throw', true)
    return PATH_END
  }
  const fresh = resultOf(env, meta, facts)
  forgetArguments(env)
  env.regs[0] = fresh
  if (name === 'bpf_xdp_pull_data') clearPacketPointers(env)
  if (meta.has('iter_next') && facts.iterator !== undefined) forkIterator(env, facts.iterator)
  return insn.pc + 1
}

/** Resilient locks may fail: a path of its own, on which nothing is held. */
function forkFailedLock(env: Env): void {
  const other: State = env.pushBranch(env.insnIdx + 1, env.insnIdx)
  const { regs } = other.frame
  for (let reg = 0; reg <= 5; reg++) regs[reg] = NOT_INIT
  const failed = unknownReg()
  failed.smin32 = -4095
  failed.smax32 = -1
  failed.sminLo = -4095
  failed.sminHi = -1
  failed.smaxLo = -1
  failed.smaxHi = -1
  syncBounds(failed)
  regs[0] = failed
}

/** Sections without sleep, preemption or interrupts. */
function sections(env: Env, meta: KfuncMeta): void {
  const { state } = env
  const { name } = meta
  const sleepable = meta.has('sleepable')
  const lock = name === 'bpf_rcu_read_lock'
  const unlock = name === 'bpf_rcu_read_unlock'
  if (state.rcuDepth > 0) {
    if ((lock || unlock) && insideTreeCallback(env)) {
      env.refuse('Calling bpf_rcu_read_{lock,unlock} in unnecessary rbtree callback', 'EACCES')
    }
    if (lock) env.refuse(`nested rcu read lock (kernel function ${name})`)
    if (unlock) {
      endReadSection(state)
      state.rcuDepth = 0
    } else if (sleepable) env.refuse(`kernel func ${name} is sleepable within rcu_read_lock region`, 'EACCES')
  } else if (lock) state.rcuDepth = 1
  else if (unlock) env.refuse(`unmatched rcu read unlock (kernel function ${name})`)
  if (name === 'bpf_preempt_disable') state.preemptDepth++
  else if (name === 'bpf_preempt_enable') {
    if (state.preemptDepth === 0) env.refuse(`unmatched attempt to enable preemption (kernel function ${name})`)
    state.preemptDepth--
  } else if (state.preemptDepth > 0 && sleepable) {
    env.refuse(`kernel func ${name} is sleepable within non-preemptible region`, 'EACCES')
  }
  if (state.irqId !== 0 && sleepable) {
    env.refuse(`kernel func ${name} is sleepable within IRQ-disabled region`, 'EACCES')
  }
  if (meta.has('rcu_protected') && !inReadSection(env)) {
    env.refuse(`kernel func ${name} requires RCU critical section protection`, 'EACCES')
  }
}

const INSERTS: ReadonlySet<string> = new Set([
  'bpf_list_push_front_impl',
  'bpf_list_push_back_impl',
  'bpf_rbtree_add_impl',
])

function release(env: Env, meta: KfuncMeta, facts: KfuncFacts): void {
  const missing = () => env.refuse(`kfunc ${meta.name}#${meta.id} reference has not been acquired before`)
  if (facts.releaseRegno !== 0 && !releaseReference(env, env.reg(facts.releaseRegno).refObjId)) missing()
  if (!INSERTS.has(meta.name)) return
  const id = env.reg(2).refObjId
  giveAwayOwnership(env, id)
  if (!releaseReference(env, id)) missing()
}

function mayReturnNull(meta: KfuncMeta, facts: KfuncFacts): boolean {
  if (meta.name === 'bpf_refcount_acquire_impl' && facts.ownsArgument) return false
  return meta.has('ret_null')
}

function resultOf(env: Env, meta: KfuncMeta, facts: KfuncFacts): Reg {
  const { ret, name } = meta
  if (ret.kind === 'void') return NOT_INIT
  if (ret.kind !== 'ptr') {
    return name === 'bpf_res_spin_lock' || name === 'bpf_res_spin_lock_irqsave' ? constReg(0, 0) : unknownReg()
  }
  const target = resolve(meta.btf.btf, ret.type)
  const reg = specialResult(env, meta, facts) ?? pointerResult(env, meta, facts)
  if (mayReturnNull(meta, facts)) {
    reg.flags |= MAYBE_NULL
    reg.id = env.newId()
  }
  let made = reg
  if (meta.has('acquire')) {
    const id = acquireReference(env)
    if (mayReturnNull(meta, facts)) made.id = id
    made.refObjId = id
  } else if (target.kind === 'struct' && (target.name === 'bpf_rb_node' || target.name === 'bpf_list_node')) {
    made = withoutOwnership(made)
  }
  if (made.id === 0) {
    const fields = fieldsBehind(made)
    const lock = fieldOfKind(fields, 'bpf_spin_lock') ?? fieldOfKind(fields, 'bpf_res_spin_lock')
    if (lock !== undefined) made.id = env.newId()
  }
  return made
}

/** Results whose type the prototype does not tell. */
function specialResult(env: Env, meta: KfuncMeta, facts: KfuncFacts): Reg | undefined {
  switch (meta.name) {
    case 'bpf_obj_new_impl':
    case 'bpf_percpu_obj_new_impl':
      return newObject(env, facts.constant ?? 0n, meta.name === 'bpf_percpu_obj_new_impl')
    case 'bpf_refcount_acquire_impl':
      return facts.object === undefined ? undefined : objectReg(facts.object.btf.btf, facts.object.id, ALLOC)
    case 'bpf_list_pop_front':
    case 'bpf_list_pop_back':
    case 'bpf_list_front':
    case 'bpf_list_back':
    case 'bpf_rbtree_remove':
    case 'bpf_rbtree_first':
    case 'bpf_rbtree_root':
    case 'bpf_rbtree_left':
    case 'bpf_rbtree_right':
      return nodeReg(facts.root)
    case 'bpf_cast_to_kern_ctx':
      return kernelContext(env, meta)
    case 'bpf_rdonly_cast':
      return readOnlyCast(env, meta, facts)
    case 'bpf_dynptr_slice':
    case 'bpf_dynptr_slice_rdwr': {
      const readOnly = meta.name === 'bpf_dynptr_slice'
      if (!readOnly && env.type.packet !== 'write') env.refuse('the prog does not allow writes to packet data')
      const reg = pointerReg('mem', DYNPTR_FLAG[facts.dynptr.type] | (readOnly ? RDONLY : 0))
      reg.memSize = Number(facts.constant ?? 0n) >>> 0
      reg.dynptrId = facts.dynptr.id
      return reg
    }
    default:
      return undefined
  }
}

/** The struct behind the context, which the kernel's BTF lists by program type. */
function kernelContext(env: Env, meta: KfuncMeta): Reg {
  const { btf } = meta.btf
  const list = btf.findByName('bpf_ctx_convert', 'struct')
  const convert = list === undefined ? undefined : btf.type(list)
  const wanted = `BPF_PROG_TYPE_${env.prog.type.toUpperCase()}_kern`
  const member = convert?.kind === 'struct' ? convert.members.find(({ name }) => name === wanted) : undefined
  if (member === undefined) return env.unsupported('bpf_cast_to_kern_ctx for this program type')
  const reg = pointerReg('ptr_', TRUSTED)
  reg.btf = meta.btf
  reg.btfId = resolve(btf, member.type).id
  return reg
}

function readOnlyCast(env: Env, meta: KfuncMeta, facts: KfuncFacts): Reg {
  const { btf } = meta.btf
  const constant = facts.constant ?? 0n
  if (constant >= BigInt(btf.typeCount)) {
    env.refuse(`Unknown type ID ${constant} passed to kfunc bpf_rdonly_cast`)
  }
  const type = btf.type(Number(constant))
  if (type.kind === 'struct' || type.kind === 'union') {
    const reg = pointerReg('ptr_', UNTRUSTED)
    reg.btf = meta.btf
    reg.btfId = type.id
    return reg
  }
  if (type.kind !== 'void') env.refuse('kfunc bpf_rdonly_cast type ID argument must be of a struct or void')
  return pointerReg('mem', RDONLY | UNTRUSTED)
}

function pointerResult(env: Env, meta: KfuncMeta, facts: KfuncFacts): Reg {
  const { btf } = meta.btf
  const target = resolve(btf, meta.ret.kind === 'ptr' ? meta.ret.type : 0)
  if (target.kind === 'void') return unknownReg()
  if (target.kind === 'struct') {
    const reg = pointerReg('ptr_')
    reg.btf = meta.btf
    reg.btfId = target.id
    if (meta.name === 'bpf_get_kmem_cache') reg.flags = UNTRUSTED
    else if (meta.has('rcu_protected')) reg.flags = RCU
    if (meta.has('iter_next') && facts.iterator !== undefined) {
      const iterator = iteratorAt(env.state, facts.iterator)
      reg.flags |= ((iterator?.flags ?? 0) & RCU) !== 0 ? RCU : TRUSTED
    }
    return reg
  }
  let size = facts.resultSize
  let readOnly = facts.resultReadOnly
  if (size === 0) {
    try {
      size = sizeOf(btf, target.id)
      readOnly = meta.name !== 'bpf_session_cookie'
    } catch {
      env.refuse(
        `kernel function ${meta.name} returns pointer type ${kindText(target)} ${target.name} is not supported`,
      )
    }
  }
  const reg = pointerReg('mem', (readOnly ? RDONLY : 0) | (meta.has('rcu_protected') ? RCU : 0))
  reg.memSize = size
  reg.refObjId = facts.refObjId
  return reg
}
