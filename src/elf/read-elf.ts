import { Cursor, cString, FormatError } from '../base/index.js'
import { REL_SIZE, RELA_SIZE, SECTION_HEADER_SIZE, SHN, SHT, SYMBOL_SIZE } from './constants.js'
import type { ElfFile, ElfRelocation, ElfRelocationTable, ElfSection, ElfSymbol } from './types.js'

type RawSection = Omit<ElfSection, 'name' | 'data'> & { readonly nameOffset: number; readonly data: Uint8Array }

interface Header {
  readonly littleEndian: boolean
  readonly osabi: number
  readonly type: number
  readonly machine: number
  readonly entry: bigint
  readonly flags: number
  readonly sectionTable: number
  readonly sectionCount: number
  readonly nameTable: number
}

/** True where `bytes` begin with the ELF magic. */
export function isElf(bytes: Uint8Array): boolean {
  return bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46
}

/**
 * Reads an ELF-64 file of either byte order: header, sections, the symbol table and all relocation tables
 * (SHT_REL and SHT_RELA). Section data are views of `file`, nothing is copied.
 *
 * Sections may not overlap (as the gABI has it), so reading takes time and memory proportional to the file's size.
 * @throws FormatError 'elf' on anything that is not such a file.
 */
export function readElf(file: Uint8Array): ElfFile {
  // Node's Buffer, a subclass, has a slice() that does not copy: hand out plain views only.
  const bytes = new Uint8Array(file.buffer, file.byteOffset, file.byteLength)
  const header = readHeader(bytes)
  const raw = readSectionHeaders(bytes, header)
  checkOverlaps(raw)
  const sections = nameSections(raw, header)
  const symbols = readSymbols(sections, header.littleEndian)
  const relocations = readRelocations(sections, symbols.length, header.littleEndian)
  const { littleEndian, type, machine, osabi, flags, entry } = header
  return { littleEndian, type, machine, osabi, flags, entry, sections, symbols, relocations }
}

/** The first section of that name. */
export function findSection(elf: ElfFile, name: string): ElfSection | undefined {
  return elf.sections.find((section) => section.name === name)
}

function readHeader(bytes: Uint8Array): Header {
  if (!isElf(bytes)) {
    throw new FormatError('elf', bytes.length === 0 ? 'the file is empty' : 'not an ELF file (no 0x7f "ELF" magic)', {
      offset: 0,
      hint: 'expected an object file as `clang -target bpf -c` makes it',
    })
  }
  const cls = bytes[4]
  if (cls !== 2) {
    throw new FormatError('elf', cls === 1 ? 'a 32-bit ELF file (ELFCLASS32)' : `unknown ELF class ${cls ?? 'none'}`, {
      offset: 4,
      hint: 'BPF objects are ELF-64',
    })
  }
  const encoding = bytes[5]
  if (encoding !== 1 && encoding !== 2) {
    throw new FormatError('elf', `unknown data encoding ${encoding ?? 'none'}`, { offset: 5 })
  }
  const littleEndian = encoding === 1
  if (bytes[6] !== 1) throw new FormatError('elf', `unknown ELF version ${bytes[6] ?? 'none'}`, { offset: 6 })
  const cursor = new Cursor(bytes, 'elf', littleEndian, 16)
  const type = cursor.u16('ELF header')
  const machine = cursor.u16('ELF header')
  cursor.u32('ELF header')
  const entry = cursor.u64('ELF header')
  cursor.skip(8, 'ELF header')
  const sectionTable = cursor.size64('section header table offset')
  const flags = cursor.u32('ELF header')
  cursor.skip(6, 'ELF header')
  const entrySize = cursor.u16('ELF header')
  let sectionCount = cursor.u16('ELF header')
  let nameTable = cursor.u16('ELF header')
  if (sectionTable === 0) {
    if (sectionCount !== 0) throw new FormatError('elf', `${sectionCount} sections but no section header table`)
    nameTable = 0
  } else {
    if (entrySize !== SECTION_HEADER_SIZE) {
      throw new FormatError('elf', `section headers of ${entrySize} bytes instead of ${SECTION_HEADER_SIZE}`, {
        offset: 58,
      })
    }
    // More than 0xff00 sections: the real count and name table index are in section 0.
    const first = new Cursor(bytes, 'elf', littleEndian, sectionTable)
    const wantsFirst = sectionCount === 0 || nameTable === SHN.XINDEX
    if (wantsFirst) {
      first.skip(32, 'first section header')
      const size = first.size64('section count')
      const link = first.u32('first section header')
      if (sectionCount === 0) sectionCount = size
      if (nameTable === SHN.XINDEX) nameTable = link
    }
    if (sectionCount * SECTION_HEADER_SIZE > bytes.length - sectionTable) {
      throw new FormatError('elf', `truncated section header table: ${sectionCount} sections do not fit in the file`, {
        offset: sectionTable,
      })
    }
  }
  return { littleEndian, osabi: bytes[7] ?? 0, type, machine, entry, flags, sectionTable, sectionCount, nameTable }
}

function readSectionHeaders(bytes: Uint8Array, header: Header): RawSection[] {
  const cursor = new Cursor(bytes, 'elf', header.littleEndian, header.sectionTable)
  const sections: RawSection[] = []
  for (let index = 0; index < header.sectionCount; index++) {
    const nameOffset = cursor.u32()
    const type = cursor.u32()
    const flags = Number(BigInt.asUintN(53, cursor.u64()))
    const addr = cursor.u64()
    // Section 0 holds no data; its size and link may carry the extended numbering read above.
    const isNull = type === SHT.NULL || index === 0
    let offset = 0
    let size = 0
    if (isNull) cursor.skip(16)
    else {
      offset = cursor.size64(`offset of section ${index}`)
      size = cursor.size64(`size of section ${index}`)
    }
    const link = cursor.u32()
    const info = cursor.u32()
    const addralign = Number(BigInt.asUintN(53, cursor.u64()))
    const entsize = Number(BigInt.asUintN(53, cursor.u64()))
    const hasData = !isNull && type !== SHT.NOBITS
    if (hasData && (offset > bytes.length || size > bytes.length - offset)) {
      throw new FormatError(
        'elf',
        `section ${index} (offset ${offset}, size ${size}) reaches beyond the file's ${bytes.length} bytes`,
        { hint: 'is the file truncated?' },
      )
    }
    const data = hasData ? bytes.subarray(offset, offset + size) : bytes.subarray(0, 0)
    sections.push({ index, nameOffset, type, flags, addr, offset, size, link, info, addralign, entsize, data })
  }
  return sections
}

function checkOverlaps(sections: readonly RawSection[]): void {
  const placed = sections.filter((section) => section.data.length > 0).sort((a, b) => a.offset - b.offset)
  let last: RawSection | undefined
  for (const section of placed) {
    if (last !== undefined && section.offset < last.offset + last.size) {
      throw new FormatError('elf', `sections ${last.index} and ${section.index} overlap in the file`, {
        offset: section.offset,
      })
    }
    last = section
  }
}

function nameSections(raw: readonly RawSection[], header: Header): ElfSection[] {
  if (raw.length === 0) return []
  const table = raw[header.nameTable]
  if (table === undefined) {
    throw new FormatError(
      'elf',
      `section name table index ${header.nameTable} is out of range (${raw.length} sections)`,
    )
  }
  if (header.nameTable !== 0 && table.type !== SHT.STRTAB) {
    throw new FormatError(
      'elf',
      `section ${header.nameTable} is named as the string table of section names but is not one`,
    )
  }
  const names = new NameTable(table.data, '.shstrtab')
  return raw.map(({ nameOffset, ...section }) => ({ ...section, name: names.at(nameOffset) }))
}

/** Strings of a string table, each decoded once; a long shared tail cannot be decoded again and again without bound. */
class NameTable {
  readonly #data: Uint8Array
  readonly #section: string
  readonly #seen = new Map<number, string>()
  #budget: number

  constructor(data: Uint8Array, section: string) {
    this.#data = data
    this.#section = section
    this.#budget = data.length * 8 + (1 << 20)
  }

  at(offset: number): string {
    if (offset === 0 && this.#data.length === 0) return ''
    if (offset >= this.#data.length) {
      throw new FormatError('elf', `name offset ${offset} is outside the string table's ${this.#data.length} bytes`, {
        section: this.#section,
      })
    }
    let name = this.#seen.get(offset)
    if (name === undefined) {
      name = cString(this.#data, offset)
      this.#budget -= name.length
      if (this.#budget < 0) {
        throw new FormatError('elf', 'the string table holds an unreasonable amount of overlapping names', {
          section: this.#section,
        })
      }
      this.#seen.set(offset, name)
    }
    return name
  }
}

function entries(section: ElfSection, size: number, what: string): number {
  if ((section.entsize !== 0 && section.entsize !== size) || section.size % size !== 0) {
    throw new FormatError(
      'elf',
      `${what} of ${section.size} bytes in entries of ${section.entsize}, expected ${size}`,
      {
        section: section.name,
        offset: section.offset,
      },
    )
  }
  return section.size / size
}

function readSymbols(sections: readonly ElfSection[], littleEndian: boolean): ElfSymbol[] {
  const table = sections.find((section) => section.type === SHT.SYMTAB)
  if (table === undefined) return []
  if (sections.some((section) => section.type === SHT.SYMTAB && section !== table)) {
    throw new FormatError('elf', 'several symbol tables', { section: table.name })
  }
  const strings = sections[table.link]
  if (strings === undefined || strings.type !== SHT.STRTAB) {
    throw new FormatError('elf', `the symbol table's string table (section ${table.link}) is not one`, {
      section: table.name,
    })
  }
  const extended = sections.find((section) => section.type === SHT.SYMTAB_SHNDX && section.link === table.index)
  const names = new NameTable(strings.data, strings.name)
  const count = entries(table, SYMBOL_SIZE, 'symbol table')
  const cursor = new Cursor(table.data, 'elf', littleEndian)
  const symbols: ElfSymbol[] = []
  for (let index = 0; index < count; index++) {
    const nameOffset = cursor.u32()
    const info = cursor.u8()
    const other = cursor.u8()
    let section = cursor.u16()
    const value = cursor.size64(`value of symbol ${index}`)
    const size = cursor.size64(`size of symbol ${index}`)
    if (section === SHN.XINDEX) {
      if (extended === undefined) {
        throw new FormatError('elf', `symbol ${index} has an extended section index but there is no table of those`)
      }
      section = new Cursor(extended.data, 'elf', littleEndian, index * 4).u32('extended section index')
    }
    const special = section === SHN.ABS || section === SHN.COMMON
    if (!special && section >= sections.length) {
      throw new FormatError('elf', `symbol ${index} is in section ${section}, but there are only ${sections.length}`, {
        section: table.name,
      })
    }
    symbols.push({
      index,
      name: names.at(nameOffset),
      value,
      size,
      bind: info >> 4,
      type: info & 0xf,
      visibility: other & 3,
      section,
    })
  }
  return symbols
}

function readRelocations(
  sections: readonly ElfSection[],
  symbolCount: number,
  littleEndian: boolean,
): ElfRelocationTable[] {
  const tables: ElfRelocationTable[] = []
  for (const section of sections) {
    if (section.type !== SHT.REL && section.type !== SHT.RELA) continue
    const withAddend = section.type === SHT.RELA
    const count = entries(section, withAddend ? RELA_SIZE : REL_SIZE, 'relocation table')
    const target = sections[section.info]
    if (section.info === 0 || target === undefined || target === section) {
      throw new FormatError('elf', `relocations for section ${section.info}, which does not exist`, {
        section: section.name,
      })
    }
    const cursor = new Cursor(section.data, 'elf', littleEndian)
    const records: ElfRelocation[] = []
    for (let i = 0; i < count; i++) {
      const offset = cursor.size64('relocation offset')
      const low = cursor.u32()
      const high = cursor.u32()
      // r_info is one 64-bit number: the type in its low half, the symbol in its high half.
      const [type, symbol] = littleEndian ? [low, high] : [high, low]
      const addend = withAddend ? cursor.i64() : undefined
      if (symbol >= symbolCount) {
        throw new FormatError('elf', `relocation ${i} names symbol ${symbol}, but there are only ${symbolCount}`, {
          section: section.name,
        })
      }
      if (offset >= target.size) {
        throw new FormatError(
          'elf',
          `relocation ${i} is at ${offset}, outside '${target.name}' (${target.size} bytes)`,
          {
            section: section.name,
          },
        )
      }
      records.push({ offset, type, symbol, addend })
    }
    tables.push({ section: section.index, target: section.info, records })
  }
  return tables
}
