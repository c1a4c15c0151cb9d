// Numbers of the ELF-64 object file format (System V gABI) and of its BPF supplement
// (Documentation/bpf/llvm_reloc.rst).

export const SHT = {
  NULL: 0,
  PROGBITS: 1,
  SYMTAB: 2,
  STRTAB: 3,
  RELA: 4,
  HASH: 5,
  DYNAMIC: 6,
  NOTE: 7,
  NOBITS: 8,
  REL: 9,
  DYNSYM: 11,
  GROUP: 17,
  SYMTAB_SHNDX: 18,
  LLVM_ADDRSIG: 0x6fff4c03,
} as const

export const SHF = {
  WRITE: 0x1,
  ALLOC: 0x2,
  EXECINSTR: 0x4,
  MERGE: 0x10,
  STRINGS: 0x20,
  INFO_LINK: 0x40,
  GROUP: 0x200,
  COMPRESSED: 0x800,
} as const

export const SHN = { UNDEF: 0, LORESERVE: 0xff00, ABS: 0xfff1, COMMON: 0xfff2, XINDEX: 0xffff } as const
export const STB = { LOCAL: 0, GLOBAL: 1, WEAK: 2 } as const
export const STT = { NOTYPE: 0, OBJECT: 1, FUNC: 2, SECTION: 3, FILE: 4, COMMON: 5, TLS: 6 } as const
export const STV = { DEFAULT: 0, INTERNAL: 1, HIDDEN: 2, PROTECTED: 3 } as const
export const ET = { NONE: 0, REL: 1, EXEC: 2, DYN: 3, CORE: 4 } as const
export const EM = { NONE: 0, BPF: 247 } as const

/** BPF relocation types. NONE and the six that LLVM makes. */
export const R_BPF = { NONE: 0, LD64: 1, ABS64: 2, ABS32: 3, NODYLD32: 4, CALL32: 10 } as const

const R_BPF_NAMES: Readonly<Record<number, string>> = {
  0: 'R_BPF_NONE',
  1: 'R_BPF_64_64',
  2: 'R_BPF_64_ABS64',
  3: 'R_BPF_64_ABS32',
  4: 'R_BPF_64_NODYLD32',
  10: 'R_BPF_64_32',
}

/** LLVM's name of a BPF relocation type, or `R_BPF_<number>`. */
export function relocationName(type: number): string {
  return R_BPF_NAMES[type] ?? `R_BPF_${type}`
}

const MACHINES: Readonly<Record<number, string>> = {
  0: 'no machine (EM_NONE)',
  3: 'x86 (EM_386)',
  8: 'MIPS (EM_MIPS)',
  20: 'PowerPC (EM_PPC)',
  21: 'PowerPC64 (EM_PPC64)',
  22: 'S/390 (EM_S390)',
  40: 'Arm (EM_ARM)',
  62: 'x86-64 (EM_X86_64)',
  183: 'AArch64 (EM_AARCH64)',
  243: 'RISC-V (EM_RISCV)',
  247: 'BPF (EM_BPF)',
  258: 'LoongArch (EM_LOONGARCH)',
}

export function machineName(machine: number): string {
  return MACHINES[machine] ?? `machine ${machine}`
}

export const HEADER_SIZE = 64
export const SECTION_HEADER_SIZE = 64
export const SYMBOL_SIZE = 24
export const REL_SIZE = 16
export const RELA_SIZE = 24
