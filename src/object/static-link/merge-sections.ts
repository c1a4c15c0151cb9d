import { type ElfFile, type ElfSection, type ElfSectionInput, SHF, SHT } from '../../elf/index.js'
import { ObjectError } from '../object-error.js'

/** Where a section of an input went: number in the output, counted from 1, and bytes from its start. */
export interface Place {
  readonly section: number
  readonly offset: number
}

export interface MergedSections {
  readonly sections: readonly (ElfSectionInput & { readonly size: number; readonly data: Uint8Array })[]
  /** For each input, by section number. */
  readonly places: readonly ReadonlyMap<number, Place>[]
}

interface Growing {
  readonly name: string
  readonly type: number
  readonly flags: number
  addralign: number
  size: number
  readonly parts: { readonly offset: number; readonly data: Uint8Array }[]
}

/** A page of the largest kind: nothing in an object needs more. */
const LARGEST_ALIGNMENT = 1 << 16

/** Sections that all inputs have in common. */
export const ONCE: ReadonlySet<string> = new Set(['license', 'version'])
const OWN: ReadonlySet<string> = new Set(['.BTF', '.BTF.ext', '.eh_frame', '.llvm_addrsig'])

/** Sections of one name behind each other; licenses and versions must agree. Debug information for machines is left out. */
export function mergeSections(inputs: readonly { readonly file: string; readonly elf: ElfFile }[]): MergedSections {
  const merged: Growing[] = []
  const places = inputs.map(({ file, elf }) => {
    const own = new Map<number, Place>()
    for (const section of elf.sections) {
      if (!isKept(section)) continue
      let index = merged.findIndex(({ name }) => name === section.name)
      if (index < 0) {
        const { name, type, flags } = section
        index = merged.push({ name, type, flags: Number(flags), addralign: 1, size: 0, parts: [] }) - 1
      }
      own.set(section.index, { section: index + 1, offset: append(merged[index] as Growing, section, file) })
    }
    return own
  })
  return {
    sections: merged.map(({ name, type, flags, addralign, size, parts }) => {
      const data = new Uint8Array(type === SHT.NOBITS ? 0 : size)
      for (const part of parts) if (type !== SHT.NOBITS) data.set(part.data, part.offset)
      return { name, type, flags, addralign, size, data }
    }),
    places,
  }
}

function isKept({ name, type, size, flags }: ElfSection): boolean {
  if ((type !== SHT.PROGBITS && type !== SHT.NOBITS) || OWN.has(name) || name.startsWith('.debug_')) return false
  return size > 0 || ((flags & SHF.EXECINSTR) === 0 && name !== '.text')
}

function append(into: Growing, section: ElfSection, file: string): number {
  const { name, type, flags, size, data } = section
  if (type !== into.type || Number(flags) !== into.flags) {
    throw new ObjectError(`section '${name}' in '${file}' has another type or other flags than before`, {
      file,
      section: name,
    })
  }
  const first = into.parts[0]?.data
  if (ONCE.has(name) && first !== undefined) {
    if (first.length === data.length && first.every((byte, index) => byte === data[index])) return 0
    throw new ObjectError(`section '${name}' in '${file}' differs from that of the objects before`, {
      file,
      section: name,
    })
  }
  // As libbpf: by the strictest alignment so far, not only by the section's own.
  const least = (flags & SHF.EXECINSTR) === 0 ? 1 : 8
  if (section.addralign > LARGEST_ALIGNMENT) {
    throw new ObjectError(`section '${name}' in '${file}' asks for alignment to ${section.addralign} bytes`, {
      file,
      section: name,
    })
  }
  into.addralign = Math.max(into.addralign, section.addralign, least)
  const offset = Math.ceil(into.size / into.addralign) * into.addralign
  into.parts.push({ offset, data })
  into.size = offset + size
  return offset
}
