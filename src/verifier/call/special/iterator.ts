// Open-coded iterators: new, next and destroy of a struct on the stack.

import type { Env } from '../../env.js'
import { findPrevious, widen } from '../../explore/widen.js'
import { constReg, copyReg, MAYBE_NULL, RCU, type Reg, UNTRUSTED } from '../../state/reg.js'
import { type Frame, type Occupant, SLOT, type State } from '../../state/state.js'
import { acquireReference, inReadSection, releaseReference } from '../effects.js'
import { frameOf, NO_ROOM, occupy, readSlots, slotOfObject, vacate } from './stack-objects.js'

export interface IteratorCall {
  readonly what: 'new' | 'next' | 'destroy' | 'use'
  /** The struct, `bpf_iter_num`. */
  readonly struct: string
  readonly size: number
  readonly kfunc: string
  readonly rcuProtected: boolean
}

/** Where the iterator of the call at hand is. */
export interface IteratorPlace {
  readonly frame: number
  readonly slot: number
  readonly refId: number
}

const shortName = (struct: string): string => struct.replace(/^bpf_iter_/, '')

export function iteratorArgument(
  env: Env,
  regno: number,
  call: IteratorCall,
  store: (offset: number) => void,
): IteratorPlace | undefined {
  const reg = env.reg(regno)
  const number = regno - 1
  if (reg.type !== 'fp') env.refuse(`arg#${number} expected pointer to an iterator on stack`)
  const slots = call.size >> 3
  const name = shortName(call.struct)
  if (call.what === 'new') {
    if (!isFree(env, reg, slots)) env.refuse(`expected uninitialized iter_${name} as arg #${number}`)
    for (let i = 0; i < slots; i++) store(i * 8)
    make(env, reg, call, slots)
    return undefined
  }
  const found = findInitialized(env, reg, call.struct, slots)
  if (found === undefined) env.refuse(`expected an initialized iter_${name} as arg #${number}`)
  const { slot, occupant } = found
  if ((occupant.flags & UNTRUSTED) !== 0) env.refuse(`expected an RCU CS when using ${call.kfunc}`, 'EPROTO')
  readSlots(env, frameOf(env, reg), slot, slots)
  if (call.what === 'destroy') {
    releaseReference(env, occupant.refId)
    vacate(env, frameOf(env, reg), slot, slots)
  }
  return { frame: reg.frameno, slot, refId: occupant.refId }
}

function isFree(env: Env, reg: Reg, slots: number): boolean {
  const slot = slotOfObject(env, reg, 'iter', slots)
  if (slot === NO_ROOM) return false
  if (slot < 0) return true
  const frame = frameOf(env, reg)
  for (let i = (slot - slots + 1) * 8; i < (slot + 1) * 8; i++) if (frame.types[i] === SLOT.iter) return false
  return true
}

function make(env: Env, reg: Reg, call: IteratorCall, slots: number): void {
  const slot = slotOfObject(env, reg, 'iter', slots)
  if (slot < 0) env.refuseSilently('the iterator has no place on the stack')
  const flags = !call.rcuProtected ? 0 : inReadSection(env) ? RCU : UNTRUSTED
  const refId = acquireReference(env)
  const frame = frameOf(env, reg)
  occupy(env, frame, slot, slots, { kind: 'iter', type: call.struct, id: 0, refId, state: 'active', depth: 0, flags })
  for (let i = 1; i < slots; i++) frame.occupants[slot - i] = { ...(frame.occupants[slot - i] as Occupant), refId: 0 }
}

function findInitialized(
  env: Env,
  reg: Reg,
  struct: string,
  slots: number,
): { readonly slot: number; readonly occupant: Occupant } | undefined {
  const slot = slotOfObject(env, reg, 'iter', slots)
  if (slot < 0) return undefined
  const frame = frameOf(env, reg)
  for (let i = 0; i < slots; i++) {
    const occupant = frame.occupants[slot - i]
    if (occupant?.kind !== 'iter' || occupant.type !== struct || occupant.first !== (i === 0)) return undefined
    for (let j = 0; j < 8; j++) if (frame.types[(slot - i) * 8 + j] !== SLOT.iter) return undefined
  }
  return { slot, occupant: frame.occupants[slot] as Occupant }
}

export function iteratorAt(state: State, place: IteratorPlace): Occupant | undefined {
  return state.frames[place.frame]?.occupants[place.slot]
}

function setIterator(state: State, place: IteratorPlace, change: Partial<Occupant>): void {
  const frame = state.frames[place.frame] as Frame
  frame.occupants[place.slot] = { ...(frame.occupants[place.slot] as Occupant), ...change }
}

/** One path gets an element and may ask again, the other learns that there is none left. */
export function forkIterator(env: Env, place: IteratorPlace): void {
  const { state } = env
  const occupant = iteratorAt(state, place)
  if (occupant?.state === 'active') {
    const previous = state.parent === undefined ? undefined : findPrevious(env, state.parent, env.insnIdx)
    const other = env.pushBranch(env.insnIdx + 1, env.insnIdx)
    setIterator(other, place, { state: 'active', depth: occupant.depth + 1 })
    if (previous !== undefined) widen(env, previous, other)
    const element = copyReg(other.frame.regs[0] as Reg)
    if ((element.flags & MAYBE_NULL) !== 0) {
      element.flags &= ~MAYBE_NULL
      other.frame.regs[0] = element
    }
  }
  setIterator(state, place, { state: 'drained' })
  env.regs[0] = constReg(0, 0)
}
