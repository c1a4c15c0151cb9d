// Loops whose bound the verifier does not follow (may_goto, callbacks, iterators): numbers nobody asked about are forgotten
// from one turn to the next, so that the state converges.

import type { Env } from '../env.js'
import { type Reg, unknownReg } from '../state/reg.js'
import { type Frame, SLOT, type State } from '../state/state.js'
import { IdMap, regsExact } from './equal.js'
import { statesAt } from './visited.js'

/** The state kept last at `idx` on the way to `state`, with the same calls. */
export function findPrevious(env: Env, state: State, idx: number): State | undefined {
  for (const { state: old } of statesAt(env, state, idx)) {
    if (old.insnIdx !== idx || old.branches === 0 || old.dfsDepth >= state.dfsDepth) continue
    if (old.frames.length !== state.frames.length) continue
    if (old.frames.every((frame, i) => frame.callsite === state.frames[i]?.callsite)) return old
  }
  return undefined
}

export function widen(env: Env, old: State, current: State): void {
  if (env.exhaustive) return
  const ids = new IdMap()
  for (let f = old.frames.length - 1; f >= 0; f--) {
    const before = old.frames[f] as Frame
    const frame = current.frames[f]
    if (frame === undefined) continue
    for (let i = 0; i < 10; i++) {
      const made = widened(before.regs[i] as Reg, frame.regs[i] as Reg, ids)
      if (made !== undefined) frame.regs[i] = made
    }
    for (let slot = 0; slot < frame.spills.length && slot < before.spills.length; slot++) {
      const was = before.spills[slot]
      const now = frame.spills[slot]
      if (was === undefined || now === undefined) continue
      if (before.types[slot * 8 + 7] !== SLOT.spill || frame.types[slot * 8 + 7] !== SLOT.spill) continue
      const made = widened(was, now, ids)
      if (made !== undefined) frame.spills[slot] = made
    }
  }
}

function widened(was: Reg, now: Reg, ids: IdMap): Reg | undefined {
  if (was.type !== 'scalar' || now.type !== 'scalar') return undefined
  if (was.precise || now.precise || regsExact(was, now, ids)) return undefined
  return unknownReg()
}
