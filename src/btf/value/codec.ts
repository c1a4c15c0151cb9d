import { decodeText, encodeText, UsageError } from '../../base/index.js'
import type { Btf } from '../btf.js'
import { MAX_NESTING, resolve, sizeOf, skipModifiers } from '../resolve.js'
import type { BtfArray, BtfDatasec, BtfEnum, BtfEnum64, BtfInt, BtfType } from '../types.js'
import { compositeCodec } from './composite.js'

/** Bytes <-> JavaScript for one type, made once. Places are byte offsets; the caller has checked that `size` bytes are there. */
export interface Codec {
  readonly size: number
  /** Primitive values inside, so that hostile types that multiply are seen before anything is allocated. */
  readonly leaves: number
  decode(bytes: Uint8Array, at: number): unknown
  /** `path` names the field in errors. */
  encode(bytes: Uint8Array, at: number, value: unknown, path: string): void
}

export interface Compiler {
  readonly btf: Btf
  compile(id: number, depth: number): Codec
}

/** Overlapping members are normal in unions, but no real type has more values than a few times its bits. */
const LEAVES_PER_BYTE = 64
const LEAVES_AT_LEAST = 100_000

const cache = new WeakMap<Btf, Map<number, Codec>>()

/** The codec of type `id`. Throws UsageError for a type without values, FormatError for one no compiler makes. */
export function codecFor(btf: Btf, id: number): Codec {
  let known = cache.get(btf)
  if (known === undefined) cache.set(btf, (known = new Map()))
  const have = known.get(id)
  if (have !== undefined) return have
  const made = new Map<number, Codec>()
  const compiler: Compiler = {
    btf,
    compile(inner, depth) {
      if (depth > MAX_NESTING) throw btf.error(`type [${id}] is nested more than ${MAX_NESTING} deep`)
      const done = made.get(inner)
      if (done !== undefined) return done
      const codec = compile(compiler, inner, depth)
      if (codec.leaves > codec.size * LEAVES_PER_BYTE + LEAVES_AT_LEAST) {
        throw btf.error(`type [${inner}] has ${codec.leaves} values in ${codec.size} bytes`)
      }
      made.set(inner, codec)
      return codec
    },
  }
  const codec = compiler.compile(id, 0)
  known.set(id, codec)
  return codec
}

function compile(compiler: Compiler, id: number, depth: number): Codec {
  const { btf } = compiler
  const type = resolve(btf, id)
  switch (type.kind) {
    case 'int':
      return intCodec(btf, type)
    case 'enum':
    case 'enum64':
      return enumCodec(btf, type)
    case 'ptr':
      return bigintCodec(btf, btf.pointerSize, false, 'a pointer')
    case 'float':
      return floatCodec(btf, type.size)
    case 'array':
      return arrayCodec(compiler, type, depth)
    case 'struct':
    case 'union':
      return compositeCodec(compiler, type, depth)
    case 'var':
      return compiler.compile(type.type, depth + 1)
    case 'datasec':
      return datasecCodec(compiler, type, depth)
    default:
      throw new UsageError(`BTF type [${id}] (${type.kind}${type.name === '' ? '' : ` ${type.name}`}) has no values`)
  }
}

/** "value.points[1].x: 300 does not fit an unsigned 8-bit integer" */
export function wrong(path: string, problem: string, hint?: string): UsageError {
  return new UsageError(`${path}: ${problem}`, hint)
}

export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)
  if (typeof value === 'bigint') return `${value}n`
  if (value === null || typeof value !== 'object') return String(value)
  return Array.isArray(value) ? `an array of ${value.length}` : 'an object'
}

/** Sets a property whatever its name: `__proto__` is an identifier in C. */
export function setOwn(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== '__proto__') object[name] = value
  else Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true })
}

const MIN_I64 = -(1n << 63n)
const MAX_I64 = (1n << 63n) - 1n
const MAX_U64 = (1n << 64n) - 1n
/** One 64-bit word, to go between bytes and a bigint without a view for each. */
const wordBytes = new Uint8Array(8)
const wordView = new DataView(wordBytes.buffer)

/** Any integer a caller may give (number, bigint, boolean) as a bigint inside the type's range. */
export function toInteger(value: unknown, bits: number, signed: boolean, path: string): bigint {
  let wide: bigint
  if (typeof value === 'bigint') {
    if (bits === 64 && value >= (signed ? MIN_I64 : 0n) && value <= (signed ? MAX_I64 : MAX_U64)) return value
    wide = value
  } else if (typeof value === 'boolean') wide = value ? 1n : 0n
  else if (typeof value === 'number') {
    if (!Number.isInteger(value)) throw wrong(path, `${value} is not an integer`)
    if (!Number.isSafeInteger(value)) throw wrong(path, `${value} is not exact`, 'give a bigint')
    wide = BigInt(value)
  } else throw wrong(path, `expected an integer, got ${show(value)}`)
  const [low, high] = signed
    ? [-(1n << BigInt(bits - 1)), (1n << BigInt(bits - 1)) - 1n]
    : [0n, (1n << BigInt(bits)) - 1n]
  if (wide < low || wide > high) {
    throw wrong(
      path,
      `${wide} does not fit ${signed ? 'a signed' : 'an unsigned'} ${bits}-bit integer (${low} to ${high})`,
    )
  }
  return wide
}

function intCodec(btf: Btf, type: BtfInt): Codec {
  const { size, signed } = type
  if (size === 0 || size > 16) throw btf.error(`int [${type.id}] '${type.name}' has ${size} bytes`)
  if (type.bool) {
    return {
      size,
      leaves: 1,
      decode: (bytes, at) => bytes.subarray(at, at + size).some((byte) => byte !== 0),
      encode(bytes, at, value, path) {
        if (typeof value !== 'boolean' && value !== 0 && value !== 1 && value !== 0n && value !== 1n) {
          throw wrong(path, `expected a boolean, got ${show(value)}`)
        }
        writeInteger(bytes, at, size, value === true || value === 1 || value === 1n ? 1n : 0n, btf.littleEndian)
      },
    }
  }
  if (size <= 4 && size !== 3) return numberCodec(btf, size, signed)
  return bigintCodec(btf, size, signed)
}

/** Integers of 1, 2 and 4 bytes as numbers. */
function numberCodec(btf: Btf, size: number, signed: boolean): Codec {
  const le = btf.littleEndian
  const bits = size * 8
  const low = signed ? -(2 ** (bits - 1)) : 0
  const high = signed ? 2 ** (bits - 1) - 1 : 2 ** bits - 1
  return {
    size,
    leaves: 1,
    decode(bytes, at) {
      let word = 0
      if (le) for (let i = size - 1; i >= 0; i--) word = (word << 8) | bytes[at + i]!
      else for (let i = 0; i < size; i++) word = (word << 8) | bytes[at + i]!
      return signed ? (word << (32 - bits)) >> (32 - bits) : word >>> 0
    },
    encode(bytes, at, value, path) {
      const fits = typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high
      let word = fits ? value : Number(toInteger(value, bits, signed, path))
      for (let i = 0; i < size; i++) {
        bytes[le ? at + i : at + size - 1 - i] = word
        word >>= 8
      }
    },
  }
}

/** Wider integers, and pointers, as bigints. */
function bigintCodec(btf: Btf, size: number, signed: boolean, what?: string): Codec {
  const bits = size * 8
  return {
    size,
    leaves: 1,
    decode(bytes, at) {
      const word = readInteger(bytes, at, size, btf.littleEndian)
      return signed ? BigInt.asIntN(bits, word) : word
    },
    encode(bytes, at, value, path) {
      if (what !== undefined && typeof value !== 'bigint' && typeof value !== 'number') {
        throw wrong(path, `expected ${what} (a bigint), got ${show(value)}`)
      }
      writeInteger(bytes, at, size, toInteger(value, bits, signed, path), btf.littleEndian)
    },
  }
}

export function readInteger(bytes: Uint8Array, at: number, size: number, littleEndian: boolean): bigint {
  if (size === 8) {
    for (let i = 0; i < 8; i++) wordBytes[i] = bytes[at + i]!
    return wordView.getBigUint64(0, littleEndian)
  }
  let word = 0n
  if (littleEndian) for (let i = size - 1; i >= 0; i--) word = (word << 8n) | BigInt(bytes[at + i]!)
  else for (let i = 0; i < size; i++) word = (word << 8n) | BigInt(bytes[at + i]!)
  return word
}

function writeInteger(bytes: Uint8Array, at: number, size: number, value: bigint, littleEndian: boolean): void {
  if (size === 8) {
    wordView.setBigUint64(0, value, littleEndian)
    for (let i = 0; i < 8; i++) bytes[at + i] = wordBytes[i]!
    return
  }
  let rest = value
  for (let i = 0; i < size; i++) {
    bytes[littleEndian ? at + i : at + size - 1 - i] = Number(rest & 0xffn)
    rest >>= 8n
  }
}

/** Enumerators by name; a value without a name as an integer. */
function enumCodec(btf: Btf, type: BtfEnum | BtfEnum64): Codec {
  const { size, signed } = type
  if (![1, 2, 4, 8].includes(size)) throw btf.error(`enum [${type.id}] '${type.name}' has ${size} bytes`)
  const wide = size === 8
  const names = new Map<bigint, string>()
  const values = new Map<string, bigint>()
  for (const { name, value } of type.values) {
    const bits = BigInt.asUintN(size * 8, BigInt(value))
    if (!names.has(bits)) names.set(bits, name)
    values.set(name, bits)
  }
  return {
    size,
    leaves: 1,
    decode(bytes, at) {
      const word = readInteger(bytes, at, size, btf.littleEndian)
      const name = names.get(word)
      if (name !== undefined) return name
      const value = signed ? BigInt.asIntN(size * 8, word) : word
      return wide ? value : Number(value)
    },
    encode(bytes, at, value, path) {
      let word: bigint | undefined
      if (typeof value === 'string') {
        word = values.get(value)
        if (word === undefined) {
          const some = [...values.keys()].slice(0, 6).join(', ')
          throw wrong(
            path,
            `enum ${type.name || '<anon>'} has no ${show(value)}`,
            `it has ${some}${values.size > 6 ? ', …' : ''}`,
          )
        }
      } else {
        // Sign is a matter of the enumerators present: take either.
        const negative = typeof value === 'bigint' ? value < 0n : Number(value) < 0
        word = toInteger(value, size * 8, negative, path)
      }
      writeInteger(bytes, at, size, word, btf.littleEndian)
    },
  }
}

function floatCodec(btf: Btf, size: number): Codec {
  const le = btf.littleEndian
  const view = (bytes: Uint8Array, at: number) => new DataView(bytes.buffer, bytes.byteOffset + at, size)
  return {
    size,
    leaves: 1,
    decode(bytes, at) {
      if (size === 4) return view(bytes, at).getFloat32(0, le)
      if (size === 8) return view(bytes, at).getFloat64(0, le)
      return bytes.slice(at, at + size)
    },
    encode(bytes, at, value, path) {
      if (size !== 4 && size !== 8) {
        if (!(value instanceof Uint8Array && value.length === size))
          throw wrong(path, `expected ${size} bytes, got ${show(value)}`)
        bytes.set(value, at)
        return
      }
      if (typeof value !== 'number') throw wrong(path, `expected a number, got ${show(value)}`)
      if (size === 4) view(bytes, at).setFloat32(0, value, le)
      else view(bytes, at).setFloat64(0, value, le)
    },
  }
}

/** What an array of one-byte integers stands for. */
function byteArray(btf: Btf, elementId: number): 'text' | 'bytes' | undefined {
  const declared = skipModifiers(btf, elementId)
  const element: BtfType = resolve(btf, elementId)
  if (element.kind !== 'int' || element.size !== 1 || element.bool) return undefined
  // A typedef of char is a number of its own, as in bpftool.
  if (declared.kind === 'int' && (element.char || element.name === 'char')) return 'text'
  return element.signed || element.char ? undefined : 'bytes'
}

function arrayCodec(compiler: Compiler, type: BtfArray, depth: number): Codec {
  const { btf } = compiler
  const { length } = type
  const element = compiler.compile(type.type, depth + 1)
  const size = sizeOf(btf, type.id)
  const leaves = 1 + element.leaves * length
  const bytesKind = byteArray(btf, type.type)
  if (bytesKind !== undefined) {
    return {
      size,
      leaves: 1,
      decode(bytes, at) {
        if (bytesKind === 'bytes') return bytes.slice(at, at + length)
        const end = bytes.subarray(at, at + length).indexOf(0)
        return decodeText(bytes.subarray(at, end < 0 ? at + length : at + end))
      },
      encode(bytes, at, value, path) {
        let given: ArrayLike<unknown>
        if (typeof value === 'string' && bytesKind === 'text') given = encodeText(value)
        else if (value instanceof Uint8Array || Array.isArray(value)) given = value
        else throw wrong(path, `expected ${bytesKind === 'text' ? 'a string' : 'a Uint8Array'}, got ${show(value)}`)
        if (given.length > length) throw wrong(path, `${given.length} bytes do not fit ${length}`)
        for (let i = 0; i < given.length; i++) element.encode(bytes, at + i, toByte(given[i], element, path, i), path)
        bytes.fill(0, at + given.length, at + length)
      },
    }
  }
  return {
    size,
    leaves,
    decode(bytes, at) {
      const values = new Array<unknown>(length)
      for (let i = 0; i < length; i++) values[i] = element.decode(bytes, at + i * element.size)
      return values
    },
    encode(bytes, at, value, path) {
      if (!Array.isArray(value) && !ArrayBuffer.isView(value))
        throw wrong(path, `expected an array, got ${show(value)}`)
      const given = value as ArrayLike<unknown>
      if (given.length > length) throw wrong(path, `${given.length} elements do not fit ${length}`)
      for (let i = 0; i < given.length; i++) element.encode(bytes, at + i * element.size, given[i], `${path}[${i}]`)
    },
  }
}

/** Bytes of a text may be 128 to 255 although the element is a signed char. */
function toByte(value: unknown, element: Codec, path: string, index: number): unknown {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < -128 || value > 255) {
    throw wrong(`${path}[${index}]`, `expected a byte, got ${show(value)}`)
  }
  const probe = new Uint8Array([value])
  return element.decode(probe, 0)
}

function datasecCodec(compiler: Compiler, type: BtfDatasec, depth: number): Codec {
  const { btf } = compiler
  const fields = type.vars.map((entry) => {
    const codec = compiler.compile(entry.type, depth + 1)
    if (entry.offset + codec.size > type.size) {
      throw btf.error(`variable '${btf.typeName(entry.type)}' lies outside section '${type.name}' (${type.size} bytes)`)
    }
    return { name: btf.typeName(entry.type), offset: entry.offset, codec }
  })
  return {
    size: type.size,
    leaves: fields.reduce((sum, field) => sum + field.codec.leaves, 0),
    decode(bytes, at) {
      const values: Record<string, unknown> = {}
      for (const { name, offset, codec } of fields) setOwn(values, name, codec.decode(bytes, at + offset))
      return values
    },
    encode(bytes, at, value, path) {
      if (value === null || typeof value !== 'object') throw wrong(path, `expected an object, got ${show(value)}`)
      for (const [name, given] of Object.entries(value)) {
        const field = fields.find((candidate) => candidate.name === name)
        if (field === undefined) throw wrong(path, `section '${type.name}' has no variable '${name}'`)
        if (given !== undefined) field.codec.encode(bytes, at + field.offset, given, `${path}.${name}`)
      }
    },
  }
}
