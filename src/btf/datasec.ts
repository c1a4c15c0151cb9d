import type { Btf } from './btf.js'

/** What the ELF file knows about a section that BTF describes. */
export interface DatasecPlace {
  readonly size: number
  /** Offset of a global variable in the section, from the symbol table. */
  offsetOf(variable: string): number | undefined
  /** Is the symbol of a global variable hidden or internal? Such a variable becomes static. */
  isHidden?(variable: string): boolean
}

/**
 * Completes the DATASECs of a compiler's BTF, as libbpf does: where the size is left 0, size and offsets of global variables
 * come from `place`; variables are sorted by offset; hidden ones become static. `place` returns undefined for sections that
 * stay as they are (.ksyms, .kconfig). Returns changed bytes, a copy of the same byte order: ids and string offsets stay
 * those of `btf`, so function and line records go with it.
 */
export function fixDatasecs(btf: Btf, place: (section: string) => DatasecPlace | undefined): Uint8Array {
  const bytes = new Uint8Array(btf.bytes)
  const view = new DataView(bytes.buffer)
  const little = btf.littleEndian
  for (let id = btf.startId; id < btf.typeCount; id++) {
    if (btf.kindOf(id) !== 'datasec') continue
    const datasec = btf.type(id)
    const found = datasec.kind === 'datasec' ? place(datasec.name) : undefined
    if (datasec.kind !== 'datasec' || found === undefined) continue
    const at = btf.offsetOf(id)
    const fill = datasec.size === 0
    const size = fill ? found.size : datasec.size
    if (size === 0) continue
    view.setUint32(at + 8, size, little)
    const vars = datasec.vars.map(({ type, offset, size: length }) => {
      if (btf.kindOf(type) !== 'var') return { type, offset, length }
      const variable = btf.type(type)
      const symbol =
        variable.kind === 'var' && variable.linkage === 'global' ? found.offsetOf(variable.name) : undefined
      if (variable.kind !== 'var' || symbol === undefined) return { type, offset, length }
      // The linkage follows the VAR's 12-byte record; 0 is static.
      if (found.isHidden?.(variable.name)) view.setUint32(btf.offsetOf(type) + 12, 0, little)
      return { type, offset: fill ? symbol : offset, length }
    })
    vars.sort((a, b) => a.offset - b.offset)
    for (const [i, { type, offset, length }] of vars.entries()) {
      view.setUint32(at + 12 + 12 * i, type, little)
      view.setUint32(at + 16 + 12 * i, offset, little)
      view.setUint32(at + 20 + 12 * i, length, little)
    }
  }
  return bytes
}
