import { toHex } from '../../base/index.js'
import { type Btf, decodeValue, sizeOf } from '../../btf/index.js'

/** How deep values are taken apart; BTF from outside may nest without end. */
const MAX_DEPTH = 16

/**
 * A value on one line for people: structs as `{a: 1, b: 2}`, `__be32` as an IPv4 address, `__be16` in host order,
 * `unsigned char[6]` as a MAC address. JSON output has the plain numbers.
 */
export function valueText(btf: Btf, typeId: number, bytes: Uint8Array, depth = 0): string {
  const type = btf.type(typeId)
  if (depth > MAX_DEPTH) return toHex(bytes)
  switch (type.kind) {
    case 'typedef':
      if (type.name === '__be32' && bytes.length === 4) return bytes.join('.')
      if (type.name === '__be16' && bytes.length === 2)
        return String(((bytes[0] as number) << 8) | (bytes[1] as number))
      return valueText(btf, type.type, bytes, depth + 1)
    case 'const':
    case 'volatile':
    case 'restrict':
    case 'type_tag':
      return valueText(btf, type.type, bytes, depth + 1)
    case 'struct': {
      const parts: string[] = []
      for (const member of type.members) {
        if (member.bitSize !== 0 || member.bitOffset % 8 !== 0) return plain(decodeValue(btf, typeId, bytes))
        // Padding that a programmer had to name tells nothing.
        if (/^_*(pad|padding|reserved|unused)\d*$/.test(member.name)) continue
        const start = member.bitOffset / 8
        const size = sizeOf(btf, member.type)
        if (size === undefined || start + size > bytes.length) return plain(decodeValue(btf, typeId, bytes))
        const text = valueText(btf, member.type, bytes.subarray(start, start + size), depth + 1)
        parts.push(member.name === '' ? text : `${member.name}: ${text}`)
      }
      return `{${parts.join(', ')}}`
    }
    case 'array': {
      const element = btf.type(type.type)
      if (bytes.length === 6 && type.length === 6 && element.kind !== 'struct' && sizeOf(btf, type.type) === 1) {
        return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':')
      }
      const size = sizeOf(btf, type.type) ?? 0
      if (size === 0 || (element.kind !== 'struct' && element.kind !== 'typedef'))
        return plain(decodeValue(btf, typeId, bytes))
      const parts: string[] = []
      for (let at = 0; at + size <= bytes.length; at += size) {
        parts.push(valueText(btf, type.type, bytes.subarray(at, at + size), depth + 1))
      }
      return `[${parts.join(', ')}]`
    }
    default:
      return plain(decodeValue(btf, typeId, bytes))
  }
}

/** A decoded value on one line. */
export function plain(value: unknown): string {
  if (value === undefined) return ''
  if (value instanceof Uint8Array) return toHex(value)
  if (Array.isArray(value)) return `[${value.map(plain).join(', ')}]`
  if (value !== null && typeof value === 'object') {
    return `{${Object.entries(value)
      .map(([name, field]) => `${name}: ${plain(field)}`)
      .join(', ')}}`
  }
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}
