import type { OpKind, OpName } from './opcodes.js'

/** Operators of arithmetic, as the kernel, LLVM and RFC 9669's readers write them. Key: the row's `op`. */
export const ALU_OPERATORS: Readonly<Record<string, string>> = {
  add: '+=',
  sub: '-=',
  mul: '*=',
  div: '/=',
  sdiv: 's/=',
  or: '|=',
  and: '&=',
  lsh: '<<=',
  rsh: '>>=',
  mod: '%=',
  smod: 's%=',
  xor: '^=',
  mov: '=',
  arsh: 's>>=',
}

/** Comparisons of conditional jumps. Key: the row's `op`. */
export const COND_OPERATORS: Readonly<Record<string, string>> = {
  jeq: '==',
  jgt: '>',
  jge: '>=',
  jset: '&',
  jne: '!=',
  jsgt: 's>',
  jsge: 's>=',
  jlt: '<',
  jle: '<=',
  jslt: 's<',
  jsle: 's<=',
}

/** Names a printer may use for operands; every function may answer undefined. */
export interface InsnNames {
  /** The function a `call` reaches: helper (`bpf_map_lookup_elem`), kfunc, or subprogram. */
  readonly call?: (insn: NamedInsn) => string | undefined
  /** What an ld_imm64 loads, as it shall be printed: `map[id:5]`, `map[id:5][0]+8`, `subprog[+3]`. */
  readonly imm64?: (insn: NamedInsn) => string | undefined
  /** Distance of a subprogram call to print; in translated programs Linux keeps it in off. Default: imm. */
  readonly distance?: (insn: NamedInsn) => number
}

/** What a name resolver sees of an instruction. */
export interface NamedInsn {
  readonly pc: number
  readonly code: number
  readonly src: number
  readonly off: number
  readonly imm: number
  readonly imm64: bigint | undefined
  readonly op: { readonly name: OpName; readonly kind: OpKind; readonly op?: string } | undefined
}

/** `+4`, `-4`, `+0` */
export function signed(value: number): string {
  return value < 0 ? String(value) : `+${value}`
}

export function hexByte(value: number): string {
  return value.toString(16).padStart(2, '0')
}
