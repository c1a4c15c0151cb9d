import { STT } from '../elf/index.js'
import { bpf_map_create_flags } from '../spec/index.js'
import { MAP, mapTypeName } from './map-types.js'
import type { RoledSection } from './sections.js'
import { datasecVars, fail, type Source } from './source.js'
import type { MapOrigin, MapSpec, VariableSpec } from './types.js'

/** A data section and the map that holds it; `base` is where the section begins in the map's value. */
export interface PlacedData {
  readonly sectionIndex: number
  readonly map: string
  readonly base: number
}

const NAME_LENGTH = 15

/** libbpf's name for an object: its file's name up to the first dot, at most 15 characters. */
export function objectName(file: string): string {
  const base = file.split('/').pop() ?? ''
  return (base.slice(0, NAME_LENGTH).split('.')[0] ?? '').slice(0, NAME_LENGTH)
}

/**
 * libbpf's name for the map of a data section: `.data`, `.rodata`, `.bss` and `.kconfig` get the start of the object's name
 * in front (7 or 8 characters), other sections keep their own name.
 */
export function dataMapName(object: string, section: string): string {
  if (section.indexOf('.', 1) > 0) return section
  const suffixLength = Math.min(Math.max(7, section.length), NAME_LENGTH)
  const prefix = object.slice(0, NAME_LENGTH - suffixLength)
  return (prefix + section.slice(0, suffixLength)).replace(/[^A-Za-z0-9_.]/g, '_')
}

export function dataMap(fields: {
  readonly name: string
  readonly section: string
  readonly origin: MapOrigin
  readonly size: number
  readonly contents: Uint8Array | undefined
  readonly btfValueTypeId: number
  readonly mmapable: boolean
}): MapSpec {
  const readonly = fields.origin === '.rodata' || fields.origin === '.kconfig'
  return {
    name: fields.name,
    type: mapTypeName(MAP.ARRAY),
    typeId: MAP.ARRAY,
    keySize: 4,
    valueSize: fields.size,
    maxEntries: 1,
    flags:
      (readonly ? bpf_map_create_flags.BPF_F_RDONLY_PROG : 0) |
      (fields.mmapable ? bpf_map_create_flags.BPF_F_MMAPABLE : 0),
    mapExtra: 0n,
    numaNode: undefined,
    pinning: 'none',
    btfKeyTypeId: 0,
    btfValueTypeId: fields.btfValueTypeId,
    origin: fields.origin,
    section: fields.section,
    id: undefined,
    extra: [],
    inner: undefined,
    initial: [],
    contents: fields.contents,
    frozen: readonly,
    autocreate: true,
    structOps: undefined,
  }
}

/** Makes maps of the data sections, and the arena's first contents; says where each section went. */
export function collectDataMaps(
  source: Source,
  maps: MapSpec[],
): { readonly placed: PlacedData[]; readonly variables: VariableSpec[] } {
  const placed: PlacedData[] = []
  const variables: VariableSpec[] = []
  for (const section of source.sections) {
    const { role } = section
    if (role === 'arena') {
      const arena = maps.find((map) => map.typeId === MAP.ARENA)
      if (arena === undefined) {
        if (section.size === 0) continue
        fail(
          source,
          `elf: sec '${section.name}': to use global __arena variables the ARENA map should be explicitly declared in SEC(".maps")`,
          { section: section.name },
        )
      }
      arena.contents = section.data.slice()
      placed.push({ sectionIndex: section.index, map: arena.name, base: 0 })
      variables.push(...variablesOf(source, section, arena.name, false))
      continue
    }
    if (role !== '.data' && role !== '.rodata' && role !== '.bss') continue
    const datasec = source.datasecs.get(section.name)
    const name = dataMapName(source.name, section.name)
    maps.push(
      dataMap({
        name,
        section: section.name,
        origin: role,
        size: section.size,
        contents: role === '.bss' ? undefined : section.data.slice(),
        btfValueTypeId: datasec?.id ?? 0,
        mmapable: datasecVars(source, section.name).some(({ variable }) => variable.linkage !== 'static'),
      }),
    )
    placed.push({ sectionIndex: section.index, map: name, base: 0 })
    variables.push(...variablesOf(source, section, name, role === '.rodata'))
    if ((source.relocationsOf.get(section.index)?.length ?? 0) > 0) {
      source.notices.push(`section '${section.name}' has pointers to other sections, which stay unset in its map`)
    }
  }
  return { placed, variables }
}

function variablesOf(source: Source, section: RoledSection, map: string, readonly: boolean): VariableSpec[] {
  const place = { map, section: section.name, readonly }
  const vars = datasecVars(source, section.name)
  if (vars.length > 0) {
    return vars
      .filter(({ offset, size }) => offset + size <= section.size)
      .map(({ variable, offset, size }) => ({ ...place, name: variable.name, offset, size, typeId: variable.type }))
  }
  return (source.symbolsIn.get(section.index) ?? [])
    .filter((symbol) => symbol.type === STT.OBJECT && symbol.size > 0 && symbol.value + symbol.size <= section.size)
    .map(({ name, value, size }) => ({ ...place, name, offset: value, size, typeId: 0 }))
}
