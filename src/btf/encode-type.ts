import { UsageError } from '../base/index.js'
import { recordSize } from './decode-type.js'
import { BTF_KINDS, BTF_LINKAGES, type BtfType, type BtfVoid } from './types.js'

type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never

/** A type to be added: everything but the id, which adding it gives. */
export type NewBtfType = WithoutId<Exclude<BtfType, BtfVoid>>

/** Elements of a type's variable part. */
function elementCount(type: NewBtfType): number {
  switch (type.kind) {
    case 'struct':
    case 'union':
      return type.members.length
    case 'enum':
    case 'enum64':
      return type.values.length
    case 'func_proto':
      return type.params.length
    case 'datasec':
      return type.vars.length
    case 'func':
      return BTF_LINKAGES.indexOf(type.linkage)
    default:
      return 0
  }
}

function hasKindFlag(type: NewBtfType): boolean {
  switch (type.kind) {
    case 'struct':
    case 'union':
      return type.kindFlag
    case 'enum':
    case 'enum64':
      return type.signed
    case 'fwd':
      return type.union
    case 'decl_tag':
    case 'type_tag':
      return type.attribute
    default:
      return false
  }
}

export function encodedSize(type: NewBtfType): number {
  const count = elementCount(type)
  if (count > 0xffff) throw new UsageError(`BTF ${type.kind} '${type.name}' has ${count} elements, at most 65535 fit`)
  return recordSize(BTF_KINDS.indexOf(type.kind), type.kind === 'func' ? 0 : count)
}

/** Writes the record of `type` at `at`; `string` gives the offset of a name. Throws UsageError for what does not fit. */
export function encodeType(
  view: DataView,
  at: number,
  type: NewBtfType,
  string: (name: string) => number,
  littleEndian: boolean,
): void {
  let pos = at
  const put = (value: number) => {
    view.setUint32(pos, value, littleEndian)
    pos += 4
  }
  const kind = BTF_KINDS.indexOf(type.kind)
  put(string(type.name))
  put(((hasKindFlag(type) ? 0x8000_0000 : 0) | (kind << 24) | elementCount(type)) >>> 0)
  switch (type.kind) {
    case 'int': {
      put(type.size)
      const encoding = (type.signed ? 1 : 0) | (type.char ? 2 : 0) | (type.bool ? 4 : 0)
      put((encoding << 24) | (type.bitOffset << 16) | type.bits)
      break
    }
    case 'ptr':
    case 'typedef':
    case 'volatile':
    case 'const':
    case 'restrict':
    case 'type_tag':
    case 'func':
      put(type.type)
      break
    case 'var':
      put(type.type)
      put(BTF_LINKAGES.indexOf(type.linkage))
      break
    case 'decl_tag':
      put(type.type)
      put(type.componentIdx)
      break
    case 'array':
      put(0)
      put(type.type)
      put(type.indexType)
      put(type.length)
      break
    case 'struct':
    case 'union':
      put(type.size)
      for (const member of type.members) {
        put(string(member.name))
        put(member.type)
        if (type.kindFlag ? member.bitOffset > 0xff_ffff || member.bitSize > 0xff : member.bitSize !== 0) {
          throw new UsageError(`member '${member.name}' of BTF ${type.kind} '${type.name}' cannot be encoded`)
        }
        put(((member.bitSize << 24) | member.bitOffset) >>> 0)
      }
      break
    case 'enum':
      put(type.size)
      for (const { name, value } of type.values) {
        put(string(name))
        put(value)
      }
      break
    case 'enum64':
      put(type.size)
      for (const { name, value } of type.values) {
        put(string(name))
        put(Number(BigInt.asUintN(32, value)))
        put(Number(BigInt.asUintN(32, value >> 32n)))
      }
      break
    case 'func_proto':
      put(type.type)
      for (const param of type.params) {
        put(string(param.name))
        put(param.type)
      }
      break
    case 'datasec':
      put(type.size)
      for (const entry of type.vars) {
        put(entry.type)
        put(entry.offset)
        put(entry.size)
      }
      break
    case 'fwd':
      put(0)
      break
    case 'float':
      put(type.size)
      break
  }
}
