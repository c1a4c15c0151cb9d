// Loops that converge (may_goto, callbacks, iterators): a path that arrives in a state whose own paths are not finished is
// safe if it is covered, but what that state will need precise is not known yet. Such arrivals are kept with the visit of the
// loop, and their precision is settled when the visit ends. A loop is a strongly connected component of the flow graph.

import type { Env } from '../env.js'
import type { State } from '../state/state.js'
import { markAllPrecise, propagatePrecision } from './precision.js'

/** Linux prints no callsites behind one at instruction 0, nor that. */
const CALL_AT_0 = /(?<=^|,)0,(\d+,)*/
const MAX_ROUNDS = 64

/** A path that ended in a state still open. */
interface Arrival {
  readonly state: State
  readonly equal: State
}

interface Visit {
  readonly text: string
  entry: State | undefined
  arrivals: Arrival[]
}

export class LoopVisits {
  readonly #env: Env
  readonly #visits = new Map<string, Visit>()
  /** Number of the loop each instruction belongs to. */
  readonly loops: Int32Array
  /** Arrivals kept in all visits: they count as states. */
  kept = 0

  constructor(env: Env, loops: Int32Array) {
    this.#env = env
    this.loops = loops
  }

  /** The calls that lead to the outermost loop the state is in, and that loop; undefined outside of all. */
  #keyOf(state: State): string | undefined {
    const { frames } = state
    let key = ''
    for (let i = 0; i < frames.length; i++) {
      const insn = state.insnOfFrame(i)
      const loop = this.loops[insn] as number
      if (loop !== 0) return `${key}${loop}`
      key += `${insn},`
    }
    return undefined
  }

  #visitOf(state: State): Visit | undefined {
    const key = this.#keyOf(state)
    return key === undefined ? undefined : this.#visits.get(key)
  }

  #say(what: string, visit: Visit): void {
    const { log } = this.#env
    if ((log.level & 2) !== 0) log.write(`SCC ${what} ${visit.text}\n`)
  }

  /** A state is kept: the first one of a loop opens a visit. */
  enter(state: State): void {
    const key = this.#keyOf(state)
    if (key === undefined) return
    let visit = this.#visits.get(key)
    if (visit === undefined) {
      visit = { text: `(${key.replace(CALL_AT_0, '')})`, entry: undefined, arrivals: [] }
      this.#visits.set(key, visit)
    }
    if (visit.entry !== undefined) return
    visit.entry = state
    this.#say('enter', visit)
  }

  /** All paths of a state are finished. */
  leave(state: State): void {
    const visit = this.#visitOf(state)
    if (visit === undefined || visit.entry !== state) return
    this.#say('exit', visit)
    visit.entry = undefined
    this.kept -= visit.arrivals.length
    this.#settle(visit)
    visit.arrivals = []
  }

  /** A path ended in `equal`, which is not finished. */
  arrive(state: State, equal: State): void {
    const visit = this.#visitOf(equal)
    if (visit === undefined) return
    this.#say('backedge', visit)
    visit.arrivals.unshift({ state, equal })
    this.kept++
    this.#env.notePeak()
  }

  /** What the state's future needs precise is not known yet. */
  isIncomplete(state: State): boolean {
    return (this.#visitOf(state)?.arrivals.length ?? 0) > 0
  }

  #settle(visit: Visit): void {
    for (let round = 0; ; round++) {
      if (round > MAX_ROUNDS) {
        if ((this.#env.log.level & 2) !== 0) this.#env.log.write('propagate_backedges: too many iterations\n')
        for (const { state } of visit.arrivals) markAllPrecise(this.#env, state)
        return
      }
      let changed = false
      for (const { state, equal } of visit.arrivals) {
        if (propagatePrecision(this.#env, equal, state)) changed = true
      }
      if (!changed) return
    }
  }
}
