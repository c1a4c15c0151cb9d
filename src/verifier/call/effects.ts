// What a call does to everything else in the state.

import { fieldOfKind, fieldsBehind } from '../access/special-fields.js'
import type { Env } from '../env.js'
import {
  ALLOC,
  copyReg,
  DYNPTR_SKB,
  DYNPTR_SKB_META,
  DYNPTR_XDP,
  MAYBE_NULL,
  NON_OWN_REF,
  NOT_INIT,
  PERCPU,
  RCU,
  type Reg,
  UNTRUSTED,
  unknownReg,
} from '../state/reg.js'
import { type Reference, SLOT, type State } from '../state/state.js'

/** Visits every register and spilled register; the visitor returns a replacement or undefined. */
export function replaceRegs(state: State, visit: (reg: Reg) => Reg | undefined): void {
  for (const frame of state.frames) {
    for (let i = 0; i < 11; i++) {
      const made = visit(frame.regs[i] as Reg)
      if (made !== undefined) frame.regs[i] = made
    }
    for (let slot = 0; slot < frame.spills.length; slot++) {
      const spilled = frame.spills[slot]
      if (spilled === undefined || frame.types[slot * 8 + 7] !== SLOT.spill) continue
      const made = visit(spilled)
      if (made !== undefined) frame.spills[slot] = made
    }
  }
}

const PACKET_SLICE = DYNPTR_SKB | DYNPTR_XDP | DYNPTR_SKB_META

/** The packet may have moved: pointers into it are numbers now. */
export function clearPacketPointers(env: Env): void {
  replaceRegs(env.state, (reg) => {
    const inside =
      reg.type === 'pkt' ||
      reg.type === 'pkt_meta' ||
      reg.type === 'pkt_end' ||
      (reg.type === 'mem' && (reg.flags & PACKET_SLICE) !== 0)
    return inside ? gone(env) : undefined
  })
}

/** Forgets a held object; what came from it stays. */
export function dropReference(state: State, id: number): boolean {
  const at = state.refs.findIndex((ref) => ref.kind === 'ptr' && ref.id === id)
  if (at < 0) return false
  state.refs = state.refs.filter((_, i) => i !== at)
  return true
}

/** What a register holds that pointed to something: a number only for those who may see it. */
function gone(env: Env): Reg {
  return env.perfmon ? unknownReg() : NOT_INIT
}

/** A reference is given back: nothing that came from it is a pointer any more. */
export function releaseReference(env: Env, id: number): boolean {
  const { state } = env
  if (!dropReference(state, id)) return false
  replaceRegs(state, (reg) => (reg.refObjId === id ? gone(env) : undefined))
  return true
}

export function acquireReference(env: Env): number {
  const id = env.newId()
  env.state.refs = [...env.state.refs, { kind: 'ptr', id, insn: env.insnIdx, of: undefined }]
  return id
}

/** What bpf_kptr_xchg() took over; a per-CPU object may still be read under RCU. */
export function releaseIntoMap(env: Env, id: number): boolean {
  const { state } = env
  const protectedHere = inReadSection(env)
  if (!dropReference(state, id)) return false
  replaceRegs(state, (reg) => {
    if (reg.refObjId !== id) return undefined
    if (!protectedHere || (reg.flags & ALLOC) === 0 || (reg.flags & PERCPU) === 0) return gone(env)
    const made = copyReg(reg)
    made.refObjId = 0
    made.flags = (made.flags & ~ALLOC) | RCU
    return made
  })
  return true
}

/** What RCU protects stays: in a read section, under a lock, or in a program that cannot sleep. */
export function inReadSection(env: Env): boolean {
  const { state } = env
  return state.rcuDepth > 0 || state.activeLocks > 0 || !state.sleepable
}

/** The read section ended: what it protected may be gone. */
export function endReadSection(state: State): void {
  replaceRegs(state, (reg) => {
    if ((reg.flags & RCU) === 0) return undefined
    const made = copyReg(reg)
    made.flags = (made.flags & ~(RCU | MAYBE_NULL)) | UNTRUSTED
    return made
  })
  for (const frame of state.frames) {
    frame.occupants.forEach((occupant, slot) => {
      if (occupant?.kind !== 'iter' || (occupant.flags & RCU) === 0) return
      frame.occupants[slot] = { ...occupant, flags: (occupant.flags & ~RCU) | UNTRUSTED }
    })
  }
}

/** A pointer to a node in a list or tree: good while the lock is held. */
export function withoutOwnership(reg: Reg): Reg {
  const made = copyReg(reg)
  made.refObjId = 0
  made.flags |= NON_OWN_REF
  if (fieldOfKind(fieldsBehind(reg), 'bpf_refcount') !== undefined) made.flags |= RCU
  return made
}

/** The object belongs to a list or tree now; pointers to it no longer own it. */
export function giveAwayOwnership(env: Env, id: number): void {
  replaceRegs(env.state, (reg) => (reg.refObjId === id ? withoutOwnership(reg) : undefined))
}

/** The lock is released: nodes may be gone. */
export function forgetUnownedNodes(env: Env): void {
  replaceRegs(env.state, (reg) =>
    reg.type === 'ptr_' && (reg.flags & ALLOC) !== 0 && (reg.flags & NON_OWN_REF) !== 0 ? gone(env) : undefined,
  )
}

type LockKind = 'lock' | 'res_lock' | 'res_lock_irq'
const isLock = (ref: Reference): boolean => ref.kind !== 'ptr' && ref.kind !== 'irq'

export function findLock(
  state: State,
  kinds: readonly LockKind[] | undefined,
  id: number,
  of: unknown,
): Reference | undefined {
  return state.refs.find(
    (ref) =>
      isLock(ref) && (kinds === undefined || kinds.includes(ref.kind as LockKind)) && ref.id === id && ref.of === of,
  )
}

export function acquireLock(env: Env, kind: LockKind, id: number, of: unknown): void {
  const { state } = env
  state.refs = [...state.refs, { kind, id, insn: env.insnIdx, of }]
  state.activeLocks++
  state.lockId = id
  state.lockOf = of
}

export function releaseLock(state: State, kind: LockKind, id: number, of: unknown): void {
  let before: Reference | undefined
  for (const ref of state.refs) {
    if (ref.kind === kind && ref.id === id && ref.of === of) {
      state.refs = state.refs.filter((each) => each !== ref)
      state.activeLocks--
      state.lockId = before?.id ?? 0
      state.lockOf = before?.of
      return
    }
    if (isLock(ref)) before = ref
  }
}
