// What obj_get_info tells of a loaded program's instructions: translated, its maps by id, its records where the code went.

import { BPF_PSEUDO_MAP_FD, BPF_PSEUDO_MAP_VALUE, getCode, getImm, getSrc, setImm, slotCount } from '../../isa/index.js'
import type { Fd } from '../../kernel/index.js'
import type { Rewritten } from '../../verifier/index.js'
import type { Session } from '../session.js'
import { LD_IMM64 } from './opcodes.js'
import { FUNC_INFO_SIZE, LINE_INFO_SIZE } from './prog-btf.js'

export interface Translation {
  readonly insns: Uint8Array
  readonly funcInfo: Uint8Array | undefined
  readonly lineInfo: Uint8Array | undefined
  /** Slot in the source of each line record; undefined where nothing moved. */
  readonly lineSlots: readonly number[] | undefined
}

/** Of a verified program, from its rewritten instructions, which name maps by descriptor still. */
export function translation(
  session: Session,
  rewritten: Rewritten,
  funcInfo: Uint8Array | undefined,
  lineInfo: Uint8Array | undefined,
): Translation {
  const insns = rewritten.insns.slice()
  for (let slot = 0; slot < slotCount(insns); slot++) {
    if (getCode(insns, slot) !== LD_IMM64) continue
    const src = getSrc(insns, slot)
    if (src === BPF_PSEUDO_MAP_FD || src === BPF_PSEUDO_MAP_VALUE) {
      setImm(insns, slot, session.map(getImm(insns, slot) as Fd, 'prog_load').id)
    }
    slot++
  }
  const lines = moved(lineInfo, LINE_INFO_SIZE, rewritten)
  return {
    insns,
    funcInfo: moved(funcInfo, FUNC_INFO_SIZE, rewritten)?.records,
    lineInfo: lines?.records,
    lineSlots: lines?.slots,
  }
}

/** Records (u32 slot first) at their new slots; of several that come to one slot the last stays. */
function moved(
  records: Uint8Array | undefined,
  size: number,
  { slotOf, insns }: Rewritten,
): { readonly records: Uint8Array; readonly slots: number[] } | undefined {
  if (records === undefined) return undefined
  const places = newSlots(slotOf, insns.length / 8)
  const kept = new Map<number, { readonly record: Uint8Array; readonly from: number }>()
  for (let at = 0; at + size <= records.length; at += size) {
    const record = records.slice(at, at + size)
    const view = new DataView(record.buffer)
    const from = view.getUint32(0, true)
    const slot = places[from]
    if (slot === undefined || slot < 0) continue
    view.setUint32(0, slot, true)
    kept.set(slot, { record, from })
  }
  const out = new Uint8Array(kept.size * size)
  let at = 0
  const slots: number[] = []
  for (const { record, from } of kept.values()) {
    out.set(record, at)
    slots.push(from)
    at += size
  }
  return { records: out, slots }
}

/** What went is where the next that stayed is; -1 where none did. */
function newSlots(slotOf: Int32Array, end: number): Int32Array {
  const places = slotOf.slice()
  let next = -1
  for (let slot = places.length - 1; slot >= 0; slot--) {
    const own = places[slot] as number
    if (own >= 0 && own < end) next = own
    else places[slot] = next
  }
  return places
}
