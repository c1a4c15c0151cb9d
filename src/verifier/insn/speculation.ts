// What a processor that guesses wrong may do: paths not taken, and numbers beyond the bounds that were checked. Programs loaded
// without CAP_PERFMON are followed along those paths too, and what they add to pointers is masked.

import type { Insn } from '../../isa/index.js'
import { checkMapValue } from '../access/check-access.js'
import { toSigned } from '../domain/int64.js'
import { isConst, setUnbounded32 } from '../domain/num.js'
import type { Env, PointerMask } from '../env.js'
import { bitsText } from '../log/print-state.js'
import { Refusal } from '../refusal.js'
import { copyReg, type Reg, unknownReg } from '../state/reg.js'
import { STACK_BYTES } from '../state/state.js'

/** Linux's BPF_ALU_*: how an addition is masked. */
export const ALU_MASK = { sanitizeSrc: 1, sanitizeDst: 2, negative: 4, nonPointer: 8, immediate: 16 } as const

/** The way a condition does not go, and yet may be guessed to: nothing is known there of what was compared. */
export function mispredict(env: Env, insn: Insn, target: number): void {
  const { regs } = env.pushBranch(target, insn.pc, true).frame
  regs[insn.dst] = unknownReg()
  if ((insn.code & 8) !== 0) regs[insn.src] = unknownReg()
}

const isMasked = (env: Env, insn: Insn): boolean =>
  !env.perfmon && (insn.code & 8) !== 0 && ((env.barriers[insn.pc] as number) & 1) === 0

/** The same instruction adds numbers only, or to pointers only. */
export function maskNumber(env: Env, insn: Insn): void {
  if (isMasked(env, insn)) note(env, insn, { state: ALU_MASK.nonPointer, limit: 0 })
}

function note(env: Env, insn: Insn, mask: PointerMask): void {
  const known = env.masks[insn.pc]
  if (known !== undefined && known.state !== 0 && (known.state !== mask.state || known.limit !== mask.limit)) {
    prohibit(env, `R${insn.dst} tried to ${verb(insn)} from different maps, paths or scalars`)
  }
  env.masks[insn.pc] = mask
}

const verb = (insn: Insn): string => ((insn.code & 0xf0) === 0 ? 'add' : 'sub')

function prohibit(env: Env, what: string): never {
  return env.refuse(`${what}, pointer arithmetic with it prohibited for !root`, 'EACCES')
}

/** What is known of the mask before the addition. */
export interface Window {
  readonly left: boolean
  readonly mask: PointerMask | undefined
}

/** Before a number is added to a pointer: how far the pointer may be moved. `pointer`: its register. */
export function maskBefore(env: Env, insn: Insn, ptr: Reg, num: Reg, pointer: number): Window | undefined {
  if (!isMasked(env, insn)) return undefined
  const fixed = isConst(num)
  const { speculative } = env.state
  let window: Window = { left: false, mask: undefined }
  if (!speculative) {
    const negative = num.sminHi < 0
    const other = pointer === insn.dst ? insn.src : insn.dst
    if (!fixed && negative !== num.smaxHi < 0) {
      prohibit(env, `R${other} has unknown scalar with mixed signed bounds`)
    }
    const left = ((insn.code & 0xf0) === 0) === negative
    const limit = limitOf(env, insn, ptr, left, pointer)
    const state =
      (negative ? ALU_MASK.negative : 0) |
      (fixed ? ALU_MASK.immediate : 0) |
      (pointer === insn.dst ? ALU_MASK.sanitizeSrc : ALU_MASK.sanitizeDst)
    if (!fixed) env.comparesNumbers = true
    window = { left, mask: { state, limit } }
  }
  if (!fixed) {
    const still = copyReg(ptr)
    if (pointer === insn.dst) setUnbounded32(still)
    env.pushBranch(insn.pc + 1, insn.pc, true).frame.regs[insn.dst] = still
  }
  return window
}

/** Behind it: the mask lets through what the pointer was seen to move. */
export function maskBehind(env: Env, insn: Insn, moved: Reg, { left, mask }: Window): void {
  if (mask === undefined) return
  const limit = limitOf(env, insn, moved, left, insn.dst)
  note(env, insn, { state: mask.state, limit: Math.abs((mask.limit - limit) | 0) })
}

function limitOf(env: Env, insn: Insn, ptr: Reg, left: boolean, pointer: number): number {
  let most: number
  let limit: number
  if (ptr.type === 'fp') {
    most = STACK_BYTES + (left ? 1 : 0)
    limit = -(ptr.valueLo + ptr.off)
  } else if (ptr.type === 'map_value' && ptr.flags === 0) {
    most = ptr.map?.valueSize ?? 0
    limit = (left ? ptr.sminLo : ptr.umaxLo) + ptr.off
  } else return prohibit(env, `R${pointer} has pointer with unsupported alu operation`)
  if (limit >>> 0 >= most) prohibit(env, `R${insn.dst} tried to ${verb(insn)} beyond pointer bounds`)
  return limit >>> 0
}

/** A pointer stays inside of what it points to, used or not. */
export function checkArithmetic(env: Env, dst: number): void {
  const reg = env.reg(dst)
  if (reg.type === 'fp') {
    const off = Number(BigInt.asIntN(32, BigInt(reg.off) + toSigned(reg.valueLo, reg.valueHi)))
    if (!isConst(reg)) {
      env.refuse(`R${dst} variable stack access prohibited for !root, var_off=${bitsText(reg)} off=${off}`, 'EACCES')
    }
    if (off >= 0 || off < -STACK_BYTES) {
      env.refuse(`R${dst} stack pointer arithmetic goes out of range, prohibited for !root; off=${off}`, 'EACCES')
    }
  } else if (reg.type === 'map_value' && reg.flags === 0) checkMapValueArithmetic(env, dst, reg)
}

function checkMapValueArithmetic(env: Env, dst: number, reg: Reg): void {
  try {
    checkMapValue(env, dst, reg.off, 1, false, false)
  } catch (error) {
    if (!(error instanceof Refusal) || error.unsupported) throw error
    env.refuse(`R${dst} pointer arithmetic of map value goes out of range, prohibited for !root`, 'EACCES')
  }
}
