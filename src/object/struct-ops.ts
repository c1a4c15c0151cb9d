import { resolve } from '../btf/index.js'
import { bpf_map_create_flags } from '../spec/index.js'
import type { FunctionTable } from './functions.js'
import { SLOT } from './insn.js'
import { MAP, mapTypeName } from './map-types.js'
import { asObjectError } from './object-error.js'
import type { RoledSection } from './sections.js'
import { datasecVars, fail, type Source } from './source.js'
import type { MapSpec, StructOpsFunction } from './types.js'

/** Reads the variables of .struct_ops and .struct_ops.link: each becomes a map whose functions are programs of the object. */
export function collectStructOps(source: Source, functions: FunctionTable): MapSpec[] {
  const maps: MapSpec[] = []
  const btf = source.btf
  for (const section of source.sections) {
    if (section.role !== '.struct_ops') continue
    const vars = datasecVars(source, section.name)
    if (btf === undefined || vars.length === 0) {
      fail(source, `struct_ops init: DATASEC ${section.name} not found`, {
        section: section.name,
        hint: 'struct_ops maps are described by BTF: compile with -g',
      })
    }
    asObjectError(source.file, () => {
      for (const { variable, offset } of vars) {
        const place = { section: section.name, symbol: variable.name }
        const type = resolve(btf, variable.type)
        if (type.kind !== 'struct' || type.name === '') {
          fail(source, `struct_ops init: ${variable.name} is not of a named struct type`, place)
        }
        if (offset + type.size > section.size) {
          fail(source, `struct_ops init: var ${variable.name} is beyond the end of DATASEC ${section.name}`, place)
        }
        const link = section.name.endsWith('.link')
        maps.push({
          name: variable.name,
          type: mapTypeName(MAP.STRUCT_OPS),
          typeId: MAP.STRUCT_OPS,
          keySize: 4,
          valueSize: type.size,
          maxEntries: 1,
          flags: link ? bpf_map_create_flags.BPF_F_LINK : 0,
          mapExtra: 0n,
          numaNode: undefined,
          pinning: 'none',
          btfKeyTypeId: 0,
          btfValueTypeId: type.id,
          origin: '.struct_ops',
          section: section.name,
          id: undefined,
          extra: [],
          inner: undefined,
          initial: [],
          contents: section.data.slice(offset, offset + type.size),
          frozen: false,
          autocreate: !section.name.startsWith('?'),
          structOps: {
            typeName: type.name,
            typeId: type.id,
            functions: functionsOf(source, functions, section, offset, type),
            link,
          },
        })
      }
    })
  }
  return maps
}

function functionsOf(
  source: Source,
  functions: FunctionTable,
  section: RoledSection,
  start: number,
  type: {
    readonly size: number
    readonly name: string
    readonly members: readonly { name: string; bitOffset: number }[]
  },
): StructOpsFunction[] {
  const found: StructOpsFunction[] = []
  for (const record of source.relocationsOf.get(section.index) ?? []) {
    const offset = record.offset - start
    if (offset < 0 || offset >= type.size) continue
    const symbol = source.elf.symbols[record.symbol]!
    const memberIndex = type.members.findIndex((member) => member.bitOffset === offset * 8)
    const member = type.members[memberIndex]
    const place = { section: section.name, symbol: symbol.name }
    if (member === undefined) {
      return fail(source, `struct_ops reloc ${type.name}: cannot find member at moff ${offset}`, place)
    }
    const view = new DataView(section.data.buffer, section.data.byteOffset, section.data.byteLength)
    const inPlace = record.offset + 8 <= section.size ? view.getBigUint64(record.offset, source.elf.littleEndian) : 0n
    const target = symbol.value + Number(BigInt.asIntN(32, record.addend ?? inPlace))
    const index = functions.at(symbol.section, target / SLOT)
    const program = index === undefined ? undefined : functions.all[index]
    if (program === undefined || program.offset * SLOT !== target) {
      return fail(
        source,
        `struct_ops reloc ${type.name}: cannot find prog at offset ${target} of '${symbol.name}'`,
        place,
      )
    }
    found.push({ member: member.name, offset, memberIndex, program: program.name })
  }
  return found.sort((a, b) => a.offset - b.offset)
}
