// Which stack slots may still be read from an instruction on, for each chain of calls that leads there: the verifier notes
// what every instruction read and surely wrote, and carries it backwards through the flow graph. A finished state forgets
// the slots that nobody reads any more.

import { successors } from '../cfg/flow.js'
import { postorder } from '../cfg/postorder.js'
import { type Env, MARK, type Subprog } from '../env.js'
import type { State } from './state.js'

/** What is kept of one instruction and one frame: four sets of 64 slots, each as two words. */
const READ = 0
const WRITTEN = 2
/** Surely written from here to the end of the subprogram. */
const ALL_WRITTEN = 4
const LIVE = 6
const WORDS = 8

/** One subprogram, as reached by one chain of calls. */
class Instance {
  readonly key: string
  readonly callsites: readonly number[]
  readonly subprog: number
  readonly start: number
  readonly count: number
  /** By frame, the callers' first. */
  readonly masks: (Int32Array | undefined)[] = []
  readonly visited: Uint8Array
  updated = false
  dropped = false

  constructor(key: string, callsites: readonly number[], subprog: number, start: number, count: number) {
    this.key = key
    this.callsites = callsites
    this.subprog = subprog
    this.start = start
    this.count = count
    this.visited = new Uint8Array(count)
  }

  /** The frame's masks, made where there are none. */
  frame(frame: number): Int32Array {
    const known = this.masks[frame]
    if (known !== undefined) return known
    const made = new Int32Array(this.count * WORDS)
    this.masks[frame] = made
    return made
  }

  liveBefore(frame: number, insn: number, slot: number): boolean {
    const masks = this.masks[frame]
    if (masks === undefined) return false
    const word = masks[(insn - this.start) * WORDS + LIVE + (slot >> 5)]
    return word !== undefined && (word & (1 << (slot & 31))) !== 0
  }

  get text(): string {
    return `(${this.key})`
  }
}

export class StackLiveness {
  readonly #env: Env
  readonly #instances = new Map<string, Instance>()
  readonly #orders: (Int32Array | undefined)[] = []
  readonly #followers: (readonly number[] | undefined)[] = []
  /** Of the current state's innermost frame; undefined where calls or returns made it stale. */
  #current: Instance | undefined
  #insn = -1
  /** What the instruction at hand wrote, by frame, two words each. */
  readonly #writes = new Int32Array(16)
  #query: Instance[] = []

  constructor(env: Env) {
    this.#env = env
  }

  #instanceOf(state: State, frame: number): Instance {
    const { frames } = state
    let key = ''
    for (let i = 1; i <= frame; i++) key += `${frames[i]?.callsite},`
    const subprog = frames[frame]?.subprog ?? 0
    const { start, end } = this.#env.subprogs[subprog] as Subprog
    key += start
    const known = this.#instances.get(key)
    if (known !== undefined) return known
    const callsites = frames.slice(1, frame + 1).map(({ callsite }) => callsite)
    const made = new Instance(key, callsites, subprog, start, end - start)
    this.#instances.set(key, made)
    return made
  }

  #now(): Instance {
    const { state } = this.#env
    this.#current ??= this.#instanceOf(state, state.frames.length - 1)
    return this.#current
  }

  /** The frames of the current state changed. */
  framesChanged(): void {
    this.#current = undefined
  }

  /** An instruction begins. */
  begin(insn: number): void {
    this.#now()
    this.#insn = insn
    this.#writes.fill(0)
  }

  /** The instruction at hand may read a slot. */
  read(frame: number, slot: number): void {
    if (slot < 32) this.#noteRead(this.#now(), frame, this.#env.insnIdx, 1 << slot, 0)
    else this.#noteRead(this.#now(), frame, this.#env.insnIdx, 0, 1 << (slot - 32))
  }

  /** The instruction at hand overwrites the whole slot. */
  wrote(frame: number, slot: number): void {
    const at = frame * 2 + (slot >> 5)
    this.#writes[at] = (this.#writes[at] as number) | (1 << (slot & 31))
  }

  #noteRead(instance: Instance, frame: number, insn: number, lo: number, hi: number): void {
    const masks = instance.frame(frame)
    const at = (insn - instance.start) * WORDS
    const newLo = (masks[at + READ] as number) | lo
    const newHi = (masks[at + READ + 1] as number) | hi
    if (newLo === masks[at + READ] && newHi === masks[at + READ + 1]) return
    const more = (newLo & ~(masks[at + LIVE] as number)) | (newHi & ~(masks[at + LIVE + 1] as number))
    if (more !== 0) instance.updated = true
    masks[at + READ] = newLo
    masks[at + READ + 1] = newHi
  }

  /** The instruction is over: only what it wrote on every visit counts as written. */
  commit(): void {
    if (this.#current !== undefined) this.#commit(this.#current)
  }

  #commit(instance: Instance): void {
    const index = this.#insn - instance.start
    const again = instance.visited[index] === 1
    const frames = instance.callsites.length + 1
    for (let frame = 0; frame < frames; frame++) {
      let lo = this.#writes[frame * 2] as number
      let hi = this.#writes[frame * 2 + 1] as number
      if ((lo | hi) === 0 && (!again || instance.masks[frame] === undefined)) continue
      const masks = instance.frame(frame)
      const at = index * WORDS + WRITTEN
      const oldLo = masks[at] as number
      const oldHi = masks[at + 1] as number
      if (again) {
        lo &= oldLo
        hi &= oldHi
      }
      if (lo === oldLo && hi === oldHi) continue
      masks[at] = lo
      masks[at + 1] = hi
      instance.updated = true
      if ((oldLo & ~lo) !== 0 || (oldHi & ~hi) !== 0) instance.dropped = true
    }
    instance.visited[index] = 1
  }

  /** Carries what is known backwards for all subprograms the current state stands in. */
  update(): void {
    const { state } = this.#env
    this.#current = undefined
    for (let frame = state.frames.length - 1; frame >= 0; frame--) {
      const instance = this.#instanceOf(state, frame)
      if (!instance.updated) continue
      this.#carry(instance)
      instance.updated = false
      instance.dropped = false
    }
  }

  #carry(instance: Instance): void {
    const { masks, callsites } = instance
    const order = this.#order(instance.subprog)
    if (instance.dropped) {
      for (const words of masks) {
        if (words === undefined) continue
        for (let at = ALL_WRITTEN; at < words.length; at += WORDS) words[at] = words[at + 1] = 0
      }
    }
    let rounds = 0
    for (let changed = true; changed; ) {
      changed = false
      rounds++
      for (let frame = 0; frame < masks.length; frame++) {
        const words = masks[frame]
        if (words === undefined) continue
        for (let i = 0; i < order.length; i++) {
          if (this.#step(instance, frame, words, order[i] as number)) changed = true
        }
      }
    }
    const { log } = this.#env
    if ((log.level & 2) !== 0) log.write(`${instance.text} live stack update done in ${rounds} iterations\n`)
    const callsite = callsites.at(-1)
    if (callsite === undefined) return
    const callers = callsites.slice(0, -1)
    const outerSubprog = this.#env.subprogOf(callsite)
    const outerStart = (this.#env.subprogs[outerSubprog] as Subprog).start
    const outer = this.#instances.get([...callers, outerStart].join(','))
    if (outer === undefined) return
    this.#insn = callsite
    this.#writes.fill(0)
    for (let frame = 0; frame < callsites.length; frame++) {
      const words = masks[frame]
      if (words === undefined) continue
      this.#writes[frame * 2] = words[ALL_WRITTEN] as number
      this.#writes[frame * 2 + 1] = words[ALL_WRITTEN + 1] as number
      this.#noteRead(outer, frame, callsite, words[LIVE] as number, words[LIVE + 1] as number)
    }
    this.#commit(outer)
  }

  #order(subprog: number): Int32Array {
    const known = this.#orders[subprog]
    if (known !== undefined) return known
    const made = postorder(this.#env, (this.#env.subprogs[subprog] as Subprog).start)
    this.#orders[subprog] = made
    return made
  }

  /** One instruction of one frame; true where something changed. */
  #step(instance: Instance, frame: number, words: Int32Array, insn: number): boolean {
    let followers = this.#followers[insn]
    if (followers === undefined) {
      const decoded = this.#env.insns[insn]
      followers = decoded === undefined ? [] : successors(decoded)
      this.#followers[insn] = followers
    }
    if (followers.length === 0) return false
    let afterLo = 0
    let afterHi = 0
    let allLo = -1
    let allHi = -1
    for (let i = 0; i < followers.length; i++) {
      const next = ((followers[i] as number) - instance.start) * WORDS
      afterLo |= words[next + LIVE] ?? 0
      afterHi |= words[next + LIVE + 1] ?? 0
      allLo &= words[next + ALL_WRITTEN] ?? 0
      allHi &= words[next + ALL_WRITTEN + 1] ?? 0
    }
    const at = (insn - instance.start) * WORDS
    const writtenLo = words[at + WRITTEN] as number
    const writtenHi = words[at + WRITTEN + 1] as number
    allLo |= writtenLo
    allHi |= writtenHi
    const liveLo = (afterLo & ~writtenLo) | (words[at + READ] as number)
    const liveHi = (afterHi & ~writtenHi) | (words[at + READ + 1] as number)
    const oldLo = words[at + LIVE] as number
    const oldHi = words[at + LIVE + 1] as number
    const oldAllLo = words[at + ALL_WRITTEN] as number
    const oldAllHi = words[at + ALL_WRITTEN + 1] as number
    if (oldLo === liveLo && oldHi === liveHi && oldAllLo === allLo && oldAllHi === allHi) return false
    const { log, marks } = this.#env
    if ((log.level & 2) !== 0) {
      const told =
        (writtenLo | writtenHi | (words[at + READ] as number) | (words[at + READ + 1] as number)) !== 0 ||
        insn === instance.start ||
        ((marks[insn] as number) & MARK.prune) !== 0
      if (told) {
        this.#tell(instance, frame, insn, 'live', oldLo, oldHi, liveLo, liveHi)
        this.#tell(instance, frame, insn, 'written', oldAllLo, oldAllHi, allLo, allHi)
      }
    }
    words[at + LIVE] = liveLo
    words[at + LIVE + 1] = liveHi
    words[at + ALL_WRITTEN] = allLo
    words[at + ALL_WRITTEN + 1] = allHi
    return true
  }

  #tell(
    instance: Instance,
    frame: number,
    insn: number,
    what: string,
    oldLo: number,
    oldHi: number,
    lo: number,
    hi: number,
  ): void {
    const moreLo = lo & ~oldLo
    const moreHi = hi & ~oldHi
    const lessLo = oldLo & ~lo
    const lessHi = oldHi & ~hi
    if ((moreLo | moreHi | lessLo | lessHi) === 0) return
    const { log } = this.#env
    log.write(`${instance.text} frame ${frame} insn ${insn} `)
    if ((moreLo | moreHi) !== 0) log.write(`+${what} ${slotsText(moreLo, moreHi)} `)
    if ((lessLo | lessHi) !== 0) log.write(`-${what} ${slotsText(lessLo, lessHi)}`)
    log.write('\n')
  }

  /** Prepares questions about one state. */
  ask(state: State): void {
    this.#query = state.frames.map((_, frame) => this.#instanceOf(state, frame))
  }

  /** Whether a slot of the state asked about may still be read. */
  isAlive(state: State, frame: number, slot: number): boolean {
    const top = this.#query.length - 1
    const inner = this.#query[top] as Instance
    if (inner.liveBefore(frame, state.insnIdx, slot)) return true
    for (let i = frame; i < top; i++) {
      const callsite = inner.callsites[i] as number
      const again = ((this.#env.marks[callsite] as number) & MARK.callsCallback) !== 0
      if ((this.#query[i] as Instance).liveBefore(frame, again ? callsite : callsite + 1, slot)) return true
    }
    return false
  }
}

function slotsText(lo: number, hi: number): string {
  const out: string[] = []
  for (let slot = 0; slot < 64; slot++) {
    if (((slot < 32 ? lo : hi) & (1 << (slot & 31))) !== 0) out.push(String(-(slot + 1) * 8))
  }
  return out.join(',')
}
