import type { NewBtfType } from '../encode-type.js'
import type { BtfType, BtfVoid } from '../types.js'

/** The same type with every type id it refers to replaced by `map(id)`. */
export function retarget(type: Exclude<BtfType, BtfVoid> | NewBtfType, map: (id: number) => number): NewBtfType {
  switch (type.kind) {
    case 'int':
    case 'enum':
    case 'enum64':
    case 'fwd':
    case 'float':
      return type
    case 'array':
      return { ...type, type: map(type.type), indexType: map(type.indexType) }
    case 'struct':
    case 'union':
      return { ...type, members: type.members.map((member) => ({ ...member, type: map(member.type) })) }
    case 'func_proto':
      return {
        ...type,
        type: map(type.type),
        params: type.params.map((param) => ({ ...param, type: map(param.type) })),
      }
    case 'datasec':
      return { ...type, vars: type.vars.map((entry) => ({ ...entry, type: map(entry.type) })) }
    default:
      return { ...type, type: map(type.type) }
  }
}
