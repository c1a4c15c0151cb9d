import type { Btf } from '../btf.js'
import { essentialName } from '../name-index.js'
import { MAX_RESOLVE_DEPTH, resolve } from '../resolve.js'
import type { BtfEnum, BtfEnum64, BtfKind, BtfType } from '../types.js'

/** A type in its BTF. */
export interface TypeRef {
  readonly btf: Btf
  readonly id: number
}

export function isEnum(type: BtfType): type is BtfEnum | BtfEnum64 {
  return type.kind === 'enum' || type.kind === 'enum64'
}

/** Same kind, where the two sizes of enum count as one. */
export function sameKind(a: BtfKind, b: BtfKind): boolean {
  return a === b || (a === 'enum' && b === 'enum64') || (a === 'enum64' && b === 'enum')
}

/**
 * May a field of type `local` be read as one of type `target`? Structs and unions always (their own members decide),
 * pointers and integers among themselves, enums of the same name, arrays by their elements.
 */
export function fieldsAreCompatible(local: TypeRef, target: TypeRef): boolean {
  let a = resolve(local.btf, local.id)
  let b = resolve(target.btf, target.id)
  for (let depth = 0; depth <= MAX_RESOLVE_DEPTH; depth++) {
    if (isComposite(a) && isComposite(b)) return true
    if (!sameKind(a.kind, b.kind)) return false
    switch (a.kind) {
      case 'ptr':
      case 'float':
        return true
      case 'fwd':
      case 'enum':
      case 'enum64': {
        const left = essentialName(a.name)
        const right = essentialName(b.name)
        return left === '' || right === '' || left === right
      }
      case 'int':
        return a.bitOffset === 0 && b.kind === 'int' && b.bitOffset === 0
      case 'array':
        if (b.kind !== 'array') return false
        a = resolve(local.btf, a.type)
        b = resolve(target.btf, b.type)
        break
      default:
        return false
    }
  }
  throw target.btf.error(`type [${target.id}] is nested more than ${MAX_RESOLVE_DEPTH} deep`)
}

function isComposite(type: BtfType): boolean {
  return type.kind === 'struct' || type.kind === 'union'
}

/**
 * Is `target` an acceptable stand-in for `local` in relocations on the type as a whole? Kinds must agree all the way
 * down; names and members do not matter.
 */
export function typesAreCompatible(local: TypeRef, target: TypeRef): boolean {
  if (!sameKind(local.btf.kindOf(local.id), target.btf.kindOf(target.id))) return false
  return compatible(local, target, MAX_RESOLVE_DEPTH, new Set())
}

/** `agreed` holds pairs already found compatible, so that shared parameters are compared once. */
function compatible(local: TypeRef, target: TypeRef, level: number, agreed: Set<string>): boolean {
  if (level < 0) throw target.btf.error(`type [${target.id}] is nested more than ${MAX_RESOLVE_DEPTH} deep`)
  const a = resolve(local.btf, local.id)
  const b = resolve(target.btf, target.id)
  if (!sameKind(a.kind, b.kind)) return false
  const inner = (left: number, right: number) =>
    compatible({ btf: local.btf, id: left }, { btf: target.btf, id: right }, level - 1, agreed)
  switch (a.kind) {
    case 'void':
    case 'struct':
    case 'union':
    case 'enum':
    case 'enum64':
    case 'fwd':
      return true
    case 'int':
      return b.kind === 'int' && a.bitOffset === 0 && b.bitOffset === 0
    case 'ptr':
    case 'array':
      return (b.kind === 'ptr' || b.kind === 'array') && inner(a.type, b.type)
    case 'func_proto': {
      if (b.kind !== 'func_proto' || a.params.length !== b.params.length) return false
      const pair = `${a.id} ${b.id}`
      if (agreed.has(pair)) return true
      const { params } = b
      if (!a.params.every((param, i) => inner(param.type, params[i]!.type)) || !inner(a.type, b.type)) return false
      agreed.add(pair)
      return true
    }
    default:
      return false
  }
}
