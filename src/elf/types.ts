/** One section of an ELF file. `data` is a view of the file's bytes (empty for SHT_NOBITS; `size` still tells how much). */
export interface ElfSection {
  readonly index: number
  readonly name: string
  readonly type: number
  readonly flags: number
  readonly addr: bigint
  readonly offset: number
  readonly size: number
  readonly link: number
  readonly info: number
  readonly addralign: number
  readonly entsize: number
  readonly data: Uint8Array
}

export interface ElfSymbol {
  readonly index: number
  readonly name: string
  readonly value: number
  readonly size: number
  /** STB.LOCAL, STB.GLOBAL or STB.WEAK. */
  readonly bind: number
  /** STT.*. */
  readonly type: number
  /** STV.*. */
  readonly visibility: number
  /** Section index, or SHN.UNDEF, SHN.ABS, SHN.COMMON. Extended indices (SHN_XINDEX) are already resolved. */
  readonly section: number
}

export interface ElfRelocation {
  /** Byte offset in the section the relocation applies to. */
  readonly offset: number
  readonly type: number
  /** Index into `ElfFile.symbols`. */
  readonly symbol: number
  /** Explicit addend of an SHT_RELA record; undefined for SHT_REL, whose addend is in the patched field. */
  readonly addend: bigint | undefined
}

/** A relocation section: the records and the section they patch. */
export interface ElfRelocationTable {
  /** Section holding the records. */
  readonly section: number
  /** Section being patched. */
  readonly target: number
  readonly records: readonly ElfRelocation[]
}

/** A parsed ELF-64 file. Plain data; nothing in it is checked beyond being inside the file. */
export interface ElfFile {
  readonly littleEndian: boolean
  /** ET.*. */
  readonly type: number
  /** EM.*. */
  readonly machine: number
  readonly osabi: number
  readonly flags: number
  readonly entry: bigint
  readonly sections: readonly ElfSection[]
  /** Symbols of the first SHT_SYMTAB section, the null symbol at index 0 included; empty where there is none. */
  readonly symbols: readonly ElfSymbol[]
  readonly relocations: readonly ElfRelocationTable[]
}
