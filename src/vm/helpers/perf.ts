import { ERRNO } from '../../base/index.js'
import type { Machine } from '../machine.js'
import type { HelperFunction, PerfEventArray } from '../types.js'
import type { HelperFamily } from './family.js'
import { long } from './time.js'

/** BPF_F_CURRENT_CPU: the index that means the CPU that runs. */
const CURRENT_CPU = 0xffff_ffff
/** BPF_F_CTXLEN_MASK, in the high half: bytes of the packet to append. */
const CTXLEN_MASK_HI = 0xf_ffff

const eventOutput: HelperFunction = (machine, _ctx, handle, index, ctxLength, data, size, sizeHi) => {
  const packet = machine.packet
  if ((ctxLength & ~(packet === undefined ? 0 : CTXLEN_MASK_HI)) !== 0) return -ERRNO.EINVAL
  const map = arrayOf(machine, handle)
  if (map === undefined || sizeHi !== 0) return -ERRNO.EINVAL
  const memory = machine.memory
  let sample: Uint8Array
  if (ctxLength === 0 || packet === undefined) sample = memory.bytes(data >>> 0, size >>> 0)
  else {
    if (ctxLength > packet.length) return -ERRNO.EFAULT
    const start = memory.alloc(Math.max(1, size + ctxLength))
    try {
      memory.u8.copyWithin(start, data >>> 0, (data >>> 0) + size)
      const status = packet.copyOut(0, ctxLength, start + size)
      if (status < 0) return status
      sample = memory.read(start, size + ctxLength)
    } finally {
      memory.free(start)
    }
  }
  const at = eventIndex(machine, map, index)
  return at < 0 ? at : map.output(at, machine.cpu, sample)
}

export const perfHelpers = {
  perf_event_output: eventOutput,
  skb_output: eventOutput,
  xdp_output: eventOutput,
  perf_event_read: (machine, handle, flags, flagsHi) => {
    const counters = readEvent(machine, handle, flags, flagsHi)
    return long(machine, typeof counters === 'number' ? BigInt(counters) : counters[0])
  },
  perf_event_read_value: (machine, handle, flags, flagsHi, buf, size) => {
    const memory = machine.memory
    const to = buf >>> 0
    const counters = size === 24 ? readEvent(machine, handle, flags, flagsHi) : -ERRNO.EINVAL
    if (typeof counters === 'number') {
      memory.u8.fill(0, to, to + (size >>> 0))
      return counters
    }
    counters.forEach((value, index) => {
      memory.setU64(to + index * 8, value)
    })
    return 0
  },
} satisfies HelperFamily

function arrayOf(machine: Machine, handle: number): PerfEventArray | undefined {
  const map = machine.mapOf(handle)
  return map !== undefined && 'output' in map ? (map as PerfEventArray) : undefined
}

function eventIndex(machine: Machine, map: PerfEventArray, index: number): number {
  const at = index >>> 0 === CURRENT_CPU ? machine.cpu : index >>> 0
  return at < map.maxEntries ? at : -ERRNO.E2BIG
}

function readEvent(
  machine: Machine,
  handle: number,
  flags: number,
  flagsHi: number,
): ReturnType<PerfEventArray['read']> {
  if (flagsHi !== 0) return -ERRNO.EINVAL
  const map = arrayOf(machine, handle)
  if (map === undefined) return -ERRNO.EINVAL
  const at = eventIndex(machine, map, flags)
  return at < 0 ? at : map.read(at, machine.cpu)
}
