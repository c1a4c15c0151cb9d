import { encodeText, UsageError } from '../base/index.js'
import {
  EM,
  ET,
  HEADER_SIZE,
  REL_SIZE,
  RELA_SIZE,
  SECTION_HEADER_SIZE,
  SHF,
  SHN,
  SHT,
  STB,
  STT,
  STV,
  SYMBOL_SIZE,
} from './constants.js'

export interface ElfRelocationInput {
  readonly offset: number
  readonly type: number
  /** Index into `ElfInput.symbols`. */
  readonly symbol: number
  /** Given for any record, the table becomes SHT_RELA; otherwise SHT_REL. */
  readonly addend?: bigint | undefined
}

export interface ElfSectionInput {
  readonly name: string
  /** SHT.PROGBITS by default. */
  readonly type?: number
  /** SHF.ALLOC | SHF.WRITE by default. */
  readonly flags?: number
  readonly addr?: bigint
  readonly data?: Uint8Array
  /** Size of an SHT_NOBITS section. */
  readonly size?: number
  readonly link?: number
  readonly info?: number
  /** 8 by default. */
  readonly addralign?: number
  readonly entsize?: number
  readonly relocations?: readonly ElfRelocationInput[]
}

export interface ElfSymbolInput {
  readonly name: string
  readonly value?: number
  readonly size?: number
  /** STB.GLOBAL by default. */
  readonly bind?: number
  /** STT.NOTYPE by default. */
  readonly type?: number
  readonly visibility?: number
  /** Number of the section in `ElfInput.sections`, counted from 1 as in the file; or SHN.ABS, SHN.COMMON, SHN.UNDEF (default). */
  readonly section?: number
}

export interface ElfInput {
  /** True by default. */
  readonly littleEndian?: boolean
  /** ET.REL by default. */
  readonly type?: number
  /** EM.BPF by default. */
  readonly machine?: number
  readonly flags?: number
  readonly sections: readonly ElfSectionInput[]
  readonly symbols?: readonly ElfSymbolInput[]
}

interface PlacedSection {
  readonly name: string
  readonly type: number
  readonly flags: number
  readonly addr: bigint
  readonly data: Uint8Array
  readonly size: number
  readonly link: number
  readonly info: number
  readonly addralign: number
  readonly entsize: number
}

/**
 * Writes an ELF-64 file: the given sections as numbers 1…n in that order, then a relocation section for each that has
 * relocations (`.rel<name>` or `.rela<name>`), `.symtab` and `.strtab`, which also holds the section names. Local symbols are
 * moved before the global ones, as the gABI demands; relocations keep naming the symbol they were given.
 * @throws UsageError for a section or symbol number that does not exist.
 */
export function writeElf(input: ElfInput): Uint8Array {
  const littleEndian = input.littleEndian ?? true
  const symbols = input.symbols ?? []
  const strings = new StringTable()
  const given = input.sections
  const tables = given.filter((section) => (section.relocations?.length ?? 0) > 0)
  const symtabIndex = 1 + given.length + tables.length
  const order = symbols
    .map((symbol, index) => ({ symbol, index }))
    .sort(
      (a, b) =>
        Number((a.symbol.bind ?? STB.GLOBAL) !== STB.LOCAL) - Number((b.symbol.bind ?? STB.GLOBAL) !== STB.LOCAL),
    )
  const newIndex = new Map(order.map(({ index }, position) => [index, position + 1]))
  const locals = order.filter(({ symbol }) => symbol.bind === STB.LOCAL).length

  const placed: PlacedSection[] = given.map((section) => ({
    name: section.name,
    type: section.type ?? SHT.PROGBITS,
    flags: section.flags ?? SHF.ALLOC | SHF.WRITE,
    addr: section.addr ?? 0n,
    data: section.data ?? new Uint8Array(0),
    size: section.type === SHT.NOBITS ? (section.size ?? 0) : (section.data?.length ?? 0),
    link: section.link ?? 0,
    info: section.info ?? 0,
    addralign: section.addralign ?? 8,
    entsize: section.entsize ?? 0,
  }))
  for (const section of tables) {
    const records = section.relocations ?? []
    const withAddend = records.some((record) => record.addend !== undefined)
    const data = writeRelocations(records, withAddend, newIndex, littleEndian)
    placed.push({
      name: (withAddend ? '.rela' : '.rel') + section.name,
      type: withAddend ? SHT.RELA : SHT.REL,
      flags: SHF.INFO_LINK,
      addr: 0n,
      data,
      size: data.length,
      link: symtabIndex,
      info: given.indexOf(section) + 1,
      addralign: 8,
      entsize: withAddend ? RELA_SIZE : REL_SIZE,
    })
  }
  const symtab = writeSymbols(
    order.map(({ symbol }) => symbol),
    strings,
    given.length,
    littleEndian,
  )
  const nameOffsets = [...placed.map((section) => section.name), '.symtab', '.strtab'].map((name) => strings.add(name))
  const strtab = strings.bytes()
  const plain = { flags: 0, addr: 0n }
  placed.push(
    {
      ...plain,
      name: '.symtab',
      type: SHT.SYMTAB,
      data: symtab,
      size: symtab.length,
      link: symtabIndex + 1,
      info: locals + 1,
      addralign: 8,
      entsize: SYMBOL_SIZE,
    },
    {
      ...plain,
      name: '.strtab',
      type: SHT.STRTAB,
      data: strtab,
      size: strtab.length,
      link: 0,
      info: 0,
      addralign: 1,
      entsize: 0,
    },
  )
  return layOut(input, placed, nameOffsets, littleEndian)
}

class StringTable {
  readonly #offsets = new Map<string, number>([['', 0]])
  readonly #parts: Uint8Array[] = [new Uint8Array(1)]
  #size = 1

  add(text: string): number {
    const known = this.#offsets.get(text)
    if (known !== undefined) return known
    const offset = this.#size
    const bytes = encodeText(text + '\0')
    this.#parts.push(bytes)
    this.#size += bytes.length
    this.#offsets.set(text, offset)
    return offset
  }

  bytes(): Uint8Array {
    const all = new Uint8Array(this.#size)
    let at = 0
    for (const part of this.#parts) {
      all.set(part, at)
      at += part.length
    }
    return all
  }
}

function writeSymbols(
  symbols: readonly ElfSymbolInput[],
  strings: StringTable,
  sectionCount: number,
  littleEndian: boolean,
): Uint8Array {
  const data = new Uint8Array((symbols.length + 1) * SYMBOL_SIZE)
  const view = new DataView(data.buffer)
  for (const [i, symbol] of symbols.entries()) {
    const section = symbol.section ?? SHN.UNDEF
    if (section > sectionCount && section !== SHN.ABS && section !== SHN.COMMON) {
      throw new UsageError(`symbol '${symbol.name}' is in section ${section}, but there are only ${sectionCount}`)
    }
    const at = (i + 1) * SYMBOL_SIZE
    view.setUint32(at, strings.add(symbol.name), littleEndian)
    data[at + 4] = ((symbol.bind ?? STB.GLOBAL) << 4) | (symbol.type ?? STT.NOTYPE)
    data[at + 5] = symbol.visibility ?? STV.DEFAULT
    view.setUint16(at + 6, section, littleEndian)
    view.setBigUint64(at + 8, BigInt(symbol.value ?? 0), littleEndian)
    view.setBigUint64(at + 16, BigInt(symbol.size ?? 0), littleEndian)
  }
  return data
}

function writeRelocations(
  records: readonly ElfRelocationInput[],
  withAddend: boolean,
  newIndex: ReadonlyMap<number, number>,
  littleEndian: boolean,
): Uint8Array {
  const size = withAddend ? RELA_SIZE : REL_SIZE
  const data = new Uint8Array(records.length * size)
  const view = new DataView(data.buffer)
  for (const [i, record] of records.entries()) {
    const symbol = newIndex.get(record.symbol)
    if (symbol === undefined) throw new UsageError(`a relocation names symbol ${record.symbol}, which does not exist`)
    view.setBigUint64(i * size, BigInt(record.offset), littleEndian)
    view.setBigUint64(i * size + 8, (BigInt(symbol) << 32n) | BigInt(record.type), littleEndian)
    if (withAddend) view.setBigInt64(i * size + 16, record.addend ?? 0n, littleEndian)
  }
  return data
}

function layOut(
  input: ElfInput,
  sections: readonly PlacedSection[],
  nameOffsets: readonly number[],
  littleEndian: boolean,
): Uint8Array {
  const offsets: number[] = []
  let at = HEADER_SIZE
  for (const section of sections) {
    const align = Math.max(1, Math.min(section.addralign, 4096))
    at = Math.ceil(at / align) * align
    offsets.push(at)
    at += section.data.length
  }
  const tableOffset = Math.ceil(at / 8) * 8
  const count = sections.length + 1
  if (count >= SHN.LORESERVE) throw new UsageError(`${count} sections: too many for writeElf`)
  const file = new Uint8Array(tableOffset + count * SECTION_HEADER_SIZE)
  const view = new DataView(file.buffer)
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, littleEndian ? 1 : 2, 1, 0])
  view.setUint16(16, input.type ?? ET.REL, littleEndian)
  view.setUint16(18, input.machine ?? EM.BPF, littleEndian)
  view.setUint32(20, 1, littleEndian)
  view.setBigUint64(40, BigInt(tableOffset), littleEndian)
  view.setUint32(48, input.flags ?? 0, littleEndian)
  view.setUint16(52, HEADER_SIZE, littleEndian)
  view.setUint16(58, SECTION_HEADER_SIZE, littleEndian)
  view.setUint16(60, count, littleEndian)
  view.setUint16(62, count - 1, littleEndian)
  for (const [i, section] of sections.entries()) {
    file.set(section.data, offsets[i])
    const header = tableOffset + (i + 1) * SECTION_HEADER_SIZE
    view.setUint32(header, nameOffsets[i] ?? 0, littleEndian)
    view.setUint32(header + 4, section.type, littleEndian)
    view.setBigUint64(header + 8, BigInt(section.flags), littleEndian)
    view.setBigUint64(header + 16, section.addr, littleEndian)
    view.setBigUint64(header + 24, BigInt(offsets[i] ?? 0), littleEndian)
    view.setBigUint64(header + 32, BigInt(section.size), littleEndian)
    view.setUint32(header + 40, section.link, littleEndian)
    view.setUint32(header + 44, section.info, littleEndian)
    view.setBigUint64(header + 48, BigInt(section.addralign), littleEndian)
    view.setBigUint64(header + 56, BigInt(section.entsize), littleEndian)
  }
  return file
}
