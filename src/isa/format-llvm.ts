import type { Insn } from './insn.js'
import { ALU_OPERATORS, COND_OPERATORS, type InsnNames } from './operators.js'

export interface LlvmFormat {
  /** Print 32-bit subregisters for narrow loads and stores, as `llvm-objdump --mcpu=v3` and later do. Default false. */
  readonly alu32?: boolean
  /** Immediates and offsets in decimal, as `--no-print-imm-hex` does. Default false: hexadecimal. */
  readonly decimal?: boolean
  /** Text of a jump's target for the `<…>` behind it, given the target's slot: `prog+0x90`. */
  readonly target?: (pc: number) => string | undefined
  readonly names?: InsnNames
}

/**
 * An instruction as llvm-objdump prints it (LLVM 19): `r0 = 0x0`, `if r1 == 0x5 goto +0x3 <prog+0x28>`, `<unknown>`.
 * Unlike llvm-objdump it also prints what is newer than the chosen -mcpu, and ignores reserved fields.
 */
export function formatLlvmInsn(insn: Insn, format: LlvmFormat = {}): string {
  return body(insn, format) ?? '<unknown>'
}

function number(value: number | bigint, { decimal }: LlvmFormat): string {
  if (decimal) return String(value)
  return value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`
}

function jump(insn: Insn, distance: number, format: LlvmFormat): string {
  const target = format.target?.(insn.pc + 1 + distance)
  const sign = distance < 0 ? '' : '+'
  return `${sign}${number(distance, format)}${target === undefined ? '' : ` <${target}>`}`
}

function body(insn: Insn, format: LlvmFormat): string | undefined {
  const { dst, src, off, imm, op } = insn
  // LLVM knows r11 as well; r12 to r15 are no registers to it.
  if (op === undefined || (op.dst !== undefined && dst > 11) || (typeof op.src === 'string' && src > 11))
    return undefined
  const bits = op.bits ?? 64
  const prefix = bits === 32 ? 'w' : 'r'
  const narrow = format.alu32 && bits < 64 ? 'w' : 'r'
  const place = (base: number): string => `r${base} ${off < 0 ? '-' : '+'} ${number(Math.abs(off), format)}`
  const memory = (base: number): string => `*(${op.signed ? 's' : 'u'}${bits} *)(${place(base)})`
  switch (op.kind) {
    case 'alu': {
      if (op.op === 'neg') return `${prefix}${dst} = -${prefix}${dst}`
      if (op.op === 'movsx') return `${prefix}${dst} = (s${op.fromBits})${prefix}${src}`
      const operator = ALU_OPERATORS[op.op ?? '']
      return `${prefix}${dst} ${operator} ${op.operand === 'imm' ? number(imm, format) : `${prefix}${src}`}`
    }
    case 'endian':
      return `r${dst} = ${op.op}${imm} r${dst}`
    case 'addr_space_cast':
      return `r${dst} = addr_space_cast(r${src}, ${number(imm >>> 16, format)}, ${number(imm & 0xffff, format)})`
    case 'ld_imm64': {
      const named = format.names?.imm64?.(insn)
      if (named !== undefined) return `r${dst} = ${named} ll`
      if (op.op !== 'imm64') return `ld_pseudo\tr${dst}, ${number(src, format)}, ${number(imm >>> 0, format)}`
      return `r${dst} = ${number(BigInt.asIntN(64, insn.imm64 ?? 0n), format)} ll`
    }
    case 'ld_abs':
      return `r0 = *(u${bits} *)skb[${number(imm, format)}]`
    case 'ld_ind':
      return `r0 = *(u${bits} *)skb[r${src}]`
    case 'ldx':
      return `${op.signed ? 'r' : narrow}${dst} = ${memory(src)}`
    case 'st':
      return `${memory(dst)} = ${number(imm, format)}`
    case 'stx':
      return `${memory(dst)} = ${narrow}${src}`
    case 'atomic': {
      if (!op.fetch) {
        // The add of -mcpu=v1 has a spelling of its own, older than subregisters.
        const register = op.op === 'add' ? narrow : prefix
        return `lock *(u${bits} *)(${place(dst)}) ${ALU_OPERATORS[op.op ?? '']} ${register}${src}`
      }
      const suffix = bits === 32 ? '32_32' : '_64'
      if (op.op === 'xchg') return `${prefix}${src} = xchg${suffix}(${place(dst)}, ${prefix}${src})`
      if (op.op === 'cmpxchg') return `${prefix}0 = cmpxchg${suffix}(${place(dst)}, ${prefix}0, ${prefix}${src})`
      return `${prefix}${src} = atomic_fetch_${op.op}((u${bits} *)(${place(dst)}), ${prefix}${src})`
    }
    case 'load_acquire':
      return `${narrow}${dst} = load_acquire((u${bits} *)(${place(src)}))`
    case 'store_release':
      return `store_release((u${bits} *)(${place(dst)}), ${narrow}${src})`
    case 'ja':
      return op.op === 'gotol' ? `gotol ${jump(insn, imm, format)}` : `goto ${jump(insn, off, format)}`
    case 'may_goto':
      return `may_goto ${jump(insn, off, format)}`
    case 'gotox':
      return `gotox r${dst}`
    case 'cond': {
      const operand = op.operand === 'reg' ? `${prefix}${src}` : number(imm, format)
      return `if ${prefix}${dst} ${COND_OPERATORS[op.op ?? '']} ${operand} goto ${jump(insn, off, format)}`
    }
    case 'call': {
      const name = format.names?.call?.(insn)
      return name === undefined ? `call ${number(imm, format)}` : `call ${name}`
    }
    case 'callx':
      return `callx r${dst}`
    case 'exit':
      return 'exit'
    case 'percpu_mov':
    case 'nospec':
      return undefined
  }
}
