import type { NewBtfType } from '../encode-type.js'

/**
 * A text that is equal for two types when they are equal in everything but the types they refer to: name, kind, size, flags,
 * names and places of members. Types with different keys are never duplicates.
 */
export function shallowKey(type: NewBtfType): string {
  const head = `${type.kind}\0${type.name}\0`
  switch (type.kind) {
    case 'int':
      return `${head}${type.size} ${type.bits} ${type.bitOffset} ${type.signed} ${type.char} ${type.bool}`
    case 'float':
      return `${head}${type.size}`
    case 'fwd':
      return `${head}${type.union}`
    case 'array':
      return `${head}${type.length}`
    case 'struct':
    case 'union': {
      const members = type.members.map((m) => `${m.name} ${m.bitOffset} ${m.bitSize}`)
      return `${head}${type.size} ${type.kindFlag}\0${members.join('\0')}`
    }
    case 'enum':
    case 'enum64': {
      const values: readonly { name: string; value: number | bigint }[] = type.values
      return `${head}${type.size} ${type.signed}\0${values.map((v) => `${v.name} ${v.value}`).join('\0')}`
    }
    case 'func_proto':
      return `${head}${type.params.map((param) => param.name).join('\0')}\0${type.params.length}`
    case 'func':
    case 'var':
      return `${head}${type.linkage}`
    case 'type_tag':
      return `${head}${type.attribute}`
    case 'decl_tag':
      return `${head}${type.attribute} ${type.componentIdx}`
    default:
      return head
  }
}

/** Ids a type refers to, in the order of its record. */
export function references(type: NewBtfType): number[] {
  switch (type.kind) {
    case 'int':
    case 'enum':
    case 'enum64':
    case 'fwd':
    case 'float':
      return []
    case 'array':
      return [type.indexType, type.type]
    case 'struct':
    case 'union':
      return type.members.map((member) => member.type)
    case 'func_proto':
      return [type.type, ...type.params.map((param) => param.type)]
    case 'datasec':
      return type.vars.map((entry) => entry.type)
    default:
      return [type.type]
  }
}

export function isEnum(type: NewBtfType): boolean {
  return type.kind === 'enum' || type.kind === 'enum64'
}

/** `enum name;` without enumerators: stands for any enum of that name. */
export function isEnumForward(type: NewBtfType): boolean {
  return (type.kind === 'enum' || type.kind === 'enum64') && type.values.length === 0
}
