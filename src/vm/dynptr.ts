import { ERRNO } from '../base/index.js'
import type { Machine } from './machine.js'
import type { Addr, Status } from './types.js'

// struct bpf_dynptr in memory: u64 data (an address; for packets any non-zero word), u32 size with the kind in bits 28-30
// and "read only" in bit 31, u32 offset. Linux lays it out so as well, and programs cannot look inside.

export const DYNPTR_LOCAL = 1
export const DYNPTR_RINGBUF = 2
export const DYNPTR_SKB = 3
export const DYNPTR_XDP = 4
/** DYNPTR_MAX_SIZE */
export const DYNPTR_MAX_SIZE = (1 << 24) - 1

const KIND_SHIFT = 28
const RDONLY = 0x8000_0000

export function initDynptr(
  machine: Machine,
  dynptr: Addr,
  kind: number,
  data: Addr,
  size: number,
  readOnly = false,
): void {
  const { u32 } = machine.memory
  const at = dynptr >>> 2
  u32[at] = data
  u32[at + 1] = 0
  u32[at + 2] = size | (kind << KIND_SHIFT) | (readOnly ? RDONLY : 0)
  u32[at + 3] = 0
}

export function clearDynptr(machine: Machine, dynptr: Addr): void {
  machine.memory.u32.fill(0, dynptr >>> 2, (dynptr >>> 2) + 4)
}

/** Its data word: 0 for a null dynptr. */
export function dynptrData(machine: Machine, dynptr: Addr): Addr {
  return machine.memory.u32[dynptr >>> 2]!
}

export function dynptrKind(machine: Machine, dynptr: Addr): number {
  return (machine.memory.u32[(dynptr >>> 2) + 2]! >>> KIND_SHIFT) & 7
}

export function dynptrSize(machine: Machine, dynptr: Addr): number {
  return machine.memory.u32[(dynptr >>> 2) + 2]! & DYNPTR_MAX_SIZE
}

export function dynptrOffset(machine: Machine, dynptr: Addr): number {
  return machine.memory.u32[(dynptr >>> 2) + 3]!
}

export function isReadOnlyDynptr(machine: Machine, dynptr: Addr): boolean {
  return (machine.memory.u32[(dynptr >>> 2) + 2]! & RDONLY) !== 0
}

/** Moves the start and sets the size (bpf_dynptr_adjust). */
export function narrowDynptr(machine: Machine, dynptr: Addr, start: number, size: number): void {
  const at = dynptr >>> 2
  const { u32 } = machine.memory
  u32[at + 3] = u32[at + 3]! + start
  u32[at + 2] = ((u32[at + 2]! & ~DYNPTR_MAX_SIZE) | size) >>> 0
}

/** Does `length` at `offset` lie inside? */
export function dynptrHolds(machine: Machine, dynptr: Addr, offset: number, length: number): boolean {
  return offset + length <= dynptrSize(machine, dynptr)
}

/** Copies out of a dynptr. -EINVAL for a null one, -E2BIG beyond its end. */
export function readDynptr(machine: Machine, dynptr: Addr, offset: number, to: Addr, length: number): Status {
  const data = dynptrData(machine, dynptr)
  if (data === 0) return -ERRNO.EINVAL
  if (!dynptrHolds(machine, dynptr, offset, length)) return -ERRNO.E2BIG
  const from = dynptrOffset(machine, dynptr) + offset
  switch (dynptrKind(machine, dynptr)) {
    case DYNPTR_LOCAL:
    case DYNPTR_RINGBUF:
      machine.memory.u8.copyWithin(to, data + from, data + from + length)
      return 0
    case DYNPTR_SKB:
    case DYNPTR_XDP:
      return machine.packet?.copyOut(from, length, to) ?? -ERRNO.EFAULT
    default:
      return -ERRNO.EFAULT
  }
}

/** Copies into a dynptr; `flags` are those of bpf_skb_store_bytes and 0 for what is no skb. */
export function writeDynptr(
  machine: Machine,
  dynptr: Addr,
  offset: number,
  from: Addr,
  length: number,
  flags: number,
): Status {
  const data = dynptrData(machine, dynptr)
  if (data === 0 || isReadOnlyDynptr(machine, dynptr)) return -ERRNO.EINVAL
  if (!dynptrHolds(machine, dynptr, offset, length)) return -ERRNO.E2BIG
  const to = dynptrOffset(machine, dynptr) + offset
  const kind = dynptrKind(machine, dynptr)
  if (kind !== DYNPTR_SKB && flags !== 0) return -ERRNO.EINVAL
  switch (kind) {
    case DYNPTR_LOCAL:
    case DYNPTR_RINGBUF:
      machine.memory.u8.copyWithin(data + to, from, from + length)
      return 0
    case DYNPTR_SKB:
    case DYNPTR_XDP:
      return machine.packet?.copyIn(to, length, from, flags) ?? -ERRNO.EFAULT
    default:
      return -ERRNO.EFAULT
  }
}

/** Address of a part of a dynptr that lies in one piece, 0 where there is none. */
export function dynptrSlice(machine: Machine, dynptr: Addr, offset: number, length: number): Addr {
  const data = dynptrData(machine, dynptr)
  if (data === 0 || !dynptrHolds(machine, dynptr, offset, length)) return 0
  const from = dynptrOffset(machine, dynptr) + offset
  const kind = dynptrKind(machine, dynptr)
  if (kind === DYNPTR_LOCAL || kind === DYNPTR_RINGBUF) return data + from
  return machine.packet?.contiguous(from, length) ?? 0
}
