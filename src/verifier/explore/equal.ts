// Whether a finished state covers the current one: whatever was found safe from there is safe from here.

import { bitsWithin, rangeWithin, sameNum } from '../domain/num.js'
import type { Env } from '../env.js'
import { type Reg, unknownReg } from '../state/reg.js'
import { type Frame, SLOT, type State } from '../state/state.js'

/** 'loose': numbers nobody asked about do not matter. 'within': they do, as ranges. 'exact': everything the same. */
export type Exactness = 'loose' | 'within' | 'exact'

/** Ids are names: those of one state must map to those of the other one to one. */
export class IdMap {
  readonly #forth = new Map<number, number>()
  readonly #back = new Map<number, number>()
  #temporary = -1

  same(old: number, current: number): boolean {
    if (old === 0 || current === 0) return old === current
    const known = this.#forth.get(old)
    if (known !== undefined) return known === current
    if (this.#back.has(current)) return false
    this.#forth.set(old, current)
    this.#back.set(current, old)
    return true
  }

  /** For numbers: none is an id of its own. */
  sameScalar(old: number, current: number): boolean {
    return this.same(old === 0 ? this.#temporary-- : old, current === 0 ? this.#temporary-- : current)
  }
}

const UNKNOWN = unknownReg()

export function statesEqual(env: Env, old: State, current: State, exactness: Exactness): boolean {
  if (old.frames.length !== current.frames.length) return false
  if (old.speculative && !current.speculative) return false
  if (old.sleepable !== current.sleepable) return false
  const ids = new IdMap()
  if (!referencesEqual(old, current, ids)) return false
  for (let i = old.frames.length - 1; i >= 0; i--) {
    if ((old.frames[i] as Frame).callsite !== (current.frames[i] as Frame).callsite) return false
  }
  for (let i = 0; i < old.frames.length; i++) {
    const live = env.exhaustive ? 0x3ff : (env.live[old.insnOfFrame(i)] as number)
    if (!framesEqual(env, old.frames[i] as Frame, current.frames[i] as Frame, live, ids, exactness)) return false
  }
  return true
}

/** Every register the same to the bit, names included, whether anyone reads it or not: the cheap sign of a loop. */
export function maybeLooping(old: State, current: State): boolean {
  if (old.frames.length !== current.frames.length) return false
  const a = old.frame.regs
  const b = current.frame.regs
  for (let i = 0; i < 10; i++) {
    const x = a[i] as Reg
    const y = b[i] as Reg
    if (x === y) continue
    if (x.type !== y.type || x.flags !== y.flags || x.range !== y.range || !sameThing(x, y) || !sameNum(x, y))
      return false
    if (x.id !== y.id || x.addConst !== y.addConst || x.refObjId !== y.refObjId) return false
  }
  return true
}

function referencesEqual(old: State, current: State, ids: IdMap): boolean {
  if (old.refs.length !== current.refs.length) return false
  if (old.activeLocks !== current.activeLocks || old.preemptDepth !== current.preemptDepth) return false
  if (old.rcuDepth !== current.rcuDepth || !ids.same(old.irqId, current.irqId)) return false
  if (!ids.same(old.lockId, current.lockId) || old.lockOf !== current.lockOf) return false
  return old.refs.every((ref, i) => {
    const other = current.refs[i]
    return other !== undefined && ref.kind === other.kind && ref.of === other.of && ids.same(ref.id, other.id)
  })
}

function framesEqual(env: Env, old: Frame, current: Frame, live: number, ids: IdMap, exactness: Exactness): boolean {
  if (old.callbackDepth > current.callbackDepth) return false
  for (let i = 0; i < 10; i++) {
    if ((live & (1 << i)) === 0) continue
    if (!regSafe(env, old.regs[i] as Reg, current.regs[i] as Reg, ids, exactness)) return false
  }
  return stackSafe(env, old, current, ids, exactness)
}

function regSafe(env: Env, old: Reg, current: Reg, ids: IdMap, exactness: Exactness): boolean {
  if (exactness === 'exact') return regsExact(old, current, ids)
  if (old.type === 'not_init' && (exactness === 'loose' || current.type === 'not_init')) return true
  if (old.type !== current.type || old.flags !== current.flags) return false
  switch (old.type) {
    case 'scalar':
      if (env.comparesNumbers)
        return sameThing(old, current) && sameNum(old, current) && ids.sameScalar(old.id, current.id)
      if (!old.precise && exactness === 'loose') return true
      if (old.addConst !== current.addConst || (old.addConst !== 0 && old.off !== current.off)) return false
      return rangeWithin(old, current) && bitsWithin(old, current) && ids.sameScalar(old.id, current.id)
    case 'map_key':
    case 'map_value':
    case 'mem':
    case 'buf':
    case 'tp_buffer':
      return (
        sameThing(old, current) &&
        rangeWithin(old, current) &&
        bitsWithin(old, current) &&
        ids.same(old.id, current.id) &&
        ids.same(old.refObjId, current.refObjId)
      )
    case 'pkt':
    case 'pkt_meta':
      if (old.range > current.range || old.off !== current.off) return false
      if (old.id !== 0 && !ids.same(old.id, current.id)) return false
      return rangeWithin(old, current) && bitsWithin(old, current)
    case 'fp':
      return regsExact(old, current, ids) && old.frameno === current.frameno
    case 'arena':
      return true
    default:
      return regsExact(old, current, ids)
  }
}

function sameThing(a: Reg, b: Reg): boolean {
  return (
    a.off === b.off &&
    a.map === b.map &&
    a.mapUid === b.mapUid &&
    a.memSize === b.memSize &&
    a.dynptrId === b.dynptrId &&
    a.dynptrType === b.dynptrType &&
    a.btfId === b.btfId &&
    a.btf?.btf === b.btf?.btf &&
    a.subprog === b.subprog
  )
}

export function regsExact(a: Reg, b: Reg, ids: IdMap): boolean {
  return (
    a.type === b.type &&
    a.flags === b.flags &&
    sameThing(a, b) &&
    a.range === b.range &&
    sameNum(a, b) &&
    ids.same(a.id, b.id) &&
    ids.same(a.refObjId, b.refObjId) &&
    a.frameno === b.frameno
  )
}

/** A whole slot seen as a number. */
function slotAsScalar(env: Env, frame: Frame, slot: number): Reg | undefined {
  const { types } = frame
  if (types[slot * 8] === SLOT.spill) {
    const spilled = frame.spills[slot]
    return spilled?.type === 'scalar' ? spilled : undefined
  }
  for (let j = 0; j < 8; j++) {
    const type = types[slot * 8 + j]
    if (type !== SLOT.misc && (type !== SLOT.invalid || !env.perfmon)) return undefined
  }
  return UNKNOWN
}

function stackSafe(env: Env, old: Frame, current: Frame, ids: IdMap, exactness: Exactness): boolean {
  for (let i = 0; i < old.allocated; i++) {
    const type = old.types[i]
    const other = current.types[i]
    if (exactness !== 'loose' && (i >= current.allocated || type !== other)) return false
    if (type === SLOT.invalid || (type === SLOT.misc && env.perfmon)) continue
    if (i >= current.allocated) return false
    const slot = i >> 3
    const oldScalar = slotAsScalar(env, old, slot)
    const currentScalar = oldScalar === undefined ? undefined : slotAsScalar(env, current, slot)
    if (oldScalar !== undefined && currentScalar !== undefined) {
      if (!regSafe(env, oldScalar, currentScalar, ids, exactness)) return false
      i = slot * 8 + 7
      continue
    }
    if (type === SLOT.misc && other === SLOT.zero) continue
    if (type !== other) return false
    if (i % 8 !== 7) continue
    if (type === SLOT.spill) {
      if (!regSafe(env, old.spills[slot] as Reg, current.spills[slot] as Reg, ids, exactness)) return false
    } else if (type === SLOT.dynptr || type === SLOT.iter || type === SLOT.irq) {
      const a = old.occupants[slot]
      const b = current.occupants[slot]
      if (a?.kind !== b?.kind || a?.type !== b?.type || a?.state !== b?.state || a?.first !== b?.first) return false
      if (!ids.same(a?.refId ?? 0, b?.refId ?? 0)) return false
    }
  }
  return true
}
