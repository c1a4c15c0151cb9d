import type { Btf, BtfDatasec, BtfVar } from '../btf/index.js'
import type { ElfFile, ElfRelocation, ElfSymbol } from '../elf/index.js'
import { ObjectError } from './object-error.js'
import type { RoledSection } from './sections.js'

/** An object being opened: the parsed file, its BTF, and indices the readers share. */
export interface Source {
  readonly file: string | undefined
  readonly name: string
  readonly elf: ElfFile
  readonly sections: readonly RoledSection[]
  readonly btf: Btf | undefined
  /** DATASECs of the BTF by section name. */
  readonly datasecs: ReadonlyMap<string, BtfDatasec>
  /** Symbols that are not sections or files, by section number. */
  readonly symbolsIn: ReadonlyMap<number, readonly ElfSymbol[]>
  /** Relocation records by the section they patch, in file order. */
  readonly relocationsOf: ReadonlyMap<number, readonly ElfRelocation[]>
  readonly notices: string[]
}

export function fail(
  source: Source,
  reason: string,
  place: { section?: string; symbol?: string; hint?: string } = {},
): never {
  throw new ObjectError(reason, { file: source.file, ...place })
}

/** The variables of a section by BTF: each VAR with its place, where BTF describes the section. */
export function datasecVars(
  source: Source,
  section: string,
): readonly { readonly variable: BtfVar; readonly offset: number; readonly size: number }[] {
  const btf = source.btf
  const datasec = source.datasecs.get(section)
  if (btf === undefined || datasec === undefined) return []
  const found: { variable: BtfVar; offset: number; size: number }[] = []
  for (const { type, offset, size } of datasec.vars) {
    const variable = btf.type(type)
    if (variable.kind === 'var') found.push({ variable, offset, size })
  }
  return found
}
