// Arguments of the program's functions by their BTF and its `arg:` tags. Linux: btf_prepare_func_args().

import type { ErrnoName } from '../../base/index.js'
import { type Btf, type BtfType, sizeOf } from '../../btf/index.js'
import type { ProgTypeName } from '../../spec/index.js'
import { nameOf, plainType } from '../access/btf-walk.js'
import { contextNames } from '../access/context-types.js'
import { kindText } from '../access/typed-context.js'
import type { Env, Subprog } from '../env.js'
import { MAYBE_NULL, pointerReg, RDONLY, type Reg, TRUSTED, UNTRUSTED, unknownReg } from '../state/reg.js'
import { makeCallbackDynptr } from './special/dynptr.js'

/** What a caller must pass and the function may count on. */
export type FuncArg =
  | { readonly kind: 'anything' | 'ctx' | 'dynptr' | 'arena' }
  | { readonly kind: 'mem'; readonly flags: number; readonly size: number }
  | { readonly kind: 'object'; readonly flags: number; readonly id: number }

/** BTF does not describe the function's arguments as the verifier needs them; `message` '' where Linux says nothing. */
export interface UnfitArgs {
  readonly message: string
  readonly errno: ErrnoName
}

const TAGS: ReadonlySet<string> = new Set(['ctx', 'trusted', 'untrusted', 'nonnull', 'nullable', 'arena'])

const unfit = (message: string, errno: ErrnoName = 'EINVAL'): UnfitArgs => ({ message, errno })

export const isUnfit = (found: readonly FuncArg[] | UnfitArgs): found is UnfitArgs => 'errno' in found

/** Of function `index`; found once. */
export function argsOf(env: Env, index: number): readonly FuncArg[] | UnfitArgs {
  const subprog = env.subprogs[index] as Subprog
  if (subprog.args !== undefined) return subprog.args
  const found = findArgs(env, subprog)
  if (!isUnfit(found)) subprog.args = found
  return found
}

function findArgs(env: Env, subprog: Subprog): readonly FuncArg[] | UnfitArgs {
  const { btf } = env.prog
  const { global, name } = subprog
  if (btf === undefined || subprog.funcId === 0) return unfit('')
  const proto = btf.type(subprog.protoId)
  if (proto.kind !== 'func_proto') return unfit(`Invalid type of function ${name}()`, 'EFAULT')
  const { params } = proto
  if (params.length > 5) {
    return unfit(global ? `Global function ${name}() with ${params.length} > 5 args. Buggy compiler.` : '')
  }
  const result = plainType(btf, proto.type).type
  if (!isScalar(result)) {
    return unfit(global ? `Global function ${name}() doesn't return scalar. Only those are supported.` : '')
  }
  const args: FuncArg[] = []
  for (const [i, param] of params.entries()) {
    const found = argument(env, btf, subprog, i, param.type)
    if ('errno' in found) return found
    args.push(found)
  }
  return args
}

const isScalar = (type: BtfType): boolean => type.kind === 'int' || type.kind === 'enum' || type.kind === 'enum64'
const isStruct = (type: BtfType): boolean => type.kind === 'struct' || type.kind === 'union'

/** Names behind `arg:` of the declaration tags on a parameter. */
function tagsOf(btf: Btf, func: number, index: number): ReadonlySet<string> {
  let known = tagIndex.get(btf)
  if (known === undefined) {
    known = new Map()
    for (let id = btf.startId; id < btf.typeCount; id++) {
      if (btf.kindOf(id) !== 'decl_tag') continue
      const tag = btf.type(id)
      if (tag.kind !== 'decl_tag' || !tag.name.startsWith('arg:')) continue
      const key = `${tag.type}/${tag.componentIdx}`
      known.set(key, (known.get(key) ?? new Set()).add(tag.name.slice(4)))
    }
    tagIndex.set(btf, known)
  }
  return known.get(`${func}/${index}`) ?? NO_TAGS
}

const NO_TAGS: ReadonlySet<string> = new Set()
const tagIndex = new WeakMap<Btf, Map<string, Set<string>>>()

function argument(env: Env, btf: Btf, subprog: Subprog, i: number, typeId: number): FuncArg | UnfitArgs {
  const { global } = subprog
  const tags = tagsOf(btf, subprog.funcId, i)
  if (tags.size > 0 && !global) {
    return unfit(`arg#${i} type tag is not supported in static functions`, 'EOPNOTSUPP')
  }
  if ([...tags].some((tag) => !TAGS.has(tag))) return unfit(`arg#${i} has unsupported set of tags`, 'EOPNOTSUPP')
  const { type } = plainType(btf, typeId)
  const others = (name: string) => tags.size > (tags.has(name) ? 1 : 0)
  const clash = () => unfit(`arg#${i} has invalid combination of tags`)
  if (type.kind === 'ptr') {
    const progType = env.prog.type
    if (tags.has('ctx') || isContext(btf, type.type, progType)) {
      if (others('ctx')) return clash()
      const reason = tags.has('ctx') ? unfitContext(env, btf, type.type, i) : undefined
      return reason === undefined ? { kind: 'ctx' } : unfit(reason)
    }
    const target = plainType(btf, type.type).type
    if (target.kind === 'struct' && target.name === 'bpf_dynptr') return tags.size > 0 ? clash() : { kind: 'dynptr' }
    if (tags.has('trusted')) {
      if (tags.has('nonnull')) return clash()
      const id = kernelStruct(env, target, i)
      if (typeof id !== 'number') return id
      return { kind: 'object', flags: TRUSTED | (tags.has('nullable') ? MAYBE_NULL : 0), id }
    }
    if (tags.has('untrusted')) return untrusted(env, target, i, others('untrusted'))
    if (tags.has('arena')) {
      if (others('arena')) return unfit(`arg#${i} arena cannot be combined with any other tags`)
      return { kind: 'arena' }
    }
    if (global) {
      if (tags.has('nullable')) return clash()
      const size = memorySize(btf, target.id)
      if (size === undefined) {
        return unfit(`arg#${i} reference type('${kindText(target)} ${target.name}') size cannot be determined: -22`)
      }
      return { kind: 'mem', flags: tags.has('nonnull') ? 0 : MAYBE_NULL, size }
    }
  }
  if (tags.size > 0) return unfit(`arg#${i} has pointer tag, but is not a pointer type`)
  if (isScalar(type)) return { kind: 'anything' }
  return unfit(global ? `Arg#${i} type ${kindText(type)} in ${subprog.name}() is not supported yet.` : '')
}

function untrusted(env: Env, target: BtfType, i: number, combined: boolean): FuncArg | UnfitArgs {
  if (combined) return unfit(`arg#${i} untrusted cannot be combined with any other tags`)
  if (target.kind === 'void' || target.kind === 'int' || target.kind === 'float' || isScalar(target)) {
    return { kind: 'mem', flags: RDONLY | UNTRUSTED, size: 0 }
  }
  const id = kernelStruct(env, target, i)
  if (typeof id !== 'number') return id
  const found = env.kernel?.btf.type(id)
  if (found === undefined || !isStruct(found)) {
    const kind = found === undefined ? 'UNKNOWN' : kindText(found)
    return unfit(`arg#${i} has type ${kind} '', but only struct or primitive types are allowed`)
  }
  return { kind: 'object', flags: UNTRUSTED, id }
}

/** Bytes of what a pointer points to; undefined where BTF does not say. */
function memorySize(btf: Btf, id: number): number | undefined {
  try {
    return sizeOf(btf, id)
  } catch {
    return undefined
  }
}

/** The one struct of the kernel that is meant by a local one, flavours aside. */
function kernelStruct(env: Env, target: BtfType, i: number): number | UnfitArgs {
  const what = `arg#${i} reference type('${kindText(target)} ${nameOf(target)}')`
  if (target.name === '') return unfit(`${what} candidate matching error: -22`)
  const kernel = env.kernel?.btf
  const essential = target.name.replace(/(.)___[^_].*$/, '$1')
  const found = (kernel?.findByEssentialName(essential) ?? []).filter((id) => kernel?.kindOf(id) === target.kind)
  if (found.length === 1) return found[0] as number
  return unfit(
    `${what} ${found.length === 0 ? 'has no matches' : 'is ambiguous'}`,
    found.length === 0 ? 'ENOENT' : 'ESRCH',
  )
}

/** Whether `pointee` is the program type's context by its name. */
function isContext(btf: Btf, pointee: number, progType: ProgTypeName): boolean {
  if (progType === 'kprobe' && isUserRegs(btf, pointee)) return true
  const struct = plainType(btf, pointee).type
  if (!isStruct(struct) || struct.name === '') return false
  const names = contextNames(progType)
  if (names[0] === '') return false
  if (names[0] === '__sk_buff' && struct.name === 'sk_buff') return true
  if (names[0] === 'xdp_md' && struct.name === 'xdp_buff') return true
  return names.includes(struct.name)
}

/** The kernel's typedef for a probe's registers, before it is resolved. */
function isUserRegs(btf: Btf, id: number): boolean {
  let type = btf.type(id)
  while (type.kind === 'const' || type.kind === 'volatile' || type.kind === 'restrict' || type.kind === 'type_tag') {
    type = btf.type(type.type)
  }
  return type.kind === 'typedef' && type.name === 'bpf_user_pt_regs_t'
}

/** A parameter tagged as the context must be declared as one. Linux: btf_validate_prog_ctx_type(). */
function unfitContext(env: Env, btf: Btf, pointee: number, i: number): string | undefined {
  const progType = env.prog.type
  if ((progType === 'kprobe' || progType === 'perf_event') && isUserRegs(btf, pointee)) return undefined
  const { type } = plainType(btf, pointee)
  if (type.kind === 'void') return undefined
  if (type.name === '') return `arg#${i} type doesn't have a name`
  const struct = isStruct(type)
  const word = type.kind === 'int' && type.size === 8
  switch (progType) {
    case 'kprobe':
    case 'perf_event':
      if (struct && type.name === 'pt_regs') return undefined
      break
    case 'raw_tracepoint':
    case 'raw_tracepoint_writable':
    case 'lsm':
    case 'struct_ops':
      if (word) return undefined
      break
    case 'tracing':
      if (env.attachType === 'trace_iter') {
        if (struct && type.name.startsWith('bpf_iter__')) return undefined
        break
      }
      if (word) return undefined
      if (env.attachType === 'trace_raw_tp' && struct && type.name === 'bpf_raw_tracepoint_args') return undefined
      break
    case 'tracepoint':
    case 'syscall':
    case 'ext':
      return undefined
  }
  const name = contextNames(progType).at(-1) ?? ''
  if (name === '') return `arg#${i} should be void pointer`
  return struct && type.name === name ? undefined : `arg#${i} should be \`struct ${name} *\``
}

/** The register a function verified on its own starts with. */
export function entryReg(env: Env, arg: FuncArg): Reg {
  switch (arg.kind) {
    case 'ctx':
      return pointerReg('ctx')
    case 'anything':
    case 'arena':
      return unknownReg()
    case 'dynptr':
      return makeCallbackDynptr(pointerReg('dynptr_ptr'), 'local', env.newId())
    case 'mem': {
      const reg = pointerReg('mem', arg.flags)
      reg.memSize = arg.size
      if ((arg.flags & MAYBE_NULL) !== 0) reg.id = env.newId()
      return reg
    }
    case 'object': {
      const reg = pointerReg('ptr_', arg.flags)
      reg.btf = env.kernel ?? null
      reg.btfId = arg.id
      reg.id = env.newId()
      return reg
    }
  }
}
