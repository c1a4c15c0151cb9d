import { type Btf, fixDatasecs } from '../btf/index.js'
import { type ElfFile, type ElfSymbol, STB, STT, STV } from '../elf/index.js'

/** Sections that exist only in BTF: they have no bytes and no places. */
const WITHOUT_BYTES: ReadonlySet<string> = new Set(['.kconfig', '.ksyms'])

/** BTF with its DATASECs completed from the ELF file's sections and symbols: see fixDatasecs(). */
export function withPlaces(btf: Btf, elf: ElfFile): Uint8Array {
  const sizes = new Map<string, number>()
  for (const section of elf.sections) if (!sizes.has(section.name)) sizes.set(section.name, section.size)
  const globals = globalVariables(elf)
  const offsetOf = (variable: string) => globals.get(variable)?.value
  const isHidden = (variable: string) => {
    const visibility = globals.get(variable)?.visibility
    return visibility === STV.HIDDEN || visibility === STV.INTERNAL
  }
  return fixDatasecs(btf, (section) =>
    WITHOUT_BYTES.has(section) ? undefined : { size: sizes.get(section) ?? 0, offsetOf, isHidden },
  )
}

function globalVariables(elf: ElfFile): Map<string, ElfSymbol> {
  const found = new Map<string, ElfSymbol>()
  for (const symbol of elf.symbols) {
    const isVariable = symbol.type === STT.OBJECT || symbol.type === STT.NOTYPE
    if (isVariable && symbol.bind !== STB.LOCAL && symbol.section !== 0) found.set(symbol.name, symbol)
  }
  return found
}
