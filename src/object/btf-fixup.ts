import type { Btf } from '../btf/index.js'
import { type ElfFile, type ElfSymbol, STB, STT, STV } from '../elf/index.js'

/**
 * Fills in what compilers leave zero in BTF: sizes of DATASECs and places of their variables, from the ELF sections and
 * symbols; sorts variables by place; and marks global variables of hidden visibility static. As libbpf does.
 * The .kconfig and .ksyms sections exist only in BTF and stay as they are. Returns changed bytes, a copy.
 */
export function fixDatasecs(btf: Btf, elf: ElfFile): Uint8Array {
  const bytes = new Uint8Array(btf.bytes)
  const view = new DataView(bytes.buffer)
  const little = btf.littleEndian
  const sizes = new Map<string, number>()
  for (const section of elf.sections) if (!sizes.has(section.name)) sizes.set(section.name, section.size)
  const globals = globalVariables(elf)
  for (let id = btf.startId; id < btf.typeCount; id++) {
    if (btf.kindOf(id) !== 'datasec') continue
    const datasec = btf.type(id)
    if (datasec.kind !== 'datasec' || datasec.name === '.kconfig' || datasec.name === '.ksyms') continue
    const at = btf.offsetOf(id)
    const fill = datasec.size === 0
    const size = fill ? sizes.get(datasec.name) : datasec.size
    if (size === undefined || size === 0) continue
    view.setUint32(at + 8, size, little)
    const vars = datasec.vars.map(({ type, offset, size: length }) => {
      if (btf.kindOf(type) !== 'var') return { type, offset, length }
      const variable = btf.type(type)
      const symbol = variable.kind === 'var' && variable.linkage === 'global' ? globals.get(variable.name) : undefined
      if (symbol === undefined) return { type, offset, length }
      if (symbol.visibility === STV.HIDDEN || symbol.visibility === STV.INTERNAL) {
        // The linkage follows the VAR's 12-byte record; 0 is static.
        view.setUint32(btf.offsetOf(type) + 12, 0, little)
      }
      return { type, offset: fill ? symbol.value : offset, length }
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

function globalVariables(elf: ElfFile): Map<string, ElfSymbol> {
  const found = new Map<string, ElfSymbol>()
  for (const symbol of elf.symbols) {
    const isVariable = symbol.type === STT.OBJECT || symbol.type === STT.NOTYPE
    if (isVariable && symbol.bind !== STB.LOCAL && symbol.section !== 0) found.set(symbol.name, symbol)
  }
  return found
}
