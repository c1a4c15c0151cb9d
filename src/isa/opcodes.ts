// The instruction set as one table: decoder, encoder, assembler, disassembler, legality check and program generator
// all read it. Sources: RFC 9669; linux/bpf.h for what came after it.

/** What an instruction does, coarsely: the key of exhaustive tables in the verifier and the machine. */
export type OpKind =
  | 'alu'
  | 'endian'
  | 'addr_space_cast'
  | 'percpu_mov'
  | 'ld_imm64'
  | 'ld_abs'
  | 'ld_ind'
  | 'ldx'
  | 'st'
  | 'stx'
  | 'nospec'
  | 'atomic'
  | 'load_acquire'
  | 'store_release'
  | 'ja'
  | 'may_goto'
  | 'gotox'
  | 'cond'
  | 'call'
  | 'callx'
  | 'exit'

export interface OpRow {
  /** The opcode byte. Several rows may share it; then one field (off, imm or src) with a fixed number tells them apart. */
  readonly code: number
  readonly kind: OpKind
  /** The operation within the kind: `add`, `jsgt`, `map_fd`, `subprog` … */
  readonly op?: string
  /** Width in bits of the operation or of the memory accessed. */
  readonly bits?: 8 | 16 | 32 | 64
  /** Where the second operand of arithmetic and of conditional jumps comes from. */
  readonly operand?: 'imm' | 'reg' | 'none'
  /** movsx: bits of the source that are sign-extended. */
  readonly fromBits?: 8 | 16 | 32
  /** ldx: the loaded value is sign-extended. */
  readonly signed?: true
  /** atomic: the old value is written back to a register. */
  readonly fetch?: true

  // Fields: a number is the only legal value; an absent field must be zero.
  /** The destination register is read, written, or both. */
  readonly dst?: 'r' | 'w' | 'rw'
  readonly src?: 'r' | 'rw' | number
  /** `mem`: displacement; `jump`: slots from the next instruction; `btf_fd`: index into the fd array. */
  readonly off?: 'mem' | 'jump' | 'btf_fd' | number
  /** `value`: an operand; `jump`: slots from the next instruction; `id`: a function; `spaces`: two address spaces. */
  readonly imm?: 'value' | 'jump' | 'id' | 'spaces' | number

  /** The first -mcpu level of LLVM with the instruction; absent means 1. */
  readonly cpu?: 2 | 3 | 4
  /** `xlated`: Linux makes it itself and takes it from nobody. `llvm`: compilers can emit it, Linux 6.18 refuses it. */
  readonly only?: 'xlated' | 'llvm'
}

// biome-ignore format: one row, one line
export const OPCODES = {
  // 32-bit arithmetic (BPF_ALU)
  add32_imm: { code: 0x04, kind: 'alu', op: 'add', bits: 32, operand: 'imm', dst: 'rw', imm: 'value' },
  add32_reg: { code: 0x0c, kind: 'alu', op: 'add', bits: 32, operand: 'reg', dst: 'rw', src: 'r' },
  sub32_imm: { code: 0x14, kind: 'alu', op: 'sub', bits: 32, operand: 'imm', dst: 'rw', imm: 'value' },
  sub32_reg: { code: 0x1c, kind: 'alu', op: 'sub', bits: 32, operand: 'reg', dst: 'rw', src: 'r' },
  mul32_imm: { code: 0x24, kind: 'alu', op: 'mul', bits: 32, operand: 'imm', dst: 'rw', imm: 'value' },
  mul32_reg: { code: 0x2c, kind: 'alu', op: 'mul', bits: 32, operand: 'reg', dst: 'rw', src: 'r' },
  div32_imm: { code: 0x34, kind: 'alu', op: 'div', bits: 32, operand: 'imm', dst: 'rw', imm: 'value' },
  sdiv32_imm: { code: 0x34, kind: 'alu', op: 'sdiv', bits: 32, operand: 'imm', dst: 'rw', off: 1, imm: 'value', cpu: 4 },
  div32_reg: { code: 0x3c, kind: 'alu', op: 'div', bits: 32, operand: 'reg', dst: 'rw', src: 'r' },
  sdiv32_reg: { code: 0x3c, kind: 'alu', op: 'sdiv', bits: 32, operand: 'reg', dst: 'rw', src: 'r', off: 1, cpu: 4 },
  or32_imm: { code: 0x44, kind: 'alu', op: 'or', bits: 32, operand: 'imm', dst: 'rw', imm: 'value' },
  or32_reg: { code: 0x4c, kind: 'alu', op: 'or', bits: 32, operand: 'reg', dst: 'rw', src: 'r' },
  and32_imm: { code: 0x54, kind: 'alu', op: 'and', bits: 32, operand: 'imm', dst: 'rw', imm: 'value' },
  and32_reg: { code: 0x5c, kind: 'alu', op: 'and', bits: 32, operand: 'reg', dst: 'rw', src: 'r' },
  lsh32_imm: { code: 0x64, kind: 'alu', op: 'lsh', bits: 32, operand: 'imm', dst: 'rw', imm: 'value' },
  lsh32_reg: { code: 0x6c, kind: 'alu', op: 'lsh', bits: 32, operand: 'reg', dst: 'rw', src: 'r' },
  rsh32_imm: { code: 0x74, kind: 'alu', op: 'rsh', bits: 32, operand: 'imm', dst: 'rw', imm: 'value' },
  rsh32_reg: { code: 0x7c, kind: 'alu', op: 'rsh', bits: 32, operand: 'reg', dst: 'rw', src: 'r' },
  mod32_imm: { code: 0x94, kind: 'alu', op: 'mod', bits: 32, operand: 'imm', dst: 'rw', imm: 'value' },
  smod32_imm: { code: 0x94, kind: 'alu', op: 'smod', bits: 32, operand: 'imm', dst: 'rw', off: 1, imm: 'value', cpu: 4 },
  mod32_reg: { code: 0x9c, kind: 'alu', op: 'mod', bits: 32, operand: 'reg', dst: 'rw', src: 'r' },
  smod32_reg: { code: 0x9c, kind: 'alu', op: 'smod', bits: 32, operand: 'reg', dst: 'rw', src: 'r', off: 1, cpu: 4 },
  xor32_imm: { code: 0xa4, kind: 'alu', op: 'xor', bits: 32, operand: 'imm', dst: 'rw', imm: 'value' },
  xor32_reg: { code: 0xac, kind: 'alu', op: 'xor', bits: 32, operand: 'reg', dst: 'rw', src: 'r' },
  mov32_imm: { code: 0xb4, kind: 'alu', op: 'mov', bits: 32, operand: 'imm', dst: 'w', imm: 'value' },
  mov32_reg: { code: 0xbc, kind: 'alu', op: 'mov', bits: 32, operand: 'reg', dst: 'w', src: 'r' },
  movsx32_8: { code: 0xbc, kind: 'alu', op: 'movsx', bits: 32, operand: 'reg', fromBits: 8, dst: 'w', src: 'r', off: 8, cpu: 4 },
  movsx32_16: { code: 0xbc, kind: 'alu', op: 'movsx', bits: 32, operand: 'reg', fromBits: 16, dst: 'w', src: 'r', off: 16, cpu: 4 },
  arsh32_imm: { code: 0xc4, kind: 'alu', op: 'arsh', bits: 32, operand: 'imm', dst: 'rw', imm: 'value' },
  arsh32_reg: { code: 0xcc, kind: 'alu', op: 'arsh', bits: 32, operand: 'reg', dst: 'rw', src: 'r' },
  neg32: { code: 0x84, kind: 'alu', op: 'neg', bits: 32, operand: 'none', dst: 'rw' },
  le16: { code: 0xd4, kind: 'endian', op: 'le', bits: 16, dst: 'rw', imm: 16 },
  le32: { code: 0xd4, kind: 'endian', op: 'le', bits: 32, dst: 'rw', imm: 32 },
  le64: { code: 0xd4, kind: 'endian', op: 'le', bits: 64, dst: 'rw', imm: 64 },
  be16: { code: 0xdc, kind: 'endian', op: 'be', bits: 16, dst: 'rw', imm: 16 },
  be32: { code: 0xdc, kind: 'endian', op: 'be', bits: 32, dst: 'rw', imm: 32 },
  be64: { code: 0xdc, kind: 'endian', op: 'be', bits: 64, dst: 'rw', imm: 64 },
  // 64-bit arithmetic (BPF_ALU64)
  add64_imm: { code: 0x07, kind: 'alu', op: 'add', bits: 64, operand: 'imm', dst: 'rw', imm: 'value' },
  add64_reg: { code: 0x0f, kind: 'alu', op: 'add', bits: 64, operand: 'reg', dst: 'rw', src: 'r' },
  sub64_imm: { code: 0x17, kind: 'alu', op: 'sub', bits: 64, operand: 'imm', dst: 'rw', imm: 'value' },
  sub64_reg: { code: 0x1f, kind: 'alu', op: 'sub', bits: 64, operand: 'reg', dst: 'rw', src: 'r' },
  mul64_imm: { code: 0x27, kind: 'alu', op: 'mul', bits: 64, operand: 'imm', dst: 'rw', imm: 'value' },
  mul64_reg: { code: 0x2f, kind: 'alu', op: 'mul', bits: 64, operand: 'reg', dst: 'rw', src: 'r' },
  div64_imm: { code: 0x37, kind: 'alu', op: 'div', bits: 64, operand: 'imm', dst: 'rw', imm: 'value' },
  sdiv64_imm: { code: 0x37, kind: 'alu', op: 'sdiv', bits: 64, operand: 'imm', dst: 'rw', off: 1, imm: 'value', cpu: 4 },
  div64_reg: { code: 0x3f, kind: 'alu', op: 'div', bits: 64, operand: 'reg', dst: 'rw', src: 'r' },
  sdiv64_reg: { code: 0x3f, kind: 'alu', op: 'sdiv', bits: 64, operand: 'reg', dst: 'rw', src: 'r', off: 1, cpu: 4 },
  or64_imm: { code: 0x47, kind: 'alu', op: 'or', bits: 64, operand: 'imm', dst: 'rw', imm: 'value' },
  or64_reg: { code: 0x4f, kind: 'alu', op: 'or', bits: 64, operand: 'reg', dst: 'rw', src: 'r' },
  and64_imm: { code: 0x57, kind: 'alu', op: 'and', bits: 64, operand: 'imm', dst: 'rw', imm: 'value' },
  and64_reg: { code: 0x5f, kind: 'alu', op: 'and', bits: 64, operand: 'reg', dst: 'rw', src: 'r' },
  lsh64_imm: { code: 0x67, kind: 'alu', op: 'lsh', bits: 64, operand: 'imm', dst: 'rw', imm: 'value' },
  lsh64_reg: { code: 0x6f, kind: 'alu', op: 'lsh', bits: 64, operand: 'reg', dst: 'rw', src: 'r' },
  rsh64_imm: { code: 0x77, kind: 'alu', op: 'rsh', bits: 64, operand: 'imm', dst: 'rw', imm: 'value' },
  rsh64_reg: { code: 0x7f, kind: 'alu', op: 'rsh', bits: 64, operand: 'reg', dst: 'rw', src: 'r' },
  mod64_imm: { code: 0x97, kind: 'alu', op: 'mod', bits: 64, operand: 'imm', dst: 'rw', imm: 'value' },
  smod64_imm: { code: 0x97, kind: 'alu', op: 'smod', bits: 64, operand: 'imm', dst: 'rw', off: 1, imm: 'value', cpu: 4 },
  mod64_reg: { code: 0x9f, kind: 'alu', op: 'mod', bits: 64, operand: 'reg', dst: 'rw', src: 'r' },
  smod64_reg: { code: 0x9f, kind: 'alu', op: 'smod', bits: 64, operand: 'reg', dst: 'rw', src: 'r', off: 1, cpu: 4 },
  xor64_imm: { code: 0xa7, kind: 'alu', op: 'xor', bits: 64, operand: 'imm', dst: 'rw', imm: 'value' },
  xor64_reg: { code: 0xaf, kind: 'alu', op: 'xor', bits: 64, operand: 'reg', dst: 'rw', src: 'r' },
  mov64_imm: { code: 0xb7, kind: 'alu', op: 'mov', bits: 64, operand: 'imm', dst: 'w', imm: 'value' },
  mov64_reg: { code: 0xbf, kind: 'alu', op: 'mov', bits: 64, operand: 'reg', dst: 'w', src: 'r' },
  movsx64_8: { code: 0xbf, kind: 'alu', op: 'movsx', bits: 64, operand: 'reg', fromBits: 8, dst: 'w', src: 'r', off: 8, cpu: 4 },
  movsx64_16: { code: 0xbf, kind: 'alu', op: 'movsx', bits: 64, operand: 'reg', fromBits: 16, dst: 'w', src: 'r', off: 16, cpu: 4 },
  movsx64_32: { code: 0xbf, kind: 'alu', op: 'movsx', bits: 64, operand: 'reg', fromBits: 32, dst: 'w', src: 'r', off: 32, cpu: 4 },
  addr_space_cast: { code: 0xbf, kind: 'addr_space_cast', bits: 64, dst: 'w', src: 'r', off: 1, imm: 'spaces', cpu: 4 },
  mov64_percpu: { code: 0xbf, kind: 'percpu_mov', bits: 64, dst: 'w', src: 'r', off: -1, cpu: 4, only: 'xlated' },
  arsh64_imm: { code: 0xc7, kind: 'alu', op: 'arsh', bits: 64, operand: 'imm', dst: 'rw', imm: 'value' },
  arsh64_reg: { code: 0xcf, kind: 'alu', op: 'arsh', bits: 64, operand: 'reg', dst: 'rw', src: 'r' },
  neg64: { code: 0x87, kind: 'alu', op: 'neg', bits: 64, operand: 'none', dst: 'rw' },
  bswap16: { code: 0xd7, kind: 'endian', op: 'bswap', bits: 16, dst: 'rw', imm: 16, cpu: 4 },
  bswap32: { code: 0xd7, kind: 'endian', op: 'bswap', bits: 32, dst: 'rw', imm: 32, cpu: 4 },
  bswap64: { code: 0xd7, kind: 'endian', op: 'bswap', bits: 64, dst: 'rw', imm: 64, cpu: 4 },
  // Wide loads (two slots) and legacy packet access (BPF_LD)
  ld_imm64: { code: 0x18, kind: 'ld_imm64', op: 'imm64', bits: 64, dst: 'w', imm: 'value' },
  ld_map_fd: { code: 0x18, kind: 'ld_imm64', op: 'map_fd', bits: 64, dst: 'w', src: 1, imm: 'value' },
  ld_map_value: { code: 0x18, kind: 'ld_imm64', op: 'map_value', bits: 64, dst: 'w', src: 2, imm: 'value' },
  ld_btf_id: { code: 0x18, kind: 'ld_imm64', op: 'btf_id', bits: 64, dst: 'w', src: 3, imm: 'value' },
  ld_func: { code: 0x18, kind: 'ld_imm64', op: 'func', bits: 64, dst: 'w', src: 4, imm: 'value' },
  ld_map_idx: { code: 0x18, kind: 'ld_imm64', op: 'map_idx', bits: 64, dst: 'w', src: 5, imm: 'value' },
  ld_map_idx_value: { code: 0x18, kind: 'ld_imm64', op: 'map_idx_value', bits: 64, dst: 'w', src: 6, imm: 'value' },
  ld_abs8: { code: 0x30, kind: 'ld_abs', bits: 8, imm: 'value' },
  ld_abs16: { code: 0x28, kind: 'ld_abs', bits: 16, imm: 'value' },
  ld_abs32: { code: 0x20, kind: 'ld_abs', bits: 32, imm: 'value' },
  ld_ind8: { code: 0x50, kind: 'ld_ind', bits: 8, src: 'r', imm: 'value' },
  ld_ind16: { code: 0x48, kind: 'ld_ind', bits: 16, src: 'r', imm: 'value' },
  ld_ind32: { code: 0x40, kind: 'ld_ind', bits: 32, src: 'r', imm: 'value' },
  // Loads (BPF_LDX)
  ldx8: { code: 0x71, kind: 'ldx', bits: 8, dst: 'w', src: 'r', off: 'mem' },
  ldx16: { code: 0x69, kind: 'ldx', bits: 16, dst: 'w', src: 'r', off: 'mem' },
  ldx32: { code: 0x61, kind: 'ldx', bits: 32, dst: 'w', src: 'r', off: 'mem' },
  ldx64: { code: 0x79, kind: 'ldx', bits: 64, dst: 'w', src: 'r', off: 'mem' },
  ldsx8: { code: 0x91, kind: 'ldx', bits: 8, signed: true, dst: 'w', src: 'r', off: 'mem', cpu: 4 },
  ldsx16: { code: 0x89, kind: 'ldx', bits: 16, signed: true, dst: 'w', src: 'r', off: 'mem', cpu: 4 },
  ldsx32: { code: 0x81, kind: 'ldx', bits: 32, signed: true, dst: 'w', src: 'r', off: 'mem', cpu: 4 },
  // Stores (BPF_ST, BPF_STX)
  st8: { code: 0x72, kind: 'st', bits: 8, dst: 'r', off: 'mem', imm: 'value' },
  st16: { code: 0x6a, kind: 'st', bits: 16, dst: 'r', off: 'mem', imm: 'value' },
  st32: { code: 0x62, kind: 'st', bits: 32, dst: 'r', off: 'mem', imm: 'value' },
  st64: { code: 0x7a, kind: 'st', bits: 64, dst: 'r', off: 'mem', imm: 'value' },
  nospec: { code: 0xc2, kind: 'nospec', only: 'xlated' },
  stx8: { code: 0x73, kind: 'stx', bits: 8, dst: 'r', src: 'r', off: 'mem' },
  stx16: { code: 0x6b, kind: 'stx', bits: 16, dst: 'r', src: 'r', off: 'mem' },
  stx32: { code: 0x63, kind: 'stx', bits: 32, dst: 'r', src: 'r', off: 'mem' },
  stx64: { code: 0x7b, kind: 'stx', bits: 64, dst: 'r', src: 'r', off: 'mem' },
  // Atomics (BPF_STX | BPF_ATOMIC): the operation is in imm
  atomic_add32: { code: 0xc3, kind: 'atomic', op: 'add', bits: 32, dst: 'r', src: 'r', off: 'mem' },
  atomic_or32: { code: 0xc3, kind: 'atomic', op: 'or', bits: 32, dst: 'r', src: 'r', off: 'mem', imm: 0x40, cpu: 3 },
  atomic_and32: { code: 0xc3, kind: 'atomic', op: 'and', bits: 32, dst: 'r', src: 'r', off: 'mem', imm: 0x50, cpu: 3 },
  atomic_xor32: { code: 0xc3, kind: 'atomic', op: 'xor', bits: 32, dst: 'r', src: 'r', off: 'mem', imm: 0xa0, cpu: 3 },
  atomic_fetch_add32: { code: 0xc3, kind: 'atomic', op: 'add', bits: 32, fetch: true, dst: 'r', src: 'rw', off: 'mem', imm: 1, cpu: 3 },
  atomic_fetch_or32: { code: 0xc3, kind: 'atomic', op: 'or', bits: 32, fetch: true, dst: 'r', src: 'rw', off: 'mem', imm: 0x41, cpu: 3 },
  atomic_fetch_and32: { code: 0xc3, kind: 'atomic', op: 'and', bits: 32, fetch: true, dst: 'r', src: 'rw', off: 'mem', imm: 0x51, cpu: 3 },
  atomic_fetch_xor32: { code: 0xc3, kind: 'atomic', op: 'xor', bits: 32, fetch: true, dst: 'r', src: 'rw', off: 'mem', imm: 0xa1, cpu: 3 },
  atomic_xchg32: { code: 0xc3, kind: 'atomic', op: 'xchg', bits: 32, fetch: true, dst: 'r', src: 'rw', off: 'mem', imm: 0xe1, cpu: 3 },
  atomic_cmpxchg32: { code: 0xc3, kind: 'atomic', op: 'cmpxchg', bits: 32, fetch: true, dst: 'r', src: 'r', off: 'mem', imm: 0xf1, cpu: 3 },
  atomic_add64: { code: 0xdb, kind: 'atomic', op: 'add', bits: 64, dst: 'r', src: 'r', off: 'mem' },
  atomic_or64: { code: 0xdb, kind: 'atomic', op: 'or', bits: 64, dst: 'r', src: 'r', off: 'mem', imm: 0x40, cpu: 3 },
  atomic_and64: { code: 0xdb, kind: 'atomic', op: 'and', bits: 64, dst: 'r', src: 'r', off: 'mem', imm: 0x50, cpu: 3 },
  atomic_xor64: { code: 0xdb, kind: 'atomic', op: 'xor', bits: 64, dst: 'r', src: 'r', off: 'mem', imm: 0xa0, cpu: 3 },
  atomic_fetch_add64: { code: 0xdb, kind: 'atomic', op: 'add', bits: 64, fetch: true, dst: 'r', src: 'rw', off: 'mem', imm: 1, cpu: 3 },
  atomic_fetch_or64: { code: 0xdb, kind: 'atomic', op: 'or', bits: 64, fetch: true, dst: 'r', src: 'rw', off: 'mem', imm: 0x41, cpu: 3 },
  atomic_fetch_and64: { code: 0xdb, kind: 'atomic', op: 'and', bits: 64, fetch: true, dst: 'r', src: 'rw', off: 'mem', imm: 0x51, cpu: 3 },
  atomic_fetch_xor64: { code: 0xdb, kind: 'atomic', op: 'xor', bits: 64, fetch: true, dst: 'r', src: 'rw', off: 'mem', imm: 0xa1, cpu: 3 },
  atomic_xchg64: { code: 0xdb, kind: 'atomic', op: 'xchg', bits: 64, fetch: true, dst: 'r', src: 'rw', off: 'mem', imm: 0xe1, cpu: 3 },
  atomic_cmpxchg64: { code: 0xdb, kind: 'atomic', op: 'cmpxchg', bits: 64, fetch: true, dst: 'r', src: 'r', off: 'mem', imm: 0xf1, cpu: 3 },
  load_acquire8: { code: 0xd3, kind: 'load_acquire', bits: 8, dst: 'w', src: 'r', off: 'mem', imm: 0x100, cpu: 4 },
  load_acquire16: { code: 0xcb, kind: 'load_acquire', bits: 16, dst: 'w', src: 'r', off: 'mem', imm: 0x100, cpu: 4 },
  load_acquire32: { code: 0xc3, kind: 'load_acquire', bits: 32, dst: 'w', src: 'r', off: 'mem', imm: 0x100, cpu: 4 },
  load_acquire64: { code: 0xdb, kind: 'load_acquire', bits: 64, dst: 'w', src: 'r', off: 'mem', imm: 0x100, cpu: 4 },
  store_release8: { code: 0xd3, kind: 'store_release', bits: 8, dst: 'r', src: 'r', off: 'mem', imm: 0x110, cpu: 4 },
  store_release16: { code: 0xcb, kind: 'store_release', bits: 16, dst: 'r', src: 'r', off: 'mem', imm: 0x110, cpu: 4 },
  store_release32: { code: 0xc3, kind: 'store_release', bits: 32, dst: 'r', src: 'r', off: 'mem', imm: 0x110, cpu: 4 },
  store_release64: { code: 0xdb, kind: 'store_release', bits: 64, dst: 'r', src: 'r', off: 'mem', imm: 0x110, cpu: 4 },
  // Jumps, calls and exit (BPF_JMP)
  goto: { code: 0x05, kind: 'ja', op: 'goto', off: 'jump' },
  gotol: { code: 0x06, kind: 'ja', op: 'gotol', imm: 'jump', cpu: 4 },
  may_goto: { code: 0xe5, kind: 'may_goto', off: 'jump', cpu: 4 },
  gotox: { code: 0x0d, kind: 'gotox', dst: 'r', cpu: 4, only: 'llvm' },
  call: { code: 0x85, kind: 'call', op: 'helper', imm: 'id' },
  call_pc: { code: 0x85, kind: 'call', op: 'subprog', src: 1, imm: 'jump' },
  call_kfunc: { code: 0x85, kind: 'call', op: 'kfunc', src: 2, off: 'btf_fd', imm: 'id' },
  callx: { code: 0x8d, kind: 'callx', dst: 'r', only: 'llvm' },
  exit: { code: 0x95, kind: 'exit',  },
  // 64-bit conditional jumps (BPF_JMP)
  jeq64_imm: { code: 0x15, kind: 'cond', op: 'jeq', bits: 64, operand: 'imm', dst: 'r', off: 'jump', imm: 'value' },
  jeq64_reg: { code: 0x1d, kind: 'cond', op: 'jeq', bits: 64, operand: 'reg', dst: 'r', src: 'r', off: 'jump' },
  jgt64_imm: { code: 0x25, kind: 'cond', op: 'jgt', bits: 64, operand: 'imm', dst: 'r', off: 'jump', imm: 'value' },
  jgt64_reg: { code: 0x2d, kind: 'cond', op: 'jgt', bits: 64, operand: 'reg', dst: 'r', src: 'r', off: 'jump' },
  jge64_imm: { code: 0x35, kind: 'cond', op: 'jge', bits: 64, operand: 'imm', dst: 'r', off: 'jump', imm: 'value' },
  jge64_reg: { code: 0x3d, kind: 'cond', op: 'jge', bits: 64, operand: 'reg', dst: 'r', src: 'r', off: 'jump' },
  jset64_imm: { code: 0x45, kind: 'cond', op: 'jset', bits: 64, operand: 'imm', dst: 'r', off: 'jump', imm: 'value' },
  jset64_reg: { code: 0x4d, kind: 'cond', op: 'jset', bits: 64, operand: 'reg', dst: 'r', src: 'r', off: 'jump' },
  jne64_imm: { code: 0x55, kind: 'cond', op: 'jne', bits: 64, operand: 'imm', dst: 'r', off: 'jump', imm: 'value' },
  jne64_reg: { code: 0x5d, kind: 'cond', op: 'jne', bits: 64, operand: 'reg', dst: 'r', src: 'r', off: 'jump' },
  jsgt64_imm: { code: 0x65, kind: 'cond', op: 'jsgt', bits: 64, operand: 'imm', dst: 'r', off: 'jump', imm: 'value' },
  jsgt64_reg: { code: 0x6d, kind: 'cond', op: 'jsgt', bits: 64, operand: 'reg', dst: 'r', src: 'r', off: 'jump' },
  jsge64_imm: { code: 0x75, kind: 'cond', op: 'jsge', bits: 64, operand: 'imm', dst: 'r', off: 'jump', imm: 'value' },
  jsge64_reg: { code: 0x7d, kind: 'cond', op: 'jsge', bits: 64, operand: 'reg', dst: 'r', src: 'r', off: 'jump' },
  jlt64_imm: { code: 0xa5, kind: 'cond', op: 'jlt', bits: 64, operand: 'imm', dst: 'r', off: 'jump', imm: 'value', cpu: 2 },
  jlt64_reg: { code: 0xad, kind: 'cond', op: 'jlt', bits: 64, operand: 'reg', dst: 'r', src: 'r', off: 'jump', cpu: 2 },
  jle64_imm: { code: 0xb5, kind: 'cond', op: 'jle', bits: 64, operand: 'imm', dst: 'r', off: 'jump', imm: 'value', cpu: 2 },
  jle64_reg: { code: 0xbd, kind: 'cond', op: 'jle', bits: 64, operand: 'reg', dst: 'r', src: 'r', off: 'jump', cpu: 2 },
  jslt64_imm: { code: 0xc5, kind: 'cond', op: 'jslt', bits: 64, operand: 'imm', dst: 'r', off: 'jump', imm: 'value', cpu: 2 },
  jslt64_reg: { code: 0xcd, kind: 'cond', op: 'jslt', bits: 64, operand: 'reg', dst: 'r', src: 'r', off: 'jump', cpu: 2 },
  jsle64_imm: { code: 0xd5, kind: 'cond', op: 'jsle', bits: 64, operand: 'imm', dst: 'r', off: 'jump', imm: 'value', cpu: 2 },
  jsle64_reg: { code: 0xdd, kind: 'cond', op: 'jsle', bits: 64, operand: 'reg', dst: 'r', src: 'r', off: 'jump', cpu: 2 },
  // 32-bit conditional jumps (BPF_JMP32)
  jeq32_imm: { code: 0x16, kind: 'cond', op: 'jeq', bits: 32, operand: 'imm', dst: 'r', off: 'jump', imm: 'value', cpu: 3 },
  jeq32_reg: { code: 0x1e, kind: 'cond', op: 'jeq', bits: 32, operand: 'reg', dst: 'r', src: 'r', off: 'jump', cpu: 3 },
  jgt32_imm: { code: 0x26, kind: 'cond', op: 'jgt', bits: 32, operand: 'imm', dst: 'r', off: 'jump', imm: 'value', cpu: 3 },
  jgt32_reg: { code: 0x2e, kind: 'cond', op: 'jgt', bits: 32, operand: 'reg', dst: 'r', src: 'r', off: 'jump', cpu: 3 },
  jge32_imm: { code: 0x36, kind: 'cond', op: 'jge', bits: 32, operand: 'imm', dst: 'r', off: 'jump', imm: 'value', cpu: 3 },
  jge32_reg: { code: 0x3e, kind: 'cond', op: 'jge', bits: 32, operand: 'reg', dst: 'r', src: 'r', off: 'jump', cpu: 3 },
  jset32_imm: { code: 0x46, kind: 'cond', op: 'jset', bits: 32, operand: 'imm', dst: 'r', off: 'jump', imm: 'value', cpu: 3 },
  jset32_reg: { code: 0x4e, kind: 'cond', op: 'jset', bits: 32, operand: 'reg', dst: 'r', src: 'r', off: 'jump', cpu: 3 },
  jne32_imm: { code: 0x56, kind: 'cond', op: 'jne', bits: 32, operand: 'imm', dst: 'r', off: 'jump', imm: 'value', cpu: 3 },
  jne32_reg: { code: 0x5e, kind: 'cond', op: 'jne', bits: 32, operand: 'reg', dst: 'r', src: 'r', off: 'jump', cpu: 3 },
  jsgt32_imm: { code: 0x66, kind: 'cond', op: 'jsgt', bits: 32, operand: 'imm', dst: 'r', off: 'jump', imm: 'value', cpu: 3 },
  jsgt32_reg: { code: 0x6e, kind: 'cond', op: 'jsgt', bits: 32, operand: 'reg', dst: 'r', src: 'r', off: 'jump', cpu: 3 },
  jsge32_imm: { code: 0x76, kind: 'cond', op: 'jsge', bits: 32, operand: 'imm', dst: 'r', off: 'jump', imm: 'value', cpu: 3 },
  jsge32_reg: { code: 0x7e, kind: 'cond', op: 'jsge', bits: 32, operand: 'reg', dst: 'r', src: 'r', off: 'jump', cpu: 3 },
  jlt32_imm: { code: 0xa6, kind: 'cond', op: 'jlt', bits: 32, operand: 'imm', dst: 'r', off: 'jump', imm: 'value', cpu: 3 },
  jlt32_reg: { code: 0xae, kind: 'cond', op: 'jlt', bits: 32, operand: 'reg', dst: 'r', src: 'r', off: 'jump', cpu: 3 },
  jle32_imm: { code: 0xb6, kind: 'cond', op: 'jle', bits: 32, operand: 'imm', dst: 'r', off: 'jump', imm: 'value', cpu: 3 },
  jle32_reg: { code: 0xbe, kind: 'cond', op: 'jle', bits: 32, operand: 'reg', dst: 'r', src: 'r', off: 'jump', cpu: 3 },
  jslt32_imm: { code: 0xc6, kind: 'cond', op: 'jslt', bits: 32, operand: 'imm', dst: 'r', off: 'jump', imm: 'value', cpu: 3 },
  jslt32_reg: { code: 0xce, kind: 'cond', op: 'jslt', bits: 32, operand: 'reg', dst: 'r', src: 'r', off: 'jump', cpu: 3 },
  jsle32_imm: { code: 0xd6, kind: 'cond', op: 'jsle', bits: 32, operand: 'imm', dst: 'r', off: 'jump', imm: 'value', cpu: 3 },
  jsle32_reg: { code: 0xde, kind: 'cond', op: 'jsle', bits: 32, operand: 'reg', dst: 'r', src: 'r', off: 'jump', cpu: 3 },
} as const satisfies Record<string, OpRow>

export type OpName = keyof typeof OPCODES

/** A row of the table with its name and a dense number, for arrays and switches. */
export interface Op extends OpRow {
  readonly name: OpName
  readonly id: number
}

/** All rows in table order; `OPS[op.id] === op`. */
export const OPS: readonly Op[] = Object.entries<OpRow>(OPCODES).map(([name, row], id) => ({
  ...row,
  name: name as OpName,
  id,
}))

/** The row of a name. */
export const OP: Readonly<Record<OpName, Op>> = Object.fromEntries(OPS.map((op) => [op.name, op])) as Record<OpName, Op>

/** Which field tells the rows of one opcode apart. */
export type Selector = 'src' | 'off' | 'imm' | undefined

interface CodeEntry {
  readonly rows: readonly Op[]
  readonly selector: Selector
}

const BY_CODE: readonly (CodeEntry | undefined)[] = Array.from({ length: 256 }, (_, code) => {
  const rows = OPS.filter((op) => op.code === code)
  if (rows.length === 0) return undefined
  if (rows.length === 1) return { rows, selector: undefined }
  const selector = (['src', 'off', 'imm'] as const).find((field) => {
    const values = rows.map((op) => op[field] ?? 0)
    return values.every((value) => typeof value === 'number') && new Set(values).size === rows.length
  })
  return { rows, selector }
})

/** All rows with this opcode byte, the plainest first; empty for an unknown opcode. */
export function opsOfCode(code: number): readonly Op[] {
  return BY_CODE[code]?.rows ?? []
}

/** The field that chooses among the rows of this opcode byte; undefined where there is one row or none. */
export function selectorOfCode(code: number): Selector {
  return BY_CODE[code]?.selector
}

/**
 * The row an instruction belongs to, or undefined where opcode, or the off, imm or src that completes it, is unknown.
 * Reserved fields are not looked at: that is the legality check's work.
 */
export function lookupOp(code: number, src: number, off: number, imm: number): Op | undefined {
  const entry = BY_CODE[code]
  if (entry === undefined) return undefined
  const { rows, selector } = entry
  if (selector === undefined) return rows[0]
  const value = selector === 'off' ? off : selector === 'imm' ? imm : src
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] as Op
    if ((row[selector] ?? 0) === value) return row
  }
  return undefined
}
