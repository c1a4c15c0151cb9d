import { helperName } from '../spec/index.js'
import {
  BPF_ATOMIC,
  BPF_LD,
  BPF_LDX,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_ST,
  BPF_STX,
  BPF_W,
} from './constants.js'
import type { Insn } from './insn.js'
import { lookupOp, type Op, opsOfCode } from './opcodes.js'
import { ALU_OPERATORS, COND_OPERATORS, hexByte, type InsnNames, signed } from './operators.js'

/**
 * An instruction as Linux's verifier log and `bpftool prog dump xlated` print it: `(b7) r0 = 0`, without its number.
 * Also follows Linux for what it refuses to run: `BUG_db`, `r0 = be7 r0`.
 */
export function formatKernelInsn(insn: Insn, names: InsnNames = {}): string {
  // Reserved values leave the operation unknown but not the family: Linux still prints its plainest member.
  const op = insn.op ?? opsOfCode(insn.code)[0]
  if (op === undefined) return unknownCode(insn.code)
  const text = body(insn, op, names)
  return text.startsWith('BUG_') ? text : `(${hexByte(insn.code)}) ${text}`
}

function unknownCode(code: number): string {
  switch (code & 7) {
    case BPF_LD:
      return `BUG_ld_${hexByte(code)}`
    case BPF_LDX:
      return `BUG_ldx_${hexByte(code)}`
    case BPF_ST:
      return `BUG_st_${hexByte(code)}`
    case BPF_STX:
      return `BUG_${hexByte(code)}`
    default:
      return `BUG_alu_${hexByte(code)}`
  }
}

function body(insn: Insn, op: Op, names: InsnNames): string {
  const { dst, src, off, imm } = insn
  const bits = op.bits ?? 64
  const prefix = bits === 32 ? 'w' : 'r'
  const memory = (base: number): string => `*(${op.signed ? 's' : 'u'}${bits} *)(r${base} ${signed(off)})`
  switch (op.kind) {
    case 'alu': {
      if (op.op === 'neg') return `${prefix}${dst} = -${prefix}${dst}`
      const operator = op.op === 'movsx' ? '=' : ALU_OPERATORS[op.op ?? '']
      if (op.operand === 'imm') return `${prefix}${dst} ${operator} ${imm}`
      // The 32-bit form has no s32 source, but Linux prints one where off asks for it.
      const from = op.op === 'movsx' ? op.fromBits : op.op === 'mov' && off === 32 ? 32 : undefined
      return `${prefix}${dst} ${operator} ${from === undefined ? '' : `(s${from})`}${prefix}${src}`
    }
    case 'endian':
      return `r${dst} = ${op.op}${imm} r${dst}`
    case 'addr_space_cast':
      return `r${dst} = addr_space_cast(r${src}, ${imm >>> 16}, ${imm & 0xffff})`
    case 'percpu_mov':
      return `r${dst} = &(void __percpu *)(r${src})`
    case 'ld_imm64':
      return `r${dst} = ${names.imm64?.(insn) ?? `0x${(insn.imm64 ?? 0n).toString(16)}`}`
    case 'ld_abs':
      return `r0 = *(u${bits} *)skb[${imm}]`
    case 'ld_ind':
      return `r0 = *(u${bits} *)skb[r${src} + ${imm}]`
    case 'ldx':
      return `r${dst} = ${memory(src)}`
    case 'st':
      return `${memory(dst)} = ${imm}`
    case 'stx':
      return `${memory(dst)} = r${src}`
    case 'nospec':
      return 'nospec'
    case 'atomic':
    case 'load_acquire':
    case 'store_release': {
      // Linux refuses 8- and 16-bit read-modify-write, and prints them all the same.
      const known = insn.op ?? lookupOp(BPF_STX | BPF_ATOMIC | BPF_W, src, off, imm)
      return known === undefined ? `BUG_${hexByte(insn.code)}` : atomic(insn, known, bits)
    }
    case 'ja':
      return op.op === 'gotol' ? `gotol pc${signed(imm)}` : `goto pc${signed(off)}`
    case 'gotox':
      return `gotox r${dst}`
    case 'may_goto':
      return src === 0
        ? `may_goto pc${signed(off)}`
        : `if r${dst} (null) 0x${(imm >>> 0).toString(16)} goto pc${signed(off)}`
    case 'cond': {
      const operand = op.operand === 'reg' ? `${prefix}${src}` : `0x${(imm >>> 0).toString(16)}`
      return `if ${prefix}${dst} ${COND_OPERATORS[op.op ?? ''] ?? '(null)'} ${operand} goto pc${signed(off)}`
    }
    case 'call': {
      const name = names.call?.(insn)
      if (src === BPF_PSEUDO_CALL)
        return `call pc${signed(names.distance?.(insn) ?? imm)}${name === undefined ? '' : `#${name}`}`
      return `call ${name ?? functionName(src, imm)}#${imm}`
    }
    case 'callx':
      return `callx r${dst}`
    case 'exit':
      return 'exit'
  }
}

function functionName(src: number, imm: number): string {
  if (src === BPF_PSEUDO_KFUNC_CALL) return 'kernel-function'
  if (src === 0 && imm === 0) return 'bpf_unspec'
  const helper = src === 0 ? helperName(imm) : undefined
  return helper === undefined ? 'unknown' : `bpf_${helper}`
}

function atomic(insn: Insn, op: Op, bits: number): string {
  const { dst, src, off } = insn
  const at = (base: number): string => `(u${bits} *)(r${base} ${signed(off)})`
  // Linux marks the 64-bit forms by name and leaves the registers unmarked.
  const wide = bits === 64 ? '64' : ''
  if (op.kind === 'load_acquire') return `r${dst} = load_acquire(${at(src)})`
  if (op.kind === 'store_release') return `store_release(${at(dst)}, r${src})`
  if (!op.fetch) return `lock *${at(dst)} ${ALU_OPERATORS[op.op ?? '']} r${src}`
  if (op.op === 'xchg') return `r${src} = atomic${wide}_xchg(${at(dst)}, r${src})`
  if (op.op === 'cmpxchg') return `r0 = atomic${wide}_cmpxchg(${at(dst)}, r0, r${src})`
  return `r${src} = atomic${wide}_fetch_${op.op}(${at(dst)}, r${src})`
}
