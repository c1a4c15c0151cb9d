import { ERRNO } from '../../base/index.js'
import { clearDynptr, DYNPTR_MAX_SIZE, DYNPTR_RINGBUF, dynptrData, initDynptr } from '../dynptr.js'
import type { Machine } from '../machine.js'
import type { Addr, BpfMap, RingBuffer, UserRingBuffer } from '../types.js'
import { callFunction } from './callback.js'
import type { HelperFamily } from './family.js'
import { long } from './time.js'

const NO_WAKEUP = 1
const FORCE_WAKEUP = 2
/** RINGBUF_MAX_RECORD_SZ */
const MAX_RECORD = 0x3fff_ffff
/** BPF_MAX_USER_RINGBUF_SAMPLES */
const MAX_USER_SAMPLES = 128 * 1024

export const ringbufHelpers = {
  ringbuf_output: (machine, handle, data, size, sizeHi, flags, flagsHi) => {
    if ((flags & ~(NO_WAKEUP | FORCE_WAKEUP)) !== 0 || flagsHi !== 0) return -ERRNO.EINVAL
    const ring = ringOf(machine, handle)
    if (ring === undefined) return -ERRNO.EINVAL
    const record = sizeHi !== 0 ? 0 : reserve(ring, size >>> 0)
    if (record === 0) return -ERRNO.EAGAIN
    machine.memory.u8.copyWithin(record, data >>> 0, (data >>> 0) + (size >>> 0))
    ring.commit(record, false, flags)
    return 0
  },
  ringbuf_reserve: (machine, handle, size, sizeHi, flags, flagsHi) => {
    if (flags !== 0 || flagsHi !== 0 || sizeHi !== 0) return 0
    return reserveRecord(machine, handle, size >>> 0)
  },
  ringbuf_submit: (machine, record, flags) => finish(machine, record >>> 0, false, flags),
  ringbuf_discard: (machine, record, flags) => finish(machine, record >>> 0, true, flags),
  ringbuf_query: (machine, handle, flag, flagHi) => {
    const ring = ringOf(machine, handle)
    return long(machine, ring === undefined || flagHi !== 0 ? 0n : ring.query(flag))
  },
  ringbuf_reserve_dynptr: (machine, handle, size, flags, flagsHi, dynptr) => {
    clearDynptr(machine, dynptr >>> 0)
    if (flags !== 0 || flagsHi !== 0) return -ERRNO.EINVAL
    if (size >>> 0 > DYNPTR_MAX_SIZE) return -ERRNO.E2BIG
    const record = reserveRecord(machine, handle, size >>> 0)
    if (record === 0) return -ERRNO.EINVAL
    initDynptr(machine, dynptr >>> 0, DYNPTR_RINGBUF, record, size >>> 0)
    return 0
  },
  ringbuf_submit_dynptr: (machine, dynptr, flags) => finishDynptr(machine, dynptr >>> 0, false, flags),
  ringbuf_discard_dynptr: (machine, dynptr, flags) => finishDynptr(machine, dynptr >>> 0, true, flags),
  user_ringbuf_drain: (machine, handle, callback, ctx, flags, flagsHi) => {
    if ((flags & ~(NO_WAKEUP | FORCE_WAKEUP)) !== 0 || flagsHi !== 0) return -ERRNO.EINVAL
    const map = machine.mapOf(handle)
    if (map === undefined || !isUserRing(map)) return -ERRNO.EINVAL
    return drain(machine, map, callback, ctx, flags)
  },
} satisfies HelperFamily

function drain(machine: Machine, ring: UserRingBuffer, callback: number, ctx: number, flags: number): number {
  const memory = machine.memory
  const dynptr = memory.alloc(16)
  let samples = 0
  let discarded = 0
  let error = 0
  try {
    while (samples + discarded < MAX_USER_SAMPLES) {
      const sample = ring.peekSample()
      if (sample === 0) {
        if (ring.peekError === -ERRNO.EAGAIN) {
          discarded++
          continue
        }
        error = ring.peekError
        break
      }
      initDynptr(machine, dynptr, DYNPTR_RINGBUF, sample, ring.sampleSize, true)
      samples++
      try {
        callFunction(machine, callback, dynptr, ctx)
      } finally {
        ring.releaseSample()
      }
      if (machine.r0lo !== 0) break
    }
  } finally {
    memory.free(dynptr)
  }
  const wakes = (flags & FORCE_WAKEUP) !== 0 || ((flags & NO_WAKEUP) === 0 && samples + discarded > 0)
  if (wakes) ring.notify()
  return error !== 0 && error !== -ERRNO.ENODATA ? error : samples
}

function ringOf(machine: Machine, handle: number): RingBuffer | undefined {
  const map = machine.mapOf(handle)
  return map !== undefined && 'commit' in map ? (map as RingBuffer) : undefined
}

function isUserRing(map: BpfMap): map is UserRingBuffer {
  return 'peekSample' in map
}

function reserve(ring: RingBuffer, size: number): Addr {
  return size > MAX_RECORD ? 0 : ring.reserve(size)
}

function reserveRecord(machine: Machine, handle: number, size: number): Addr {
  const ring = ringOf(machine, handle)
  return ring === undefined ? 0 : reserve(ring, size) | 0
}

const PAGE = 4096

/** Every record leads to page 0 of its ring, which knows the map; what leads nowhere is left alone. */
function finish(machine: Machine, record: Addr, discard: boolean, flags: number): number {
  const { u32 } = machine.memory
  const header = record - 8
  const base = header - (header % PAGE) - u32[(header + 4) >>> 2]! * PAGE
  const ring = base < 65536 ? undefined : ringOf(machine, u32[base >>> 2]!)
  ring?.commit(record, discard, flags)
  return 0
}

function finishDynptr(machine: Machine, dynptr: Addr, discard: boolean, flags: number): number {
  const record = dynptrData(machine, dynptr)
  if (record !== 0) finish(machine, record, discard, flags)
  clearDynptr(machine, dynptr)
  return 0
}
