// Dynptrs: 16 bytes on the stack the kernel fills, a handle on memory whose size is known at run time only.

import type { Env } from '../../env.js'
import {
  DYNPTR_LOCAL,
  DYNPTR_RINGBUF,
  DYNPTR_SKB,
  DYNPTR_SKB_META,
  DYNPTR_XDP,
  MAYBE_NULL,
  type Reg,
  unknownReg,
} from '../../state/reg.js'
import { type Frame, type Occupant, SLOT } from '../../state/state.js'
import { acquireReference, releaseReference, replaceRegs } from '../effects.js'
import { frameOf, NO_ROOM, occupy, readSlots, slotOfObject, vacate } from './stack-objects.js'

export type DynptrType = 'local' | 'ringbuf' | 'skb' | 'xdp' | 'skb_meta' | ''

/** The mark on memory each kind of dynptr gives out. */
export const DYNPTR_FLAG: Readonly<Record<DynptrType, number>> = {
  local: DYNPTR_LOCAL,
  ringbuf: DYNPTR_RINGBUF,
  skb: DYNPTR_SKB,
  xdp: DYNPTR_XDP,
  skb_meta: DYNPTR_SKB_META,
  '': 0,
}

const SLOTS = 2

/** What is known of the dynptr a register points to. */
export interface DynptrFacts {
  readonly type: DynptrType
  readonly id: number
  readonly refId: number
}

export interface DynptrArg {
  /** Made by the call. */
  readonly make?: DynptrType
  /** Of a clone: the reference of what it is a clone of. */
  readonly cloneOf?: number
  /** The call changes it: one the kernel handed in will not do. */
  readonly mutates: boolean
  /** Only this kind will do. */
  readonly wanted?: DynptrType
}

function occupantAt(env: Env, reg: Reg): Occupant | undefined {
  const slot = slotOfObject(env, reg, 'dynptr', SLOTS)
  return slot < 0 ? undefined : frameOf(env, reg).occupants[slot]
}

export function dynptrFacts(env: Env, reg: Reg): DynptrFacts {
  if (reg.type === 'dynptr_ptr') return { type: reg.dynptrType as DynptrType, id: reg.id, refId: reg.refObjId }
  const occupant = occupantAt(env, reg)
  if (occupant?.kind !== 'dynptr') return { type: '', id: 0, refId: 0 }
  return { type: occupant.type as DynptrType, id: occupant.id, refId: occupant.refId }
}

/** An argument that is a dynptr; `store` is asked to check the bytes of a new one. */
export function dynptrArgument(env: Env, regno: number, arg: DynptrArg, store: (offset: number) => void): void {
  const reg = env.reg(regno)
  const number = regno - 1
  if (reg.type !== 'fp' && reg.type !== 'dynptr_ptr') {
    env.refuse(`arg#${number} expected pointer to stack or const struct bpf_dynptr`)
  }
  if (arg.make !== undefined) {
    if (!isFree(env, reg)) env.refuse('Dynptr has to be an uninitialized dynptr')
    store(0)
    store(8)
    make(env, reg, arg.make, arg.cloneOf ?? 0)
    return
  }
  if (reg.type === 'dynptr_ptr' && arg.mutates) {
    env.refuse('cannot pass pointer to const bpf_dynptr, the helper mutates it')
  }
  if (!isInitialized(env, reg)) env.refuse(`Expected an initialized dynptr as arg #${number}`)
  readDynptr(env, reg)
  if (arg.wanted !== undefined && dynptrFacts(env, reg).type !== arg.wanted) {
    env.refuse(`Expected a dynptr of type ${arg.wanted} as arg #${number}`)
  }
}

function readDynptr(env: Env, reg: Reg): void {
  if (reg.type === 'fp') readSlots(env, frameOf(env, reg), slotOfObject(env, reg, 'dynptr', SLOTS), SLOTS)
}

function isFree(env: Env, reg: Reg): boolean {
  if (reg.type === 'dynptr_ptr') return false
  // Room beyond the stack in use is made by the store; overwriting another dynptr is judged there too.
  const slot = slotOfObject(env, reg, 'dynptr', SLOTS)
  return slot !== NO_ROOM
}

function isInitialized(env: Env, reg: Reg): boolean {
  if (reg.type === 'dynptr_ptr') return true
  const slot = slotOfObject(env, reg, 'dynptr', SLOTS)
  if (slot < 0) return false
  const frame = frameOf(env, reg)
  if (frame.occupants[slot]?.first !== true) return false
  for (let i = 0; i < SLOTS * 8; i++) if (frame.types[(slot - 1) * 8 + i] !== SLOT.dynptr) return false
  return true
}

function make(env: Env, reg: Reg, type: DynptrType, cloneOf: number): void {
  const slot = slotOfObject(env, reg, 'dynptr', SLOTS)
  if (slot < 0) env.refuseSilently('dynptr has no place on the stack')
  const frame = frameOf(env, reg)
  // The stores of a new dynptr may have hit one half of an old one.
  destroyDynptr(env, frame, slot)
  destroyDynptr(env, frame, slot - 1)
  const id = env.newId()
  const refId = type !== 'ringbuf' ? 0 : cloneOf !== 0 ? cloneOf : acquireReference(env)
  occupy(env, frame, slot, SLOTS, { kind: 'dynptr', type, id, refId, state: 'active', depth: 0, flags: 0 })
}

/** A store hits one of its slots: both are gone, and memory it gave out with them. */
export function destroyDynptr(env: Env, frame: Frame, slot: number): void {
  const occupant = frame.occupants[slot]
  if (occupant?.kind !== 'dynptr' || frame.types[slot * 8] !== SLOT.dynptr) return
  if (occupant.type === 'ringbuf') env.refuse('cannot overwrite referenced dynptr')
  vacate(env, frame, occupant.first ? slot : slot + 1, SLOTS)
  replaceRegs(env.state, (reg) => {
    const slice = reg.type === 'mem' && (reg.flags & ~MAYBE_NULL) === 0
    return slice && reg.dynptrId === occupant.id ? unknownReg() : undefined
  })
}

/** A dynptr is given back: it, its clones and all memory they gave out. False where it holds nothing. */
export function releaseDynptr(env: Env, regno: number): boolean {
  const reg = env.reg(regno)
  const slot = slotOfObject(env, reg, 'dynptr', SLOTS)
  if (slot < 0) return false
  const frame = frameOf(env, reg)
  const occupant = frame.occupants[slot]
  if (occupant === undefined) return false
  if (occupant.type !== 'ringbuf') {
    vacate(env, frame, slot, SLOTS)
    return true
  }
  const { refId } = occupant
  releaseReference(env, refId)
  for (let at = 1; at < frame.allocated >> 3; at++) {
    const other = frame.occupants[at]
    if (other?.kind === 'dynptr' && other.first && other.refId === refId) vacate(env, frame, at, SLOTS)
  }
  return true
}

/** What the kernel hands to a callback. */
export function makeCallbackDynptr(reg: Reg, type: DynptrType, id: number): Reg {
  reg.id = id
  reg.dynptrType = type
  return reg
}
