import {
  type BtfExtGroup,
  type CoreRelo,
  encodeBtfExt,
  type FuncInfo,
  type LineInfo,
  parseBtf,
  parseBtfExt,
} from '../../btf/index.js'
import {
  type ElfFile,
  type ElfRelocationInput,
  type ElfSectionInput,
  EM,
  ET,
  findSection,
  R_BPF,
  readElf,
  SHF,
  STT,
  writeElf,
} from '../../elf/index.js'
import { asObjectError, ObjectError } from '../object-error.js'
import { type MergedSections, mergeSections } from './merge-sections.js'
import { type MergedSymbols, mergeSymbols } from './merge-symbols.js'
import { type MergedTypes, mergeTypes, type TypedInput } from './merge-types.js'

export interface LinkInput {
  readonly file: string
  readonly bytes: Uint8Array
}

/**
 * Static linking: one object of several, as libbpf's linker makes it. Sections of one name are put behind each other; externs find their
 * definitions, strong symbols beat weak ones; types are merged and freed of duplicates; function, line and CO-RE records move with the
 * code. What is still undefined stays so: a kernel may have it. Code of weak functions that lost stays, and nothing calls it.
 * @throws ObjectError for what is no little-endian BPF object, for two strong definitions of a name, for sections, licenses and
 *   declarations that do not fit each other.
 */
export function linkObjects(inputs: readonly LinkInput[]): Uint8Array {
  const opened = inputs.map(openInput)
  const sections = mergeSections(opened)
  const symbols = mergeSymbols(opened, sections)
  const relocations = sections.sections.map((): ElfRelocationInput[] => [])
  for (const [input, { elf, file }] of opened.entries()) {
    asObjectError(file, () => moveRelocations(elf, input, { sections, symbols, relocations, file }))
  }
  const all: ElfSectionInput[] = sections.sections.map((section, index) => ({
    ...section,
    relocations: relocations[index] ?? [],
  }))
  if (opened.some(({ btf }) => btf !== undefined)) {
    const types = asObjectError(undefined, () => mergeTypes(opened, sections, symbols))
    const ext = mergeExt(opened, sections, types)
    // The records add their texts: the types are written after them.
    const plain = { flags: 0, addralign: 4 }
    all.push({ ...plain, name: '.BTF', data: types.builder.build() })
    if (ext !== undefined) all.push({ ...plain, name: '.BTF.ext', data: ext })
  }
  return writeElf({ sections: all, symbols: symbols.symbols })
}

function openInput({ file, bytes }: LinkInput): TypedInput {
  return asObjectError(file, () => {
    const elf = readElf(bytes)
    if (elf.type !== ET.REL || (elf.machine !== EM.BPF && elf.machine !== EM.NONE)) {
      throw new ObjectError('it is no relocatable BPF object', { file, hint: 'compile with `clang -target bpf -c`' })
    }
    if (!elf.littleEndian) throw new ObjectError('big-endian objects are not linked', { file })
    const section = findSection(elf, '.BTF')
    const btf = section === undefined || section.size === 0 ? undefined : parseBtf(section.data, { file })
    return { file, elf, btf }
  })
}

interface Output {
  readonly sections: MergedSections
  readonly symbols: MergedSymbols
  readonly relocations: readonly ElfRelocationInput[][]
  readonly file: string
}

/** Moves the relocations of an input, and what fields patched against a section's start already say. */
function moveRelocations(elf: ElfFile, input: number, { sections, symbols, relocations, file }: Output): void {
  const places = sections.places[input]
  for (const { target, records } of elf.relocations) {
    const at = places?.get(target)
    if (at === undefined) continue
    const into = sections.sections[at.section - 1]
    if (into === undefined) continue
    const view = new DataView(into.data.buffer)
    for (const record of records) {
      const symbol = elf.symbols[record.symbol]
      const index = symbols.indices[input]?.[record.symbol]
      const offset = at.offset + record.offset
      if (symbol === undefined || index === undefined) {
        throw new ObjectError(`a relocation in '${into.name}' names a symbol that is left out`, {
          file,
          section: into.name,
        })
      }
      const width = record.type === R_BPF.ABS64 || record.type === R_BPF.LD64 ? 8 : 4
      if (offset + Math.max(width, (into.flags ?? 0) & SHF.EXECINSTR ? 8 : 0) > into.data.length) {
        throw new ObjectError(`a relocation lies outside section '${into.name}'`, { file, section: into.name })
      }
      const by = symbol.type === STT.SECTION ? (places?.get(symbol.section)?.offset ?? 0) : 0
      if (by !== 0 && record.addend === undefined) {
        if (record.type === R_BPF.LD64) add32(view, offset + 4, by)
        else if (record.type === R_BPF.CALL32) add32(view, offset + 4, by / 8)
        else if (record.type === R_BPF.ABS64) {
          view.setBigUint64(offset, view.getBigUint64(offset, true) + BigInt(by), true)
        } else add32(view, offset, by)
      }
      const addend = record.addend === undefined ? {} : { addend: record.addend + BigInt(by) }
      relocations[at.section - 1]?.push({ offset, type: record.type, symbol: index, ...addend })
    }
  }
}

function add32(view: DataView, at: number, by: number): void {
  view.setInt32(at, view.getInt32(at, true) + by, true)
}

function mergeExt(inputs: readonly TypedInput[], sections: MergedSections, types: MergedTypes): Uint8Array | undefined {
  const names = sections.sections.map(({ name }) => name)
  const merged = {
    funcInfo: new Map<string, FuncInfo[]>(),
    lineInfo: new Map<string, LineInfo[]>(),
    coreRelos: new Map<string, CoreRelo[]>(),
  }
  for (const [input, { file, elf, btf }] of inputs.entries()) {
    const section = findSection(elf, '.BTF.ext')
    if (btf === undefined || section === undefined || section.size === 0) continue
    const ext = asObjectError(file, () => parseBtfExt(section.data, btf))
    const move = <T extends { readonly insnOff: number; readonly typeId?: number }>(
      into: Map<string, T[]>,
      groups: readonly BtfExtGroup<T>[],
    ) => {
      for (const { section: name, records } of groups) {
        const own = elf.sections.find((each) => each.name === name)
        const place = own === undefined ? undefined : sections.places[input]?.get(own.index)
        if (place === undefined) continue
        const list = into.get(name) ?? []
        into.set(name, list)
        for (const record of records) {
          const typeId = record.typeId === undefined ? {} : { typeId: types.idOf(input, record.typeId) }
          list.push({ ...record, insnOff: record.insnOff + place.offset, ...typeId })
        }
      }
    }
    move(merged.funcInfo, ext.funcInfo)
    move(merged.lineInfo, ext.lineInfo)
    move(merged.coreRelos, ext.coreRelos)
  }
  const groups = <T>(from: Map<string, T[]>): BtfExtGroup<T>[] =>
    names.filter((name) => from.has(name)).map((name) => ({ section: name, records: from.get(name) ?? [] }))
  const ext = {
    funcInfo: groups(merged.funcInfo),
    lineInfo: groups(merged.lineInfo),
    coreRelos: groups(merged.coreRelos),
  }
  if (ext.funcInfo.length + ext.lineInfo.length + ext.coreRelos.length === 0) return undefined
  return encodeBtfExt(ext, (text) => types.builder.addString(text))
}
