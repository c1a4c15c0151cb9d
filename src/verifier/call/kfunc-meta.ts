// What is known of a kernel function before its call is looked at: prototype from the kernel's BTF, marks from spec's table.

import { type Btf, type BtfParam, type BtfType, resolve } from '../../btf/index.js'
import type { CheckOptions, Insn } from '../../isa/index.js'
import { type Kfunc, type KfuncFlag, kfuncAllowed, kfuncByName } from '../../spec/index.js'
import { isGplCompatible } from '../check/license.js'
import type { Env } from '../env.js'
import type { BtfRef, VerifyProgram } from '../types.js'

export interface KfuncMeta {
  readonly name: string
  readonly id: number
  readonly row: Kfunc
  readonly btf: BtfRef
  readonly params: readonly BtfParam[]
  /** Result type, behind typedefs and qualifiers. */
  readonly ret: BtfType
  has(flag: KfuncFlag): boolean
}

const ofKernels = new WeakMap<Btf, Map<number, KfuncMeta | undefined>>()

/** The kernel function an instruction calls; undefined for none that is known. */
export function kfuncMeta(env: Env, insn: Insn): KfuncMeta | undefined {
  const { kernelBtf } = env.prog
  if (kernelBtf === undefined || insn.off !== 0) return undefined
  let known = ofKernels.get(kernelBtf)
  if (known === undefined) {
    known = new Map()
    ofKernels.set(kernelBtf, known)
  }
  if (!known.has(insn.imm)) known.set(insn.imm, find(kernelBtf, insn.imm))
  return known.get(insn.imm)
}

function find(btf: Btf, id: number): KfuncMeta | undefined {
  if (id <= 0 || id >= btf.typeCount) return undefined
  const func = btf.type(id)
  if (func.kind !== 'func') return undefined
  const row = kfuncByName(func.name)
  const proto = btf.type(func.type)
  if (row === undefined || proto.kind !== 'func_proto') return undefined
  const flags: ReadonlySet<KfuncFlag> = new Set(row.flags)
  return {
    ...{ name: func.name, id, row, params: proto.params },
    btf: { btf, kernel: true },
    ret: resolve(btf, proto.type),
    has: (flag) => flags.has(flag),
  }
}

/** Whether this program may call it at all. */
export function mayCall(env: Env, meta: KfuncMeta): boolean {
  const { attachType } = env
  if (SESSION_ONLY.has(meta.name)) return attachType === 'trace_kprobe_session' || attachType === 'trace_uprobe_session'
  if (LSM_ONLY.has(meta.name)) return env.prog.type === 'lsm'
  if (meta.name === 'bpf_sock_destroy' && attachType !== 'trace_iter') return false
  return kfuncAllowed(meta.row, env.prog.type)
}

/** About files: for security hooks alone. */
const LSM_ONLY: ReadonlySet<string> = new Set([
  'bpf_get_dentry_xattr',
  'bpf_get_file_xattr',
  'bpf_get_task_exe_file',
  'bpf_path_d_path',
  'bpf_put_file',
  'bpf_remove_dentry_xattr',
  'bpf_set_dentry_xattr',
])

/** Of probes that run at entry and at return of a function. */
const SESSION_ONLY: ReadonlySet<string> = new Set(['bpf_session_cookie', 'bpf_session_is_return'])

const suffix = (param: BtfParam, mark: string): boolean => param.name.endsWith(mark) && param.name.length > mark.length

export const isIgnored = (param: BtfParam): boolean => suffix(param, '__ign')
export const isProgram = (param: BtfParam): boolean => suffix(param, '__prog')
export const isConstant = (param: BtfParam): boolean => suffix(param, '__k')
export const isUninit = (param: BtfParam): boolean => suffix(param, '__uninit')
export const isNullable = (param: BtfParam): boolean => suffix(param, '__nullable')
export const isOptional = (param: BtfParam): boolean => suffix(param, '__opt')
export const isAllocated = (param: BtfParam): boolean => suffix(param, '__alloc')
export const isRefcounted = (param: BtfParam): boolean => suffix(param, '__refcounted_kptr')
export const isString = (param: BtfParam): boolean => suffix(param, '__str')
export const isMap = (param: BtfParam): boolean => suffix(param, '__map')
export const isIrqFlag = (param: BtfParam): boolean => suffix(param, '__irq_flag')
export const isIterator = (param: BtfParam): boolean => suffix(param, '__iter')
export const isSize = (param: BtfParam): boolean => suffix(param, '__sz')
export const isConstantSize = (param: BtfParam): boolean => suffix(param, '__szk')

const SYNC = new Set(['bpf_rbtree_add_impl'])
const ASYNC = new Set([
  'bpf_wq_set_callback_impl',
  'bpf_task_work_schedule_signal_impl',
  'bpf_task_work_schedule_resume_impl',
])

/** Calls back into the program before it returns, or later. */
export function callbackTime(name: string): 'now' | 'later' | undefined {
  return SYNC.has(name) ? 'now' : ASYNC.has(name) ? 'later' : undefined
}

const GRAPH =
  /^bpf_(list_(push_front_impl|push_back_impl|pop_front|pop_back|front|back)|rbtree_(add_impl|first|remove|root|left|right)|refcount_acquire_impl)$/

/** May be called while a lock is held. */
export function allowedUnderLock(name: string): boolean {
  return GRAPH.test(name) || /^bpf_iter_num_(new|next|destroy)$/.test(name) || isResilientLock(name)
}

export function isResilientLock(name: string): boolean {
  return /^bpf_res_spin_(lock|unlock|lock_irqsave|unlock_irqrestore)$/.test(name)
}

/** bpf_throw() ends the program: nothing behind it on this path. */
export function isThrow(env: Env, insn: Insn): boolean {
  return insn.code === 0x85 && insn.src === 2 && env.callName(insn) === 'bpf_throw'
}

/** What Linux refuses of kernel functions before it looks at anything else. */
export function kfuncResolver(prog: VerifyProgram): NonNullable<CheckOptions['resolvePseudo']> {
  const view = new DataView(prog.insns.buffer, prog.insns.byteOffset, prog.insns.byteLength)
  return (pc) => {
    if (view.getUint8(pc * 8) !== 0x85) return undefined
    const off = view.getInt16(pc * 8 + 2, true)
    const id = view.getInt32(pc * 8 + 4, true)
    if (!isGplCompatible(prog.license)) {
      return { message: 'cannot call kernel function from non-GPL compatible program', errno: 'EINVAL' }
    }
    const { kernelBtf } = prog
    // No id at all: a call that must turn out to be dead code.
    if (kernelBtf === undefined || off !== 0 || id === 0) return undefined
    const func = id > 0 && id < kernelBtf.typeCount ? kernelBtf.type(id) : undefined
    if (func?.kind !== 'func') return { message: `kernel btf_id ${id} is not a function`, errno: 'EINVAL' }
    if (/^bpf_xdp_metadata_rx_/.test(func.name)) {
      return { message: 'metadata kfuncs require device-bound program', errno: 'EINVAL' }
    }
    return undefined
  }
}
