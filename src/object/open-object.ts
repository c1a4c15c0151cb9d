import { cString, FormatError } from '../base/index.js'
import { type Btf, type BtfDatasec, parseBtf, parseBtfExt } from '../btf/index.js'
import { type ElfRelocation, type ElfSymbol, EM, ET, machineName, readElf, STT } from '../elf/index.js'
import { matchSection } from '../spec/index.js'
import { withPlaces } from './btf-fixup.js'
import { collectBtfMaps } from './btf-maps.js'
import { collectDataMaps, objectName } from './data-maps.js'
import { collectExterns } from './externs.js'
import { collectFunctions, type FunctionTable } from './functions.js'
import { collectLegacyMaps, fillTailCalls } from './legacy-maps.js'
import { collectMapValues } from './map-values.js'
import { asObjectError } from './object-error.js'
import { programTypes } from './program-type.js'
import { ReferenceReader } from './references.js'
import { roledSections } from './sections.js'
import { fail, type Source } from './source.js'
import { collectStructOps } from './struct-ops.js'
import type { FunctionSpec, MapSpec, ObjectSpec, ProgramSpec, Reference } from './types.js'

export interface OpenOptions {
  /** Named in messages, and the source of libbpf's object name. */
  readonly file?: string | undefined
  /** Object name in place of the file's. */
  readonly name?: string | undefined
}

/**
 * Reads a BPF object file into plain data: programs, subprograms, maps, externs and global variables, with what they refer
 * to by name. Nothing is loaded and nothing outside `bytes` is looked at; the same bytes give the same spec.
 *
 * Understood: libbpf's `.maps`, `struct bpf_map_def` and iproute2's `struct bpf_elf_map`, data sections, .kconfig and .ksyms
 * externs, struct_ops, arenas, and libbpf's and older section names. Both byte orders.
 * @throws ObjectError for anything that is not such an object. What only one program suffers from (a reference that
 *   cannot be linked) is reported when that program is linked.
 */
export function openObject(bytes: Uint8Array, options: OpenOptions = {}): ObjectSpec {
  const source = openSource(bytes, options)
  return asObjectError(source.file, () => readSpec(source))
}

function openSource(bytes: Uint8Array, options: OpenOptions): Source {
  const { file } = options
  const elf = asObjectError(file, () => readElf(bytes))
  const notices: string[] = []
  const sections = roledSections(elf)
  const symbolsIn = new Map<number, ElfSymbol[]>()
  for (const symbol of elf.symbols) {
    if (symbol.type === STT.SECTION || symbol.type === STT.FILE || symbol.index === 0) continue
    const list = symbolsIn.get(symbol.section)
    if (list === undefined) symbolsIn.set(symbol.section, [symbol])
    else list.push(symbol)
  }
  const relocationsOf = new Map<number, ElfRelocation[]>()
  for (const { target, records } of elf.relocations) {
    const list = relocationsOf.get(target)
    if (list === undefined) relocationsOf.set(target, [...records])
    else for (const record of records) list.push(record)
  }
  const name = options.name ?? (file === undefined ? 'object' : objectName(file))
  const source = { file, name, elf, sections, btf: undefined, datasecs: new Map(), symbolsIn, relocationsOf, notices }
  if (elf.type !== ET.REL || (elf.machine !== EM.BPF && elf.machine !== EM.NONE)) {
    const what =
      elf.machine === EM.BPF || elf.machine === EM.NONE
        ? 'it is not relocatable'
        : `it is for ${machineName(elf.machine)}`
    fail(source, `elf: not a valid eBPF object file: ${what}`, { hint: 'compile with `clang -target bpf -c`' })
  }
  const btf = openBtf(source)
  return { ...source, btf, datasecs: btf === undefined ? new Map<string, BtfDatasec>() : datasecsOf(btf) }
}

/** The object's BTF with its DATASECs filled in. Broken BTF is a notice: most objects load without. */
function openBtf(source: Source): Btf | undefined {
  const section = source.sections.find(({ role }) => role === '.BTF')
  if (section === undefined || section.size === 0) return undefined
  const options = source.file === undefined ? {} : { file: source.file }
  try {
    return parseBtf(withPlaces(parseBtf(section.data, options), source.elf), options)
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    source.notices.push(`Error loading ELF section .BTF: ${error.reason}`)
    return undefined
  }
}

function datasecsOf(btf: Btf): Map<string, BtfDatasec> {
  const found = new Map<string, BtfDatasec>()
  for (let id = btf.startId; id < btf.typeCount; id++) {
    if (btf.kindOf(id) !== 'datasec') continue
    const type = btf.type(id)
    if (type.kind === 'datasec' && !found.has(type.name)) found.set(type.name, type)
  }
  return found
}

function readSpec(source: Source): ObjectSpec {
  const functions = collectFunctions(source)
  const definedMaps = [...collectLegacyMaps(source), ...collectBtfMaps(source)]
  collectMapValues(source, definedMaps, functions)
  const maps: MapSpec[] = definedMaps.map(({ map }) => map)
  const { placed, variables } = collectDataMaps(source, maps)
  const externs = collectExterns(source)
  if (externs.kconfigMap !== undefined) maps.push(externs.kconfigMap)
  maps.push(...collectStructOps(source, functions))
  const seen = new Set<string>()
  for (const map of maps) {
    if (seen.has(map.name)) {
      fail(source, `two maps are named '${map.name}'`, { section: map.section, symbol: map.name })
    }
    seen.add(map.name)
  }
  const reader = new ReferenceReader(source, { functions, maps: definedMaps, data: placed, externs })
  const references = functions.all.map((found) => reader.of(found))
  const tags = exceptionTags(source.btf, functions)
  const functionSpecs = functions.all.map(
    ({ name, section, offset, insns, global, hidden }, i): FunctionSpec => ({
      name,
      section: section.name,
      sectionIndex: section.index,
      offset,
      insns: insns.slice(),
      global,
      hidden,
      references: references[i]!,
      exceptionCallback: tags.get(i),
    }),
  )
  const programs = collectPrograms(source, functions, references)
  fillTailCalls(source, maps, programs)
  return {
    file: source.file,
    name: source.name,
    littleEndian: source.elf.littleEndian,
    license: license(source),
    version: version(source),
    functions: functionSpecs,
    programs,
    maps,
    externs: externs.externs,
    variables,
    btf: source.btf?.bytes,
    btfExt: btfExt(source),
    notices: source.notices,
  }
}

/**
 * Which functions are programs: the global ones of every section but .text. Where that leaves nothing, as in objects
 * whose source names no sections, those of .text that nothing calls and that have a program's context or are alone.
 */
function collectPrograms(
  source: Source,
  functions: FunctionTable,
  references: readonly (readonly Reference[])[],
): ProgramSpec[] {
  const called = new Set<number>()
  for (const list of references) {
    for (const reference of list) {
      if (reference.kind === 'call' || reference.kind === 'func') called.add(reference.target)
    }
  }
  const all = functions.all.map((found, index) => ({ found, index }))
  const sectionsWithGlobals = new Set(all.filter(({ found }) => found.global).map(({ found }) => found.section.index))
  const sectioned = all.filter(({ found: { section, global }, index }) => {
    if (section.name === '.text') return false
    if (global) return true
    // Old sources have `static` programs: the only functions of a section with a program's name.
    return !sectionsWithGlobals.has(section.index) && !called.has(index) && matchSection(section.name) !== undefined
  })
  const plain = all.filter(({ found, index }) => found.global && !called.has(index))
  const entries = sectioned.length > 0 ? sectioned : plain
  const types = programTypes(
    entries.map(({ found }) => found),
    source.btf,
    ({ name }) => source.btf?.findByName(name, 'func'),
  )
  const programs = entries.map(({ found, index }, i) => ({
    name: found.name,
    section: found.section.name.replace(/^\?/, ''),
    function: index,
    ...types[i]!,
  }))
  if (sectioned.length > 0 || programs.length === 1 || source.btf === undefined) return programs
  return programs.filter(({ type }) => type !== 'unspec')
}

/** Functions tagged `exception_callback:NAME`, with the index of the function NAME; two tags make none. */
function exceptionTags(btf: Btf | undefined, functions: FunctionTable): Map<number, number> {
  const found = new Map<number, number>()
  if (btf === undefined) return found
  const byName = new Map(functions.all.map(({ name }, index) => [name, index]))
  const twice = new Set<number>()
  for (let id = btf.startId; id < btf.typeCount; id++) {
    if (btf.kindOf(id) !== 'decl_tag') continue
    const tag = btf.type(id)
    if (tag.kind !== 'decl_tag' || tag.componentIdx !== -1 || !tag.name.startsWith('exception_callback:')) continue
    const owner = byName.get(btf.typeName(tag.type))
    const callback = byName.get(tag.name.slice('exception_callback:'.length))
    if (owner === undefined || callback === undefined) continue
    if (found.has(owner)) twice.add(owner)
    found.set(owner, callback)
  }
  for (const owner of twice) found.delete(owner)
  return found
}

function license(source: Source): string {
  const section = source.sections.find(({ role }) => role === 'license')
  // The kernel reads at most 127 characters.
  return section === undefined ? '' : cString(section.data, 0, Math.min(section.size, 127))
}

function version(source: Source): number {
  const section = source.sections.find(({ role }) => role === 'version')
  if (section === undefined || section.size === 0) return 0
  if (section.size !== 4)
    fail(source, `invalid kver section: ${section.size} bytes instead of 4`, { section: 'version' })
  return new DataView(section.data.buffer, section.data.byteOffset, 4).getUint32(0, source.elf.littleEndian)
}

function btfExt(source: Source): Uint8Array | undefined {
  const section = source.sections.find(({ role }) => role === '.BTF.ext')
  if (section === undefined || section.size === 0) return undefined
  if (source.btf === undefined) {
    source.notices.push('Ignore ELF section .BTF.ext because its depending ELF section .BTF is not found.')
    return undefined
  }
  try {
    parseBtfExt(section.data, source.btf)
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    source.notices.push(`Error loading ELF section .BTF.ext: ${error.reason}. Ignored and continue.`)
    return undefined
  }
  return section.data.slice()
}
