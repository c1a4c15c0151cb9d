// Objects that occupy whole slots of the stack: finding their place, and whether it is free.

import { isConst } from '../../domain/num.js'
import type { Env } from '../../env.js'
import type { Reg } from '../../state/reg.js'
import { type Frame, type Occupant, SLOT } from '../../state/state.js'

export const NO_ROOM = -1
/** Nothing is said of it: the caller's own message will do. */
export const BEYOND_STACK = -2

/** The lowest slot of an object of `slots` slots at the register; says in the log why there is none. */
export function slotOfObject(env: Env, reg: Reg, what: string, slots: number): number {
  if (!isConst(reg)) {
    env.log.write(`${what} has to be at a constant offset\n`)
    return NO_ROOM
  }
  const off = reg.off + reg.valueLo
  if (off % 8 !== 0) {
    env.log.write(`cannot pass in ${what} at an offset=${off}\n`)
    return NO_ROOM
  }
  const slot = (-off - 1) >> 3
  if (slot + 1 < slots) {
    env.log.write(`cannot pass in ${what} at an offset=${off}\n`)
    return NO_ROOM
  }
  const frame = env.state.frames[reg.frameno] as Frame
  return slot - slots + 1 >= 0 && slot < frame.allocated >> 3 ? slot : BEYOND_STACK
}

/** Fills `slots` slots from the lowest, `slot`, on. */
export function occupy(env: Env, frame: Frame, slot: number, slots: number, occupant: Omit<Occupant, 'first'>): void {
  const type = SLOT[occupant.kind]
  for (let i = 0; i < slots; i++) {
    const at = slot - i
    frame.spills[at] = undefined
    frame.occupants[at] = { ...occupant, first: i === 0 }
    for (let j = 0; j < 8; j++) frame.types[at * 8 + j] = type
    env.scratchSlot(at)
    env.stackLiveness.wrote(frame.frameno, at)
  }
}

export function vacate(env: Env, frame: Frame, slot: number, slots: number): void {
  for (let i = 0; i < slots; i++) {
    const at = slot - i
    frame.spills[at] = undefined
    frame.occupants[at] = undefined
    for (let j = 0; j < 8; j++) frame.types[at * 8 + j] = SLOT.invalid
    env.scratchSlot(at)
    env.stackLiveness.wrote(frame.frameno, at)
  }
}

export function frameOf(env: Env, reg: Reg): Frame {
  return env.state.frames[reg.frameno] as Frame
}

/** The object's slots are read by the call. */
export function readSlots(env: Env, frame: Frame, slot: number, slots: number): void {
  for (let i = 0; i < slots; i++) {
    env.stackLiveness.read(frame.frameno, slot - i)
    env.scratchSlot(slot - i)
  }
}
