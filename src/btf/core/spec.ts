import type { Btf } from '../btf.js'
import type { CoreReloKind } from '../ext.js'
import { resolve, sizeOf } from '../resolve.js'
import type { BtfArray } from '../types.js'

/** Longest access path libbpf takes. */
export const MAX_PATH = 64

/** One step of an access as C spells it: a named member, an array index, or an enumerator. */
export interface Accessor {
  /** The struct, array element or enum the step is taken in or arrives at. */
  readonly typeId: number
  readonly index: number
  /** Undefined for an array index. */
  readonly name?: string
}

/** An access path with the anonymous members taken out. */
export interface AccessSpec {
  readonly btf: Btf
  readonly kind: CoreReloKind
  readonly rootTypeId: number
  readonly accessors: readonly Accessor[]
  /** The path as written, anonymous members included. */
  readonly raw: readonly number[]
  /** Where the access ends up, from the start of the root. */
  readonly bitOffset: number
}

export type CoreReloClass = 'field' | 'type' | 'enumval'

export function reloClass(kind: CoreReloKind): CoreReloClass {
  switch (kind) {
    case 'field_byte_offset':
    case 'field_byte_size':
    case 'field_exists':
    case 'field_signed':
    case 'field_lshift_u64':
    case 'field_rshift_u64':
      return 'field'
    case 'enumval_exists':
    case 'enumval_value':
      return 'enumval'
    default:
      return 'type'
  }
}

/** Reads an access string ("0:1:2") against the type it starts at. Throws FormatError when it does not fit the type. */
export function parseAccess(btf: Btf, rootTypeId: number, access: string, kind: CoreReloKind): AccessSpec {
  const raw = parseNumbers(btf, access)
  const base = { btf, kind, rootTypeId, raw }
  const group = reloClass(kind)
  if (group === 'type') {
    if (access !== '0') throw btf.error(`CO-RE access '${access}' of a type relocation is not '0'`)
    return { ...base, raw: [], accessors: [], bitOffset: 0 }
  }
  let type = resolve(btf, rootTypeId)
  const first = raw[0]!
  if (group === 'enumval') {
    const value = type.kind === 'enum' || type.kind === 'enum64' ? type.values[first] : undefined
    if (value === undefined || raw.length > 1) {
      throw btf.error(
        `CO-RE access '${access}' names no enumerator of [${rootTypeId}] ${describeType(btf, rootTypeId)}`,
      )
    }
    return { ...base, accessors: [{ typeId: type.id, index: first, name: value.name }], bitOffset: 0 }
  }
  const bad = (index: number) =>
    btf.error(`CO-RE access '${access}' does not fit ${describeType(btf, rootTypeId)} at step ${index}`)
  const accessors: Accessor[] = [{ typeId: type.id, index: first }]
  let bitOffset = first * sizeOf(btf, type.id) * 8
  for (let i = 1; i < raw.length; i++) {
    const index = raw[i]!
    if (type.kind === 'struct' || type.kind === 'union') {
      const member = type.members[index]
      if (member === undefined) throw bad(i)
      bitOffset += member.bitOffset
      if (member.name !== '') accessors.push({ typeId: type.id, index, name: member.name })
      type = resolve(btf, member.type)
    } else if (type.kind === 'array') {
      if (index >= type.length && !isFlexible(btf, accessors.at(-1)!, type)) throw bad(i)
      type = resolve(btf, type.type)
      accessors.push({ typeId: type.id, index })
      bitOffset += index * sizeOf(btf, type.id) * 8
    } else {
      throw bad(i)
    }
  }
  return { ...base, accessors, bitOffset }
}

function parseNumbers(btf: Btf, access: string): number[] {
  const parts = access.split(':')
  if (!/^\d{1,10}(:\d{1,10})*$/.test(access) || parts.length > MAX_PATH) {
    throw btf.error(`CO-RE access string '${access.slice(0, 80)}' is malformed`)
  }
  return parts.map(Number)
}

/** An array of no elements that is the last member of the struct it was reached through may be indexed beyond its end. */
export function isFlexible(btf: Btf, reachedBy: Accessor, array: BtfArray): boolean {
  if (array.length > 0 || reachedBy.name === undefined) return false
  const owner = btf.type(reachedBy.typeId)
  return (owner.kind === 'struct' || owner.kind === 'union') && reachedBy.index === owner.members.length - 1
}

/** "struct task_struct", "typedef u64", "enum bpf_func_id", "struct <anon>". */
export function describeType(btf: Btf, id: number): string {
  const type = btf.type(id)
  switch (type.kind) {
    case 'void':
    case 'int':
    case 'float':
      return type.name === '' ? type.kind : type.name
    case 'enum64':
      return `enum ${type.name || '<anon>'}`
    case 'fwd':
      return `${type.union ? 'union' : 'struct'} ${type.name}`
    default:
      return `${type.kind} ${type.name || '<anon>'}`
  }
}

/** The access as C would write it: "struct task_struct.foo.bar[2]", "enum bpf_func_id::BPF_FUNC_unspec". */
export function formatAccess(spec: AccessSpec): string {
  let text = describeType(spec.btf, spec.rootTypeId)
  const group = reloClass(spec.kind)
  if (group === 'enumval') return `${text}::${spec.accessors[0]?.name ?? '?'}`
  spec.accessors.forEach((step, i) => {
    if (step.name !== undefined) text += `.${step.name}`
    else if (i > 0 || step.index > 0) text += `[${step.index}]`
  })
  return text
}

/** libbpf's words for a relocation kind, as its log prints them. */
export const CORE_RELO_TEXT: Readonly<Record<CoreReloKind, string>> = {
  field_byte_offset: 'byte_off',
  field_byte_size: 'byte_sz',
  field_exists: 'field_exists',
  field_signed: 'signed',
  field_lshift_u64: 'lshift_u64',
  field_rshift_u64: 'rshift_u64',
  local_type_id: 'local_type_id',
  target_type_id: 'target_type_id',
  type_exists: 'type_exists',
  type_matches: 'type_matches',
  type_size: 'type_size',
  enumval_exists: 'enumval_exists',
  enumval_value: 'enumval_value',
}

/** libbpf's form, as its log and the verifier's log after a failure show it: "<byte_off> [7] struct foo.bar (0:1 @ offset 4)". */
export function formatSpec(spec: AccessSpec): string {
  const { btf } = spec
  const type = btf.type(spec.rootTypeId)
  let text = `<${CORE_RELO_TEXT[spec.kind]}> [${spec.rootTypeId}] ${type.kind} ${type.name || '<anon>'}`
  const group = reloClass(spec.kind)
  if (group === 'type') return text
  if (group === 'enumval') {
    const owner = resolve(btf, spec.rootTypeId)
    const value = owner.kind === 'enum' || owner.kind === 'enum64' ? owner.values[spec.raw[0]!] : undefined
    return `${text}::${value?.name ?? '?'} = ${value?.value ?? '?'}`
  }
  spec.accessors.forEach((step, i) => {
    if (step.name !== undefined) text += `.${step.name}`
    else if (i > 0 || step.index > 0) text += `[${step.index}]`
  })
  const bytes = Math.floor(spec.bitOffset / 8)
  const bits = spec.bitOffset % 8
  return `${text} (${spec.raw.join(':')} @ offset ${bytes}${bits === 0 ? '' : `.${bits}`})`
}
