import {
  type Btf,
  BtfBuilder,
  fixDatasecs,
  mergeBtf,
  type NewBtfType,
  parseBtf,
  retarget,
  sizeOf,
} from '../../btf/index.js'
import { type ElfFile, STB } from '../../elf/index.js'
import { ObjectError } from '../object-error.js'
import type { MergedSections } from './merge-sections.js'
import type { MergedSymbols } from './merge-symbols.js'

export interface TypedInput {
  readonly file: string
  readonly elf: ElfFile
  readonly btf: Btf | undefined
}

export interface MergedTypes {
  readonly builder: BtfBuilder
  /** The new id of a type of an input. */
  idOf(input: number, id: number): number
}

/** Whose description of a global name counts. */
interface Chosen {
  readonly input: number
  readonly id: number
}

/**
 * One BTF of several objects: equal types once; of each global function and variable one description, that of the object which defines
 * it; sections described anew. Throws ObjectError where a declaration does not fit the definition.
 */
export function mergeTypes(
  inputs: readonly TypedInput[],
  sections: MergedSections,
  { definedBy }: MergedSymbols,
): MergedTypes {
  const parsed = inputs.map(({ btf, elf, file }) => (btf === undefined ? undefined : withPlaces(btf, elf, file)))
  const chosen = chooseGlobals(inputs, parsed, definedBy)
  const isDropped = (input: number, id: number): Chosen | undefined => {
    const type = (parsed[input] as Btf).type(id)
    if ((type.kind !== 'func' && type.kind !== 'var') || type.linkage === 'static') return undefined
    const choice = chosen.get(type.name)
    return choice === undefined || (choice.input === input && choice.id === id) ? undefined : choice
  }

  const kept: Btf[] = []
  const ownIds: (Map<number, number> | undefined)[] = []
  for (const [input, btf] of parsed.entries()) {
    if (btf === undefined) {
      ownIds.push(undefined)
      kept.push(parseBtf(new BtfBuilder().build()))
      continue
    }
    const ids = new Map<number, number>([[0, 0]])
    const types: NewBtfType[] = []
    const orphans = orphanedPrototypes(btf, (id) => isDropped(input, id) !== undefined)
    for (let id = 1; id < btf.typeCount; id++) {
      const type = btf.type(id)
      if (orphans.has(id)) continue
      if (type.kind === 'void' || type.kind === 'datasec' || isDropped(input, id) !== undefined) continue
      if (type.kind === 'decl_tag' && isDropped(input, type.type) !== undefined) continue
      ids.set(id, types.push(type))
    }
    const builder = new BtfBuilder()
    for (const type of types) builder.add(retarget(type, (id) => ids.get(id) ?? 0))
    kept.push(parseBtf(builder.build()))
    ownIds.push(ids)
  }
  const merged = mergeBtf(kept)
  const idOf = (input: number, id: number): number => {
    if (id === 0) return 0
    const choice = isDropped(input, id)
    if (choice !== undefined) return idOf(choice.input, choice.id)
    return merged.ids[input]?.[ownIds[input]?.get(id) ?? 0] ?? 0
  }
  addSections(merged.builder, parsed, sections, (input, id) => (isDropped(input, id) ? undefined : idOf(input, id)))
  return { builder: merged.builder, idOf }
}

/** Prototypes of dropped functions that nothing else has. */
function orphanedPrototypes(btf: Btf, isDropped: (id: number) => boolean): Set<number> {
  const orphans = new Set<number>()
  const used = new Set<number>()
  for (let id = 1; id < btf.typeCount; id++) {
    const type = btf.type(id)
    if (type.kind === 'func' && isDropped(id)) orphans.add(type.type)
    else if (type.kind !== 'void') retarget(type, (each) => used.add(each).size)
  }
  for (const id of orphans) if (used.has(id)) orphans.delete(id)
  return orphans
}

/** Offsets of global variables from the symbols; hidden ones stay global, as other objects may still use them. */
function withPlaces(btf: Btf, elf: ElfFile, file: string): Btf {
  const globals = new Map(elf.symbols.filter(({ bind }) => bind !== STB.LOCAL).map((each) => [each.name, each.value]))
  return parseBtf(
    fixDatasecs(btf, (name) => {
      const section = elf.sections.find((each) => each.name === name)
      return section === undefined ? undefined : { size: section.size, offsetOf: (variable) => globals.get(variable) }
    }),
    { file },
  )
}

function chooseGlobals(
  inputs: readonly TypedInput[],
  parsed: readonly (Btf | undefined)[],
  definedBy: ReadonlyMap<string, number>,
): Map<string, Chosen> {
  const chosen = new Map<string, Chosen>()
  for (const [input, btf] of parsed.entries()) {
    if (btf === undefined) continue
    for (let id = 1; id < btf.typeCount; id++) {
      const type = btf.type(id)
      if ((type.kind !== 'func' && type.kind !== 'var') || type.linkage === 'static') continue
      const before = chosen.get(type.name)
      if (before !== undefined) checkSame(parsed, before, { input, id }, inputs[input]?.file ?? '')
      if (before === undefined || definedBy.get(type.name) === input) chosen.set(type.name, { input, id })
    }
  }
  return chosen
}

/** Two descriptions of a name: a function or a variable in both, of the same size. */
function checkSame(parsed: readonly (Btf | undefined)[], one: Chosen, other: Chosen, file: string): void {
  const [a, b] = [parsed[one.input] as Btf, parsed[other.input] as Btf]
  const [first, second] = [a.type(one.id), b.type(other.id)]
  const wrong = (what: string) =>
    new ObjectError(`'${first.name}' in '${file}' ${what} than in the objects before`, { file, symbol: first.name })
  if (first.kind !== second.kind) throw wrong('is another kind of symbol')
  if (first.kind !== 'var' || second.kind !== 'var') return
  const known = (btf: Btf, id: number) => !['fwd', 'void', 'func_proto'].includes(btf.kindOf(id))
  if (!known(a, first.type) || !known(b, second.type)) return
  const [here, there] = [sizeOf(a, first.type), sizeOf(b, second.type)]
  // `extern int many[];` leaves the size to the definition.
  if (here !== there && here !== 0 && there !== 0) throw wrong('has another size')
}

function addSections(
  builder: BtfBuilder,
  parsed: readonly (Btf | undefined)[],
  { sections, places }: MergedSections,
  idOf: (input: number, id: number) => number | undefined,
): void {
  const found = new Map<string, { size: number; vars: { type: number; offset: number; size: number }[] }>()
  for (const [input, btf] of parsed.entries()) {
    if (btf === undefined) continue
    for (let id = 1; id < btf.typeCount; id++) {
      const type = btf.type(id)
      if (type.kind !== 'datasec') continue
      const index = sections.findIndex(({ name }) => name === type.name)
      const place = [...(places[input]?.values() ?? [])].find(({ section }) => section === index + 1)
      const offset = place?.offset ?? 0
      let all = found.get(type.name)
      if (all === undefined) found.set(type.name, (all = { size: sections[index]?.size ?? type.size, vars: [] }))
      else if (type.name === 'license' || type.name === 'version') continue
      for (const entry of type.vars) {
        const own = idOf(input, entry.type)
        if (own === undefined || own === 0) continue
        if (all.vars.some((other) => other.type === own)) continue
        all.vars.push({ type: own, offset: entry.offset + offset, size: entry.size })
      }
    }
  }
  for (const [name, { size, vars }] of found) {
    builder.add({ kind: 'datasec', name, size, vars: vars.sort((a, b) => a.offset - b.offset) })
  }
}
