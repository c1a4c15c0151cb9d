import { type ElfFile, type ElfSymbol, type ElfSymbolInput, SHN, STB, STT, STV } from '../../elf/index.js'
import { ObjectError } from '../object-error.js'
import { type MergedSections, ONCE } from './merge-sections.js'

export interface MergedSymbols {
  readonly symbols: readonly ElfSymbolInput[]
  /** For each input, by symbol: the index in `symbols`; undefined for those of sections that are left out. */
  readonly indices: readonly (readonly (number | undefined)[])[]
  /** The input that defines a global symbol; undefined while none does. */
  readonly definedBy: ReadonlyMap<string, number>
}

interface Global {
  readonly index: number
  symbol: ElfSymbolInput
  definedBy: number | undefined
}

/**
 * One symbol table of several. Local symbols stay apart; a global name is one symbol: a definition serves whoever declares it, a strong
 * one beats weak ones, of weak ones the first counts. Throws ObjectError for two strong definitions.
 */
export function mergeSymbols(
  inputs: readonly { readonly file: string; readonly elf: ElfFile }[],
  sections: MergedSections,
): MergedSymbols {
  const symbols: ElfSymbolInput[] = []
  const globals = new Map<string, Global>()
  const ofSection = new Map<number, number>()
  const indices = inputs.map(({ elf, file }, input) => {
    const place = (symbol: ElfSymbol) => sections.places[input]?.get(symbol.section)
    return elf.symbols.map((symbol) => {
      const at = place(symbol)
      if (symbol.type === STT.SECTION) {
        if (at === undefined) return undefined
        let index = ofSection.get(at.section)
        if (index === undefined) {
          index = symbols.push({ name: '', bind: STB.LOCAL, type: STT.SECTION, section: at.section }) - 1
          ofSection.set(at.section, index)
        }
        return index
      }
      if (symbol.index === 0) return undefined
      const special = symbol.section === SHN.UNDEF || symbol.section === SHN.ABS || symbol.section === SHN.COMMON
      if (at === undefined && !special) return undefined
      const moved: ElfSymbolInput = {
        name: symbol.name,
        value: symbol.value + (at?.offset ?? 0),
        size: symbol.size,
        bind: symbol.bind,
        type: symbol.type,
        visibility: symbol.visibility,
        section: at?.section ?? symbol.section,
      }
      if (symbol.bind === STB.LOCAL) return symbols.push(moved) - 1
      const known = globals.get(symbol.name)
      const defined = symbol.section !== SHN.UNDEF
      if (known === undefined) {
        const index = symbols.push(moved) - 1
        globals.set(symbol.name, { index, symbol: moved, definedBy: defined ? input : undefined })
        return index
      }
      // The license is everybody's.
      if (at !== undefined && ONCE.has(sections.sections[at.section - 1]?.name ?? '')) return known.index
      const strong = known.definedBy !== undefined && known.symbol.bind !== STB.WEAK
      const wins = defined && (known.definedBy === undefined || (!strong && moved.bind !== STB.WEAK))
      if (defined && strong && moved.bind !== STB.WEAK) throw conflict(symbol.name, file)
      known.symbol = joined(known, moved, wins)
      if (wins) known.definedBy = input
      symbols[known.index] = known.symbol
      return known.index
    })
  })
  const definedBy = new Map<string, number>()
  for (const [name, { definedBy: input }] of globals) if (input !== undefined) definedBy.set(name, input)
  return { symbols, indices, definedBy }
}

/** What a name stands for after one more object has spoken of it, whose definition `wins` or not. */
function joined({ symbol, definedBy }: Global, next: ElfSymbolInput, wins: boolean): ElfSymbolInput {
  const visibility = strictest(symbol.visibility, next.visibility)
  if (wins) return { ...next, visibility }
  // Somebody who cannot do without makes a weak declaration a strong one; definitions keep their binding.
  const needed = definedBy === undefined && next.bind === STB.GLOBAL
  return { ...symbol, visibility, ...(needed ? { bind: STB.GLOBAL } : {}) }
}

function conflict(name: string, file: string): ObjectError {
  return new ObjectError(`conflicting non-weak symbol '${name}' definition in '${file}'`, {
    file,
    symbol: name,
    hint: 'two objects define it: make one of them __weak or static',
  })
}

function strictest(one = STV.DEFAULT as number, other = STV.DEFAULT as number): number {
  if (one === STV.DEFAULT) return other
  return other === STV.DEFAULT ? one : Math.min(one, other)
}
