import type { PlacedMap } from './btf-maps.js'
import type { FunctionTable } from './functions.js'
import { SLOT } from './insn.js'
import { isMapInMap, MAP } from './map-types.js'
import type { RoledSection } from './sections.js'
import { fail, type Source } from './source.js'

/** Reads the initial values of map-in-maps and program arrays: the pointers in `.maps` that relocations fill. */
export function collectMapValues(source: Source, maps: readonly PlacedMap[], functions: FunctionTable): void {
  const section = source.sections.find((candidate) => candidate.role === '.maps')
  if (section === undefined) return
  const placed = maps.filter(({ sectionIndex }) => sectionIndex === section.index).sort((a, b) => a.offset - b.offset)
  const mapAt = new Map(placed.map((candidate) => [candidate.offset, candidate.map.name]))
  let at = 0
  const records = [...(source.relocationsOf.get(section.index) ?? [])].sort((a, b) => a.offset - b.offset)
  for (const record of records) {
    while (at < placed.length && record.offset >= placed[at]!.offset + placed[at]!.size) at++
    const owner = placed[at]
    const symbol = source.elf.symbols[record.symbol]!
    const place = { section: section.name, symbol: symbol.name }
    if (owner === undefined || record.offset < owner.offset) {
      fail(source, `.maps relo: cannot find map for '${symbol.name}' at rel->r_offset ${record.offset}`, place)
    }
    const { map, valuesOffset } = owner
    const within = record.offset - owner.offset - (valuesOffset ?? 0)
    if (valuesOffset === undefined || within < 0 || within % 8 !== 0) {
      fail(source, `map '${map.name}': '${symbol.name}' initializes no element of its values`, place)
    }
    const key = within / 8
    const target = symbol.value + addendOf(source, section, record.offset, record.addend)
    if (isMapInMap(map.typeId)) {
      const name = symbol.section === section.index ? mapAt.get(target) : undefined
      if (name === undefined) fail(source, `map '${map.name}': '${symbol.name}' is not a map`, place)
      map.initial.push({ key, kind: 'map', name })
    } else if (map.typeId === MAP.PROG_ARRAY) {
      const index = functions.at(symbol.section, target / SLOT)
      const found = index === undefined ? undefined : functions.all[index]
      if (found === undefined || found.offset * SLOT !== target) {
        fail(source, `map '${map.name}': '${symbol.name}' isn't a valid program reference`, place)
      }
      map.initial.push({ key, kind: 'program', name: found.name })
    } else fail(source, `map '${map.name}' has initial values, but its type takes none`, place)
  }
}

function addendOf(source: Source, section: RoledSection, offset: number, addend: bigint | undefined): number {
  if (addend !== undefined) return Number(BigInt.asIntN(32, addend))
  if (offset + 8 > section.size) return 0
  const view = new DataView(section.data.buffer, section.data.byteOffset, section.data.byteLength)
  return Number(BigInt.asIntN(32, view.getBigUint64(offset, source.elf.littleEndian)))
}
