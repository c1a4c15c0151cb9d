// What a call does to everything else in the state.

import type { Env } from '../env.js'
import { type Reg, unknownReg } from '../state/reg.js'
import { SLOT, type State } from '../state/state.js'

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

/** The packet may have moved: pointers into it are numbers now. */
export function clearPacketPointers(env: Env): void {
  replaceRegs(env.state, (reg) =>
    reg.type === 'pkt' || reg.type === 'pkt_meta' || reg.type === 'pkt_end' ? unknownReg() : undefined,
  )
}

/** A reference is given back: nothing that came from it is a pointer any more. */
export function releaseReference(env: Env, id: number): boolean {
  const { state } = env
  const at = state.refs.findIndex((ref) => ref.kind === 'ptr' && ref.id === id)
  if (at < 0) return false
  state.refs = state.refs.filter((_, i) => i !== at)
  replaceRegs(state, (reg) => (reg.refObjId === id ? unknownReg() : undefined))
  return true
}

export function acquireReference(env: Env): number {
  const id = env.newId()
  env.state.refs = [...env.state.refs, { kind: 'ptr', id, insn: env.insnIdx, of: undefined }]
  return id
}
