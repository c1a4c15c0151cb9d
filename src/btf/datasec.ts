import type { Btf } from './btf.js'
import { BtfBuilder } from './builder.js'

/** What the ELF file knows about a section that BTF describes. */
export interface DatasecPlace {
  readonly size: number
  /** Offset of a global variable in the section, from the symbol table. */
  offsetOf(variable: string): number | undefined
}

/**
 * Completes the datasecs of a compiler's BTF, which leaves their sizes and the offsets of global variables 0: sizes come
 * from the sections, offsets from the symbols, variables are sorted by offset, and a '?' at the start of a section's
 * name (which the kernel refuses in names) becomes '_'. The kernel wants little-endian bytes like these in btf_load.
 * `place` returns undefined for sections that stay as they are (.ksyms, .kconfig).
 */
export function fixDatasecs(btf: Btf, place: (section: string) => DatasecPlace | undefined): Uint8Array {
  const builder = new BtfBuilder({ from: btf })
  for (let id = btf.startId; id < btf.typeCount; id++) {
    if (btf.kindOf(id) !== 'datasec') continue
    const section = btf.type(id)
    if (section.kind !== 'datasec') continue
    const found = place(section.name)
    const vars = section.vars.map((entry) => {
      const variable = btf.type(entry.type)
      if (found === undefined || variable.kind !== 'var' || variable.linkage !== 'global') return entry
      return { ...entry, offset: found.offsetOf(variable.name) ?? entry.offset }
    })
    vars.sort((a, b) => a.offset - b.offset)
    builder.set(id, {
      ...section,
      name: section.name.replace(/^\?/, '_'),
      size: found?.size ?? section.size,
      vars,
    })
  }
  return builder.build()
}
