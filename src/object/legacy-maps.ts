import { Cursor } from '../base/index.js'
import { resolve, sizeOf } from '../btf/index.js'
import { type ElfSymbol, STT } from '../elf/index.js'
import { bpf_map_create_flags, tailSection } from '../spec/index.js'
import type { PlacedMap } from './btf-maps.js'
import { isMapInMap, MAP, mapTypeName } from './map-types.js'
import type { RoledSection } from './sections.js'
import { datasecVars, fail, type Source } from './source.js'
import type { MapSpec } from './types.js'

// Two unrelated structs are found in `maps` sections:
//   struct bpf_map_def { type, key_size, value_size, max_entries, map_flags, … }: libbpf before 1.0, samples, Aya; 20 bytes and up.
//   struct bpf_elf_map { type, size_key, size_value, max_elem, flags, id, pinning, inner_id, inner_idx }: iproute2; 36 bytes.
const MAP_DEF_SIZE = 20
const ELF_MAP_SIZE = 36

type Form = 'bpf_map_def' | 'bpf_elf_map'

interface Record {
  readonly name: string
  readonly offset: number
  readonly size: number
  /** Name of the variable's struct in BTF, where there is one. */
  readonly typeName: string | undefined
}

/** Reads the maps of `maps` and `maps/…` sections. */
export function collectLegacyMaps(source: Source): PlacedMap[] {
  const placed: PlacedMap[] = []
  for (const section of source.sections) {
    if (section.role !== 'maps' || section.size === 0) continue
    const records = recordsOf(source, section)
    const form = formOf(source, section, records)
    for (const record of records) {
      const words = wordsOf(source, section, record, form)
      const plain = form === 'bpf_elf_map' ? elfMap(section, record, words) : mapDef(section, record, words)
      const map = { ...plain, ...keyValueTypes(source, plain) }
      placed.push({
        map,
        sectionIndex: section.index,
        offset: record.offset,
        size: record.size,
        valuesOffset: undefined,
      })
    }
  }
  linkInnerMaps(source, placed)
  return placed
}

function recordsOf(source: Source, section: RoledSection): Record[] {
  const types = new Map<number, string>()
  const btf = source.btf
  const vars = datasecVars(source, section.name)
  for (const { variable, offset } of vars) {
    const type = btf === undefined ? undefined : resolve(btf, variable.type)
    if (type !== undefined && type.kind === 'struct') types.set(offset, type.name)
  }
  const symbols = [...(source.symbolsIn.get(section.index) ?? [])]
    .filter((symbol) => symbol.type === STT.OBJECT || symbol.type === STT.NOTYPE)
    .filter((symbol) => symbol.name !== '' && !symbol.name.startsWith('.L'))
    .sort((a, b) => a.value - b.value || a.index - b.index)
  const starts: { name: string; value: number; size: number }[] = uniquePlaces(symbols)
  if (starts.length === 0) {
    for (const { variable, offset, size } of vars) starts.push({ name: variable.name, value: offset, size })
  }
  if (starts.length === 0) {
    return fail(source, `no maps found: section '${section.name}' has ${section.size} bytes but no symbol`, {
      section: section.name,
    })
  }
  return starts.map(({ name, value, size }, i) => {
    const end = starts[i + 1]?.value ?? section.size
    const own = size > 0 ? size : end - value
    if (value + own > section.size) {
      fail(source, `corrupted map definition '${name}': offset ${value}, size ${own} in ${section.size} bytes`, {
        section: section.name,
        symbol: name,
      })
    }
    return { name, offset: value, size: own, typeName: types.get(value) }
  })
}

function uniquePlaces(symbols: readonly ElfSymbol[]): ElfSymbol[] {
  return symbols.filter((symbol, i) => symbols[i - 1]?.value !== symbol.value)
}

/** Which of the two structs a section holds: by the struct's name in BTF, else by its size and the object's other signs. */
function formOf(source: Source, section: RoledSection, records: readonly Record[]): Form {
  const forms = records.map((record) => ownForm(record))
  const elf = records.find((_, i) => forms[i] === 'bpf_elf_map')
  const def = records.find((_, i) => forms[i] === 'bpf_map_def')
  if (elf !== undefined && def !== undefined) {
    fail(
      source,
      `section '${section.name}' mixes two kinds of map definition: ` +
        `'${def.name}' is a struct bpf_map_def (${def.size} bytes), '${elf.name}' a struct bpf_elf_map (${elf.size} bytes)`,
      { section: section.name, hint: 'define all maps of an object in one way' },
    )
  }
  const [first] = records
  const odd = records.find((record) => record.size !== first?.size)
  if (first !== undefined && odd !== undefined && elf === undefined && def === undefined) {
    fail(
      source,
      `unable to determine legacy map definition size in section '${section.name}': ` +
        `'${first.name}' has ${first.size} bytes, '${odd.name}' ${odd.size}`,
      { section: section.name },
    )
  }
  if (elf !== undefined) return 'bpf_elf_map'
  if (def !== undefined) return 'bpf_map_def'
  // 20 to 35 bytes without a name: either. iproute2's section names tell.
  const size = first?.size ?? 0
  return size !== MAP_DEF_SIZE && size < ELF_MAP_SIZE && looksLikeIproute2(source) ? 'bpf_elf_map' : 'bpf_map_def'
}

function ownForm(record: Record): Form | undefined {
  if (record.typeName === 'bpf_elf_map' || record.typeName === 'bpf_map_def') return record.typeName
  if (record.size === ELF_MAP_SIZE) return 'bpf_elf_map'
  if (record.size === MAP_DEF_SIZE) return 'bpf_map_def'
  return undefined
}

function looksLikeIproute2(source: Source): boolean {
  return source.sections.some(
    ({ role, name }) => role === 'code' && (/^(classifier|action|prog)$/.test(name) || tailSection(name) !== undefined),
  )
}

function wordsOf(source: Source, section: RoledSection, record: Record, form: Form): number[] {
  const place = { section: section.name, symbol: record.name }
  if (form === 'bpf_elf_map' && record.size > ELF_MAP_SIZE) {
    fail(
      source,
      `struct bpf_elf_map of '${record.name}' has ${record.size} bytes, more than the ${ELF_MAP_SIZE} known`,
      {
        ...place,
        hint: 'it was written for a newer iproute2',
      },
    )
  }
  if (form === 'bpf_map_def' && record.size < MAP_DEF_SIZE) {
    fail(
      source,
      `corrupted maps section: struct bpf_map_def of '${record.name}' has ${record.size} bytes, needs ${MAP_DEF_SIZE}`,
      place,
    )
  }
  if (record.size % 4 !== 0) {
    fail(source, `corrupted maps section: definition of '${record.name}' has ${record.size} bytes`, place)
  }
  if (form === 'bpf_elf_map' && record.size < ELF_MAP_SIZE) {
    source.notices.push(
      `Note: ${ELF_MAP_SIZE - record.size} bytes struct bpf_elf_map fixup performed due to size mismatch!`,
    )
  }
  const cursor = new Cursor(section.data, 'elf', source.elf.littleEndian, record.offset)
  const words = Array.from({ length: record.size / 4 }, () => cursor.u32('map definition'))
  while (words.length < ELF_MAP_SIZE / 4 && form === 'bpf_elf_map') words.push(0)
  return words
}

function baseSpec(section: RoledSection, record: Record, words: readonly number[], origin: Form): MapSpec {
  const [typeId = 0, keySize = 0, valueSize = 0, maxEntries = 0, flags = 0] = words
  return {
    name: record.name,
    type: mapTypeName(typeId),
    typeId,
    keySize,
    valueSize,
    maxEntries,
    flags,
    mapExtra: 0n,
    numaNode: undefined,
    pinning: 'none',
    btfKeyTypeId: 0,
    btfValueTypeId: 0,
    origin,
    section: section.name,
    id: undefined,
    extra: [],
    inner: undefined,
    initial: [],
    contents: undefined,
    frozen: false,
    autocreate: true,
    structOps: undefined,
  }
}

function elfMap(section: RoledSection, record: Record, words: readonly number[]): MapSpec {
  const [, , , , , id = 0, pinning = 0] = words
  return {
    ...baseSpec(section, record, words, 'bpf_elf_map'),
    id,
    pinning: ['none', 'object_ns', 'global_ns'][pinning] ?? `scope ${pinning}`,
    extra: words.slice(7),
  }
}

function mapDef(section: RoledSection, record: Record, words: readonly number[]): MapSpec {
  const spec = baseSpec(section, record, words, 'bpf_map_def')
  const extra = words.slice(5)
  const numa = (spec.flags & bpf_map_create_flags.BPF_F_NUMA_NODE) !== 0
  // With two words more it is the kernel samples' struct (inner_map_idx, numa_node) or Aya's (id, pinning).
  if (extra.length !== 2) return { ...spec, extra }
  const [first = 0, second = 0] = extra
  if (numa || isMapInMap(spec.typeId)) return { ...spec, extra, numaNode: numa ? second : undefined }
  return { ...spec, extra, id: first === 0 ? undefined : first, pinning: second === 1 ? 'by_name' : 'none' }
}

/** BPF_ANNOTATE_KV_PAIR(): a struct ____btf_map_NAME with members key and value gives a legacy map its types. */
function keyValueTypes(source: Source, map: MapSpec): Partial<MapSpec> {
  const { btf } = source
  const id = btf?.findByName(`____btf_map_${map.name}`, 'struct')
  const pair = id === undefined ? undefined : btf?.type(id)
  if (btf === undefined || pair?.kind !== 'struct') return {}
  const member = (name: string, size: number) => {
    const type = pair.members.find((candidate) => candidate.name === name)?.type
    return type !== undefined && sizeOf(btf, type) === size ? type : undefined
  }
  const btfKeyTypeId = member('key', map.keySize)
  const btfValueTypeId = member('value', map.valueSize)
  return btfKeyTypeId === undefined || btfValueTypeId === undefined ? {} : { btfKeyTypeId, btfValueTypeId }
}

/** iproute2's inner_id and inner_idx, and the samples' inner_map_idx. */
function linkInnerMaps(source: Source, placed: readonly PlacedMap[]): void {
  for (const { map } of placed) {
    if (map.origin === 'bpf_elf_map') {
      const innerId = map.extra[0] ?? 0
      if (innerId === 0 || !isMapInMap(map.typeId)) continue
      const inner = placed.find((other) => other.map.id === innerId && other.map.origin === 'bpf_elf_map')?.map
      if (inner === undefined) {
        fail(source, `map '${map.name}' wants the map with id ${innerId} inside, but there is none`, {
          section: map.section,
          symbol: map.name,
        })
      }
      map.inner = template(map, inner)
      const index = inner.extra[1] ?? 0
      if (index !== 0xffff_ffff) map.initial.push({ key: index, kind: 'map', name: inner.name })
    } else if (isMapInMap(map.typeId) && map.extra.length >= 1) {
      const inner = placed[map.extra[0] ?? 0]?.map
      if (inner !== undefined && inner !== map && inner.inner === undefined) map.inner = template(map, inner)
    }
  }
}

function template(outer: MapSpec, inner: MapSpec): MapSpec {
  return { ...inner, name: `${outer.name}.inner`, pinning: 'none', initial: [], inner: undefined }
}

/**
 * Fills program arrays from section names: iproute2's ID/KEY, and the kernel samples' socket/KEY and the like, which belong
 * to the one program array of an object with struct bpf_map_def.
 */
export function fillTailCalls(
  source: Source,
  maps: readonly MapSpec[],
  programs: readonly { readonly name: string; readonly section: string }[],
): void {
  const arrays = maps.filter((map) => map.typeId === MAP.PROG_ARRAY)
  const [only] = arrays.filter((map) => map.origin === 'bpf_map_def')
  for (const { name, section } of programs) {
    const tail = tailSection(section)
    const sample = /^(?:socket|sockops|sk_skb|sk_msg|k(?:ret)?probe)\/(\d{1,9})$/.exec(section)
    if (tail !== undefined) {
      const map = arrays.find((candidate) => candidate.id === tail.id)
      if (map !== undefined) fill(source, map, tail.key, name, section)
      else {
        source.notices.push(`section '${section}' belongs to the program array with id ${tail.id}, but there is none`)
      }
    } else if (sample !== null && only !== undefined && arrays.length === 1) {
      fill(source, only, Number(sample[1]), name, section)
    }
  }
}

function fill(source: Source, map: MapSpec, key: number, program: string, section: string): void {
  const known = map.initial.find((entry) => entry.key === key)
  if (known === undefined) map.initial.push({ key, kind: 'program', name: program })
  else source.notices.push(`section '${section}' has several programs: '${known.name}' is used, not '${program}'`)
}
