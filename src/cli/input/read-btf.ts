import { readFileSync } from 'node:fs'
import { FormatError, UsageError } from '../../base/index.js'
import { type Btf, parseBtf } from '../../btf/index.js'
import { type ElfFile, findSection, readElf } from '../../elf/index.js'

/** BTF of a file: raw by its magic, else the .BTF section of an ELF file. */
export function readBtf(file: string, base?: Btf): Btf {
  const bytes = new Uint8Array(readFileSync(file))
  const options = { file, ...(base === undefined ? {} : { base }) }
  const magic = (bytes[0] ?? 0) | ((bytes[1] ?? 0) << 8)
  if (magic === 0xeb9f || magic === 0x9feb) return parseBtf(bytes, options)
  const section = findSection(readElfOf(file, bytes), '.BTF')
  if (section === undefined) throw new UsageError(`${file} has no .BTF section`, 'compile with -g')
  return parseBtf(section.data, options)
}

function readElfOf(file: string, bytes: Uint8Array): ElfFile {
  try {
    return readElf(bytes)
  } catch (error) {
    throw error instanceof FormatError ? error.at({ file }) : error
  }
}
