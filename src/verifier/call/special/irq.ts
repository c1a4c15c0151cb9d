// Interrupt flags saved on the stack: bpf_local_irq_save() and locks that turn interrupts off.

import type { Env } from '../../env.js'
import type { Reg } from '../../state/reg.js'
import { SLOT } from '../../state/state.js'
import { BEYOND_STACK, frameOf, NO_ROOM, occupy, readSlots, slotOfObject, vacate } from './stack-objects.js'

export type IrqClass = 'native' | 'lock'

export function saveIrqFlags(env: Env, regno: number, by: IrqClass, store: (offset: number) => void): void {
  const reg = env.reg(regno)
  if (!isFree(env, reg)) env.refuse(`expected uninitialized irq flag as arg#${regno - 1}`)
  store(0)
  const slot = slotOfObject(env, reg, 'irq_flag', 1)
  if (slot < 0) env.refuseSilently('the flags have no place on the stack')
  const id = env.newId()
  const { state } = env
  state.refs = [...state.refs, { kind: 'irq', id, insn: env.insnIdx, of: undefined }]
  state.irqId = id
  const flags = { kind: 'irq', type: by, id: 0, refId: id, state: 'active', depth: 0, flags: 0 } as const
  occupy(env, frameOf(env, reg), slot, 1, flags)
}

export function restoreIrqFlags(env: Env, regno: number, by: IrqClass): void {
  const reg = env.reg(regno)
  const slot = slotOfObject(env, reg, 'irq_flag', 1)
  const frame = frameOf(env, reg)
  const occupant = slot < 0 ? undefined : frame.occupants[slot]
  if (occupant?.kind !== 'irq') env.refuse(`expected an initialized irq flag as arg#${regno - 1}`)
  if (occupant.type !== by) {
    const used = (one: string) => (one === 'native' ? 'bpf_local_irq' : 'bpf_res_spin_lock')
    env.refuse(`irq flag acquired by ${used(occupant.type)} kfuncs cannot be restored with ${used(by)} kfuncs`)
  }
  readSlots(env, frame, slot, 1)
  const { state } = env
  const open = state.refs.filter(({ kind }) => kind === 'irq')
  if (state.irqId !== occupant.refId) {
    const at = state.refs.find(({ kind, id }) => kind === 'irq' && id === state.irqId)?.insn ?? 0
    env.refuse(`cannot restore irq state out of order, expected id=${state.irqId} acquired at insn_idx=${at}`, 'EACCES')
  }
  state.refs = state.refs.filter(({ kind, id }) => kind !== 'irq' || id !== occupant.refId)
  state.irqId = open[open.length - 2]?.id ?? 0
  vacate(env, frame, slot, 1)
}

function isFree(env: Env, reg: Reg): boolean {
  const slot = slotOfObject(env, reg, 'irq_flag', 1)
  if (slot === BEYOND_STACK) return true
  if (slot === NO_ROOM) return false
  const { types } = frameOf(env, reg)
  for (let i = slot * 8; i < slot * 8 + 8; i++) if (types[i] === SLOT.irq) return false
  return true
}
