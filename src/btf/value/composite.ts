import { resolve } from '../resolve.js'
import type { BtfComposite, BtfMember } from '../types.js'
import { bitfieldOf, readBits, writeBits } from './bits.js'
import { type Codec, type Compiler, setOwn, show, toInteger, wrong } from './codec.js'

/** A member at its bit offset. Those of anonymous structs and unions are reached through the parent, as in C. */
interface Field {
  readonly name: string
  readonly leaves: number
  readonly decodeInto: (bytes: Uint8Array, at: number, into: Record<string, unknown>) => void
  /** Writes what `given` has for this field; says whether there was anything. */
  readonly encodeFrom: (bytes: Uint8Array, at: number, given: Given, path: string) => boolean
}

/** The caller's object, and the names in it that no field has taken yet. */
interface Given {
  readonly values: Readonly<Record<string, unknown>>
  readonly unused: Set<string>
}

interface CompositeCodec extends Codec {
  readonly fields: readonly Field[]
  encodeMembers(bytes: Uint8Array, at: number, given: Given, path: string): boolean
}

export function compositeCodec(compiler: Compiler, type: BtfComposite, depth: number): CompositeCodec {
  const { btf } = compiler
  const fields: Field[] = []
  for (const member of type.members) {
    const field = fieldOf(compiler, type, member, depth)
    if (field !== undefined) fields.push(field)
  }
  const label = `${type.kind} ${type.name || '<anon>'}`
  const encodeMembers =
    type.kind === 'union'
      ? unionEncoder(fields, type.size, label)
      : (bytes: Uint8Array, at: number, given: Given, path: string) => {
          let any = false
          for (const field of fields) if (field.encodeFrom(bytes, at, given, path)) any = true
          return any
        }
  if (type.size > 0xffff_ffff) throw btf.error(`${label} has ${type.size} bytes`)
  return {
    size: type.size,
    leaves: fields.reduce((sum, field) => sum + field.leaves, 1),
    fields,
    encodeMembers,
    decode(bytes, at) {
      const into: Record<string, unknown> = {}
      for (const field of fields) field.decodeInto(bytes, at, into)
      return into
    },
    encode(bytes, at, value, path) {
      if (value === null || typeof value !== 'object' || Array.isArray(value) || ArrayBuffer.isView(value)) {
        throw wrong(path, `expected an object for ${label}, got ${show(value)}`)
      }
      const given: Given = {
        values: value as Record<string, unknown>,
        unused: new Set(Object.keys(value).filter((key) => (value as Record<string, unknown>)[key] !== undefined)),
      }
      encodeMembers(bytes, at, given, path)
      for (const name of given.unused) {
        const known = fields.map((field) => field.name).filter((other) => other !== '')
        throw wrong(path, `${label} has no member '${name}'`, `it has ${known.slice(0, 12).join(', ')}`)
      }
    },
  }
}

function fieldOf(compiler: Compiler, owner: BtfComposite, member: BtfMember, depth: number): Field | undefined {
  const { btf } = compiler
  const bits = bitfieldOf(btf, member)
  if (bits !== undefined) {
    return bitfield(compiler, owner, { ...member, bitOffset: bits.offset, bitSize: bits.size }, depth)
  }
  const offset = member.bitOffset / 8
  const codec = compiler.compile(member.type, depth + 1)
  if (!Number.isInteger(offset))
    throw btf.error(`member '${member.name}' of ${owner.kind} '${owner.name}' is not at a byte`)
  if (offset + codec.size > owner.size) {
    throw btf.error(`member '${member.name}' lies outside ${owner.kind} '${owner.name}' (${owner.size} bytes)`)
  }
  if (member.name === '') {
    const type = resolve(btf, member.type)
    if (type.kind !== 'struct' && type.kind !== 'union') return undefined
    const inner = codec as CompositeCodec
    return {
      name: '',
      leaves: inner.leaves,
      decodeInto(bytes, at, into) {
        for (const field of inner.fields) field.decodeInto(bytes, at + offset, into)
      },
      encodeFrom: (bytes, at, given, path) => inner.encodeMembers(bytes, at + offset, given, path),
    }
  }
  const { name } = member
  return {
    name,
    leaves: codec.leaves,
    decodeInto(bytes, at, into) {
      setOwn(into, name, codec.decode(bytes, at + offset))
    },
    encodeFrom(bytes, at, given, path) {
      if (!given.unused.delete(name)) return false
      codec.encode(bytes, at + offset, given.values[name], `${path}.${name}`)
      return true
    },
  }
}

function bitfield(compiler: Compiler, owner: BtfComposite, member: BtfMember, depth: number): Field | undefined {
  const { btf } = compiler
  const { name, bitOffset, bitSize } = member
  if (bitOffset + bitSize > owner.size * 8) {
    throw btf.error(`bitfield '${name}' lies outside ${owner.kind} '${owner.name}' (${owner.size} bytes)`)
  }
  if (name === '') return undefined
  const type = resolve(btf, member.type)
  if (type.kind !== 'int' && type.kind !== 'enum' && type.kind !== 'enum64') {
    throw btf.error(`bitfield '${name}' of ${owner.kind} '${owner.name}' is not an integer`)
  }
  const { signed } = type
  // Through the declared type's own codec, a bitfield reads as its type would: names for enums, true for bool.
  const plain = compiler.compile(type.id, depth + 1)
  const wide = new Uint8Array(plain.size)
  return {
    name,
    leaves: 1,
    decodeInto(bytes, at, into) {
      const word = readBits(bytes, at * 8 + bitOffset, bitSize, btf.littleEndian)
      writeBits(wide, 0, plain.size * 8, signed ? BigInt.asIntN(bitSize, word) : word, btf.littleEndian)
      setOwn(into, name, plain.decode(wide, 0))
    },
    encodeFrom(bytes, at, given, path) {
      if (!given.unused.delete(name)) return false
      const value = given.values[name]
      const own = `${path}.${name}`
      let word: bigint
      if (type.kind === 'int' && !type.bool) word = toInteger(value, bitSize, signed, own)
      else {
        plain.encode(wide, 0, value, own)
        word = readBits(wide, 0, plain.size * 8, btf.littleEndian)
        if (signed) word = BigInt.asIntN(plain.size * 8, word)
        const kept = signed ? BigInt.asIntN(bitSize, word) : BigInt.asUintN(bitSize, word)
        if (kept !== word) throw wrong(own, `${show(value)} does not fit ${bitSize} bits`)
      }
      writeBits(bytes, at * 8 + bitOffset, bitSize, word, btf.littleEndian)
      return true
    },
  }
}

/**
 * Several members of a union may be given (reading one gives all), if they agree on the bits they share. Each is written
 * twice over different backgrounds, which shows the bits it covers.
 */
function unionEncoder(fields: readonly Field[], size: number, label: string) {
  return (bytes: Uint8Array, at: number, given: Given, path: string): boolean => {
    const written = new Uint8Array(size)
    let first = ''
    for (const field of fields) {
      const before = [...given.unused]
      const zeros = new Uint8Array(size)
      const ones = new Uint8Array(size).fill(0xff)
      const again = { values: given.values, unused: new Set(given.unused) }
      if (!field.encodeFrom(zeros, 0, given, path)) continue
      field.encodeFrom(ones, 0, again, path)
      const names = before.filter((name) => !given.unused.has(name)).join(', ')
      for (let i = 0; i < size; i++) {
        const covered = ~(zeros[i]! ^ ones[i]!) & 0xff
        if ((covered & written[i]! & (zeros[i]! ^ bytes[at + i]!)) !== 0) {
          throw wrong(path, `members ${first} and ${names} of ${label} are given different values`, 'give one of them')
        }
        bytes[at + i] = (bytes[at + i]! & ~covered) | (zeros[i]! & covered)
        written[i] = written[i]! | covered
      }
      if (first === '') first = names
    }
    return first !== ''
  }
}
