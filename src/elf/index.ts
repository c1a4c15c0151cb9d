export { EM, ET, machineName, R_BPF, relocationName, SHF, SHN, SHT, STB, STT, STV } from './constants.js'
export { Executable, type ExecutableFunction, type StaticProbe } from './executable.js'
export { findSection, isElf, readElf } from './read-elf.js'
export type { ElfFile, ElfRelocation, ElfRelocationTable, ElfSection, ElfSymbol } from './types.js'
export {
  type ElfInput,
  type ElfRelocationInput,
  type ElfSectionInput,
  type ElfSymbolInput,
  writeElf,
} from './write-elf.js'
