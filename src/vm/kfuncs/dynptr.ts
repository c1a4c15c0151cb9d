import { ERRNO } from '../../base/index.js'
import {
  clearDynptr,
  DYNPTR_LOCAL,
  DYNPTR_RINGBUF,
  DYNPTR_SKB,
  DYNPTR_XDP,
  dynptrData,
  dynptrHolds,
  dynptrKind,
  dynptrSize,
  dynptrSlice,
  initDynptr,
  isReadOnlyDynptr,
  narrowDynptr,
  readDynptr,
  writeDynptr,
} from '../dynptr.js'
import type { Machine } from '../machine.js'
import type { HelperFunction } from '../types.js'
import type { KfuncFamily } from './family.js'

/** Program types that may write to packets: sched_cls, sched_act, lwt_xmit, sk_skb. Others get a read-only dynptr. */
const WRITING_TYPES = new Set([3, 4, 12, 14])
/** Bytes copied at a time between dynptrs that are not in one piece. */
const COPY_CHUNK = 256

/** A dynptr over the packet; its data word only says that there is one. */
function fromPacket(machine: Machine, kind: number, ctx: number, dynptr: number, flags: number): number {
  clearDynptr(machine, dynptr >>> 0)
  if (flags !== 0 || machine.packet === undefined) return -ERRNO.EINVAL
  const readOnly = kind === DYNPTR_SKB && !WRITING_TYPES.has(machine.image?.type ?? 0)
  initDynptr(machine, dynptr >>> 0, kind, ctx >>> 0, machine.packet.length, readOnly)
  return 0
}

const slice: HelperFunction = (machine, dynptr, offset, buffer, size) => {
  const at = dynptr >>> 0
  const piece = dynptrSlice(machine, at, offset >>> 0, size >>> 0)
  if (piece !== 0 || buffer === 0) return piece | 0
  return readDynptr(machine, at, offset >>> 0, buffer >>> 0, size >>> 0) === 0 ? buffer : 0
}

export const dynptrKfuncs: KfuncFamily = {
  bpf_dynptr_from_skb: {
    abi: 'plp>i',
    run: (machine, ctx, flags, flagsHi, dynptr) => fromPacket(machine, DYNPTR_SKB, ctx, dynptr, flags | flagsHi),
  },
  bpf_dynptr_from_xdp: {
    abi: 'plp>i',
    run: (machine, ctx, flags, flagsHi, dynptr) => fromPacket(machine, DYNPTR_XDP, ctx, dynptr, flags | flagsHi),
  },
  bpf_dynptr_slice: { abi: 'pipi>p', run: slice },
  bpf_dynptr_slice_rdwr: {
    abi: 'pipi>p',
    run: (machine, dynptr, offset, buffer, size) =>
      isReadOnlyDynptr(machine, dynptr >>> 0) ? 0 : slice(machine, dynptr, offset, buffer, size),
  },
  bpf_dynptr_adjust: {
    abi: 'pii>i',
    run: (machine, dynptr, start, end) => {
      const from = start >>> 0
      const to = end >>> 0
      if (dynptrData(machine, dynptr >>> 0) === 0 || from > to) return -ERRNO.EINVAL
      const size = dynptrSize(machine, dynptr >>> 0)
      if (from > size || to > size) return -ERRNO.ERANGE
      narrowDynptr(machine, dynptr >>> 0, from, to - from)
      return 0
    },
  },
  bpf_dynptr_is_null: {
    abi: 'p>u',
    run: (machine, dynptr) => (dynptrData(machine, dynptr >>> 0) === 0 ? 1 : 0),
  },
  bpf_dynptr_is_rdonly: {
    abi: 'p>u',
    run: (machine, dynptr) => {
      const at = dynptr >>> 0
      return dynptrData(machine, at) !== 0 && isReadOnlyDynptr(machine, at) ? 1 : 0
    },
  },
  bpf_dynptr_size: {
    abi: 'p>u',
    run: (machine, dynptr) =>
      dynptrData(machine, dynptr >>> 0) === 0 ? -ERRNO.EINVAL : dynptrSize(machine, dynptr >>> 0),
  },
  bpf_dynptr_clone: {
    abi: 'pp>i',
    run: (machine, dynptr, clone) => {
      if (dynptrData(machine, dynptr >>> 0) === 0) {
        clearDynptr(machine, clone >>> 0)
        return -ERRNO.EINVAL
      }
      machine.memory.u8.copyWithin(clone >>> 0, dynptr >>> 0, (dynptr >>> 0) + 16)
      return 0
    },
  },
  bpf_dynptr_copy: {
    abi: 'pipii>i',
    run: (machine, to, toOffset, from, fromOffset, size) =>
      copy(machine, to >>> 0, toOffset >>> 0, from >>> 0, fromOffset >>> 0, size >>> 0),
  },
  bpf_dynptr_memset: {
    abi: 'piii>i',
    run: (machine, dynptr, offset, size, value) => fill(machine, dynptr >>> 0, offset >>> 0, size >>> 0, value & 0xff),
  },
}

function isFlat(machine: Machine, dynptr: number): boolean {
  const kind = dynptrKind(machine, dynptr)
  return kind === DYNPTR_LOCAL || kind === DYNPTR_RINGBUF
}

function copy(machine: Machine, to: number, toOffset: number, from: number, fromOffset: number, size: number): number {
  const { memory } = machine
  if (dynptrData(machine, to) === 0 || dynptrData(machine, from) === 0) return -ERRNO.EINVAL
  if (isReadOnlyDynptr(machine, to)) return -ERRNO.EINVAL
  if (!dynptrHolds(machine, to, toOffset, size) || !dynptrHolds(machine, from, fromOffset, size)) return -ERRNO.E2BIG
  if (isFlat(machine, to) && isFlat(machine, from)) {
    const source = dynptrSlice(machine, from, fromOffset, size)
    memory.u8.copyWithin(dynptrSlice(machine, to, toOffset, size), source, source + size)
    return 0
  }
  const buffer = memory.alloc(COPY_CHUNK)
  try {
    for (let done = 0; done < size; done += COPY_CHUNK) {
      const length = Math.min(COPY_CHUNK, size - done)
      const status =
        readDynptr(machine, from, fromOffset + done, buffer, length) ||
        writeDynptr(machine, to, toOffset + done, buffer, length, 0)
      if (status !== 0) return status
    }
  } finally {
    memory.free(buffer)
  }
  return 0
}

function fill(machine: Machine, dynptr: number, offset: number, size: number, value: number): number {
  const { memory } = machine
  if (dynptrData(machine, dynptr) === 0 || isReadOnlyDynptr(machine, dynptr)) return -ERRNO.EINVAL
  if (!dynptrHolds(machine, dynptr, offset, size)) return -ERRNO.E2BIG
  const piece = dynptrSlice(machine, dynptr, offset, size)
  if (piece !== 0) {
    memory.u8.fill(value, piece, piece + size)
    return 0
  }
  const buffer = memory.alloc(COPY_CHUNK)
  try {
    memory.u8.fill(value, buffer, buffer + COPY_CHUNK)
    for (let done = 0; done < size; done += COPY_CHUNK) {
      const status = writeDynptr(machine, dynptr, offset + done, buffer, Math.min(COPY_CHUNK, size - done), 0)
      if (status !== 0) return status
    }
  } finally {
    memory.free(buffer)
  }
  return 0
}
