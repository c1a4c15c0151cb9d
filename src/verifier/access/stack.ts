// Loads from and stores to the stack: spilled registers come back as they were, bytes are merely initialised or not.

import { destroyDynptr } from '../call/special/dynptr.js'
import { useStack } from '../cfg/fastcall.js'
import { toNumber, toSigned } from '../domain/int64.js'
import { isConst } from '../domain/num.js'
import { BARRIER, type Env } from '../env.js'
import { markPrecise } from '../explore/precision.js'
import { giveId } from '../insn/alu.js'
import { bitsText } from '../log/print-state.js'
import { constReg, copyReg, type Reg, unknownReg } from '../state/reg.js'
import { type Frame, SLOT, STACK_BYTES } from '../state/state.js'

export type StackUse = 'read' | 'write'

/** The range of offsets an access covers lies on the stack; makes room for it. */
export function checkStackBounds(env: Env, regno: number, off: number, size: number, use: StackUse): void {
  const reg = env.reg(regno)
  const how = use === 'read' ? ' read from' : ' write to'
  const fixed = isConst(reg)
  if (!fixed && (toNumber(reg.smaxLo, reg.smaxHi) >= 2 ** 29 || toNumber(reg.sminLo, reg.sminHi) <= -(2 ** 29))) {
    env.refuse(`invalid unbounded variable-offset${how} stack R${regno}`, 'EACCES')
  }
  const min = toNumber(fixed ? reg.valueLo : reg.sminLo, fixed ? reg.valueHi : reg.sminHi) + off
  const max = fixed ? min + size : toNumber(reg.smaxLo, reg.smaxHi) + off + size
  const frame = env.state.frames[reg.frameno] as Frame
  // What nothing was written to yet is no stack to those who may not see what is there.
  const lowest = use === 'read' && !env.perfmon ? -frame.allocated : -STACK_BYTES
  if (min < lowest || min > -1 || max > 0 || size < 0) {
    const text = fixed
      ? `invalid${how} stack R${regno} off=${min} size=${size}`
      : `invalid variable-offset${how} stack R${regno} var_off=${bitsText(reg)} off=${off} size=${size}`
    env.refuse(text, min < lowest || min > -1 ? 'EACCES' : 'EINVAL')
  }
  const subprog = env.subprogs[frame.subprog]
  frame.grow(-min)
  useStack(env, frame.subprog, min)
  if (subprog !== undefined && subprog.stackDepth < -min) subprog.stackDepth = -min
}

const bitWidth = (reg: Reg): number => (reg.umaxHi !== 0 ? 64 - Math.clz32(reg.umaxHi) : 32 - Math.clz32(reg.umaxLo))

/** Bytes of the low end of a slot that belong to a spilled register; 0 for none. */
export function spillSize(frame: Frame, slot: number): number {
  let size = 0
  for (let j = 7; j >= 0 && frame.types[slot * 8 + j] === SLOT.spill; j--) size++
  return size
}

function saveSpill(frame: Frame, slot: number, reg: Reg, size: number): void {
  frame.spills[slot] = copyReg(reg)
  const base = slot * 8
  for (let j = 7; j >= 8 - size; j--) frame.types[base + j] = SLOT.spill
  for (let j = 7 - size; j >= 0; j--) {
    const type = frame.types[base + j]
    if (type !== SLOT.zero && type !== SLOT.invalid) frame.types[base + j] = SLOT.misc
  }
  frame.occupants[slot] = undefined
}

/** `value`: the stored register, or -1 with an immediate, or neither (a helper writes). */
export function writeStack(env: Env, regno: number, off: number, size: number, value: number, imm?: number): void {
  const pointer = env.reg(regno)
  const frame = env.state.frames[pointer.frameno] as Frame
  if (isConst(pointer)) {
    writeFixed(env, frame, off + Number(toSigned(pointer.valueLo, pointer.valueHi)), size, value, imm)
  } else writeVariable(env, frame, pointer, off, size, value, imm)
}

function writeFixed(env: Env, frame: Frame, off: number, size: number, value: number, imm?: number): void {
  const first = -off - 1
  const slot = first >> 3
  const aligned = off % 8 === 0
  if (!env.perfmon) guardStore(env, frame, first, size, value)
  destroyDynptr(env, frame, slot)
  env.scratchSlot(slot)
  if (size === 8) env.stackLiveness.wrote(frame.frameno, slot)
  let reg = value >= 0 ? env.reg(value) : undefined
  let spilled = true
  if (reg !== undefined && aligned && reg.type === 'scalar') {
    const fits = bitWidth(reg) <= size * 8
    if (fits) giveId(env, value)
    reg = env.reg(value)
    saveSpill(frame, slot, reg, size)
    if (!fits) (frame.spills[slot] as Reg).id = 0
  } else if (reg === undefined && imm !== undefined && aligned) {
    saveSpill(frame, slot, constReg(imm, imm >> 31), size)
  } else if (reg !== undefined && reg.type !== 'scalar' && reg.type !== 'not_init') {
    if (size !== 8) {
      env.printLine(env.insnIdx)
      env.refuse('invalid size of register spill', 'EACCES')
    }
    if (frame !== env.frame && reg.type === 'fp')
      env.refuse('cannot spill pointers to stack into stack frame of the caller')
    saveSpill(frame, slot, reg, size)
  } else {
    spilled = false
    frame.spills[slot] = undefined
    frame.occupants[slot] = undefined
    const kind = frame.types[slot * 8 + 7]
    if (isSpecial(kind)) {
      for (let j = 0; j < 8; j++) {
        if (frame.types[slot * 8 + j] !== SLOT.invalid) frame.types[slot * 8 + j] = SLOT.misc
      }
    }
    const zero = reg !== undefined ? isZero(reg) : imm === 0
    if (zero && value >= 0) markPrecise(env, value)
    for (let i = 0; i < size; i++) frame.types[first - i] = zero ? SLOT.zero : SLOT.misc
  }
  if (spilled) env.pushHistory(frame.frameno, slot)
}

/** Part of a spilled pointer must not be seen, and what the processor guesses must not be older than the store. */
function guardStore(env: Env, frame: Frame, first: number, size: number, value: number): void {
  const slot = first >> 3
  const spilled = frame.types[slot * 8 + 7] === SLOT.spill ? frame.spills[slot] : undefined
  if (spilled !== undefined && spilled.type !== 'scalar' && size !== 8) {
    env.refuse('attempt to corrupt spilled pointer on stack', 'EACCES')
  }
  const type = value >= 0 ? env.reg(value).type : 'scalar'
  let barrier = type !== 'scalar' && type !== 'not_init'
  for (let i = 0; i < size && !barrier; i++) {
    const at = frame.types[first - i]
    barrier = at !== SLOT.misc && at !== SLOT.zero
  }
  if (barrier) env.barriers[env.insnIdx] = (env.barriers[env.insnIdx] as number) | BARRIER.behind
}

function isSpecial(type: number | undefined): boolean {
  return type === SLOT.spill || type === SLOT.dynptr || type === SLOT.iter || type === SLOT.irq
}

function isZero(reg: Reg): boolean {
  return reg.type === 'scalar' && isConst(reg) && reg.valueLo === 0 && reg.valueHi === 0
}

function writeVariable(
  env: Env,
  frame: Frame,
  pointer: Reg,
  off: number,
  size: number,
  value: number,
  imm?: number,
): void {
  const min = toNumber(pointer.sminLo, pointer.sminHi) + off
  const max = toNumber(pointer.smaxLo, pointer.smaxHi) + off + size
  const stored = value >= 0 ? env.reg(value) : undefined
  const zero = stored !== undefined ? isZero(stored) : imm === 0
  let keptZero = false
  for (let at = min; at < max; at++) destroyDynptr(env, frame, (-at - 1) >> 3)
  for (let at = min; at < max; at++) {
    const byte = -at - 1
    const slot = byte >> 3
    env.scratchSlot(slot)
    const type = frame.types[byte]
    const spilled = frame.spills[slot]
    if (!env.perfmon && type !== SLOT.misc && type !== SLOT.zero) {
      // Linux ends this one without a new line.
      const text = `spilled ptr in range of var-offset stack write; insn ${env.insnIdx}, ptr off: ${at}`
      env.log.write(text)
      env.refuseSilently(text)
    }
    if (zero && type === SLOT.spill && spilled !== undefined && isZero(spilled)) {
      keptZero = true
      continue
    }
    if (frame.types[slot * 8 + 7] === SLOT.spill) {
      frame.spills[slot] = undefined
      for (let j = 0; j < 8; j++) if (frame.types[slot * 8 + j] === SLOT.spill) frame.types[slot * 8 + j] = SLOT.misc
    }
    if (zero && type === SLOT.zero) keptZero = true
    else frame.types[byte] = SLOT.misc
  }
  if (keptZero && value >= 0) markPrecise(env, value)
}

/** What a load of `size` bytes gives; undefined when nobody wants it (`dst` < 0, an atomic operation's check). */
export function readStack(env: Env, regno: number, off: number, size: number, dst: number): void {
  const pointer = env.reg(regno)
  const frame = env.state.frames[pointer.frameno] as Frame
  if (isConst(pointer)) {
    readFixed(env, frame, off + Number(toSigned(pointer.valueLo, pointer.valueHi)), size, dst)
    return
  }
  checkInitialized(env, regno, off, size, false)
  const min = toNumber(pointer.sminLo, pointer.sminHi) + off
  const max = toNumber(pointer.smaxLo, pointer.smaxHi) + off + size
  let zeros = 0
  for (let at = min; at < max; at++) {
    env.scratchSlot((-at - 1) >> 3)
    if (frame.types[-at - 1] !== SLOT.zero) break
    zeros++
  }
  if (dst >= 0) env.regs[dst] = zeros === max - min ? constReg(0, 0) : unknownReg()
}

function readFixed(env: Env, frame: Frame, off: number, size: number, dst: number): void {
  const first = -off - 1
  const slot = first >> 3
  env.scratchSlot(slot)
  env.stackLiveness.read(frame.frameno, slot)
  const spilled = frame.spills[slot]
  if (frame.types[slot * 8 + 7] === SLOT.spill && spilled !== undefined) {
    const width = spillSize(frame, slot)
    if (size !== 8 || width !== 8) {
      if (spilled.type !== 'scalar') {
        env.printLine(env.insnIdx)
        env.refuse('invalid size of register fill', 'EACCES')
      }
      if (dst < 0) return
      if (size <= width && off % 8 === 0) {
        const reg = copyReg(spilled)
        if (bitWidth(reg) > size * 8) {
          reg.id = 0
          reg.addConst = 0
        }
        env.regs[dst] = reg
        env.pushHistory(frame.frameno, slot)
        return
      }
      readBytes(env, frame, first, off, size, dst, spilled)
      return
    }
    if (dst >= 0) env.regs[dst] = copyReg(spilled)
    else if (env.hides(spilled)) env.refuse(`leaking pointer from stack off ${off}`, 'EACCES')
    env.pushHistory(frame.frameno, slot)
    return
  }
  readBytes(env, frame, first, off, size, dst, undefined)
}

function readBytes(
  env: Env,
  frame: Frame,
  first: number,
  off: number,
  size: number,
  dst: number,
  spilled: Reg | undefined,
): void {
  let zeros = 0
  let spills = 0
  for (let i = 0; i < size; i++) {
    const type = frame.types[first - i]
    if (type === SLOT.zero) zeros++
    else if (type === SLOT.spill) spills++
    else if (type !== SLOT.misc && (type !== SLOT.invalid || !env.perfmon)) {
      env.refuse(`invalid read from stack off ${off}+${i} size ${size}`, 'EACCES')
    }
  }
  if (dst < 0) return
  if (spilled !== undefined && spills === size && isZero(spilled)) {
    env.regs[dst] = constReg(0, 0)
    env.pushHistory(frame.frameno, first >> 3)
  } else if (zeros === size) {
    env.regs[dst] = constReg(0, 0)
  } else env.regs[dst] = unknownReg()
}

/** Every byte may be read by a helper; `overwritten`: it writes there too, so spilled numbers are gone. */
export function checkInitialized(env: Env, regno: number, off: number, size: number, overwritten: boolean): void {
  const pointer = env.reg(regno)
  const frame = env.state.frames[pointer.frameno] as Frame
  const fixed = isConst(pointer)
  const min = toNumber(fixed ? pointer.valueLo : pointer.sminLo, fixed ? pointer.valueHi : pointer.sminHi) + off
  const max = fixed ? min : toNumber(pointer.smaxLo, pointer.smaxHi) + off
  for (let at = min; at < max + size; at++) {
    const byte = -at - 1
    const slot = byte >> 3
    const type = frame.types[byte]
    if (env.perfmon || type === SLOT.misc) env.stackLiveness.read(frame.frameno, slot)
    if (type === SLOT.misc) continue
    if (type === SLOT.zero || (type === SLOT.invalid && env.perfmon)) {
      env.stackLiveness.read(frame.frameno, slot)
      if (overwritten) frame.types[byte] = SLOT.misc
      continue
    }
    const spill = frame.types[slot * 8 + 7] === SLOT.spill
    if (spill && (env.perfmon || frame.spills[slot]?.type === 'scalar')) {
      env.stackLiveness.read(frame.frameno, slot)
      if (!overwritten) continue
      frame.spills[slot] = unknownReg()
      for (let j = 0; j < 8; j++) if (frame.types[slot * 8 + j] === SLOT.spill) frame.types[slot * 8 + j] = SLOT.misc
      continue
    }
    env.refuse(
      fixed
        ? `invalid read from stack R${regno} off ${min}+${at - min} size ${size}`
        : `invalid read from stack R${regno} var_off ${bitsText(pointer)}+${at - min} size ${size}`,
      'EACCES',
    )
  }
}
