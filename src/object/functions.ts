import { type ElfSymbol, STB, STT, STV } from '../elf/index.js'
import { swapByteOrder } from '../isa/index.js'
import { SLOT } from './insn.js'
import type { RoledSection } from './sections.js'
import { fail, type Source } from './source.js'

/** A function as its symbol places it. */
export interface FoundFunction {
  readonly name: string
  readonly section: RoledSection
  /** Slots from the start of the section. */
  readonly offset: number
  readonly insns: Uint8Array
  readonly global: boolean
  readonly hidden: boolean
}

/** All functions of an object, in file order, and a way to find the one at a place. */
export class FunctionTable {
  readonly all: readonly FoundFunction[]
  /** Indices into `all` of each section's functions, ascending by offset. */
  readonly #bySection = new Map<number, number[]>()

  constructor(all: readonly FoundFunction[]) {
    this.all = all
    for (const [index, { section }] of all.entries()) {
      const list = this.#bySection.get(section.index)
      if (list === undefined) this.#bySection.set(section.index, [index])
      else list.push(index)
    }
  }

  /** The function that has the instruction at `slot` of a section; the innermost start wins. */
  at(sectionIndex: number, slot: number): number | undefined {
    const list = this.#bySection.get(sectionIndex)
    if (list === undefined) return undefined
    let low = 0
    let high = list.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.all[list[middle]!]!.offset <= slot) low = middle + 1
      else high = middle
    }
    const last = list[low - 1]
    if (last === undefined) return undefined
    // Of several names for one place, the first.
    const start = this.all[last]!.offset
    let index = low - 1
    while (index > 0 && this.all[list[index - 1]!]!.offset === start) index--
    const found = list[index]!
    const { offset, insns } = this.all[found]!
    return slot < offset + insns.length / SLOT ? found : undefined
  }
}

/** Finds the functions of every section with instructions. */
export function collectFunctions(source: Source): FunctionTable {
  const found: FoundFunction[] = []
  for (const section of source.sections) {
    if (section.role === 'code') found.push(...functionsOf(source, section))
  }
  return new FunctionTable(found)
}

function functionsOf(source: Source, section: RoledSection): FoundFunction[] {
  if (section.size % SLOT !== 0) {
    fail(source, `sec '${section.name}': size ${section.size} is not a multiple of an instruction's ${SLOT} bytes`, {
      section: section.name,
    })
  }
  const insns = source.elf.littleEndian ? section.data : swapByteOrder(section.data)
  const symbols = entrySymbols(source, section)
  if (symbols.length === 0) {
    // No symbols at all (stripped, or written by hand): the section is one function named after it.
    const name = section.name.replace(/[^A-Za-z0-9_.]/g, '_')
    return [{ name, section, offset: 0, insns, global: true, hidden: false }]
  }
  let covered = 0
  return symbols.map((symbol, i) => {
    const { name, value, size } = symbol
    const next = symbols.slice(i + 1, i + 2).find((other) => other.value > value)?.value
    const end = size > 0 ? value + size : (next ?? section.size)
    if (value % SLOT !== 0 || end % SLOT !== 0) {
      fail(source, `sec '${section.name}': corrupted program '${name}', offset ${value}, size ${end - value}`, {
        section: section.name,
        symbol: name,
      })
    }
    if (value >= section.size || end > section.size) {
      fail(source, `sec '${section.name}': program at offset ${value} crosses section boundary`, {
        section: section.name,
        symbol: name,
      })
    }
    covered += end - value
    if (covered > 16 * section.size) {
      fail(source, `sec '${section.name}': its functions overlap many times over`, { section: section.name })
    }
    return {
      name,
      section,
      offset: value / SLOT,
      insns: insns.subarray(value, end),
      global: symbol.bind !== STB.LOCAL,
      hidden: symbol.visibility === STV.HIDDEN || symbol.visibility === STV.INTERNAL,
    }
  })
}

/** The symbols that begin functions: those of type FUNC; compilers before LLVM 9 gave none, so then the named ones. */
function entrySymbols(source: Source, section: RoledSection): ElfSymbol[] {
  const symbols = source.symbolsIn.get(section.index) ?? []
  let entries = symbols.filter((symbol) => symbol.type === STT.FUNC)
  if (entries.length === 0) {
    // LBB… are labels inside functions.
    entries = symbols.filter(
      (symbol) => symbol.type === STT.NOTYPE && symbol.name !== '' && !/^\.?L?BB\d|^LBB/.test(symbol.name),
    )
    const globals = entries.filter((symbol) => symbol.bind !== STB.LOCAL)
    if (globals.length > 0) entries = globals
    entries = entries.filter((symbol) => symbol.value < section.size)
  }
  return entries.filter((symbol) => symbol.name !== '').sort((a, b) => a.value - b.value || a.index - b.index)
}
