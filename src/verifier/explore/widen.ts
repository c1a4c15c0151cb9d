// Loops whose bound the verifier does not follow (may_goto, callbacks, iterators): numbers nobody asked about are forgotten
// from one turn to the next, so that the state converges.

import { sameNum } from '../domain/num.js'
import type { Env } from '../env.js'
import { type Reg, unknownReg } from '../state/reg.js'
import { type Frame, SLOT, type State } from '../state/state.js'

/** The last state kept at `idx` on the way here, with the same calls. */
export function findPrevious(_env: Env, state: State, idx: number): State | undefined {
  for (let at = state.parent; at !== undefined; at = at.parent) {
    if (at.insnIdx !== idx || at.frames.length !== state.frames.length) continue
    if (at.frames.every((frame, i) => frame.callsite === state.frames[i]?.callsite)) return at
  }
  return undefined
}

export function widen(old: State, current: State): void {
  current.frames.forEach((frame, f) => {
    const before = old.frames[f]
    if (before === undefined) return
    for (let i = 0; i < 10; i++) {
      const made = widened(before.regs[i] as Reg, frame.regs[i] as Reg)
      if (made !== undefined) frame.regs[i] = made
    }
    widenStack(before, frame)
  })
}

function widenStack(before: Frame, frame: Frame): void {
  for (let slot = 0; slot < frame.spills.length && slot < before.spills.length; slot++) {
    const was = before.spills[slot]
    const now = frame.spills[slot]
    if (was === undefined || now === undefined) continue
    if (before.types[slot * 8] !== SLOT.spill || frame.types[slot * 8] !== SLOT.spill) continue
    const made = widened(was, now)
    if (made !== undefined) frame.spills[slot] = made
  }
}

function widened(was: Reg, now: Reg): Reg | undefined {
  if (was.type !== 'scalar' || now.type !== 'scalar') return undefined
  if (was.precise || now.precise || sameNum(was, now)) return undefined
  return unknownReg()
}
