// Helpers that call back into the program.

import type { Insn } from '../../isa/index.js'
import { toNumber } from '../domain/int64.js'
import { type Env, MARK, type Subprog } from '../env.js'
import { markPrecise } from '../explore/precision.js'
import { pointerReg, type Reg, unknownReg } from '../state/reg.js'
import { type Callback, Frame, type State } from '../state/state.js'
import type { CallFacts } from './helper-args.js'

function mapPointer(facts: CallFacts, type: 'map_ptr' | 'map_key' | 'map_value'): Reg {
  const reg = pointerReg(type)
  reg.map = facts.map ?? null
  reg.mapUid = facts.mapUid
  return reg
}

export function callbackOf(env: Env, _insn: Insn, helper: string, facts: CallFacts): void {
  const { regs } = env
  switch (helper) {
    case 'loop': {
      markPrecise(env, 1)
      const limit = regs[1] as Reg
      if (env.frame.callbackDepth < toNumber(limit.umaxLo, limit.umaxHi) || limit.umaxHi < 0) {
        const data = regs[3] as Reg
        sync(env, facts.subprog, { kind: 'loop', returns: [0, 1], async: false }, [unknownReg(), data])
      } else {
        env.frame.callbackDepth = 0
        if ((env.log.level & 2) !== 0) env.log.write(`frame${env.frame.frameno} bpf_loop iteration limit reached\n`)
      }
      return
    }
    case 'for_each_map_elem':
      sync(env, facts.subprog, { kind: 'for_each', returns: [0, 1], async: false }, [
        mapPointer(facts, 'map_ptr'),
        mapPointer(facts, 'map_key'),
        mapPointer(facts, 'map_value'),
        regs[3] as Reg,
      ])
      return
    case 'timer_set_callback':
      asyncCall(env, facts.subprog, [
        mapPointer(facts, 'map_ptr'),
        mapPointer(facts, 'map_key'),
        mapPointer(facts, 'map_value'),
      ])
      return
    default:
      env.unsupported(`the callback of bpf_${helper}`)
  }
}

function enter(env: Env, state: State, subprog: number, callback: Callback, args: readonly Reg[]): Frame {
  if (state.frames.length >= 8) env.refuse(`the call stack of ${state.frames.length + 1} frames is too deep`, 'E2BIG')
  const frame = new Frame(state.frames.length, subprog, env.insnIdx)
  frame.callback = callback
  args.forEach((reg, i) => {
    frame.regs[i + 1] = reg
  })
  state.frames.push(frame)
  return frame
}

/** One more run of the callback is a path of its own. */
function sync(env: Env, subprog: number, callback: Callback, args: readonly Reg[]): void {
  if (((env.marks[env.insnIdx] as number) & MARK.callsCallback) === 0) env.unsupported('this callback')
  const { start } = env.subprogs[subprog] as Subprog
  const state = env.pushBranch(start, env.insnIdx)
  enter(env, state, subprog, callback, args)
  state.callbackUnrollDepth++
  const caller = state.frames[state.frames.length - 2] as Frame
  caller.callbackDepth++
  env.frame.callbackDepth = 0
}

/** Runs some other time: verified from an empty state. */
function asyncCall(env: Env, subprog: number, args: readonly Reg[]): void {
  const entry = env.subprogs[subprog] as Subprog
  entry.asyncCallback = true
  const state = env.pushBranch(entry.start, env.insnIdx)
  state.frames = []
  state.refs = []
  state.activeLocks = 0
  enter(env, state, subprog, { kind: 'timer', returns: [0, 0], async: true }, args)
}
