// When the exact value of a register matters to a check, the registers and stack slots it was computed from are marked
// precise in the states before: pruning must compare those. Walks the recorded way back, instruction by instruction.

import type { Env } from '../env.js'
import { MARK } from '../env.js'
import { stateText } from '../log/print-state.js'
import { copyReg, type Reg } from '../state/reg.js'
import { type Frame, type HistoryEntry, SLOT, type State } from '../state/state.js'

/** What is still wanted precise, by frame. */
class Wanted {
  frame: number
  readonly regs: number[] = [0, 0, 0, 0, 0, 0, 0, 0, 0]
  readonly slots: (Set<number> | undefined)[] = []

  constructor(frame: number) {
    this.frame = frame
  }

  has(reg: number): boolean {
    return ((this.regs[this.frame] as number) & (1 << reg)) !== 0
  }

  set(reg: number, frame = this.frame): void {
    this.regs[frame] = (this.regs[frame] as number) | (1 << reg)
  }

  clear(reg: number, frame = this.frame): void {
    this.regs[frame] = (this.regs[frame] as number) & ~(1 << reg)
  }

  slotsOf(frame: number): Set<number> {
    let slots = this.slots[frame]
    if (slots === undefined) {
      slots = new Set()
      this.slots[frame] = slots
    }
    return slots
  }

  get empty(): boolean {
    for (let i = 0; i <= this.frame; i++) {
      if (this.regs[i] !== 0 || (this.slots[i]?.size ?? 0) > 0) return false
    }
    return true
  }
}

const ARGS = 0b111110
const GIVE_UP = true

/** Marks a register of the current frame precise in all states before the current one. */
export function markPrecise(env: Env, regno: number): void {
  const { state } = env
  if (state.frame.regs[regno]?.type !== 'scalar') return
  const wanted = new Wanted(state.frames.length - 1)
  wanted.set(regno)
  walkBack(env, state, wanted)
}

/** Marks before `state` whatever `wants` asks for. Returns whether anything was not marked before. */
export function markPreciseMany(
  env: Env,
  state: State,
  wants: readonly { readonly frame: number; readonly regs: number; readonly slots: readonly number[] }[],
): boolean {
  const wanted = new Wanted(state.frames.length - 1)
  for (const { frame, regs, slots } of wants) {
    wanted.regs[frame] = regs
    for (const slot of slots) wanted.slotsOf(frame).add(slot)
  }
  return walkBack(env, state, wanted)
}

function walkBack(env: Env, start: State, wanted: Wanted): boolean {
  if (wanted.empty) return false
  const verbose = (env.log.level & 2) !== 0
  let changed = false
  let skipFirst = true
  let state: State | undefined = start
  let subsequent = -1
  let last = start.insnIdx
  let first = start.firstInsn
  for (;;) {
    let history = state.history.length
    if (verbose) {
      env.log.write(
        `mark_precise: frame${wanted.frame}: last_idx ${last} first_idx ${first} subseq_idx ${subsequent} \n`,
      )
    }
    if (last < 0) {
      return markEntry(state, wanted) || changed
    }
    for (let i = last; ; ) {
      if (skipFirst) skipFirst = false
      else {
        const entry: HistoryEntry | undefined = state.history[history - 1]
        const hit = entry !== undefined && entry.idx === i ? entry : undefined
        if (stepBack(env, i, subsequent, hit, wanted) === GIVE_UP) {
          markAllPrecise(env, start)
          return changed
        }
      }
      if (wanted.empty) return changed
      subsequent = i
      const entry: HistoryEntry | undefined = state.history[history - 1]
      if (i === state.firstInsn && (history === 0 || (history === 1 && state.history[0]?.idx === i))) break
      if (entry !== undefined && entry.idx === i) {
        i = entry.prev
        history--
      } else i--
      if (i < 0) break
    }
    state = state.parent
    if (state === undefined) break
    for (let frame = wanted.frame; frame >= 0; frame--)
      if (markFrame(env, state, frame, wanted, verbose)) changed = true
    if (wanted.empty) return changed
    subsequent = first
    last = state.lastInsn
    first = state.firstInsn
  }
  if (!wanted.empty) markAllPrecise(env, start)
  return changed
}

/** The way ends at a global function's entry: its arguments. */
function markEntry(state: State, wanted: Wanted): boolean {
  const frame = state.frames[0] as Frame
  let changed = false
  for (let reg = 1; reg <= 5; reg++) {
    if (!wanted.has(reg) || frame.regs[reg]?.type !== 'scalar') continue
    makeRegPrecise(frame, reg)
    changed = true
  }
  return changed
}

function makeRegPrecise(frame: Frame, regno: number): void {
  const copy = copyReg(frame.regs[regno] as Reg)
  copy.precise = true
  frame.regs[regno] = copy
}

function markFrame(env: Env, state: State, frameno: number, wanted: Wanted, verbose: boolean): boolean {
  const frame = state.frames[frameno] as Frame
  let changed = false
  for (let regno = 0; regno < 10; regno++) {
    if (((wanted.regs[frameno] as number) & (1 << regno)) === 0) continue
    const reg = frame.regs[regno] as Reg
    if (reg.type !== 'scalar' || reg.precise) wanted.clear(regno, frameno)
    else {
      makeRegPrecise(frame, regno)
      changed = true
    }
  }
  const slots = wanted.slotsOf(frameno)
  for (const slot of [...slots].sort((a, b) => a - b)) {
    const spilled = frame.spills[slot]
    const isScalar = frame.types[slot * 8 + 7] === SLOT.spill && spilled?.type === 'scalar'
    if (!isScalar || spilled.precise) slots.delete(slot)
    else {
      const copy = copyReg(spilled)
      copy.precise = true
      frame.spills[slot] = copy
      changed = true
    }
  }
  if (!verbose) return changed
  env.log.write(`mark_precise: frame${frameno}: parent state regs=${regMaskText(wanted, frameno)} `)
  env.log.write(`stack=${slotMaskText(wanted, frameno)}: ${stateText(state, frameno)}\n`)
  return changed
}

function regMaskText(wanted: Wanted, frame: number): string {
  const names: string[] = []
  for (let i = 0; i < 10; i++) if (((wanted.regs[frame] as number) & (1 << i)) !== 0) names.push(`r${i}`)
  return names.join(',')
}

function slotMaskText(wanted: Wanted, frame: number): string {
  return [...wanted.slotsOf(frame)]
    .sort((a, b) => a - b)
    .map((slot) => String(-(slot + 1) * 8))
    .join(',')
}

/** If one of the registers a comparison narrowed together is wanted, all are. */
function spreadLinked(wanted: Wanted, entry: HistoryEntry | undefined): void {
  const linked = entry?.linked
  if (linked === undefined) return
  const some = linked.some(({ frame, index, spilled }) =>
    spilled ? wanted.slotsOf(frame).has(index) : ((wanted.regs[frame] as number) & (1 << index)) !== 0,
  )
  if (!some) return
  for (const { frame, index, spilled } of linked) {
    if (spilled) wanted.slotsOf(frame).add(index)
    else wanted.set(index, frame)
  }
}

/** One instruction back; GIVE_UP where the way cannot be followed. */
function stepBack(env: Env, idx: number, subsequent: number, entry: HistoryEntry | undefined, wanted: Wanted): boolean {
  const insn = env.insns[idx]
  if (insn === undefined) return false
  if ((env.log.level & 2) !== 0) {
    env.log.write(`mark_precise: frame${wanted.frame}: regs=${regMaskText(wanted, wanted.frame)} `)
    env.log.write(`stack=${slotMaskText(wanted, wanted.frame)} before ${idx}: ${env.insnText(idx)}\n`)
  }
  spreadLinked(wanted, entry)
  const { code, dst, src } = insn
  const kind = code & 7
  const byReg = (code & 8) !== 0
  switch (kind) {
    case 4:
    case 7: {
      if (!wanted.has(dst)) return false
      const operation = code & 0xf0
      if (operation === 0x80 || operation === 0xd0) return false
      if (operation === 0xb0) wanted.clear(dst)
      if (byReg && src !== 10) wanted.set(src)
      return false
    }
    case 1:
      return loadBack(dst, entry, wanted)
    case 2:
    case 3: {
      if (kind === 3 && (code & 0xe0) === 0xc0 && insn.imm === 0x100) return loadBack(dst, entry, wanted)
      if (wanted.has(dst)) return GIVE_UP
      if (entry === undefined || entry.stackFrame < 0) return false
      const slots = wanted.slotsOf(entry.stackFrame)
      if (!slots.delete(entry.stackSlot)) return false
      if (kind === 3) wanted.set(src)
      return false
    }
    case 0: {
      if (!wanted.has(dst)) return false
      wanted.clear(dst)
      return code !== 0x18
    }
    default:
      return jumpBack(env, idx, subsequent, entry, wanted)
  }
}

function loadBack(dst: number, entry: HistoryEntry | undefined, wanted: Wanted): boolean {
  if (!wanted.has(dst)) return false
  wanted.clear(dst)
  if (entry !== undefined && entry.stackFrame >= 0) wanted.slotsOf(entry.stackFrame).add(entry.stackSlot)
  return false
}

function jumpBack(env: Env, idx: number, subsequent: number, entry: HistoryEntry | undefined, wanted: Wanted): boolean {
  const insn = env.insns[idx]
  if (insn === undefined) return false
  const { code, dst, src, imm } = insn
  const operation = code & 0xf0
  if (code === 0x85) return callBack(env, idx, subsequent, src, imm, wanted)
  if (code === 0x95) {
    if (subsequent >= 0 && ((env.marks[subsequent] as number) & MARK.callsCallback) !== 0) {
      for (let reg = 1; reg <= 5; reg++) wanted.clear(reg)
    }
    if (((wanted.regs[wanted.frame] as number) & ARGS) !== 0) return GIVE_UP
    const caller = env.insns[subsequent - 1]
    const r0 = caller !== undefined && caller.code === 0x85 && caller.src === 1 && wanted.has(0)
    wanted.clear(0)
    if (wanted.frame >= 7) return GIVE_UP
    wanted.frame++
    if (r0) wanted.set(0)
    return false
  }
  if (operation === 0 || operation === 0xe0) return false
  if ((code & 8) !== 0) {
    if (!wanted.has(dst) && !wanted.has(src)) return false
    wanted.set(dst)
    wanted.set(src)
  }
  spreadLinked(wanted, entry)
  return false
}

function callBack(env: Env, idx: number, subsequent: number, src: number, imm: number, wanted: Wanted): boolean {
  const mask = wanted.regs[wanted.frame] as number
  if (src === 1) {
    const subprog = env.subprogs[env.subprogAt(idx + imm + 1)]
    if (subprog?.global) {
      wanted.clear(0)
      return (mask & ARGS) !== 0
    }
    // Leaving the callee at its entry: only its arguments can be wanted, of the caller then.
    if ((mask & ~ARGS) !== 0 || wanted.slotsOf(wanted.frame).size > 0 || wanted.frame === 0) return GIVE_UP
    for (let reg = 1; reg <= 5; reg++) {
      if (!wanted.has(reg)) continue
      wanted.clear(reg)
      wanted.set(reg, wanted.frame - 1)
    }
    wanted.frame--
    return false
  }
  if (((env.marks[idx] as number) & MARK.callsCallback) !== 0 && idx !== subsequent - 1) {
    if (wanted.slotsOf(wanted.frame).size > 0 || wanted.frame === 0) return GIVE_UP
    for (let reg = 1; reg <= 5; reg++) wanted.clear(reg)
    wanted.frame--
    return false
  }
  wanted.clear(0)
  if ((mask & ARGS) !== 0) return GIVE_UP
  // A tail call the function did not come back from: the way goes on inside it.
  if (src === 0 && imm === 12 && subsequent - idx !== 1) {
    if (wanted.frame >= 7) return GIVE_UP
    wanted.frame++
  }
  return false
}

/** All numbers of all frames of all states before. */
export function markAllPrecise(env: Env, start: State): void {
  const verbose = (env.log.level & 2) !== 0
  if (verbose)
    env.log.write(`mark_precise: frame${start.frames.length - 1}: falling back to forcing all scalars precise\n`)
  for (let state = start.parent; state !== undefined; state = state.parent) {
    state.frames.forEach((frame, f) => {
      const say = (what: string) => {
        if (verbose) env.log.write(`force_precise: frame${f}: forcing ${what} to be precise\n`)
      }
      for (let i = 0; i < 10; i++) {
        const reg = frame.regs[i] as Reg
        if (reg.type !== 'scalar' || reg.precise) continue
        makeRegPrecise(frame, i)
        say(`r${i}`)
      }
      frame.spills.forEach((reg, slot) => {
        if (reg?.type !== 'scalar' || reg.precise || frame.types[slot * 8 + 7] !== SLOT.spill) return
        const copy = copyReg(reg)
        copy.precise = true
        frame.spills[slot] = copy
        say(`fp-${(slot + 1) * 8}`)
      })
    })
  }
}

/** What a finished state needed precise is precise in the past of one that ends in it. Returns whether anything changed. */
export function propagatePrecision(env: Env, old: State, state: State): boolean {
  const wants: { frame: number; regs: number; slots: number[] }[] = []
  const verbose = (env.log.level & 2) !== 0
  for (let i = old.frames.length - 1; i >= 0; i--) {
    const frame = old.frames[i] as Frame
    let regs = 0
    for (let reg = 0; reg < 10; reg++) {
      const was = frame.regs[reg] as Reg
      if (was.type === 'scalar' && was.precise) regs |= 1 << reg
    }
    const slots: number[] = []
    for (let slot = 0; slot < frame.spills.length; slot++) {
      const was = frame.spills[slot]
      if (was?.type !== 'scalar' || !was.precise || frame.types[slot * 8 + 7] !== SLOT.spill) continue
      slots.push(slot)
    }
    if (regs === 0 && slots.length === 0) continue
    wants.push({ frame: i, regs, slots })
    if (!verbose) continue
    const names: string[] = []
    for (let reg = 0; reg < 10; reg++) if ((regs & (1 << reg)) !== 0) names.push(`r${reg}`)
    for (const slot of slots) names.push(`fp-${(slot + 1) * 8}`)
    env.log.write(`frame ${i}: propagating ${names.join(',')}
`)
  }
  return wants.length > 0 && markPreciseMany(env, state, wants)
}

/** A new state starts without marks: they come back if its own future asks for them. */
export function forgetPrecision(state: State): void {
  for (const frame of state.frames) {
    frame.regs.forEach((reg, i) => {
      if (reg.type === 'scalar' && reg.precise) frame.regs[i] = imprecise(reg)
    })
    frame.spills.forEach((reg, slot) => {
      if (reg?.type === 'scalar' && reg.precise) frame.spills[slot] = imprecise(reg)
    })
  }
}

function imprecise(reg: Reg): Reg {
  const copy = copyReg(reg)
  copy.precise = false
  return copy
}
