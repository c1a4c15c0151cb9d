import { decodeText, UsageError } from '../../base/index.js'
import type { Btf } from '../btf.js'
import { resolve, sizeOf, skipModifiers } from '../resolve.js'
import type { BtfArray, BtfComposite, BtfEnum, BtfEnum64, BtfInt } from '../types.js'
import { bitfieldOf, readBits } from './bits.js'
import { codecFor, readInteger } from './codec.js'
import { JsonWriter } from './json-writer.js'

/**
 * 'plain' is what `bpftool map dump` prints (JSON in form, but with bare hexadecimal for pointers and bitfields), 'json'
 * what it prints with -j, 'pretty' with -p.
 */
export type ValueStyle = 'plain' | 'json' | 'pretty'

export interface FormatOptions {
  readonly style?: ValueStyle
}

/**
 * A value as bpftool prints it. Better than bpftool in three points: back slashes and quotes are escaped as JSON asks,
 * enumerators of unsigned one- and two-byte enums are found, floating point numbers are printed.
 * Throws UsageError when there are too few bytes or the type has no values.
 */
export function formatValue(btf: Btf, typeId: number, bytes: Uint8Array, options: FormatOptions = {}): string {
  const style = options.style ?? 'plain'
  const writer = new JsonWriter(style !== 'json')
  writeValue(writer, btf, typeId, bytes, style)
  return writer.toString()
}

/** One entry of a map: `values` holds one value per CPU for per-CPU maps. */
export interface MapEntry {
  readonly key: Uint8Array
  readonly value?: Uint8Array
  readonly values?: readonly Uint8Array[]
}

export interface MapTypes {
  /** 0 (void) where the map has no key type: the maps of global data. */
  readonly key: number
  readonly value: number
}

/** All entries of a map as `bpftool map dump` prints them for a map with BTF (bpftool ends the text with a new line). */
export function formatMap(btf: Btf, types: MapTypes, entries: Iterable<MapEntry>, options: FormatOptions = {}): string {
  const style = options.style ?? 'plain'
  const writer = new JsonWriter(style !== 'json')
  const one = (entry: MapEntry) => {
    if (types.key !== 0) {
      writer.name('key')
      writeValue(writer, btf, types.key, entry.key, style)
    }
    if (entry.values === undefined) {
      writer.name('value')
      writeValue(writer, btf, types.value, entry.value ?? new Uint8Array(), style)
      return
    }
    writer.name('values')
    writer.startArray()
    for (const [cpu, value] of entry.values.entries()) {
      writer.startObject()
      writer.name('cpu')
      writer.raw(String(cpu))
      writer.name('value')
      writeValue(writer, btf, types.value, value, style)
      writer.endObject()
    }
    writer.endArray()
  }
  writer.startArray()
  for (const entry of entries) {
    writer.startObject()
    if (style !== 'plain') {
      writeRaw(writer, entry)
      writer.name('formatted')
      writer.startObject()
      one(entry)
      writer.endObject()
    } else one(entry)
    writer.endObject()
  }
  writer.endArray()
  return writer.toString()
}

/** Key and value as arrays of "0x…" strings. */
function writeRaw(writer: JsonWriter, entry: MapEntry): void {
  const hex = (bytes: Uint8Array) => {
    writer.startArray()
    for (const byte of bytes) writer.string(`0x${byte.toString(16).padStart(2, '0')}`)
    writer.endArray()
  }
  writer.name('key')
  hex(entry.key)
  if (entry.values === undefined) {
    writer.name('value')
    hex(entry.value ?? new Uint8Array())
    return
  }
  writer.name('values')
  writer.startArray()
  for (const [cpu, value] of entry.values.entries()) {
    writer.startObject()
    writer.name('cpu')
    writer.raw(String(cpu))
    writer.name('value')
    hex(value)
    writer.endObject()
  }
  writer.endArray()
}

function writeValue(writer: JsonWriter, btf: Btf, typeId: number, bytes: Uint8Array, style: ValueStyle): void {
  // Also proves that the type is finite and its members lie inside it.
  const { size } = codecFor(btf, typeId)
  if (bytes.length < size) throw new UsageError(`the value has ${bytes.length} bytes, type [${typeId}] needs ${size}`)
  new ValueWriter(writer, btf, bytes, style === 'plain').write(typeId, 0)
}

class ValueWriter {
  readonly #out: JsonWriter
  readonly #btf: Btf
  readonly #bytes: Uint8Array
  readonly #plain: boolean

  constructor(out: JsonWriter, btf: Btf, bytes: Uint8Array, plain: boolean) {
    this.#out = out
    this.#btf = btf
    this.#bytes = bytes
    this.#plain = plain
  }

  /** Writes the value of type `id` at byte `at`. */
  write(id: number, at: number): void {
    const btf = this.#btf
    const out = this.#out
    const declared = skipModifiers(btf, id)
    if (declared.kind === 'var') {
      out.startObject()
      out.name(declared.name)
      this.write(declared.type, at)
      out.endObject()
      return
    }
    const type = resolve(btf, id)
    switch (type.kind) {
      case 'int':
        out.raw(this.#int(type, at))
        break
      case 'enum':
      case 'enum64':
        out.raw(this.#enum(type, at))
        break
      case 'ptr': {
        const value = readInteger(this.#bytes, at, btf.pointerSize, btf.littleEndian)
        out.raw(!this.#plain ? String(value) : value === 0n ? '(nil)' : `0x${value.toString(16)}`)
        break
      }
      case 'float':
        out.raw(this.#float(type.size, at))
        break
      case 'array':
        this.#array(type, at)
        break
      case 'struct':
      case 'union':
        this.#composite(type, at)
        break
      case 'datasec':
        out.startObject()
        out.name(type.name)
        out.startArray()
        for (const entry of type.vars) this.write(entry.type, at + entry.offset)
        out.endArray()
        out.endObject()
        break
      default:
        throw new UsageError(`BTF type [${id}] (${type.kind}) has no values`)
    }
  }

  /** Bare in plain output, a string in JSON. */
  #hex(value: bigint): string {
    const text = `0x${value.toString(16)}`
    return this.#plain ? text : `"${text}"`
  }

  #int(type: BtfInt, at: number): string {
    const { size } = type
    if (type.bits === 128 || type.bits % 8 !== 0 || type.bitOffset !== 0 || ![1, 2, 4, 8].includes(size)) {
      const bits = Math.min(type.bits, size * 8 - type.bitOffset)
      if (bits <= 0) return this.#hex(0n)
      return this.#hex(readBits(this.#bytes, at * 8 + type.bitOffset, bits, this.#btf.littleEndian))
    }
    const word = readInteger(this.#bytes, at, size, this.#btf.littleEndian)
    if (type.bool) return String((word & 0xffn) !== 0n)
    if (type.char) {
      const code = Number(word & 0xffn)
      if (code >= 0x20 && code < 0x7f) return JSON.stringify(String.fromCharCode(code))
      const hex = code.toString(16)
      return this.#plain ? `0x${hex}` : `"\\u00${hex.padStart(2, '0')}"`
    }
    return String(type.signed ? BigInt.asIntN(size * 8, word) : word)
  }

  #enum(type: BtfEnum | BtfEnum64, at: number): string {
    const bits = type.size * 8
    const word = readInteger(this.#bytes, at, type.size, this.#btf.littleEndian)
    const values: readonly { name: string; value: number | bigint }[] = type.values
    const found = values.find(({ value }) => BigInt.asUintN(bits, BigInt(value)) === word)
    if (found !== undefined) return JSON.stringify(found.name)
    return String(type.kind === 'enum64' && !type.signed ? word : BigInt.asIntN(bits, word))
  }

  #float(size: number, at: number): string {
    const view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset + at, size)
    const little = this.#btf.littleEndian
    if (size !== 4 && size !== 8) return this.#hex(readInteger(this.#bytes, at, size, little))
    const value = size === 4 ? view.getFloat32(0, little) : view.getFloat64(0, little)
    const text = size === 4 ? shortestFloat(value) : String(value)
    return Number.isFinite(value) || this.#plain ? text : `"${text}"`
  }

  #array(type: BtfArray, at: number): void {
    const text = this.#text(type, at)
    if (text !== undefined) {
      this.#out.string(text)
      return
    }
    const size = type.length === 0 ? 0 : sizeOf(this.#btf, type.type)
    this.#out.startArray()
    for (let i = 0; i < type.length; i++) this.write(type.type, at + i * size)
    this.#out.endArray()
  }

  /** An array of char is text when it is printable up to a NUL. A typedef of char is a number. */
  #text(type: BtfArray, at: number): string | undefined {
    const element = skipModifiers(this.#btf, type.type)
    if (element.kind !== 'int' || element.size !== 1 || !(element.char || element.name === 'char')) return undefined
    for (let i = 0; i < type.length; i++) {
      const byte = this.#bytes[at + i]!
      if (byte === 0) return decodeText(this.#bytes.subarray(at, at + i))
      if (byte < 0x20 || byte >= 0x7f) return undefined
    }
    return undefined
  }

  #composite(type: BtfComposite, at: number): void {
    this.#out.startObject()
    for (const member of type.members) {
      this.#out.name(member.name)
      const bits = bitfieldOf(this.#btf, member)
      if (bits === undefined) this.write(member.type, at + member.bitOffset / 8)
      else this.#out.raw(this.#hex(readBits(this.#bytes, at * 8 + bits.offset, bits.size, this.#btf.littleEndian)))
    }
    this.#out.endObject()
  }
}

/** The shortest decimal that is the same 32-bit value. */
function shortestFloat(value: number): string {
  for (let digits = 1; digits < 9; digits++) {
    const text = Number(value.toPrecision(digits))
    if (Math.fround(text) === value) return String(text)
  }
  return String(Number(value.toPrecision(9)))
}
