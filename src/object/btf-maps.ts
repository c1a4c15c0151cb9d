import { type Btf, type BtfMember, type BtfType, resolve, sizeOf } from '../btf/index.js'
import { isMapInMap, MAP, mapTypeName } from './map-types.js'
import { asObjectError } from './object-error.js'
import type { RoledSection } from './sections.js'
import { datasecVars, fail, type Source } from './source.js'
import type { MapSpec } from './types.js'

/** A map and the part of its section its definition takes. */
export interface PlacedMap {
  readonly map: MapSpec
  readonly sectionIndex: number
  readonly offset: number
  readonly size: number
  /** For `.maps`: where the `values` array begins in the definition. */
  readonly valuesOffset: number | undefined
}

interface Definition {
  typeId: number
  keySize: number
  valueSize: number
  maxEntries: number
  flags: number
  numaNode: number | undefined
  mapExtra: bigint
  pinning: number
  keyType: number
  valueType: number
  inner: Definition | undefined
  valuesOffset: number | undefined
}

/** Reads libbpf's `.maps`: every variable there is a struct whose member types say what the map is. */
export function collectBtfMaps(source: Source): PlacedMap[] {
  const section = source.sections.find((candidate) => candidate.role === '.maps' && candidate.size > 0)
  if (section === undefined) return []
  const btf = source.btf
  const vars = datasecVars(source, '.maps')
  if (btf === undefined || vars.length === 0) {
    return fail(source, "DATASEC '.maps' not found", {
      section: '.maps',
      hint: 'maps in .maps are described by BTF: compile with -g',
    })
  }
  return asObjectError(source.file, () =>
    vars.map(({ variable, offset, size }, i) => {
      const name = variable.name
      if (name === '') return fail(source, `map #${i}: empty name.`, { section: '.maps' })
      if (offset + size > section.size) {
        return fail(source, `map '${name}' BTF data is corrupted.`, { section: '.maps', symbol: name })
      }
      if (variable.linkage === 'extern') {
        return fail(source, `map '${name}': unsupported map linkage extern.`, { section: '.maps', symbol: name })
      }
      const type = resolve(btf, variable.type)
      if (type.kind !== 'struct') {
        return fail(source, `map '${name}': unexpected def kind ${type.kind}.`, { section: '.maps', symbol: name })
      }
      if (type.size > size) {
        return fail(source, `map '${name}': invalid def size.`, { section: '.maps', symbol: name })
      }
      const definition = new DefinitionReader(source, btf).read(name, type, false)
      return {
        map: toSpec(source, name, section, definition),
        sectionIndex: section.index,
        offset,
        size,
        valuesOffset: definition.valuesOffset,
      }
    }),
  )
}

class DefinitionReader {
  readonly #source: Source
  readonly #btf: Btf

  constructor(source: Source, btf: Btf) {
    this.#source = source
    this.#btf = btf
  }

  #fail(map: string, reason: string): never {
    return fail(this.#source, `map '${map}': ${reason}`, { section: '.maps', symbol: map })
  }

  read(map: string, type: BtfType & { kind: 'struct' | 'union' }, isInner: boolean): Definition {
    const definition: Definition = {
      typeId: 0,
      keySize: 0,
      valueSize: 0,
      maxEntries: 0,
      flags: 0,
      numaNode: undefined,
      mapExtra: 0n,
      pinning: 0,
      keyType: 0,
      valueType: 0,
      inner: undefined,
      valuesOffset: undefined,
    }
    for (const [i, member] of type.members.entries()) {
      const last = i === type.members.length - 1
      this.#member(map, definition, member, last, isInner)
    }
    if (definition.typeId === 0) this.#fail(map, "map type isn't specified.")
    return definition
  }

  #member(map: string, definition: Definition, member: BtfMember, last: boolean, isInner: boolean): void {
    switch (member.name) {
      case 'type':
        definition.typeId = this.#int(map, member)
        break
      case 'max_entries':
        definition.maxEntries = this.#int(map, member)
        break
      case 'map_flags':
        definition.flags = this.#int(map, member)
        break
      case 'numa_node':
        definition.numaNode = this.#int(map, member)
        break
      case 'map_extra':
        definition.mapExtra = this.#long(map, member)
        break
      case 'key_size':
        definition.keySize = this.#size(map, 'key', definition.keySize, this.#int(map, member))
        break
      case 'value_size':
        definition.valueSize = this.#size(map, 'value', definition.valueSize, this.#int(map, member))
        break
      case 'key': {
        const target = this.#pointer(map, 'key', member)
        definition.keySize = this.#size(map, 'key', definition.keySize, this.#sizeOf(map, 'key', target))
        definition.keyType = target
        break
      }
      case 'value': {
        const target = this.#pointer(map, 'value', member)
        definition.valueSize = this.#size(map, 'value', definition.valueSize, this.#sizeOf(map, 'value', target))
        definition.valueType = target
        break
      }
      case 'pinning':
        if (isInner) this.#fail(map, "inner def can't be pinned.")
        definition.pinning = this.#int(map, member)
        if (definition.pinning > 1) this.#fail(map, `invalid pinning value ${definition.pinning}.`)
        break
      case 'values':
        if (isInner) this.#fail(map, 'multi-level inner maps not supported.')
        if (!last) this.#fail(map, "'values' member should be last.")
        this.#values(map, definition, member)
        break
      default:
        this.#fail(map, `unknown field '${member.name}'.`)
    }
  }

  #values(map: string, definition: Definition, member: BtfMember): void {
    const mapInMap = isMapInMap(definition.typeId)
    if (!mapInMap && definition.typeId !== MAP.PROG_ARRAY) this.#fail(map, 'should be map-in-map or prog-array.')
    const what = mapInMap ? 'map-in-map inner' : 'prog-array value'
    definition.valueSize = this.#size(map, 'value', definition.valueSize, 4)
    definition.valuesOffset = member.bitOffset / 8
    const array = resolve(this.#btf, member.type)
    if (array.kind !== 'array' || array.length !== 0) this.#fail(map, `${what} spec is not a zero-sized array.`)
    const pointer = resolve(this.#btf, array.type)
    if (pointer.kind !== 'ptr') this.#fail(map, `${what} def is of unexpected kind ${pointer.kind}.`)
    const target = resolve(this.#btf, pointer.type)
    if (!mapInMap) {
      if (target.kind !== 'func_proto') this.#fail(map, `prog-array value def is of unexpected kind ${target.kind}.`)
      return
    }
    if (target.kind !== 'struct') this.#fail(map, `map-in-map inner def is of unexpected kind ${target.kind}.`)
    definition.inner = this.read(`${map}.inner`, target, true)
  }

  /** `__uint`: the length of an array a pointer points to. */
  #int(map: string, member: BtfMember): number {
    const pointer = resolve(this.#btf, member.type)
    if (pointer.kind !== 'ptr') return this.#fail(map, `attr '${member.name}': expected PTR, got ${pointer.kind}.`)
    const array = this.#btf.type(pointer.type)
    if (array.kind !== 'array') return this.#fail(map, `attr '${member.name}': expected ARRAY, got ${array.kind}.`)
    return array.length
  }

  /** `__ulong`: the only value of an enum; or as `__uint`. */
  #long(map: string, member: BtfMember): bigint {
    const type = resolve(this.#btf, member.type)
    if (type.kind === 'ptr') return BigInt(this.#int(map, member))
    if (type.kind !== 'enum' && type.kind !== 'enum64') {
      return this.#fail(map, `attr '${member.name}': expected ENUM or ENUM64, got ${type.kind}.`)
    }
    const [only, more] = type.values
    if (only === undefined || more !== undefined) return this.#fail(map, `attr '${member.name}': invalid __ulong`)
    return BigInt.asUintN(64, BigInt(only.value))
  }

  #pointer(map: string, what: string, member: BtfMember): number {
    const type = this.#btf.type(member.type)
    if (type.kind !== 'ptr') return this.#fail(map, `${what} spec is not PTR: ${type.kind}.`)
    return type.type
  }

  #sizeOf(map: string, what: string, typeId: number): number {
    try {
      return sizeOf(this.#btf, typeId)
    } catch {
      return this.#fail(map, `can't determine ${what} size for type [${typeId}]`)
    }
  }

  #size(map: string, what: string, known: number, size: number): number {
    if (known !== 0 && known !== size) this.#fail(map, `conflicting ${what} size ${known} != ${size}.`)
    return size
  }
}

function toSpec(source: Source, name: string, section: RoledSection, definition: Definition): MapSpec {
  return {
    name,
    type: mapTypeName(definition.typeId),
    typeId: definition.typeId,
    keySize: definition.keySize,
    valueSize: definition.valueSize,
    maxEntries: definition.maxEntries,
    flags: definition.flags,
    mapExtra: definition.mapExtra,
    numaNode: definition.numaNode,
    pinning: definition.pinning === 1 ? 'by_name' : 'none',
    btfKeyTypeId: definition.keyType,
    btfValueTypeId: definition.valueType,
    origin: '.maps',
    section: section.name,
    id: undefined,
    extra: [],
    inner: definition.inner === undefined ? undefined : toSpec(source, `${name}.inner`, section, definition.inner),
    initial: [],
    contents: undefined,
    frozen: false,
    autocreate: true,
    structOps: undefined,
  }
}
