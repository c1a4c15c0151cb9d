// What a program is bound to when it is loaded: a tracepoint, a kernel function, a hook, a table of operations, a function of
// another program. Linux: check_attach_btf_id() and bpf_check_attach_target().

import { type Btf, type BtfFuncProto, type BtfType, sizeOf } from '../../btf/index.js'
import { iteratorArgs, lsmHook, structOpsUnsupported } from '../../spec/index.js'
import { plainType } from '../access/btf-walk.js'
import { kindText } from '../access/typed-context.js'
import type { Env } from '../env.js'
import type { AttachProgram, BtfRef } from '../types.js'
import { checkReplacement } from './replacement.js'

/** The function whose arguments are the program's context. */
export interface Target {
  readonly btf: BtfRef
  /** As the log names it: without a tracepoint's prefix. */
  readonly name: string
  /** undefined: a function of another program that BTF does not describe reliably. */
  readonly proto: BtfFuncProto | undefined
  /** A tracepoint's first argument is not passed on. */
  readonly skipFirst: boolean
}

export interface StructOpsArg {
  readonly offset: number
  readonly btfId: number
  readonly nullable: boolean
  readonly refcounted: boolean
  /** Reference the program starts with; 0 for none. */
  refObjId: number
}

/** The member of a table of kernel operations a program implements. */
export interface StructOps {
  readonly name: string
  readonly member: string
  readonly args: readonly StructOpsArg[]
}

const SLEEPABLE_TRACING: ReadonlySet<string> = new Set(['trace_fentry', 'trace_fexit', 'modify_return', 'trace_iter'])
const GPL: ReadonlySet<string> = new Set([
  'GPL',
  'GPL v2',
  'GPL and additional rights',
  'Dual BSD/GPL',
  'Dual MIT/GPL',
  'Dual MPL/GPL',
])

export function checkAttachTarget(env: Env): void {
  const { type, sleepable } = env.prog
  if (type === 'syscall') {
    if (sleepable !== true) env.refuse('Syscall programs can only be sleepable')
    return
  }
  if (sleepable === true && !canSleep(env)) {
    env.refuse('Only fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops programs can be sleepable')
  }
  switch (type) {
    case 'struct_ops':
      checkStructOps(env)
      return
    case 'tracing':
    case 'lsm':
    case 'ext':
      checkTarget(env)
      return
  }
}

function canSleep(env: Env): boolean {
  switch (env.prog.type) {
    case 'tracing':
      return SLEEPABLE_TRACING.has(env.attachType ?? '')
    case 'lsm':
      return env.attachType !== 'lsm_cgroup'
    case 'kprobe':
    case 'struct_ops':
      return true
    default:
      return false
  }
}

function checkTarget(env: Env): void {
  const { attachBtfId: id = 0, attachProg, type } = env.prog
  if (id === 0) env.refuse('Tracing programs must provide btf_id')
  const ref = attachProg === undefined ? attachBtf(env) : programBtf(attachProg)
  if (ref === undefined) {
    env.refuse('Tracing program can only be attached to another program annotated with BTF')
  }
  const { btf } = ref
  if (id >= btf.typeCount) env.refuse(`attach_btf_id ${id} is invalid`)
  const target = btf.type(id)
  if (target.name === '') env.refuse(`attach_btf_id ${id} doesn't have a name`)
  let conservative = false
  if (attachProg !== undefined) conservative = checkTargetProgram(env, attachProg, id, target.name)
  else if (type === 'ext') env.refuse('Cannot replace kernel functions')
  switch (env.attachType) {
    case 'trace_raw_tp':
      if (type === 'ext') break
      tracepoint(env, ref, target, id)
      return
    case 'trace_iter':
      if (type === 'ext') break
      iterator(env, ref, target, id)
      return
    case 'modify_return':
    case 'lsm_mac':
    case 'lsm_cgroup':
    case 'trace_fentry':
    case 'trace_fexit':
      break
    default:
      if (type !== 'ext') env.refuseSilently('Invalid argument')
  }
  if (target.kind !== 'func') env.refuse(`attach_btf_id ${id} is not a function`)
  if (type === 'ext' && attachProg !== undefined) checkReplacement(env, attachProg, target)
  const proto = btf.type(target.type)
  if (proto.kind !== 'func_proto') env.refuseSilently('Invalid argument')
  if (!conservative) checkPassable(env, btf, proto, target.name)
  env.target = { btf: ref, name: target.name, proto: conservative ? undefined : proto, skipFirst: false }
  if (type === 'ext') return
  checkFunction(env, target.name, attachProg !== undefined)
}

/** A kernel function: may it be traced, changed, slept in? */
function checkFunction(env: Env, name: string, ofProgram: boolean): void {
  const { type, sleepable } = env.prog
  if (sleepable === true) {
    const sleeps = type === 'lsm' ? lsmHook(name.replace(/^bpf_lsm_/, '')).sleepable : maySleep(name)
    if (!sleeps) env.refuse(`${name} is not sleepable`)
  } else if (env.attachType === 'modify_return') {
    if (ofProgram) env.refuse("can't modify return codes of BPF programs")
    if (!isModifiable(name)) env.refuse(`${name}() is not modifiable`)
  }
  if (type === 'lsm') {
    if (!GPL.has(env.prog.license)) env.refuse('LSM programs must have a GPL compatible license')
    if (lsmHook(name.replace(/^bpf_lsm_/, '')).disabled) {
      env.refuse(`attach_btf_id ${env.prog.attachBtfId} points to disabled hook`)
    }
    if (!name.startsWith('bpf_lsm_')) {
      env.refuse(`attach_btf_id ${env.prog.attachBtfId} points to wrong type name ${name}`)
    }
  } else if (DENIED.has(name) && !ofProgram) {
    env.refuse(`Attaching tracing programs to function '${name}' is rejected.`)
  } else if (NO_RETURN.has(name) && (env.attachType === 'trace_fexit' || env.attachType === 'modify_return')) {
    env.refuse(`Attaching fexit/fmod_ret to __noreturn function '${name}' is rejected.`)
  }
}

/** Functions on which tracing would recurse. */
const DENIED: ReadonlySet<string> = new Set([
  'migrate_disable',
  'migrate_enable',
  'rcu_read_unlock_strict',
  'preempt_count_add',
  'preempt_count_sub',
  '__rcu_read_lock',
  '__rcu_read_unlock',
])

const NO_RETURN: ReadonlySet<string> = new Set([
  'do_exit',
  'do_group_exit',
  'kthread_complete_and_exit',
  'kthread_exit',
  'make_task_dead',
  '__x64_sys_exit',
  '__x64_sys_exit_group',
])

/** System calls and functions made for tests: Linux keeps a list of the functions whose result may be set. */
function isModifiable(name: string): boolean {
  return name.startsWith('security_') || mayInjectError(name) || MODIFIABLE.has(name)
}

function maySleep(name: string): boolean {
  return mayInjectError(name) || name === 'bpf_fentry_test1'
}

/** Functions registered for programs that change their result. */
const MODIFIABLE: ReadonlySet<string> = new Set([
  'bpf_modify_return_test',
  'bpf_modify_return_test2',
  'bpf_modify_return_test_tp',
  'bpf_fentry_test1',
  'update_socket_protocol',
])

const mayInjectError = (name: string): boolean => /^__(x64|ia32|arm64)_sys_/.test(name)

function attachBtf(env: Env): BtfRef | undefined {
  const { attachBtf: given, kernelBtf } = env.prog
  if (given !== undefined && given !== kernelBtf) return { btf: given, kernel: true }
  return env.kernel
}

const programRefs = new WeakMap<Btf, BtfRef>()

function programBtf({ btf }: AttachProgram): BtfRef | undefined {
  if (btf === undefined) return undefined
  let ref = programRefs.get(btf)
  if (ref === undefined) {
    ref = { btf, kernel: false }
    programRefs.set(btf, ref)
  }
  return ref
}

/** Whether the program may be joined there; true: its BTF is not to be relied on. */
function checkTargetProgram(env: Env, target: AttachProgram, id: number, name: string): boolean {
  const extension = env.prog.type === 'ext'
  const index = target.funcInfo.findIndex(({ typeId }) => typeId === id)
  if (index < 0) env.refuse(`Subprog ${name} doesn't exist`)
  const func = target.functions?.[index]
  if (func?.exceptionCallback === true) {
    env.refuse(`${extension ? 'Extension' : 'FENTRY/FEXIT'} programs cannot attach to exception callback`)
  }
  const type = target.btf?.type(id)
  const conservative = func?.unreliable ?? (type?.kind === 'func' && type.linkage === 'static')
  if (extension) {
    if (conservative) env.refuse('Cannot replace static functions')
    if (env.subprogs[0]?.changesPacket === true && func?.changesPacket !== true) {
      env.refuse('Extension program changes packet data, while original does not')
    }
    if (env.subprogs[0]?.mightSleep === true && func?.mightSleep !== true) {
      env.refuse('Extension program may sleep, while original does not')
    }
  }
  if (env.prog.type === 'tracing') {
    if (target.tracesProgram === true) env.refuse('Cannot nest tracing program attach more than once')
  } else if (target.type === env.prog.type) env.refuse('Cannot recursively attach')
  const entry = target.attachType === 'trace_fentry' || target.attachType === 'trace_fexit'
  if (target.type === 'tracing' && extension && entry) env.refuse('Cannot extend fentry/fexit')
  return conservative
}

const TRACEPOINT_PREFIX = 'btf_trace_'

function tracepoint(env: Env, ref: BtfRef, type: BtfType, id: number): void {
  if (env.prog.attachProg !== undefined) env.refuse('Only FENTRY/FEXIT progs are attachable to another BPF prog')
  if (type.kind !== 'typedef') env.refuse(`attach_btf_id ${id} is not a typedef`)
  if (!type.name.startsWith(TRACEPOINT_PREFIX)) {
    env.refuse(`attach_btf_id ${id} points to wrong type name ${type.name}`)
  }
  const { btf } = ref
  const pointer = btf.type(type.type)
  const proto = pointer.kind === 'ptr' ? btf.type(pointer.type) : undefined
  if (proto?.kind !== 'func_proto') env.refuseSilently('Invalid argument')
  env.target = { btf: ref, name: type.name.slice(TRACEPOINT_PREFIX.length), proto, skipFirst: true }
}

function iterator(env: Env, ref: BtfRef, type: BtfType, id: number): void {
  if (type.kind !== 'func') env.refuse(`attach_btf_id ${id} is not a function`)
  const proto = ref.btf.type(type.type)
  if (proto.kind !== 'func_proto') env.refuseSilently('Invalid argument')
  checkPassable(env, ref.btf, proto, type.name)
  const known = type.name.startsWith('bpf_iter_') && iteratorArgs(type.name.slice('bpf_iter_'.length)) !== undefined
  if (!known) env.refuseSilently('Invalid argument')
  env.target = { btf: ref, name: type.name, proto, skipFirst: false }
}

/** Arguments a trampoline can pass on. Linux: btf_distill_func_proto(). */
function checkPassable(env: Env, btf: Btf, proto: BtfFuncProto, name: string): void {
  const { params } = proto
  const last = params.at(-1)
  if (params.length > 12 || (last?.type === 0 && last.name === '' && params.length > 12)) {
    env.refuse(`The function ${name} has ${params.length} arguments. Too many.`)
  }
  const size = (id: number): number => {
    try {
      return id === 0 ? 0 : sizeOf(btf, id)
    } catch {
      return -1
    }
  }
  const result = plainType(btf, proto.type).type
  if (size(proto.type) < 0 || result.kind === 'struct' || result.kind === 'union') {
    env.refuse(`The function ${name} return type ${kindText(result)} is unsupported.`)
  }
  params.forEach((param, i) => {
    if (i === params.length - 1 && param.type === 0) {
      env.refuse(`The function ${name} with variable args is unsupported.`)
    }
    const type = plainType(btf, param.type).type
    const bytes = size(param.type)
    if (bytes < 0 || bytes > 16) {
      env.refuse(`The function ${name} arg${i} type ${kindText(type)} is unsupported.`)
    }
    if (bytes === 0) env.refuse(`The function ${name} has malformed void argument.`)
  })
}

function checkStructOps(env: Env): void {
  if (!GPL.has(env.prog.license)) env.refuse('struct ops programs must have a GPL compatible license')
  const { attachBtfId: id = 0, expectedAttachType: index = 0 } = env.prog
  if (id === 0) env.refuseSilently('Operation not supported', 'ENOTSUPP')
  const ref = attachBtf(env)
  if (ref === undefined) env.unsupported('struct_ops programs without BTF of the kernel')
  const { btf } = ref
  const struct = id < btf.typeCount ? btf.type(id) : undefined
  const hidden = struct?.kind === 'struct' ? structOpsUnsupported(struct.name) : undefined
  const known = struct?.kind === 'struct' && btf.findByName(`bpf_struct_ops_${struct.name}`, 'struct') !== undefined
  if (struct?.kind !== 'struct' || !known) {
    env.refuse(`attach_btf_id ${id} is not a supported struct`, 'ENOTSUPP')
  }
  const member = struct.members[index]
  if (member === undefined) env.refuse(`attach to invalid member idx ${index} of struct ${struct.name}`)
  const pointer = plainType(btf, member.type).type
  const proto = pointer.kind === 'ptr' ? plainType(btf, pointer.type).type : undefined
  if (proto?.kind !== 'func_proto') {
    env.refuse(`attach to invalid member ${member.name}(@idx ${index}) of struct ${struct.name}`)
  }
  const unsupported = `attach to unsupported member ${member.name} of struct ${struct.name}`
  if (hidden?.includes(member.name)) env.refuse(unsupported, 'ENOTSUPP')
  if (struct.name === 'bpf_dummy_ops' && env.prog.sleepable === true && member.name !== 'test_sleepable') {
    env.refuse(unsupported)
  }
  const args = argumentMarks(btf, struct.name, member.name, proto)
  if (args.some(({ refcounted }) => refcounted) && env.subprogs.some(({ hasTailCall }) => hasTailCall)) {
    env.refuse('program with __ref argument cannot tail call')
  }
  env.structOps = { name: struct.name, member: member.name, args }
  env.target = { btf: ref, name: member.name, proto, skipFirst: false }
}

/** Marks on the parameters of the stub that stands for the member: `task__nullable`, `task__ref`. */
function argumentMarks(btf: Btf, table: string, member: string, proto: BtfFuncProto): StructOpsArg[] {
  const stub = btf.findByName(`${table}__${member}`, 'func')
  const func = stub === undefined ? undefined : btf.type(stub)
  const marked = func?.kind === 'func' ? btf.type(func.type) : undefined
  if (marked?.kind !== 'func_proto') return []
  const out: StructOpsArg[] = []
  let offset = 0
  proto.params.forEach((param, i) => {
    const name = marked.params[i]?.name ?? ''
    const nullable = name.endsWith('__nullable')
    const refcounted = name.endsWith('__ref')
    const pointer = plainType(btf, param.type).type
    if ((nullable || refcounted) && pointer.kind === 'ptr') {
      out.push({ offset, btfId: plainType(btf, pointer.type).id, nullable, refcounted, refObjId: 0 })
    }
    offset += 8
  })
  return out
}
