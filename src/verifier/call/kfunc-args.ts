// Arguments of kernel functions: what each must be follows from its type in the kernel's BTF and the ending of its name.

import { type BtfParam, type BtfType, resolve, sizeOf } from '../../btf/index.js'
import { checkAccess } from '../access/check-access.js'
import { type SpecialField, specialFields } from '../access/special-fields.js'
import { toBig } from '../domain/int64.js'
import { isConst } from '../domain/num.js'
import type { Env } from '../env.js'
import { markPrecise } from '../explore/precision.js'
import { readReg } from '../insn/operands.js'
import { Refusal } from '../refusal.js'
import { ALLOC, copyReg, isTrusted, RCU, TRUSTED_FLAGS, typeText } from '../state/reg.js'
import type { BtfRef, MapDescription } from '../types.js'
import { checkHelperMemory, checkSize, constString, isNull } from './helper-args.js'
import type { KfuncMeta } from './kfunc-meta.js'
import * as marks from './kfunc-meta.js'
import { checkReleasedOffset } from './pointer-offset.js'
import { type DynptrFacts, type DynptrType, dynptrArgument, dynptrFacts } from './special/dynptr.js'
import { allocatedNode, graphNode, graphRoot, treeNode } from './special/graph.js'
import { restoreIrqFlags, saveIrqFlags } from './special/irq.js'
import { type IteratorPlace, iteratorArgument } from './special/iterator.js'
import { spinLock } from './special/locks.js'
import { mapField } from './special/map-fields.js'
import { refcounted, released } from './special/objects.js'
import {
  hasUnsafeFlags,
  isPlainStruct,
  isScalarType,
  isStructAt,
  kernelStructOf,
  kindText,
  mayBeNull,
} from './struct-types.js'

/** What the arguments told, for the rest of the call. */
export interface KfuncFacts {
  refObjId: number
  releaseRegno: number
  map: MapDescription | undefined
  mapUid: number
  /** Value of the argument that must be a constant. */
  constant: bigint | undefined
  /** Size of the memory returned, where an argument says so. */
  resultSize: number
  resultReadOnly: boolean
  dynptr: DynptrFacts
  iterator: IteratorPlace | undefined
  subprog: number
  root: SpecialField | undefined
  /** The object handed over or taken. */
  object: { readonly btf: BtfRef; readonly id: number } | undefined
  ownsArgument: boolean
}

type Kind =
  | 'null'
  | 'ctx'
  | 'allocated'
  | 'refcounted'
  | 'dynptr'
  | 'iter'
  | 'list_head'
  | 'list_node'
  | 'rb_root'
  | 'rb_node'
  | 'string'
  | 'map'
  | 'wq'
  | 'task_work'
  | 'irq_flag'
  | 'res_lock'
  | 'btf'
  | 'callback'
  | 'mem'
  | 'mem_size'

const STRUCT_KINDS: Readonly<Record<string, Kind>> = {
  bpf_dynptr: 'dynptr',
  bpf_dynptr_kern: 'dynptr',
  bpf_list_head: 'list_head',
  bpf_list_node: 'list_node',
  bpf_rb_root: 'rb_root',
  bpf_rb_node: 'rb_node',
  bpf_wq: 'wq',
  bpf_task_work: 'task_work',
  bpf_res_spin_lock: 'res_lock',
}

export function newFacts(): KfuncFacts {
  return {
    ...{ refObjId: 0, releaseRegno: 0, map: undefined, mapUid: 0, constant: undefined },
    ...{ resultSize: 0, resultReadOnly: false, dynptr: { type: '', id: 0, refId: 0 }, iterator: undefined },
    ...{ subprog: 0, root: undefined, object: undefined, ownsArgument: false },
  }
}

export function checkKfuncArgs(env: Env, meta: KfuncMeta, facts: KfuncFacts): void {
  for (let i = 0; i < meta.params.length; i++) {
    const param = meta.params[i] as BtfParam
    if (marks.isProgram(param) || marks.isIgnored(param)) continue
    if (checkArgument(env, meta, i, param, facts)) i++
  }
  if (meta.has('release') && facts.releaseRegno === 0) {
    env.refuse(`release kernel function ${meta.name} expects refcounted PTR_TO_BTF_ID`)
  }
}

/** Returns whether the next argument, a size, is dealt with too. */
function checkArgument(env: Env, meta: KfuncMeta, index: number, param: BtfParam, facts: KfuncFacts): boolean {
  const { btf } = meta.btf
  const regno = index + 1
  const type = resolve(btf, param.type)
  if (isScalarType(type)) {
    scalarArgument(env, regno, param, facts)
    return false
  }
  if (type.kind !== 'ptr') env.refuse(`Unrecognized arg#${index} type ${kindText(type)}`)
  readReg(env, regno)
  const reg = env.reg(regno)
  const strict = meta.has('trusted_args') || meta.has('release') || meta.has('rcu')
  if (strict && (isNull(reg) || mayBeNull(reg)) && !marks.isNullable(param)) {
    env.refuse(`Possibly NULL pointer passed to trusted arg${index}`, 'EACCES')
  }
  if (reg.refObjId !== 0) {
    facts.refObjId = reg.refObjId
    if (meta.has('release')) facts.releaseRegno = regno
  }
  const target = resolve(btf, type.type)
  const kind = kindOf(env, meta, index, param, target)
  if (kind === 'null') return false
  if (kind === 'map') mapArgument(env, regno, facts)
  if ((kind === 'map' || kind === 'allocated' || kind === 'btf') && strict && !isTrusted(reg)) {
    if (!meta.has('rcu')) env.refuse(`R${regno} must be referenced or trusted`)
    if ((reg.flags & RCU) === 0) env.refuse(`R${regno} must be a rcu pointer`)
  }
  checkReleasedOffset(env, regno, meta.has('release') && reg.refObjId !== 0)
  return checkKind(env, meta, index, param, target, kind, facts)
}

function scalarArgument(env: Env, regno: number, param: BtfParam, facts: KfuncFacts): void {
  readReg(env, regno)
  const reg = env.reg(regno)
  if (reg.type !== 'scalar') env.refuse(`R${regno} is not a scalar`)
  if (marks.isConstant(param)) {
    takeConstant(env, regno, facts)
    return
  }
  const readOnly = param.name === 'rdonly_buf_size'
  if (!readOnly && param.name !== 'rdwr_buf_size') return
  if (facts.resultSize !== 0) env.refuse('2 or more rdonly/rdwr_buf_size parameters for kfunc')
  if (!isConst(reg)) env.refuse(`R${regno} is not a const`)
  facts.resultReadOnly = readOnly
  facts.resultSize = reg.valueLo >>> 0
  markPrecise(env, regno)
}

function takeConstant(env: Env, regno: number, facts: KfuncFacts): void {
  const reg = env.reg(regno)
  if (!isConst(reg)) env.refuse(`R${regno} must be a known constant`)
  facts.constant = toBig(reg.valueLo, reg.valueHi)
  markPrecise(env, regno)
}

function isContext(env: Env, name: string): boolean {
  const struct = env.type.context.struct
  if (struct === undefined || name === '') return false
  return (
    name === struct || (struct === '__sk_buff' && name === 'sk_buff') || (struct === 'xdp_md' && name === 'xdp_buff')
  )
}

function kindOf(env: Env, meta: KfuncMeta, index: number, param: BtfParam, target: BtfType): Kind {
  const { params, name } = meta
  const { btf } = meta.btf
  if (name === 'bpf_cast_to_kern_ctx') return 'ctx'
  const reg = env.reg(index + 1)
  const next = params[index + 1]
  const sized =
    next !== undefined &&
    (marks.isSize(next) || marks.isConstantSize(next)) &&
    isScalarType(resolve(btf, next.type)) &&
    env.reg(index + 2).type === 'scalar'
  const struct = target.kind === 'struct' ? target.name : ''
  if (isContext(env, struct)) return 'ctx'
  if (marks.isNullable(param) && isNull(reg) && !sized) return 'null'
  if (marks.isAllocated(param)) return 'allocated'
  if (marks.isRefcounted(param)) return 'refcounted'
  if (STRUCT_KINDS[struct] === 'dynptr') return 'dynptr'
  const iterates = meta.has('iter_new') || meta.has('iter_next') || meta.has('iter_destroy')
  if ((iterates && index === 0) || marks.isIterator(param)) return 'iter'
  if (marks.isString(param)) return 'string'
  if (marks.isMap(param)) return 'map'
  if (marks.isIrqFlag(param)) return 'irq_flag'
  const known = STRUCT_KINDS[struct]
  if (known !== undefined) return known
  if (reg.type === 'ptr_' || kernelStructOf(reg) !== undefined) {
    if (target.kind !== 'struct' && target.kind !== 'union') {
      env.refuse(
        `kernel function ${name} args#${index} pointer type ${kindText(target)} ${target.name} is not supported`,
      )
    }
    return 'btf'
  }
  if (target.kind === 'func_proto') return 'callback'
  if (!isScalarType(target) && !isPlainStruct(btf, target) && !(sized && target.kind === 'void')) {
    const what = sized ? 'void, ' : ''
    env.refuse(
      `arg#${index} pointer type ${kindText(target)} ${target.name} must point to ${what}scalar, or struct with scalar`,
    )
  }
  return sized ? 'mem_size' : 'mem'
}

function mapArgument(env: Env, regno: number, facts: KfuncFacts): void {
  const reg = env.reg(regno)
  if (reg.map === null) env.refuse(`pointer in R${regno} isn't map pointer`)
  const kinds = specialFields(reg.map).map(({ kind }) => kind)
  const differs = facts.map !== reg.map || facts.mapUid !== reg.mapUid
  if (facts.map !== undefined && differs) {
    const [known, given] = [facts.mapUid, reg.mapUid]
    if (kinds.includes('bpf_task_work')) {
      env.refuse(`bpf_task_work pointer in R2 map_uid=${known} doesn't match map pointer in R3 map_uid=${given}`)
    }
    if (kinds.includes('bpf_wq')) {
      env.refuse(`workqueue pointer in R1 map_uid=${known} doesn't match map pointer in R2 map_uid=${given}`)
    }
  }
  facts.map = reg.map
  facts.mapUid = reg.mapUid
}

const DYNPTR_MAKERS: Readonly<Record<string, DynptrType>> = {
  bpf_dynptr_from_skb: 'skb',
  bpf_dynptr_from_xdp: 'xdp',
  bpf_dynptr_from_skb_meta: 'skb_meta',
}

function checkKind(
  env: Env,
  meta: KfuncMeta,
  index: number,
  param: BtfParam,
  target: BtfType,
  kind: Kind,
  facts: KfuncFacts,
): boolean {
  const regno = index + 1
  const reg = env.reg(regno)
  const { name } = meta
  const store = (offset: number) => checkAccess(env, regno, offset, { write: true, size: 8, value: -1 })
  switch (kind) {
    case 'ctx':
      if (reg.type !== 'ctx') {
        env.refuse(`arg#${index} expected pointer to ctx, but got ${typeText(reg.type, reg.flags)}`)
      }
      return false
    case 'allocated':
      released(env, index, reg, name)
      facts.object = reg.btf === null ? undefined : { btf: reg.btf, id: reg.btfId }
      return false
    case 'refcounted':
      facts.ownsArgument = refcounted(env, index, reg)
      facts.object = reg.btf === null ? undefined : { btf: reg.btf, id: reg.btfId }
      return false
    case 'dynptr':
      dynptr(env, meta, regno, param, facts, store)
      return false
    case 'iter':
      iterator(env, meta, regno, target, facts, store)
      return false
    case 'list_head':
    case 'rb_root':
      facts.root = graphRoot(env, index, kind === 'list_head' ? 'bpf_list_head' : 'bpf_rb_root')
      return false
    case 'list_node':
      allocatedNode(env, index)
      graphNode(env, regno, 'bpf_list_node', facts.root)
      facts.object = reg.btf === null ? undefined : { btf: reg.btf, id: reg.btfId }
      return false
    case 'rb_node':
      treeNode(env, index, name)
      graphNode(env, regno, 'bpf_rb_node', facts.root)
      facts.object = reg.btf === null ? undefined : { btf: reg.btf, id: reg.btfId }
      return false
    case 'map':
      if (reg.type === 'map_ptr') return false
      btfArgument(env, meta, index, { ...target, id: meta.btf.btf.findByName('bpf_map', 'struct') ?? 0 })
      return false
    case 'btf':
      btfArgument(env, meta, index, target)
      return false
    case 'string':
      if (reg.type !== 'map_value') env.refuse(`arg#${index} doesn't point to a const string`)
      constString(env, regno)
      return false
    case 'wq':
    case 'task_work':
      if (reg.type !== 'map_value') env.refuse(`arg#${index} doesn't point to a map value`)
      facts.root = mapField(env, regno, kind === 'wq' ? 'bpf_wq' : 'bpf_task_work')
      facts.map = reg.map ?? undefined
      facts.mapUid = reg.mapUid
      return false
    case 'irq_flag': {
      if (reg.type !== 'fp') env.refuse(`arg#${index} doesn't point to an irq flag on stack`)
      const by = name.startsWith('bpf_res_spin') ? 'lock' : 'native'
      if (name === 'bpf_local_irq_save' || name === 'bpf_res_spin_lock_irqsave') saveIrqFlags(env, regno, by, store)
      else restoreIrqFlags(env, regno, by)
      return false
    }
    case 'res_lock': {
      if (reg.type !== 'map_value' && !(reg.type === 'ptr_' && reg.flags === ALLOC)) {
        env.refuse(`arg#${index} doesn't point to map value or allocated object`)
      }
      const lock = name === 'bpf_res_spin_lock' || name === 'bpf_res_spin_lock_irqsave'
      spinLock(env, regno, { lock, resilient: true, irq: /irq/.test(name) })
      return false
    }
    case 'callback':
      if (reg.type !== 'func') env.refuse(`arg${index} expected pointer to func`)
      facts.subprog = reg.subprog
      return false
    case 'mem':
      memory(env, meta, index, target)
      return false
    case 'mem_size':
      sizedMemory(env, meta, index, param, facts)
      return true
    default:
      return false
  }
}

function dynptr(
  env: Env,
  meta: KfuncMeta,
  regno: number,
  param: BtfParam,
  facts: KfuncFacts,
  store: (offset: number) => void,
): void {
  let make = DYNPTR_MAKERS[meta.name]
  let cloneOf = 0
  const uninit = marks.isUninit(param)
  if (make === undefined && uninit) {
    if (meta.name !== 'bpf_dynptr_clone') env.unsupported(`a dynptr made by ${meta.name}`)
    make = facts.dynptr.type
    cloneOf = facts.dynptr.refId
  }
  dynptrArgument(
    env,
    regno,
    uninit && make !== undefined ? { make, cloneOf, mutates: true } : { mutates: false },
    store,
  )
  if (!uninit) facts.dynptr = dynptrFacts(env, env.reg(regno))
}

function iterator(
  env: Env,
  meta: KfuncMeta,
  regno: number,
  target: BtfType,
  facts: KfuncFacts,
  store: (offset: number) => void,
): void {
  if (meta.name === 'bpf_iter_css_task_new' && !env.state.sleepable && env.prog.type !== 'lsm') {
    const iter = env.prog.type === 'tracing' && env.prog.attachType === 'trace_iter'
    if (!iter) env.refuse('css_task_iter is only allowed in bpf_lsm, bpf_iter and sleepable progs')
  }
  if (target.kind !== 'struct') env.refuse(`expected valid iter pointer as arg #${regno - 1}`)
  const what = meta.has('iter_new')
    ? 'new'
    : meta.has('iter_next')
      ? 'next'
      : meta.has('iter_destroy')
        ? 'destroy'
        : 'use'
  const rcuProtected = meta.has('rcu_protected')
  const call = { what, struct: target.name, size: target.size, kfunc: meta.name, rcuProtected } as const
  const place = iteratorArgument(env, regno, call, store)
  if (place === undefined) return
  facts.iterator = place
  facts.refObjId = place.refId
}

/** A pointer to a kernel object of the wanted struct. */
function btfArgument(env: Env, meta: KfuncMeta, index: number, target: BtfType): void {
  const reg = env.reg(index + 1)
  const struct = kernelStructOf(reg)
  const usable = reg.type === 'ptr_' && (!hasUnsafeFlags(reg) || (reg.flags & RCU) !== 0)
  if (!usable && struct === undefined) {
    const expected = typeText(reg.type, reg.flags & TRUSTED_FLAGS)
    env.refuse(`arg#${index} is ${typeText(reg.type, reg.flags)} expected ${expected} or socket`)
  }
  const from: BtfRef = reg.type === 'ptr_' && reg.btf !== null ? reg.btf : meta.btf
  const id = reg.type === 'ptr_' ? reg.btfId : (meta.btf.btf.findByName(struct ?? '', 'struct') ?? 0)
  const fromType = resolve(from.btf, id)
  const alias = fromType.name === `${target.name}___init` || target.name === `${fromType.name}___init`
  const strict = (meta.has('release') && reg.refObjId !== 0) || alias
  const projection =
    (target.name === '__sk_buff' && fromType.name === 'sk_buff') ||
    (target.name === 'xdp_md' && fromType.name === 'xdp_buff')
  if (projection || isStructAt(from, fromType.id, reg.off, meta.btf, target.id, strict)) return
  env.refuse(
    `kernel function ${meta.name} args#${index} expected pointer to ${kindText(target)} ${target.name} ` +
      `but R${index + 1} has a pointer to ${kindText(fromType)} ${fromType.name}`,
  )
}

/** The check sees a pointer that may be null as one that is not. */
function assumingNotNull(env: Env, regno: number, check: () => void): void {
  const reg = env.reg(regno)
  if (!mayBeNull(reg)) {
    check()
    return
  }
  const sure = copyReg(reg)
  sure.flags &= ~1
  env.regs[regno] = sure
  check()
  env.regs[regno] = reg
}

function memory(env: Env, meta: KfuncMeta, index: number, target: BtfType): void {
  const regno = index + 1
  if (isNull(env.reg(regno))) return
  let size: number
  try {
    size = sizeOf(meta.btf.btf, target.id)
  } catch {
    env.refuse(`arg#${index} reference type('${kindText(target)} ${target.name}') size cannot be determined: -22`)
  }
  assumingNotNull(env, regno, () => {
    checkHelperMemory(env, regno, size, false, true, undefined)
    checkHelperMemory(env, regno, size, true, true, undefined)
  })
}

function sizedMemory(env: Env, meta: KfuncMeta, index: number, param: BtfParam, facts: KfuncFacts): void {
  const regno = index + 1
  if (!isNull(env.reg(regno)) || !(marks.isOptional(param) || marks.isNullable(param))) {
    try {
      readReg(env, regno + 1)
      assumingNotNull(env, regno, () => {
        checkSize(env, regno + 1, false, true, undefined)
        checkSize(env, regno + 1, true, true, undefined)
      })
    } catch (error) {
      if (!(error instanceof Refusal) || error.unsupported) throw error
      env.refuse(`arg#${index} arg#${index + 1} memory, len pair leads to invalid memory access`, error.errno)
    }
  }
  if (marks.isConstantSize(meta.params[index + 1] as BtfParam)) takeConstantSize(env, regno + 1, facts)
}

function takeConstantSize(env: Env, regno: number, facts: KfuncFacts): void {
  const reg = env.reg(regno)
  if (!isConst(reg)) env.refuse(`R${regno} must be a known constant`)
  facts.constant = toBig(reg.valueLo, reg.valueHi)
}
