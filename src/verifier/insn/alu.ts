// Arithmetic instructions.

import type { Insn } from '../../isa/index.js'
import { isConst, isConst32, type Num, newNum, setKnown, setKnown32, setUnknown } from '../domain/num.js'
import {
  addNum,
  andNum,
  arshNum,
  arshNum32,
  byteSwapNum,
  lshNum,
  lshNum32,
  mulNum,
  negNum,
  orNum,
  rshNum,
  rshNum32,
  signExtendNum,
  subNum,
  truncateNum,
  xorNum,
} from '../domain/scalar-alu.js'
import { isContradictory, syncBounds, zeroExtend32 } from '../domain/sync.js'
import type { Env } from '../env.js'
import { markPrecise } from '../explore/precision.js'
import { constReg, copyReg, makeUnknown, type Reg } from '../state/reg.js'
import { settle } from './jump.js'
import { arenaReg } from './memory.js'
import { readReg } from './operands.js'
import { pointerAlu } from './pointer-alu.js'
import { maskNumber } from './speculation.js'

const scratch = newNum()

/** Gives a number an identity, so that what is learnt of one copy is learnt of all. */
export function giveId(env: Env, regno: number): void {
  const reg = env.reg(regno)
  if (reg.type !== 'scalar' || isConst(reg)) {
    if (reg.type !== 'scalar' || reg.addConst === 0) return
  }
  if (reg.id !== 0 && reg.addConst === 0) return
  const copy = copyReg(reg)
  if (copy.addConst !== 0) {
    copy.addConst = 0
    copy.id = 0
    copy.off = 0
  }
  if (copy.id === 0 && !isConst(copy)) copy.id = env.newId()
  env.regs[regno] = copy
}

export function aluInsn(env: Env, insn: Insn): void {
  compute(env, insn)
  // Pointers whose addition was guessed have ranges that do not fit.
  if (env.state.speculative) settle(env, env.state, insn.dst, 'alu')
}

function compute(env: Env, insn: Insn): void {
  const { code, dst, src, imm } = insn
  const narrow = (code & 7) === 4
  const operation = code & 0xf0
  const byReg = (code & 8) !== 0
  if (operation === 0xb0) {
    move(env, insn, narrow, byReg)
    return
  }
  if (operation === 0x80 || operation === 0xd0) {
    readReg(env, dst)
    const reg = env.reg(dst)
    env.scratch(dst)
    if (env.hides(reg)) env.refuse(`R${dst} pointer arithmetic prohibited`, 'EACCES')
    if (reg.type !== 'scalar') {
      env.regs[dst] = unknown()
      return
    }
    // le64 changes nothing on a little-endian machine.
    if (operation === 0xd0 && code === 0xd4 && imm === 64) return
    const result = copyReg(reg)
    result.id = 0
    result.addConst = 0
    result.off = 0
    if (operation === 0x80) {
      negNum(result, scratch)
      if (narrow) zeroExtend32(result)
      finish(result)
    } else {
      if ((code & 7) === 7 || byReg) {
        byteSwapNum(result, imm / 8)
        finish(result)
      } else truncateNum(result, imm / 8)
    }
    env.regs[dst] = result
    return
  }
  if (byReg) readReg(env, src)
  readReg(env, dst)
  env.scratch(dst)
  binary(env, insn, narrow, byReg)
}

function move(env: Env, insn: Insn, narrow: boolean, byReg: boolean): void {
  const { dst, src, off, imm } = insn
  if (insn.op?.kind === 'addr_space_cast') {
    castAddress(env, insn)
    return
  }
  if (byReg) readReg(env, src)
  env.scratch(dst)
  if (!byReg) {
    env.regs[dst] = constReg(imm, narrow ? 0 : imm >> 31)
    return
  }
  const from = env.reg(src)
  if (!narrow) {
    if (off === 0) {
      giveId(env, src)
      env.regs[dst] = copyReg(env.reg(src))
      return
    }
    if (env.hides(from)) env.refuse(`R${src} sign-extension part of pointer`, 'EACCES')
    if (from.type !== 'scalar') {
      env.regs[dst] = unknown()
      return
    }
    const noExtension = Number(from.umaxHi) === 0 && from.umaxLo >>> 0 < 2 ** (off - 1)
    if (noExtension) giveId(env, src)
    const result = copyReg(env.reg(src))
    if (!noExtension) {
      result.id = 0
      result.addConst = 0
      result.off = 0
    }
    signExtendNum(result, off / 8, false)
    env.regs[dst] = result
    return
  }
  if (env.hides(from)) env.refuse(`R${src} partial copy of pointer`, 'EACCES')
  if (from.type !== 'scalar') {
    // Part of a pointer is a number; whoever may load programs without limits may see it.
    const result = unknown()
    zeroExtend32(result)
    syncBounds(result)
    env.regs[dst] = result
    return
  }
  if (off === 0) {
    const fits = from.umaxHi === 0
    if (fits) giveId(env, src)
    const result = copyReg(env.reg(src))
    if (!fits) {
      result.id = 0
      result.addConst = 0
      result.off = 0
    }
    zeroExtend32(result)
    syncBounds(result)
    env.regs[dst] = result
    return
  }
  const noExtension = from.umaxHi === 0 && from.umaxLo >>> 0 < 2 ** (off - 1)
  if (noExtension) giveId(env, src)
  const result = copyReg(env.reg(src))
  if (!noExtension) {
    result.id = 0
    result.addConst = 0
    result.off = 0
  }
  signExtendNum(result, off / 8, true)
  env.regs[dst] = result
}

/** Between the arena's own addresses and user space's. */
function castAddress(env: Env, { dst, src, imm }: Insn): void {
  if (env.arena === undefined) {
    env.refuse('addr_space_cast insn can only be used in a program that has an associated arena')
  }
  readReg(env, src)
  env.scratch(dst)
  env.regs[dst] = imm === 1 ? arenaReg() : unknown()
}

function binary(env: Env, insn: Insn, narrow: boolean, byReg: boolean): void {
  const { code, dst, src, imm } = insn
  const operation = code & 0xf0
  const left = env.reg(dst)
  // An address in the arena stays one, whatever is done to it.
  if (left.type === 'arena') return
  const right = byReg ? env.reg(src) : constReg(imm, imm >> 31)
  if (left.type !== 'scalar' || right.type !== 'scalar') {
    if (left.type !== 'scalar' && right.type !== 'scalar') {
      // The difference of two pointers is an unknown number.
      if (operation === 0x10 && env.perfmon) {
        env.regs[dst] = unknown()
        return
      }
      env.refuse(`R${dst} pointer ${operatorName(insn)} pointer prohibited`, 'EACCES')
    }
    if (left.type === 'scalar') {
      // number op pointer: only addition makes sense.
      markPrecise(env, dst)
      pointerAlu(env, insn, src, dst, narrow)
      return
    }
    if (byReg) markPrecise(env, src)
    pointerAlu(env, insn, dst, byReg ? src : -1, narrow)
    return
  }
  const result = copyReg(left)
  if ((operation === 0x50 || operation === 0x40) && isConst(right)) forkSign(env, insn, result)
  const linkedAdd =
    (operation === 0x00 || operation === 0x10) &&
    left.id !== 0 &&
    isConst(right) &&
    smallConst(right) &&
    left.addConst === 0 &&
    (!narrow || left.umaxHi === 0)
  scalarAlu(result, right, operation, narrow)
  if ((operation === 0x00 || operation === 0x10) && !isContradictory(right)) maskNumber(env, insn)
  result.id = 0
  result.addConst = 0
  result.off = 0
  // r += constant keeps the relation to what it was copied from.
  if (linkedAdd) {
    result.id = left.id
    result.addConst = narrow ? 32 : 64
    result.off = operation === 0x00 ? right.valueLo : -right.valueLo | 0
  }
  env.regs[dst] = result
}

/** A number that is -1 or 0, the spread sign of another: each of the two is followed by itself. */
function forkSign(env: Env, insn: Insn, result: Reg): void {
  const whole = result.sminLo === -1 && result.sminHi === -1 && (result.smaxLo | result.smaxHi) === 0
  if (!whole && (result.smin32 !== -1 || result.smax32 !== 0)) return
  const branch = env.pushBranch(insn.pc, insn.pc)
  const zero = whole ? constReg(0, 0) : copyReg(result)
  if (!whole) setKnown32(zero, 0)
  branch.frame.regs[insn.dst] = zero
  if (whole) setKnown(result, -1, -1)
  else setKnown32(result, -1)
}

function smallConst(reg: Reg): boolean {
  return reg.valueHi === reg.valueLo >> 31
}

function operatorName(insn: Insn): string {
  const names = ['+=', '-=', '*=', '/=', '|=', '&=', '<<=', '>>=', 'neg', '%=', '^=', '=', 's>>=', 'endian']
  return names[insn.code >> 4] ?? '?'
}

function unknown(): Reg {
  const reg = constReg(0, 0)
  setUnknown(reg)
  return reg
}

/** What Linux computes ranges for; all else makes the result unknown. */
function isTracked(operation: number, by: Num, narrow: boolean): boolean {
  switch (operation) {
    case 0x00:
    case 0x10:
    case 0x20:
    case 0x40:
    case 0x50:
    case 0xa0:
      return true
    case 0x60:
    case 0x70:
    case 0xc0: {
      const known = narrow ? isConst32(by) : isConst(by)
      return known && by.umaxHi === 0 && by.umaxLo >>> 0 < (narrow ? 32 : 64)
    }
    default:
      return false
  }
}

function scalarAlu(result: Reg, by: Reg, operation: number, narrow: boolean): void {
  if (isContradictory(by) || !isTracked(operation, by, narrow)) {
    makeUnknown(result, false)
    return
  }
  const amount = by.valueLo
  switch (operation) {
    case 0x00:
      addNum(result, by)
      break
    case 0x10:
      subNum(result, by)
      break
    case 0x20:
      mulNum(result, by)
      break
    case 0x40:
      orNum(result, by)
      break
    case 0x50:
      andNum(result, by)
      break
    case 0xa0:
      xorNum(result, by)
      break
    case 0x60:
      narrow ? lshNum32(result, amount) : lshNum(result, amount)
      break
    case 0x70:
      narrow ? rshNum32(result, amount) : rshNum(result, amount)
      break
    case 0xc0:
      narrow ? arshNum32(result, amount) : arshNum(result, amount)
      break
  }
  if (narrow) zeroExtend32(result)
  finish(result)
}

function finish(result: Num): void {
  syncBounds(result)
  if (isContradictory(result)) setUnknown(result)
}
