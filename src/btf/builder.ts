import { encodeText, UsageError } from '../base/index.js'
import type { Btf } from './btf.js'
import { encodedSize, encodeType, type NewBtfType } from './encode-type.js'
import type { BtfType } from './types.js'

const HEADER_SIZE = 24

/** Names by their offset in a string section under construction; each is stored once. */
export class StringTable {
  readonly #offsets = new Map<string, number>([['', 0]])
  readonly #parts: Uint8Array[]
  readonly #base: Btf | undefined
  #length: number

  /** With `from`, its own strings are kept as they are and where they are; with `base`, its strings are used, not repeated. */
  constructor(base: Btf | undefined, from: Btf | undefined) {
    this.#base = base
    for (let btf = base; btf !== undefined; btf = btf.base) this.#remember(btf)
    if (from !== undefined) {
      this.#remember(from)
      this.#parts = [from.bytes.subarray(from.layout.stringStart, from.layout.stringEnd)]
    } else {
      this.#parts = base === undefined ? [new Uint8Array(1)] : []
    }
    this.#length = this.#parts[0]?.length ?? 0
  }

  #remember(btf: Btf): void {
    const { stringStart, stringEnd } = btf.layout
    for (let at = stringStart; at < stringEnd; ) {
      const offset = at - stringStart + btf.startString
      const name = btf.name(offset)
      if (!this.#offsets.has(name)) this.#offsets.set(name, offset)
      at = btf.bytes.indexOf(0, at) + 1
    }
  }

  add(name: string): number {
    const known = this.#offsets.get(name)
    if (known !== undefined) return known
    if (name.includes('\0')) throw new UsageError('a BTF name cannot hold a NUL')
    const offset = (this.#base?.stringLength ?? 0) + this.#length
    const bytes = encodeText(`${name}\0`)
    this.#parts.push(bytes)
    this.#length += bytes.length
    this.#offsets.set(name, offset)
    return offset
  }

  bytes(): Uint8Array {
    const all = new Uint8Array(this.#length)
    let at = 0
    for (const part of this.#parts) {
      all.set(part, at)
      at += part.length
    }
    return all
  }
}

export interface BtfBuilderOptions {
  /** Types and strings the new BTF may refer to (split BTF). */
  readonly base?: Btf
  /** Start from the types and strings of this BTF; its base is taken too. */
  readonly from?: Btf
}

/** Makes BTF: types are added (or replaced) by value, strings are shared, `build` gives the bytes. */
export class BtfBuilder {
  readonly base: Btf | undefined
  readonly #types: NewBtfType[] = []
  readonly #strings: StringTable
  readonly #startId: number

  constructor({ base, from }: BtfBuilderOptions = {}) {
    this.base = from?.base ?? base
    this.#startId = this.base?.typeCount ?? 1
    this.#strings = new StringTable(this.base, from)
    if (from !== undefined) {
      for (let id = from.startId; id < from.typeCount; id++) this.#types.push(from.type(id) as NewBtfType)
    }
  }

  /** Ids given out so far, void and the base's included: the next type's id. */
  get typeCount(): number {
    return this.#startId + this.#types.length
  }

  /** Adds a type and returns its id. References may point to ids that are added later. */
  add(type: NewBtfType): number {
    return this.#startId + this.#types.push(type) - 1
  }

  /** Replaces an own type. */
  set(id: number, type: NewBtfType): void {
    if (id < this.#startId || id >= this.typeCount) throw new UsageError(`there is no own BTF type ${id} to replace`)
    this.#types[id - this.#startId] = type
  }

  /** The type as it stands now. */
  type(id: number): NewBtfType | BtfType {
    if (this.base !== undefined && id < this.#startId) return this.base.type(id)
    const type = id === 0 ? ({ kind: 'void', id: 0, name: '' } as const) : this.#types[id - this.#startId]
    if (type === undefined) throw new UsageError(`there is no BTF type ${id}`)
    return type
  }

  /** Adds a string that no type names (a line of source for line info) and returns its offset. */
  addString(text: string): number {
    return this.#strings.add(text)
  }

  /** The BTF blob, in the byte order wanted (little-endian unless said). Throws UsageError for what does not fit. */
  build({ littleEndian = true }: { littleEndian?: boolean } = {}): Uint8Array {
    let typeLength = 0
    for (const type of this.#types) typeLength += encodedSize(type)
    const typesOnly = new Uint8Array(HEADER_SIZE + typeLength)
    const view = new DataView(typesOnly.buffer)
    let at = HEADER_SIZE
    for (const type of this.#types) {
      encodeType(view, at, type, (name) => this.#strings.add(name), littleEndian)
      at += encodedSize(type)
    }
    const strings = this.#strings.bytes()
    view.setUint16(0, 0xeb9f, littleEndian)
    view.setUint8(2, 1)
    view.setUint32(4, HEADER_SIZE, littleEndian)
    view.setUint32(12, typeLength, littleEndian)
    view.setUint32(16, typeLength, littleEndian)
    view.setUint32(20, strings.length, littleEndian)
    const bytes = new Uint8Array(typesOnly.length + strings.length)
    bytes.set(typesOnly)
    bytes.set(strings, typesOnly.length)
    return bytes
  }
}

/** BTF of these types, which get the ids 1, 2, … in order (or follow those of `base`). */
export function encodeBtf(
  types: readonly NewBtfType[],
  options: { base?: Btf; littleEndian?: boolean } = {},
): Uint8Array {
  const builder = new BtfBuilder(options.base === undefined ? {} : { base: options.base })
  for (const type of types) builder.add(type)
  return builder.build({ littleEndian: options.littleEndian ?? true })
}

/** The same BTF in another byte order (or a plain copy); the kernel takes its own order only. */
export function reencodeBtf(btf: Btf, littleEndian = true): Uint8Array {
  return new BtfBuilder({ from: btf }).build({ littleEndian })
}
