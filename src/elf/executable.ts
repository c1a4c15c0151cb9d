import { Cursor, cString, FormatError } from '../base/index.js'
import { SHN, SHT, STT } from './constants.js'
import { isElf } from './read-elf.js'

/** A function of an executable or shared library. */
export interface ExecutableFunction {
  readonly name: string
  /** Virtual address in the file, before it is placed in memory. */
  readonly address: number
  readonly size: number
  /** Bytes from the start of the file to its first instruction: what uprobes take. */
  readonly fileOffset: number
}

/** A statically defined probe: one note of .note.stapsdt. A probe may be at several places. */
export interface StaticProbe {
  readonly provider: string
  readonly name: string
  /** Virtual address of the probe's instruction, corrected where the file was prelinked. */
  readonly address: number
  readonly fileOffset: number
  /** File offset of its semaphore; 0 without one. */
  readonly semaphoreOffset: number
  /** Arguments as the assembler wrote them: `-4@%eax 8@-8(%rbp)`. */
  readonly args: string
}

interface Segment {
  readonly offset: number
  readonly address: number
  readonly fileSize: number
}

interface Section {
  readonly name: number
  readonly type: number
  readonly address: number
  readonly offset: number
  readonly size: number
  readonly link: number
}

const PT_LOAD = 1
const SYMBOL_SIZE = 24
const STT_GNU_IFUNC = 10
const NT_STAPSDT = 3

/**
 * An ELF-64 executable or shared library, as far as probes need it: where its functions and static probes lie in the
 * file. Reads only headers and symbol tables. Throws FormatError 'elf' on anything that is not one.
 */
export class Executable {
  /** e_machine. */
  readonly machine: number
  readonly #bytes: Uint8Array
  readonly #littleEndian: boolean
  readonly #segments: readonly Segment[]
  readonly #sections: readonly Section[]
  readonly #names: Uint8Array

  constructor(bytes: Uint8Array) {
    if (!isElf(bytes)) throw new FormatError('elf', 'not an ELF file (no 0x7f "ELF" magic)', { offset: 0 })
    if (bytes[4] !== 2) throw new FormatError('elf', 'not a 64-bit ELF file', { offset: 4 })
    this.#bytes = bytes
    this.#littleEndian = bytes[5] !== 2
    const header = this.#at(16, 48)
    header.u16('e_type')
    this.machine = header.u16('e_machine')
    header.u32('e_version')
    header.u64('e_entry')
    const segmentTable = header.size64('e_phoff')
    const sectionTable = header.size64('e_shoff')
    header.u32('e_flags')
    header.u16('e_ehsize')
    const segmentSize = header.u16('e_phentsize')
    const segmentCount = header.u16('e_phnum')
    const sectionSize = header.u16('e_shentsize')
    const sectionCount = header.u16('e_shnum')
    const nameTable = header.u16('e_shstrndx')
    this.#segments = this.#table(segmentTable, segmentSize, segmentCount, 56, (one) => {
      const type = one.u32()
      one.u32()
      const offset = one.size64()
      const address = one.size64()
      one.u64()
      return { type, offset, address, fileSize: one.size64() }
    }).filter((segment) => segment.type === PT_LOAD)
    this.#sections = this.#table(sectionTable, sectionSize, sectionCount, 64, (one) => {
      const name = one.u32()
      const type = one.u32()
      one.u64()
      const address = one.size64()
      return { name, type, address, offset: one.size64(), size: one.size64(), link: one.u32() }
    })
    const names = this.#sections[nameTable]
    this.#names = names === undefined ? new Uint8Array(0) : this.#data(names)
  }

  /** Where an address lies in the file; undefined for one that is not loaded from it. */
  fileOffset(address: number): number | undefined {
    const segment = this.#segments.find((one) => address >= one.address && address < one.address + one.fileSize)
    return segment === undefined ? undefined : address - segment.address + segment.offset
  }

  /**
   * A function by name, `name@VERSION` among versions left to the first: of the full symbol table, else of the dynamic
   * one. Undefined if there is none with code; throws FormatError for an indirect function, whose address is chosen when run.
   */
  function(name: string): ExecutableFunction | undefined {
    const wanted = new TextEncoder().encode(name)
    for (const type of [SHT.SYMTAB, SHT.DYNSYM]) {
      for (const found of this.#symbols(type)) {
        if (!this.#named(found.names, found.name, wanted)) continue
        const fileOffset = this.fileOffset(found.address)
        if (fileOffset === undefined) continue
        if (found.kind === STT_GNU_IFUNC) {
          throw new FormatError(
            'elf',
            `'${name}' is an indirect function: its code is chosen when the program starts`,
            {
              hint: 'probe the implementation it resolves to, by its name or offset',
            },
          )
        }
        return { name, address: found.address, size: found.size, fileOffset }
      }
    }
    return undefined
  }

  /** Virtual address of a symbol that is defined here, function or data; undefined without one. */
  address(name: string): number | undefined {
    const wanted = new TextEncoder().encode(name)
    for (const type of [SHT.SYMTAB, SHT.DYNSYM]) {
      for (const found of this.#symbols(type, true))
        if (this.#named(found.names, found.name, wanted)) return found.address
    }
    return undefined
  }

  /** Functions whose name matches; for patterns and suggestions. Several names of one place come once. */
  functions(matches: (name: string) => boolean): ExecutableFunction[] {
    const all = new Map<number, ExecutableFunction>()
    for (const type of [SHT.SYMTAB, SHT.DYNSYM]) {
      for (const { names, name: at, address, size, kind } of this.#symbols(type)) {
        if (kind !== STT.FUNC || all.has(address) || at >= names.length) continue
        const fileOffset = this.fileOffset(address)
        if (fileOffset === undefined) continue
        const name = cString(names, at)
        if (matches(name)) all.set(address, { name, address, size, fileOffset })
      }
    }
    return [...all.values()]
  }

  /** Static probes in the order of the file. */
  staticProbes(): StaticProbe[] {
    const base = this.#section('.stapsdt.base')
    const probes: StaticProbe[] = []
    for (const section of this.#sections) {
      if (section.type !== SHT.NOTE || this.#nameOf(section) !== '.note.stapsdt') continue
      const notes = new Cursor(this.#data(section), 'elf', this.#littleEndian)
      while (notes.remaining >= 12) {
        const nameSize = notes.u32('note name size')
        const size = notes.u32('note size')
        const type = notes.u32('note type')
        const owner = cString(notes.take(align4(nameSize), 'note name'))
        const note = notes.take(Math.min(align4(size), Math.max(size, notes.remaining)), 'note')
        if (type === NT_STAPSDT && owner === 'stapsdt') probes.push(this.#probe(note, base))
      }
    }
    return probes
  }

  #probe(note: Uint8Array, base: Section | undefined): StaticProbe {
    const cursor = new Cursor(note, 'elf', this.#littleEndian)
    const place = cursor.size64('probe address')
    const linkedBase = cursor.size64('probe base')
    const semaphore = cursor.size64('probe semaphore')
    const texts = note.subarray(24)
    const provider = cString(texts)
    const name = cString(texts, provider.length + 1)
    const args = cString(texts, provider.length + name.length + 2)
    const moved = base === undefined || linkedBase === 0 ? 0 : base.address - linkedBase
    const address = place + moved
    const fileOffset = this.fileOffset(address)
    if (fileOffset === undefined) {
      throw new FormatError('elf', `probe ${provider}:${name} lies at 0x${address.toString(16)}, outside the file`)
    }
    const semaphoreOffset = semaphore === 0 ? 0 : (this.fileOffset(semaphore + moved) ?? 0)
    return { provider, name, address, fileOffset, semaphoreOffset, args }
  }

  *#symbols(type: number, data = false) {
    for (const section of this.#sections) {
      if (section.type !== type) continue
      const strings = this.#sections[section.link]
      if (strings === undefined) continue
      const names = this.#data(strings)
      const table = this.#data(section)
      const view = new DataView(table.buffer, table.byteOffset, table.byteLength)
      const little = this.#littleEndian
      for (let at = 0; at + SYMBOL_SIZE <= table.length; at += SYMBOL_SIZE) {
        const kind = view.getUint8(at + 4) & 15
        if (kind !== STT.FUNC && kind !== STT_GNU_IFUNC && kind !== STT.NOTYPE && !(data && kind === STT.OBJECT))
          continue
        if (view.getUint16(at + 6, little) === SHN.UNDEF) continue
        const name = view.getUint32(at, little)
        const address = Number(view.getBigUint64(at + 8, little))
        yield { names, name, address, size: Number(view.getBigUint64(at + 16, little)), kind }
      }
    }
  }

  #named(names: Uint8Array, at: number, wanted: Uint8Array): boolean {
    if (at + wanted.length >= names.length || names[at + wanted.length] !== 0) return false
    for (let i = 0; i < wanted.length; i++) if (names[at + i] !== wanted[i]) return false
    return true
  }

  #section(name: string): Section | undefined {
    return this.#sections.find((section) => this.#nameOf(section) === name)
  }

  #nameOf(section: Section): string {
    return section.name < this.#names.length ? cString(this.#names, section.name) : ''
  }

  #data(section: Section): Uint8Array {
    if (section.type === SHT.NOBITS) return new Uint8Array(0)
    return this.#at(section.offset, section.size).take(section.size, 'section')
  }

  #table<T>(offset: number, entry: number, count: number, least: number, read: (one: Cursor) => T): T[] {
    if (count === 0) return []
    if (entry < least) throw new FormatError('elf', `header entries of ${entry} bytes, expected ${least}`)
    return Array.from({ length: count }, (_, index) => read(this.#at(offset + index * entry, least)))
  }

  #at(offset: number, size: number): Cursor {
    const cursor = new Cursor(this.#bytes, 'elf', this.#littleEndian, Math.min(offset, this.#bytes.length))
    if (offset + size > this.#bytes.length) {
      throw new FormatError('elf', `${size} bytes at ${offset} lie outside the file`, { offset })
    }
    return cursor
  }
}

function align4(value: number): number {
  return (value + 3) & ~3
}
