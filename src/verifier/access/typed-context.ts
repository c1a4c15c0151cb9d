// Contexts that are a kernel function's arguments, one 8-byte slot each: tracing, LSM, iterator and struct_ops programs.

import { type Btf, type BtfFuncProto, type BtfType, sizeOf } from '../../btf/index.js'
import { iteratorArgs, lsmHook, tracepointArg } from '../../spec/index.js'
import { syncBounds } from '../domain/sync.js'
import type { Env } from '../env.js'
import {
  MAYBE_NULL,
  PERCPU,
  pointerReg,
  RCU,
  RDONLY,
  type Reg,
  TRUSTED,
  UNTRUSTED,
  USER,
  unknownReg,
} from '../state/reg.js'
import { nameOf, plainType, tagFlag } from './btf-walk.js'
import { contextTypes } from './context-types.js'

/** More arguments than a BPF trampoline passes on are out of reach. */
const MAX_ARGS = 12
const UNTYPED_ARGS = 5

/** BTF kinds as Linux's log spells them. */
export function kindText(type: BtfType): string {
  return type.kind === 'void' ? 'UNKNOWN' : type.kind.toUpperCase()
}

/** Loads are by slot; undefined: refused, the reason is in the log. Linux: btf_ctx_access(). */
export function readTypedContext(env: Env, off: number, size: number): Reg | undefined {
  if (off < 0 || off >= 8 * MAX_ARGS || off % size !== 0) return undefined
  const { target } = env
  if (target === undefined) return env.unsupported(`arguments of ${env.prog.type} programs`)
  const { name } = target
  const say = (text: string): undefined => {
    env.log.write(`${text}\n`)
    return undefined
  }
  if (off % 8 !== 0) return say(`func '${name}' offset ${off} is not multiple of 8`)
  const { btf } = target.btf
  const proto = target.proto
  const arg = proto === undefined ? off / 8 : argumentAt(btf, proto, off)
  const count = proto === undefined ? UNTYPED_ARGS : proto.params.length - (target.skipFirst ? 1 : 0)
  if (arg > count) return say(`func '${name}' doesn't have ${arg + 1}-th argument`)
  let typeId: number
  let result = false
  if (arg === count) {
    switch (env.attachType) {
      case 'lsm_mac':
        result = true
        break
      case 'lsm_cgroup':
      case 'trace_fexit':
        break
      case 'modify_return':
        if (proto === undefined) return undefined
        break
      default:
        return say(`func '${name}' doesn't have ${arg + 1}-th argument`)
    }
    if (proto === undefined) return unknownReg()
    typeId = proto.type
    const { type } = plainType(btf, typeId)
    if (env.attachType === 'modify_return' && !isSmallInt(type)) {
      return say(`ret type ${kindText(type)} not allowed for fmod_ret`)
    }
  } else {
    if (proto === undefined) return unknownReg()
    typeId = proto.params[arg + (target.skipFirst ? 1 : 0)]?.type ?? 0
  }
  const { type } = plainType(btf, typeId)
  if (isSmallInt(type) || type.kind === 'enum' || type.kind === 'enum64' || isComposite(type)) {
    return result ? hookResult(env) : unknownReg()
  }
  if (type.kind !== 'ptr') {
    return say(`func '${name}' arg${arg} '${nameOf(type)}' has type ${kindText(type)}. Only pointer access is allowed`)
  }
  if (size !== 8) return say(`func '${name}' size ${size} must be 8`)
  return pointerArgument(env, btf, arg, type.type, off)
}

const isComposite = (type: BtfType): boolean => type.kind === 'struct' || type.kind === 'union'
const isSmallInt = (type: BtfType): boolean => type.kind === 'int' && type.size <= 8

/** Slots are 8 bytes; a struct passed by value may take two. A tracepoint's hidden argument counts, as it does on Linux. */
function argumentAt(btf: Btf, proto: BtfFuncProto, off: number): number {
  const { params } = proto
  let at = 0
  for (const [i, param] of params.entries()) {
    at += slotBytes(btf, param.type)
    if (off < at) return i
  }
  at += proto.type === 0 ? 0 : slotBytes(btf, proto.type)
  return off < at ? params.length : params.length + 1
}

function slotBytes(btf: Btf, id: number): number {
  try {
    return (sizeOf(btf, id) + 7) & ~7
  } catch {
    return 8
  }
}

/** What a security hook returned before the program ran. */
function hookResult(env: Env): Reg {
  const reg = unknownReg()
  const range = lsmRange(env)
  if (range === undefined) return reg
  const [least, most] = range
  reg.smin32 = reg.sminLo = least
  reg.sminHi = least >> 31
  reg.smax32 = reg.smaxLo = most
  reg.smaxHi = most >> 31
  syncBounds(reg)
  return reg
}

/** Return values of the hook an LSM program joins; undefined for one that returns nothing. */
export function lsmRange(env: Env): readonly [number, number] | undefined {
  const { target } = env
  if (target === undefined || target.proto?.type === 0) return undefined
  return lsmHook(target.name.replace(/^bpf_lsm_/, '')).boolean ? [0, 1] : [-4095, 0]
}

function pointerArgument(env: Env, btf: Btf, arg: number, pointee: number, off: number): Reg | undefined {
  const target = env.target as NonNullable<typeof env.target>
  const { name } = target
  const listed = env.attachType === 'trace_iter' ? iteratorArg(name, arg) : undefined
  if (listed?.buffer === true) return identified(env, pointerReg('buf', listed.flags))
  const { type: struct, id } = plainType(btf, pointee)
  if (!isComposite(struct)) return unknownReg()
  if (listed !== undefined) {
    const made = pointerReg('ptr_', listed.flags)
    made.btf = target.btf
    made.btfId = btf.findByName(listed.struct, ['struct', 'union']) ?? id
    return identified(env, made)
  }
  const structArg = env.structOps?.args.find((each) => each.offset === off)
  if (structArg !== undefined) {
    const made = pointerReg('ptr_', TRUSTED | (structArg.nullable ? MAYBE_NULL : 0))
    made.btf = target.btf
    made.btfId = structArg.btfId
    made.refObjId = structArg.refObjId
    if (made.refObjId !== 0 && !env.state.refs.some((ref) => ref.id === made.refObjId)) {
      env.refuse(`invalid bpf_context access off=${off}. Reference may already be released`, 'EACCES')
    }
    return identified(env, promoted(env, made))
  }
  let flags = argumentsTrusted(env) ? TRUSTED : 0
  const param = target.proto?.params[arg + (target.skipFirst ? 1 : 0)]
  if (param?.name.endsWith('__nullable') === true) flags |= MAYBE_NULL
  let isError = false
  if (env.attachType === 'trace_raw_tp') {
    const mark = tracepointArg(name, arg)
    if (mark === 'nullable') flags |= MAYBE_NULL
    isError = mark === 'error'
  }
  const ref = target.btf
  if (env.prog.attachProg !== undefined) {
    const translated = contextTypes(env, env.prog.attachProg.type)
    if (arg !== 0 || translated === undefined || translated.name !== struct.name) return undefined
    const made = pointerReg('ptr_', flags)
    made.btf = env.kernel ?? null
    made.btfId = translated.kernelId
    return identified(env, made)
  }
  flags |= tagFlag(btf, pointee) & (USER | PERCPU)
  env.log.write(`func '${name}' arg${arg} has btf_id ${id} type ${kindText(struct)} '${nameOf(struct)}'\n`)
  if (isError) {
    env.log.write(`marking pointer arg${arg} as scalar as it may encode error`)
    return unknownReg()
  }
  const made = pointerReg('ptr_', flags)
  made.btf = ref
  made.btfId = id
  return identified(env, promoted(env, made))
}

/** Congestion control programs get any socket as the TCP socket it is. */
function promoted(env: Env, reg: Reg): Reg {
  if (env.structOps?.name !== 'tcp_congestion_ops' || (reg.flags & ~TRUSTED) !== 0) return reg
  const btf = reg.btf?.btf
  if (btf?.typeName(reg.btfId) === 'sock') reg.btfId = btf.findByName('tcp_sock', 'struct') ?? reg.btfId
  return reg
}

function identified(env: Env, reg: Reg): Reg {
  if ((reg.flags & MAYBE_NULL) !== 0) reg.id = env.newId()
  return reg
}

function argumentsTrusted(env: Env): boolean {
  switch (env.prog.type) {
    case 'tracing':
      return env.attachType === 'trace_raw_tp' || env.attachType === 'trace_iter'
    case 'lsm':
      return lsmHook(env.target?.name.replace(/^bpf_lsm_/, '') ?? '').trusted
    default:
      return env.prog.type === 'struct_ops'
  }
}

interface IteratorArg {
  readonly buffer: boolean
  readonly flags: number
  readonly struct: string
}

/** What the iterator says of an argument; undefined where BTF alone decides. */
function iteratorArg(func: string, arg: number): IteratorArg | undefined {
  const text = iteratorArgs(func.replace(/^bpf_iter_/, ''))?.[arg]
  const parts = /^(rdonly_|)(?:(buf)|(rcu_|untrusted_|trusted_|)ptr_)(_?or_null_?|)(.*)$/.exec(text ?? '')
  if (parts === null) return undefined
  const [, rdonly, buffer, trust, nullable, struct = ''] = parts
  if (buffer === undefined && trust === 'trusted_' && nullable === '') return undefined
  const flags =
    (rdonly === '' ? 0 : RDONLY) |
    (nullable === '' ? 0 : MAYBE_NULL) |
    (trust === 'trusted_' ? TRUSTED : trust === 'rcu_' ? RCU : trust === 'untrusted_' ? UNTRUSTED : 0)
  return { buffer: buffer !== undefined, flags, struct }
}
