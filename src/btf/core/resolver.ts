import { FormatError } from '../../base/index.js'
import type { Btf } from '../btf.js'
import type { CoreRelo, CoreReloKind } from '../ext.js'
import { essentialName } from '../name-index.js'
import { type CoreValue, calculate, resizable } from './calculate.js'
import { sameKind, type TypeRef } from './compat.js'
import { matchSpec } from './match-spec.js'
import { type AccessSpec, describeType, formatAccess, formatSpec, parseAccess } from './spec.js'

/** A change of a load's or store's size that goes with a new offset. */
export interface CoreMemSize {
  /** Bytes the field has locally: what the instruction must access. */
  readonly from: number
  readonly to: number
  /** False: the value would be read wrongly, so a load or store must not be reached. */
  readonly safe: boolean
}

/** A candidate that does not have what the relocation asks for. */
export interface CoreCandidate {
  /** "[123] struct task_struct". */
  readonly type: string
  /** File of the target BTF, where it is known. */
  readonly file?: string
  readonly why: string
}

interface CoreCommon {
  readonly kind: CoreReloKind
  /** The access as C: "struct task_struct.foo.bar[2]". */
  readonly access: string
  /** libbpf's form: "<byte_off> [2] struct task_struct.foo (0:1 @ offset 8)". */
  readonly spec: string
}

export interface CoreResolved extends CoreCommon {
  readonly ok: true
  readonly value: bigint
  /** What the compiler put into the instruction. */
  readonly localValue: bigint
  /** Check that the instruction holds `localValue` before patching. */
  readonly validate: boolean
  readonly memSize?: CoreMemSize
  /** The type and path found; absent for an answer of "not there" and for local_type_id. */
  readonly target?: TypeRef & {
    readonly access: string
    /** The indices of the access, those of anonymous members included. */
    readonly path: readonly number[]
  }
}

export interface CoreFailed extends CoreCommon {
  readonly ok: false
  /** True: the object must not load. False: the instruction is poisoned and the program loads if it cannot be reached. */
  readonly fatal: boolean
  readonly reason: string
  readonly candidates: readonly CoreCandidate[]
  readonly hint?: string
}

export type CoreResult = CoreResolved | CoreFailed

interface Candidates {
  list: TypeRef[]
}

/**
 * Resolves the CO-RE relocations of one object against its target, with libbpf's choices. `targets` are the kernel's BTF
 * and then its modules', which count only for types the kernel does not have. Candidates of a type are narrowed to
 * those that matched before, so one resolver should serve all relocations of an object, in their order.
 */
export class CoreResolver {
  readonly #local: Btf
  readonly #targets: readonly Btf[]
  readonly #candidates = new Map<number, Candidates>()

  constructor(local: Btf, targets: readonly Btf[]) {
    this.#local = local
    this.#targets = targets
  }

  /** Never throws for what is wrong with the relocation or the target: see CoreFailed. */
  resolve(relo: Pick<CoreRelo, 'typeId' | 'access' | 'kind'>): CoreResult {
    let common: CoreCommon = {
      kind: relo.kind,
      access: `type [${relo.typeId}] access '${relo.access.slice(0, 80)}'`,
      spec: `<${relo.kind}> [${relo.typeId}] '${relo.access.slice(0, 80)}'`,
    }
    try {
      const spec = parseAccess(this.#local, relo.typeId, relo.access, relo.kind)
      common = { kind: relo.kind, access: formatAccess(spec), spec: formatSpec(spec) }
      return this.#resolve(spec, common)
    } catch (error) {
      if (!(error instanceof FormatError)) throw error
      return { ...common, ok: false, fatal: true, reason: error.reason, candidates: [] }
    }
  }

  #resolve(spec: AccessSpec, common: CoreCommon): CoreResult {
    const { kind } = spec
    if (kind === 'local_type_id') {
      const value = BigInt(spec.rootTypeId)
      return { ...common, ok: true, value, localValue: value, validate: false }
    }
    const name = this.#local.typeName(spec.rootTypeId)
    if (name === '') {
      const reason = 'a type without a name cannot be looked for in the target'
      return { ...common, ok: false, fatal: true, reason, candidates: [] }
    }
    const candidates = this.#find(spec.rootTypeId, name)
    const matched: { ref: TypeRef; spec: AccessSpec; result: CoreResolved | string }[] = []
    const refused: CoreCandidate[] = []
    const local = calculate(spec, kind)
    if (typeof local === 'string') throw this.#local.error(local)
    for (const ref of candidates.list) {
      const match = matchSpec(spec, ref.btf, ref.id)
      if ('why' in match) {
        refused.push(candidate(ref, match.why))
        continue
      }
      const result = this.#combine(spec, local, match.spec, common)
      const first = matched[0]
      if (first !== undefined) {
        const conflict = disagreement(first, { spec: match.spec, result })
        if (conflict !== undefined) {
          const both = [candidate(first.ref, formatSpec(first.spec)), candidate(ref, formatSpec(match.spec))]
          const reason = `ambiguous: ${both[0]!.type} and ${both[1]!.type} ${conflict}`
          return { ...common, ok: false, fatal: true, reason, candidates: both }
        }
      }
      matched.push({ ref, spec: match.spec, result })
    }
    const first = matched[0]
    if (first !== undefined) {
      candidates.list = matched.map((match) => match.ref)
      if (typeof first.result !== 'string') return first.result
      return { ...common, ok: false, fatal: false, reason: first.result, candidates: refused }
    }
    const absent = calculate(undefined, kind)
    if (typeof absent !== 'string') {
      return { ...common, ok: true, value: absent.value, localValue: local.value, validate: local.validate }
    }
    return this.#missing(name, absent, refused, common)
  }

  #missing(name: string, why: string, refused: readonly CoreCandidate[], common: CoreCommon): CoreFailed {
    const failed = { ...common, ok: false, fatal: false, candidates: refused } as const
    if (this.#targets.length === 0) {
      return { ...failed, reason: 'no target BTF was given', hint: 'give the BTF of the kernel to run on' }
    }
    if (refused.length > 0) return { ...failed, reason: why }
    return { ...failed, reason: `the target has no type ${essentialName(name)} of this kind` }
  }

  #combine(local: AccessSpec, here: CoreValue, target: AccessSpec, common: CoreCommon): CoreResolved | string {
    const there = calculate(target, local.kind)
    if (typeof there === 'string') return there
    const result: CoreResolved = {
      ...common,
      ok: true,
      value: there.value,
      localValue: here.value,
      validate: here.validate,
      target: { btf: target.btf, id: target.rootTypeId, access: formatAccess(target), path: target.raw },
    }
    const from = here.field
    const to = there.field
    // A bitfield has no size to keep; where only one side is one, sizes differ and nothing is safe.
    if ((from?.size ?? 0) === (to?.size ?? 0)) return result
    const safe =
      from !== undefined && to !== undefined && resizable(local.btf.type(from.typeId), target.btf.type(to.typeId))
    return { ...result, memSize: { from: from?.size ?? 0, to: to?.size ?? 0, safe } }
  }

  #find(typeId: number, name: string): Candidates {
    const known = this.#candidates.get(typeId)
    if (known !== undefined) return known
    const kind = this.#local.kindOf(typeId)
    const essential = essentialName(name)
    const list: TypeRef[] = []
    for (const [i, btf] of this.#targets.entries()) {
      for (const id of btf.findByEssentialName(essential)) {
        // A module's BTF is split from the kernel's, whose types were looked at already.
        if (i > 0 && id < btf.startId) continue
        if (sameKind(btf.kindOf(id), kind)) list.push({ btf, id })
      }
      if (i === 0 && list.length > 0) break
    }
    const found = { list }
    this.#candidates.set(typeId, found)
    return found
  }
}

function candidate({ btf, id }: TypeRef, why: string): CoreCandidate {
  const type = `[${id}] ${describeType(btf, id)}`
  return btf.file === undefined ? { type, why } : { type, why, file: btf.file }
}

/** Several candidates are fine as long as they say the same. */
function disagreement(
  a: { spec: AccessSpec; result: CoreResolved | string },
  b: { spec: AccessSpec; result: CoreResolved | string },
): string | undefined {
  if (a.spec.bitOffset !== b.spec.bitOffset) {
    return `have the field at different offsets (${a.spec.bitOffset / 8} and ${b.spec.bitOffset / 8})`
  }
  if (typeof a.result === 'string' || typeof b.result === 'string') {
    return typeof a.result === typeof b.result ? undefined : 'disagree on whether it exists'
  }
  if (a.result.value !== b.result.value) return `give different values (${a.result.value} and ${b.result.value})`
  return undefined
}
