import { decodeText, FormatError } from '../base/index.js'
import { decodeType, recordSize, type TypeSource } from './decode-type.js'
import { NameIndex } from './name-index.js'
import { BTF_KINDS, type BtfKind, type BtfType, type BtfVoid } from './types.js'

const VOID: BtfVoid = { kind: 'void', id: 0, name: '' }
const HEADER_SIZE = 24

export interface ParseBtfOptions {
  /** The BTF this one is split from: its ids and strings come first (vmlinux for a module). */
  readonly base?: Btf
  /** Named in errors. */
  readonly file?: string
  /** Bytes of a pointer in the machine described; 8 for BPF. */
  readonly pointerSize?: 4 | 8
}

/** The places of a BTF blob's two sections, after the header was checked. */
export interface BtfLayout {
  readonly littleEndian: boolean
  readonly typeStart: number
  readonly typeEnd: number
  readonly stringStart: number
  readonly stringEnd: number
}

/**
 * BTF type information, lazily: opening it only finds where each type begins; a type is decoded when it is asked for.
 * Ids run from 0 (void) to `typeCount - 1` and include those of the base.
 */
export class Btf implements TypeSource {
  readonly bytes: Uint8Array
  readonly base: Btf | undefined
  readonly file: string | undefined
  readonly littleEndian: boolean
  readonly pointerSize: 4 | 8
  readonly layout: BtfLayout
  /** First id that is this BTF's own: 1, or the base's `typeCount`. */
  readonly startId: number
  /** Number of ids, void and the base's included. */
  readonly typeCount: number
  /** String offset at which this BTF's own strings begin: 0, or the base's string length in all. */
  readonly startString: number
  readonly view: DataView
  /** Place in `bytes` of each own type's record. */
  readonly #offsets: Uint32Array
  readonly #decoded = new Map<number, BtfType>()
  #index: NameIndex | undefined

  /** Use parseBtf(). */
  constructor(bytes: Uint8Array, layout: BtfLayout, offsets: Uint32Array, options: ParseBtfOptions) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.layout = layout
    this.littleEndian = layout.littleEndian
    this.base = options.base
    this.file = options.file
    this.pointerSize = options.pointerSize ?? options.base?.pointerSize ?? 8
    this.startId = options.base?.typeCount ?? 1
    this.typeCount = this.startId + offsets.length
    this.startString = options.base?.stringLength ?? 0
    this.#offsets = offsets
  }

  /** Length of all strings, the base's included: the first offset that is out of range. */
  get stringLength(): number {
    return this.startString + this.layout.stringEnd - this.layout.stringStart
  }

  /** The type `id`, decoded at the first call and kept. Throws FormatError for an id out of range or a bad record. */
  type(id: number): BtfType {
    if (id === 0) return VOID
    if (this.base !== undefined && id < this.startId) return this.base.type(id)
    const known = this.#decoded.get(id)
    if (known !== undefined) return known
    const type = decodeType(this, id, this.offsetOf(id))
    this.#decoded.set(id, type)
    return type
  }

  /** The kind of type `id`, read without decoding it. */
  kindOf(id: number): BtfKind {
    if (id === 0) return 'void'
    if (this.base !== undefined && id < this.startId) return this.base.kindOf(id)
    return BTF_KINDS[(this.#info(this.offsetOf(id)) >>> 24) & 0x1f]!
  }

  /** The name of type `id`, read without decoding it. */
  typeName(id: number): string {
    if (id === 0) return ''
    if (this.base !== undefined && id < this.startId) return this.base.typeName(id)
    return this.name(this.view.getUint32(this.offsetOf(id), this.littleEndian))
  }

  /** Place in `bytes` of an own type's record. */
  offsetOf(id: number): number {
    const offset = id >= this.startId ? this.#offsets[id - this.startId] : undefined
    if (offset === undefined) {
      throw this.error(`type id ${id} is out of range (${this.typeCount} types)`)
    }
    return offset
  }

  #info(offset: number): number {
    return this.view.getUint32(offset + 4, this.littleEndian)
  }

  /** The string at `offset` of the string section (the base's strings come first). */
  name(offset: number): string {
    if (offset === 0) return ''
    if (this.base !== undefined && offset < this.startString) return this.base.name(offset)
    const start = this.layout.stringStart + offset - this.startString
    if (start >= this.layout.stringEnd) {
      throw this.error(`string offset ${offset} is out of range (${this.stringLength} bytes)`)
    }
    // Names are short ASCII: building them here is several times faster than a TextDecoder call.
    const bytes = this.bytes
    let text = ''
    for (let i = start; ; i++) {
      const byte = bytes[i]!
      if (byte === 0) return text
      if (byte >= 0x80) {
        const end = bytes.indexOf(0, i)
        return decodeText(bytes.subarray(start, end))
      }
      text += String.fromCharCode(byte)
    }
  }

  /** The first id with this name (and kind, or one of these kinds); the base's types come first. */
  findByName(name: string, kind?: BtfKind | readonly BtfKind[]): number | undefined {
    for (const id of this.#matches(name, false)) if (matchesKind(this.kindOf(id), kind)) return id
    return undefined
  }

  /** All ids with this name (and kind), ascending. */
  findAllByName(name: string, kind?: BtfKind | readonly BtfKind[]): number[] {
    const found: number[] = []
    for (const id of this.#matches(name, false)) if (matchesKind(this.kindOf(id), kind)) found.push(id)
    return found
  }

  /** All ids whose name, without a `___flavor`, is `essential`, ascending: the candidates of CO-RE. */
  findByEssentialName(essential: string): number[] {
    return [...this.#matches(essential, true)]
  }

  *#matches(name: string, flavored: boolean): Generator<number> {
    if (name === '') return
    if (this.base !== undefined) yield* this.base.#matches(name, flavored)
    this.#index ??= this.#indexNames()
    yield* flavored ? this.#index.flavored(name) : this.#index.exact(name)
  }

  #indexNames(): NameIndex {
    const { startId, startString, bytes, view, littleEndian } = this
    const { stringStart, stringEnd } = this.layout
    const offsets = this.#offsets
    const index = new NameIndex(startId, this.typeCount, (id) => this.#nameAt(id))
    for (let i = offsets.length - 1; i >= 0; i--) {
      const offset = view.getUint32(offsets[i]!, littleEndian)
      const start = stringStart + offset - startString
      if (offset >= startString && offset > 0 && start < stringEnd) {
        index.add(startId + i, bytes, start)
        continue
      }
      const name = this.#nameAt(startId + i)
      if (name !== undefined) index.add(startId + i, name.bytes, name.start)
    }
    return index
  }

  #nameAt(id: number): { bytes: Uint8Array; start: number } | undefined {
    const offset = this.view.getUint32(this.#offsets[id - this.startId]!, this.littleEndian)
    if (offset === 0) return undefined
    let owner: Btf = this
    while (offset < owner.startString && owner.base !== undefined) owner = owner.base
    const start = owner.layout.stringStart + offset - owner.startString
    if (start >= owner.layout.stringEnd) return undefined
    return { bytes: owner.bytes, start }
  }

  /** A FormatError that names this BTF's file. */
  error(reason: string, offset?: number): FormatError {
    return new FormatError('btf', reason, {
      ...(this.file === undefined ? {} : { file: this.file }),
      ...(offset === undefined ? {} : { offset }),
    })
  }
}

function matchesKind(kind: BtfKind, wanted: BtfKind | readonly BtfKind[] | undefined): boolean {
  return wanted === undefined || (typeof wanted === 'string' ? kind === wanted : wanted.includes(kind))
}

/**
 * Opens BTF of either byte order. Only the header, the string section's ends and the chain of records are checked
 * (so that a type's record can be found); the rest when a type is decoded, or all of it by validateBtf().
 * Throws FormatError.
 */
export function parseBtf(bytes: Uint8Array, options: ParseBtfOptions = {}): Btf {
  const layout = parseHeader(bytes, options)
  return new Btf(bytes, layout, indexTypes(bytes, layout, options), options)
}

function parseHeader(bytes: Uint8Array, options: ParseBtfOptions): BtfLayout {
  const fail = (reason: string, offset: number, hint?: string): never => {
    throw new FormatError('btf', reason, {
      offset,
      ...(options.file === undefined ? {} : { file: options.file }),
      ...(hint === undefined ? {} : { hint }),
    })
  }
  if (bytes.length < HEADER_SIZE) {
    return fail(`truncated header: needs ${HEADER_SIZE} bytes, ${bytes.length} given`, 0)
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const magic = view.getUint16(0, true)
  if (magic !== 0xeb9f && magic !== 0x9feb) {
    return fail(`bad magic 0x${magic.toString(16)}, expected 0xeb9f`, 0, 'give the contents of a .BTF section')
  }
  const littleEndian = magic === 0xeb9f
  const u32 = (at: number) => view.getUint32(at, littleEndian)
  if (bytes[2] !== 1) return fail(`unsupported version ${bytes[2]}`, 2)
  const headerLength = u32(4)
  if (headerLength < HEADER_SIZE || headerLength > bytes.length) return fail(`invalid header length ${headerLength}`, 4)
  const section = (name: string, at: number) => {
    const start = headerLength + u32(at)
    const end = start + u32(at + 4)
    if (end > bytes.length) {
      fail(`${name} section ends at ${end}, beyond the ${bytes.length} bytes given`, at, 'the BTF is truncated')
    }
    return { start, end }
  }
  const types = section('type', 8)
  const strings = section('string', 16)
  if (u32(8) % 4 !== 0) return fail('type section is not aligned to 4 bytes', 8)
  const split = options.base !== undefined
  if (strings.start === strings.end) {
    if (!split) return fail('string section is empty', 20)
  } else {
    if (!split && bytes[strings.start] !== 0) {
      return fail('string section does not begin with an empty string', strings.start)
    }
    if (bytes[strings.end - 1] !== 0) return fail('string section does not end with a NUL', strings.end - 1)
  }
  return {
    littleEndian,
    typeStart: types.start,
    typeEnd: types.end,
    stringStart: strings.start,
    stringEnd: strings.end,
  }
}

/** Walks the records without decoding them. */
function indexTypes(bytes: Uint8Array, layout: BtfLayout, options: ParseBtfOptions): Uint32Array {
  const { typeStart, typeEnd, littleEndian } = layout
  const fail = (id: number, at: number, reason: string): never => {
    const place = options.file === undefined ? {} : { file: options.file }
    throw new FormatError('btf', `type [${id}] ${reason}`, { offset: at, ...place })
  }
  const first = options.base?.typeCount ?? 1
  const offsets = new Uint32Array(Math.floor((typeEnd - typeStart) / 12))
  // The info word is kind_flag:1, unused:2, kind:5, unused:8, vlen:16.
  const kindByte = littleEndian ? 7 : 4
  const highByte = littleEndian ? 5 : 6
  const lowByte = littleEndian ? 4 : 7
  let count = 0
  for (let at = typeStart; at < typeEnd; ) {
    if (at + 12 > typeEnd) fail(first + count, at, 'is truncated: its record runs past the type section')
    const kind = bytes[at + kindByte]! & 0x1f
    const size = recordSize(kind, (bytes[at + highByte]! << 8) | bytes[at + lowByte]!)
    if (size < 0) fail(first + count, at, `has unknown kind ${kind}`)
    if (at + size > typeEnd) fail(first + count, at, 'is truncated: its record runs past the type section')
    offsets[count++] = at
    at += size
  }
  return offsets.subarray(0, count)
}
