// Pruning: at chosen instructions the states seen are kept, and a path that arrives in a covered one ends there.

import type { Env, ExploredState } from '../env.js'
import { MARK } from '../env.js'
import { NOT_INIT, type Reg } from '../state/reg.js'
import { SLOT, type State } from '../state/state.js'
import { maybeLooping, statesEqual } from './equal.js'
import { forgetPrecision, propagatePrecision } from './precision.js'

function bucket(env: Env, state: State, idx: number): number {
  return ((idx ^ state.frame.callsite) >>> 0) % env.insns.length
}

/** The states kept at an instruction (and a few others: check), the latest first. */
export function statesAt(env: Env, state: State, idx: number): readonly ExploredState[] {
  return env.explored.get(bucket(env, state, idx)) ?? []
}

/** Registers and stack slots nobody reads any more are forgotten, once a state is finished. */
function clean(env: Env, state: State): void {
  const { stackLiveness } = env
  stackLiveness.ask(state)
  state.cleaned = true
  state.frames.forEach((frame, i) => {
    const live = env.live[state.insnOfFrame(i)] as number
    for (let reg = 0; reg < 10; reg++) if ((live & (1 << reg)) === 0) frame.regs[reg] = NOT_INIT
    for (let slot = 0; slot < frame.spills.length; slot++) {
      if (stackLiveness.isAlive(state, i, slot)) continue
      frame.spills[slot] = undefined
      frame.occupants[slot] = undefined
      frame.types.fill(SLOT.invalid, slot * 8, slot * 8 + 8)
    }
  })
}

function sameCallsites(a: State, b: State): boolean {
  return a.frames.length === b.frames.length && a.frames.every((frame, i) => frame.callsite === b.frames[i]?.callsite)
}

/** Whether the current state may be pruned here; remembers it otherwise. */
export function isVisited(env: Env): boolean {
  const { state, insnIdx } = env
  state.insnIdx = insnIdx
  const mark = env.marks[insnIdx] as number
  const forced = (mark & MARK.force) !== 0
  const mustAdd = env.prog.testStateFreq === true || forced || state.history.length > 40
  const sinceJumps = env.jumpsProcessed - env.prevJumpsProcessed
  const sinceInsns = env.insnsProcessed - env.prevInsnsProcessed
  let add = mustAdd || (sinceJumps >= 2 && sinceInsns >= 8)
  const key = bucket(env, state, insnIdx)
  const list = env.explored.get(key) ?? []
  for (let i = 0; i < list.length; i++) {
    const old = (list[i] as ExploredState).state
    if (old.branches > 0 || old.insnIdx !== insnIdx || old.cleaned || !sameCallsites(old, state)) continue
    if (!env.exhaustive && !env.loopVisits.isIncomplete(old)) clean(env, old)
  }
  let count = 0
  for (let i = 0; i < list.length; i++) {
    const seen = list[i] as ExploredState
    const old = seen.state
    count++
    if (old.insnIdx !== insnIdx) continue
    let covered = false
    // The old state's own future is not fully known.
    let loop = false
    if (old.branches > 0) {
      const outcome = stillOpen(env, old, mark)
      covered = loop = outcome === 'covered'
      if (outcome === 'loop') refuseLoop(env, old)
      if (outcome === 'other' && !mustAdd && sinceJumps < 20 && sinceInsns < 100) add = false
    } else {
      loop = env.loopVisits.isIncomplete(old)
      covered = statesEqual(env, old, state, loop || env.exhaustive ? 'within' : 'loose')
    }
    if (covered) {
      seen.hits++
      if ((mark & MARK.jump) !== 0) env.pushHistory()
      propagatePrecision(env, old, state)
      if (loop) {
        const copy = state.copy()
        copy.history = state.history.slice()
        copy.firstInsn = state.firstInsn
        copy.lastInsn = state.lastInsn
        env.loopVisits.arrive(copy, old)
      }
      return true
    }
    if (add) seen.misses++
    const patience = forced && old.branches > 0 ? 64 : 3
    if (seen.misses > seen.hits * patience + patience) {
      list.splice(i, 1)
      env.exploredStates--
      if (old.branches > 0 || env.loopVisits.isIncomplete(old)) {
        old.evicted = true
        env.evictedStates++
      }
      i--
    }
  }
  if (count > env.maxStatesPerInsn) env.maxStatesPerInsn = count
  if (add) remember(env, list, key)
  return false
}

/** A state some path from which is not finished: a loop, if the current one is the same. */
function stillOpen(env: Env, old: State, mark: number): 'covered' | 'loop' | 'other' | 'skip' {
  const { state } = env
  // An asynchronous callback that sets itself up again comes here anew: that is no loop, nor is it covered yet.
  if (old.frame.callback?.async === true && old.frame.asyncEntries !== state.frame.asyncEntries) return 'other'
  const insn = env.insns[env.insnIdx]
  if (insn?.op?.kind === 'may_goto') {
    if (old.mayGotoDepth !== state.mayGotoDepth && statesEqual(env, old, state, 'within')) return 'covered'
  } else if (isIteratorNext(env, env.insnIdx)) {
    return iteratorActive(state) && statesEqual(env, old, state, 'within') ? 'covered' : 'other'
  } else if ((mark & MARK.callsCallback) !== 0) {
    return statesEqual(env, old, state, 'within') ? 'covered' : 'other'
  }
  if (
    old.mayGotoDepth === state.mayGotoDepth &&
    old.callbackUnrollDepth === state.callbackUnrollDepth &&
    maybeLooping(old, state) &&
    !iteratorDepthsDiffer(old, state) &&
    statesEqual(env, old, state, 'exact')
  ) {
    return 'loop'
  }
  return 'other'
}

export function isIteratorNext(env: Env, idx: number): boolean {
  const insn = env.insns[idx]
  if (insn === undefined || insn.code !== 0x85 || insn.src !== 2) return false
  return /^bpf_iter_\w+_next$/.test(env.callName(insn) ?? '')
}

function iteratorActive(state: State): boolean {
  const r1 = state.frame.regs[1] as Reg
  if (r1.type !== 'fp') return true
  const slot = (-(r1.off + r1.valueLo) - 1) >> 3
  return state.frames[r1.frameno]?.occupants[slot]?.state === 'active'
}

function iteratorDepthsDiffer(old: State, current: State): boolean {
  return old.frames.some((frame, i) =>
    frame.occupants.some(
      (occupant, slot) =>
        occupant?.kind === 'iter' &&
        occupant.state === 'active' &&
        occupant.depth !== current.frames[i]?.occupants[slot]?.depth,
    ),
  )
}

function refuseLoop(env: Env, old: State): never {
  const { log } = env
  env.printLine(env.insnIdx)
  const message = `infinite loop detected at insn ${env.insnIdx}`
  log.write(`${message}\ncur state:`)
  env.printState()
  log.write('old state:')
  env.printState(old.frames.length - 1, old)
  log.write('')
  return env.refuseSilently(message)
}

function remember(env: Env, list: ExploredState[], key: number): void {
  const { state } = env
  env.totalStates++
  env.exploredStates++
  env.prevJumpsProcessed = env.jumpsProcessed
  env.prevInsnsProcessed = env.insnsProcessed
  env.notePeak()
  forgetPrecision(state)
  const kept = state.copy()
  kept.history = state.history
  kept.branches = 1
  kept.parent = state.parent
  kept.insnIdx = env.insnIdx
  kept.firstInsn = state.firstInsn
  kept.lastInsn = state.lastInsn
  env.loopVisits.enter(kept)
  state.parent = kept
  state.firstInsn = env.insnIdx
  state.dfsDepth = kept.dfsDepth + 1
  state.history = []
  list.unshift({ state: kept, hits: 0, misses: 0 })
  env.explored.set(key, list)
}

/** A path ended: states all of whose paths ended are finished. */
export function finishPath(env: Env, state: State): void {
  for (let at: State | undefined = state; at !== undefined; at = at.parent) {
    at.branches--
    if (at.branches > 0) break
    env.loopVisits.leave(at)
    if (at.evicted && !env.loopVisits.isIncomplete(at)) env.evictedStates--
  }
}
