// Calls between the program's own functions.

import type { Insn } from '../../isa/index.js'
import { checkRange } from '../check/exit.js'
import type { Env, Subprog } from '../env.js'
import { markPrecise } from '../explore/precision.js'
import { findPrevious, widen } from '../explore/widen.js'
import { forgetArguments } from '../insn/operands.js'
import { Refusal } from '../refusal.js'
import { type Reg, unknownReg } from '../state/reg.js'
import { Frame } from '../state/state.js'
import { clearPacketPointers } from './effects.js'
import { checkPassed } from './pass-args.js'

/** Returns the next instruction. */
export function subprogCall(env: Env, insn: Insn): number {
  const index = env.subprogAt(insn.pc + insn.imm + 1)
  const subprog = env.subprogs[index] as Subprog
  const passed = passes(env, index, subprog)
  if (subprog.global) {
    globalCall(env, index, subprog, passed)
    return insn.pc + 1
  }
  const { state } = env
  if (state.frames.length >= 8) env.refuse(`the call stack of ${state.frames.length + 1} frames is too deep`, 'E2BIG')
  const callee = new Frame(state.frames.length, index, insn.pc)
  for (let i = 1; i <= 5; i++) callee.regs[i] = env.regs[i] as Reg
  forgetArguments(env)
  state.frames.push(callee)
  env.stackLiveness.framesChanged()
  if (env.log.traces) {
    env.log.write('caller:\n')
    env.printState(state.frames.length - 2)
    env.log.write('callee:\n')
    env.printState()
  }
  env.scratchAll()
  return subprog.start
}

/** A global function is verified by itself: a call checks the arguments only. */
function globalCall(env: Env, index: number, subprog: Subprog, passed: Refusal | undefined): void {
  const { state } = env
  if (state.activeLocks > 0) {
    env.refuse('global function calls are not allowed while holding a lock,\nuse static function instead')
  }
  const atomic = state.rcuDepth > 0 || state.preemptDepth > 0 || env.prog.sleepable !== true
  if (subprog.mightSleep && atomic) {
    env.refuse(
      'global functions that may sleep are not allowed in non-sleepable context,\n' +
        'i.e., in a RCU/IRQ/preempt-disabled section, or in\na non-sleepable BPF program context',
    )
  }
  if (passed !== undefined) {
    env.refuse(`Caller passes invalid args into func#${index} ('${subprog.name}')`, passed.errno)
  }
  env.log.write(`Func#${index} ('${subprog.name}') is global and assumed valid.\n`)
  subprog.called = true
  if (subprog.changesPacket) clearPacketPointers(env)
  forgetArguments(env)
  env.regs[0] = unknownReg()
}

/** Whether the registers are what BTF says of the function; its complaint is in the log where they are not. */
function passes(env: Env, index: number, subprog: Subprog): Refusal | undefined {
  if ((env.prog.funcInfo?.length ?? 0) === 0 || subprog.funcId === 0 || subprog.unreliable) {
    return new Refusal('', 'EINVAL')
  }
  try {
    checkPassed(env, index)
    return undefined
  } catch (error) {
    if (!(error instanceof Refusal) || error.unsupported) throw error
    subprog.unreliable = true
    return error
  }
}

/** The callee's exit; returns the next instruction. */
export function leaveFrame(env: Env): number {
  const { state } = env
  const callee = state.frame
  env.stackLiveness.update()
  const r0 = callee.regs[0] as Reg
  if (r0.type === 'fp') env.refuse('cannot return stack pointer to the caller')
  const caller = state.frames[state.frames.length - 2] as Frame
  const { callback } = callee
  if (callback !== undefined) {
    if (r0.type !== 'scalar') env.refuse('R0 not a scalar value', 'EACCES')
    markPrecise(env, 0)
    checkRange(env, 'At callback return', callback.returns)
  } else caller.regs[0] = r0
  const next = callback === undefined ? callee.callsite + 1 : callee.callsite
  if (env.log.traces) {
    env.log.write('returning from callee:\n')
    env.printState()
    env.log.write(`to caller at ${next}:\n`)
    env.printState(state.frames.length - 2)
  }
  state.frames.pop()
  if (callback !== undefined) {
    const previous = findPrevious(env, state, next)
    if (previous !== undefined) widen(env, previous, state)
  }
  return next
}
