// Arithmetic on pointers: a pointer plus or minus a number.

import type { Insn } from '../../isa/index.js'
import { add64, hi, toSigned } from '../domain/int64.js'
import { copyNum, isConst, type Num, newNum, setUnbounded32, setUnknown } from '../domain/num.js'
import { addNum, subNum } from '../domain/scalar-alu.js'
import { isContradictory, syncBounds } from '../domain/sync.js'
import type { Env } from '../env.js'
import { constReg, copyReg, isPacketPointer, MAYBE_NULL, type Reg, typeText, UNTRUSTED } from '../state/reg.js'
import { checkArithmetic, maskBefore, maskBehind } from './speculation.js'

const MAX_OFFSET = 1 << 29

/** `pointer` and `number` are register numbers; the number is the immediate where that is -1. */
export function pointerAlu(env: Env, insn: Insn, pointer: number, number: number, narrow: boolean): void {
  const { dst, code, imm } = insn
  const operation = code & 0xf0
  const ptr = env.reg(pointer)
  const num = number < 0 ? constReg(imm, imm >> 31) : env.reg(number)
  const known = isConst(num)
  const bad =
    (known && (toSignedMin(num) !== toSignedMax(num) || toUnsignedMin(num) !== toUnsignedMax(num))) ||
    toSignedMin(num) > toSignedMax(num) ||
    toUnsignedMin(num) > toUnsignedMax(num)
  if (bad) {
    const result = copyReg(constReg(0, 0))
    setUnknown(result)
    env.regs[dst] = result
    return
  }
  if (narrow) {
    if (operation === 0x10 && env.perfmon) {
      // Narrow subtraction from a pointer leaves an unknown number where leaks are allowed.
      const result = constReg(0, 0)
      setUnknown(result)
      env.regs[dst] = result
      return
    }
    env.refuse(`R${dst} 32-bit pointer arithmetic prohibited`, 'EACCES')
  }
  if ((ptr.flags & MAYBE_NULL) !== 0) {
    env.refuse(
      `R${dst} pointer arithmetic on ${typeText(ptr.type, ptr.flags)} prohibited, null-check it first`,
      'EACCES',
    )
  }
  // Any address already: no offset is kept.
  if (ptr.type === 'mem' && (ptr.flags & UNTRUSTED) !== 0) {
    env.regs[dst] = copyReg(ptr)
    return
  }
  switch (ptr.type) {
    case 'ctx':
    case 'map_value':
    case 'map_key':
    case 'fp':
    case 'pkt':
    case 'pkt_meta':
    case 'tp_buffer':
    case 'ptr_':
    case 'mem':
    case 'buf':
    case 'func':
    case 'dynptr_ptr':
      break
    case 'flow_keys':
      if (known) break
      env.refuse(`R${dst} pointer arithmetic on ${typeText(ptr.type, ptr.flags)} prohibited`, 'EACCES')
      break
    case 'map_ptr':
      if (known && num.valueLo === 0 && num.valueHi === 0 && operation === 0x00) break
      env.refuse(`R${dst} pointer arithmetic on ${typeText(ptr.type, ptr.flags)} prohibited`, 'EACCES')
      break
    default:
      env.refuse(`R${dst} pointer arithmetic on ${typeText(ptr.type, ptr.flags)} prohibited`, 'EACCES')
  }
  checkOffset(env, num, num, ptr)
  checkOffset(env, ptr, num, ptr)
  const guarded = !env.perfmon && (operation === 0x00 || operation === 0x10)
  const mask = guarded ? maskBefore(env, insn, ptr, num, pointer) : undefined
  const result = copyReg(ptr)
  if (operation === 0x00) add(env, result, ptr, num)
  else if (operation === 0x10) subtract(env, result, ptr, num, insn, number)
  else if (operation === 0x50 || operation === 0x40 || operation === 0xa0) {
    env.refuse(
      `R${dst} bitwise operator ${['|=', '&=', '^='][operation === 0x40 ? 0 : operation === 0x50 ? 1 : 2]} on pointer prohibited`,
      'EACCES',
    )
  } else {
    const names: Record<number, string> = { 32: '*=', 48: '/=', 96: '<<=', 112: '>>=', 144: '%=', 192: 's>>=' }
    env.refuse(`R${dst} pointer arithmetic with ${names[operation] ?? '?'} operator prohibited`, 'EACCES')
  }
  checkOffset(env, result, result, ptr)
  syncBounds(result)
  if (isContradictory(result)) setUnknown(result)
  env.regs[dst] = result
  if (!env.perfmon) {
    checkArithmetic(env, dst)
    if (mask !== undefined) maskBehind(env, insn, result, mask)
  }
}

const toSignedMin = (n: Num): bigint => toSigned(n.sminLo, n.sminHi)
const toSignedMax = (n: Num): bigint => toSigned(n.smaxLo, n.smaxHi)
const toUnsignedMin = (n: Num): bigint => BigInt.asUintN(64, toSigned(n.uminLo, n.uminHi))
const toUnsignedMax = (n: Num): bigint => BigInt.asUintN(64, toSigned(n.umaxLo, n.umaxHi))

/** Offsets stay small enough that nothing can overflow. */
function checkOffset(env: Env, reg: Reg, _by: Reg, ptr: Reg): void {
  const what = typeText(ptr.type, ptr.flags)
  const smin = toSignedMin(reg)
  if (isConst(reg)) {
    const value = toSigned(reg.valueLo, reg.valueHi)
    if (value >= BigInt(MAX_OFFSET) || value <= -BigInt(MAX_OFFSET)) {
      env.refuse(`math between ${what} pointer and ${value} is not allowed`)
    }
  }
  if (reg.type !== 'scalar' && (reg.off >= MAX_OFFSET || reg.off <= -MAX_OFFSET)) {
    env.refuse(`${what} pointer offset ${reg.off} is not allowed`)
  }
  if (smin === -0x8000_0000_0000_0000n) {
    env.refuse(`math between ${what} pointer and register with unbounded min value is not allowed`)
  }
  if (smin >= BigInt(MAX_OFFSET) || smin <= -BigInt(MAX_OFFSET)) {
    env.refuse(`value ${smin} makes ${what} pointer be out of bounds`)
  }
}

const scratch = newNum()

function add(env: Env, result: Reg, ptr: Reg, num: Reg): void {
  if (isConst(num)) {
    const off = ptr.off + num.sminLo
    if (off === (off | 0)) {
      copyNum(result, ptr)
      result.off = off
      return
    }
  }
  copyNum(scratch, num)
  addNum(result, scratch)
  setUnbounded32(result)
  if (isPacketPointer(ptr)) {
    result.id = env.newId()
    result.range = 0
  }
}

function subtract(env: Env, result: Reg, ptr: Reg, num: Reg, insn: Insn, number: number): void {
  const { dst } = insn
  if (number === dst) env.refuse(`R${dst} tried to subtract pointer from scalar`, 'EACCES')
  if (ptr.type === 'fp') env.refuse(`R${dst} subtraction from stack pointer prohibited`, 'EACCES')
  if (isConst(num)) {
    const off = ptr.off - num.sminLo
    if (off === (off | 0)) {
      copyNum(result, ptr)
      result.off = off
      return
    }
  }
  copyNum(scratch, num)
  subNum(result, scratch)
  setUnbounded32(result)
  if (isPacketPointer(ptr)) {
    result.id = env.newId()
    if (num.sminHi < 0) result.range = 0
  }
}

/** umax of a register plus its fixed offset, as a number. */
export function farthest(reg: Reg): number {
  const lo = add64(reg.umaxLo, reg.umaxHi, reg.off, reg.off >> 31)
  return hi * 4294967296 + (lo >>> 0)
}
