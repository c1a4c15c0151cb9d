// The smallest reader of BTF the generators need: it must run before anything of the project is built.
import { readFileSync } from 'node:fs'

const KIND = {
  INT: 1,
  PTR: 2,
  ARRAY: 3,
  STRUCT: 4,
  UNION: 5,
  ENUM: 6,
  FWD: 7,
  TYPEDEF: 8,
  VOLATILE: 9,
  CONST: 10,
  RESTRICT: 11,
  FUNC: 12,
  FUNC_PROTO: 13,
  VAR: 14,
  DATASEC: 15,
  FLOAT: 16,
  DECL_TAG: 17,
  TYPE_TAG: 18,
  ENUM64: 19,
}
const KIND_NAME = Object.fromEntries(Object.entries(KIND).map(([name, kind]) => [kind, name]))

/** Reads every type of a little-endian BTF file: `types[id]` is `{ id, kind, name, size|type, … }`. */
export function readBtf(path) {
  const bytes = readFileSync(path)
  if (bytes.readUInt16LE(0) !== 0xeb9f) throw new Error(`${path}: not little-endian BTF`)
  const headerLength = bytes.readUInt32LE(4)
  const typesAt = headerLength + bytes.readUInt32LE(8)
  const typesEnd = typesAt + bytes.readUInt32LE(12)
  const stringsAt = headerLength + bytes.readUInt32LE(16)
  const text = (offset) => {
    const start = stringsAt + offset
    return bytes.toString('latin1', start, bytes.indexOf(0, start))
  }
  const types = [{ id: 0, kind: 'VOID', name: 'void' }]
  let at = typesAt
  const next = () => {
    at += 4
    return bytes.readUInt32LE(at - 4)
  }
  const list = (count, read) => Array.from({ length: count }, read)
  while (at < typesEnd) {
    const name = text(next())
    const info = next()
    const sizeOrType = next()
    const count = info & 0xffff
    const flag = info >>> 31
    const kind = KIND_NAME[(info >>> 24) & 31]
    const type = { id: types.length, kind, name }
    switch (kind) {
      case 'INT': {
        const encoding = next()
        Object.assign(type, { size: sizeOrType, signed: ((encoding >>> 24) & 1) === 1, bits: encoding & 0xff })
        break
      }
      case 'ARRAY':
        Object.assign(type, { type: next(), index: next(), count: next() })
        break
      case 'STRUCT':
      case 'UNION':
        type.size = sizeOrType
        type.members = list(count, () => {
          const member = { name: text(next()), type: next() }
          const place = next()
          return { ...member, bit: flag ? place & 0xffffff : place, bits: flag ? place >>> 24 : 0 }
        })
        break
      case 'ENUM':
        type.size = sizeOrType
        type.values = list(count, () => ({ name: text(next()), value: flag ? next() | 0 : next() }))
        break
      case 'ENUM64':
        type.size = sizeOrType
        type.values = list(count, () => {
          const label = text(next())
          const raw = BigInt(next()) | (BigInt(next()) << 32n)
          return { name: label, value: flag ? BigInt.asIntN(64, raw) : raw }
        })
        break
      case 'FUNC_PROTO':
        type.type = sizeOrType
        type.params = list(count, () => ({ name: text(next()), type: next() }))
        break
      case 'VAR':
      case 'DECL_TAG':
        type.type = sizeOrType
        type.detail = next()
        break
      case 'DATASEC':
        at += 12 * count
        break
      case 'FLOAT':
        type.size = sizeOrType
        break
      default:
        type.type = sizeOrType
    }
    types.push(type)
  }
  return types
}

const MODIFIERS = new Set(['TYPEDEF', 'CONST', 'VOLATILE', 'RESTRICT', 'TYPE_TAG'])

/** The type behind typedefs, qualifiers and tags. */
export function bare(types, id) {
  let type = types[id]
  while (MODIFIERS.has(type.kind)) type = types[type.type]
  return type
}

/** Size in bytes of a type, 0 where it has none. */
export function sizeOf(types, id) {
  const type = bare(types, id)
  if (type.kind === 'PTR') return 8
  if (type.kind === 'ARRAY') return type.count * sizeOf(types, type.type)
  return type.size ?? 0
}

/** A type as C writes it, without the declared name: `__u32`, `struct bpf_sock *`, `__u8[16]`. */
export function spell(types, id) {
  const type = types[id]
  switch (type.kind) {
    case 'PTR': {
      const target = bare(types, type.type)
      if (target.kind === 'FUNC_PROTO') return 'void (*)()'
      return `${spell(types, type.type)} *`
    }
    case 'ARRAY':
      return `${spell(types, type.type)}[${type.count}]`
    case 'STRUCT':
    case 'UNION':
    case 'ENUM':
    case 'FWD':
      return `${{ STRUCT: 'struct', UNION: 'union', FWD: 'struct' }[type.kind] ?? 'enum'} ${type.name || '(anonymous)'}`
    case 'ENUM64':
      return `enum ${type.name || '(anonymous)'}`
    case 'CONST':
      return `const ${spell(types, type.type)}`
    case 'VOLATILE':
    case 'RESTRICT':
    case 'TYPE_TAG':
      return spell(types, type.type)
    default:
      return type.name
  }
}
