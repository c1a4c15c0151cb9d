import { type ElfFile, type ElfSection, SHF, SHT } from '../elf/index.js'

/** What a section of an object is to a loader. */
export type SectionRole =
  | 'code'
  | 'license'
  | 'version'
  | '.maps'
  | 'maps'
  | '.data'
  | '.rodata'
  | '.bss'
  | '.struct_ops'
  | 'arena'
  | '.BTF'
  | '.BTF.ext'
  | 'other'

export interface RoledSection extends ElfSection {
  readonly role: SectionRole
}

/** Sections with their roles, by libbpf's rules of name and type. */
export function roledSections(elf: ElfFile): RoledSection[] {
  return elf.sections.map((section) => ({ ...section, role: roleOf(section) }))
}

function named(name: string, base: string): boolean {
  return name === base || name.startsWith(`${base}.`)
}

function roleOf(section: ElfSection): SectionRole {
  const { name, type, flags } = section
  if (type === SHT.NOBITS) return named(name, '.bss') && section.size > 0 ? '.bss' : 'other'
  if (type !== SHT.PROGBITS) return 'other'
  switch (name) {
    case 'license':
    case 'version':
    case '.BTF':
    case '.BTF.ext':
    case '.maps':
      return name
    case '.addr_space.1':
      return 'arena'
    default:
  }
  if (name === 'maps' || (name.startsWith('maps/') && (flags & SHF.EXECINSTR) === 0)) return 'maps'
  if (section.size === 0) return 'other'
  if ((flags & SHF.EXECINSTR) !== 0) return 'code'
  if (named(name, '.data')) return '.data'
  if (named(name, '.rodata')) return '.rodata'
  if (/^\??\.struct_ops(\.link)?$/.test(name)) return '.struct_ops'
  return 'other'
}
