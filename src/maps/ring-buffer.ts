import {
  type Addr,
  type BpfMap,
  lazyFunctions,
  type Machine,
  type MapFunctions,
  type RingBuffer,
  type UserRingBuffer,
} from '../vm/index.js'
import { E2BIG, EAGAIN, EINVAL, ENODATA, ENOTSUPP } from './constants.js'
import { mapHeader } from './header.js'
import { MAGIC, MASK, writeRing } from './ring-code.js'
import type { MapAttributes } from './types.js'

// RINGBUF and USER_RINGBUF as linux/bpf.h shows them to mmap. In memory, pages of 4096 bytes:
//
//   page 0     the kernel's own: u32 map handle, u32 MAGIC, u64 position of the oldest record not yet committed, u32 mask
//   page 1     u64 consumer position        \
//   page 2     u64 producer position         } what user space maps, at offset 0
//   page 3...  data, twice its size long    /
//
//   record     u32 length with BUSY (bit 31) and DISCARD (bit 30), u32 pages from page 0 to the record, then the bytes;
//              padded to 8
//
// Linux maps the data a second time behind itself, so that a record that crosses the end is contiguous. Here the second
// half is memory of its own: it serves the same readers, because both sides reach a record from its header, which always
// lies in the first half, and go on upwards.

const PAGE = 4096
const BUSY = 0x8000_0000
const DISCARD = 0x4000_0000
const HEADER = 8

const AVAIL_DATA = 0
const RING_SIZE = 1
const CONS_POS = 2
const PROD_POS = 3

/** Largest dynptr: 24 bits of size. */
const MAX_SAMPLE = 0xff_ffff

/** What user space can map of a map. */
export interface MappableRing {
  /** Start of the region and its length. */
  readonly region: Addr
  readonly regionSize: number
  /** Called when the other side has something to do: records to read, or room to write. */
  wake: (() => void) | undefined
  /** Bytes between the positions: whether a poll says readable. */
  available(): number
}

export interface Ring {
  readonly base: Addr
  readonly data: Addr
  readonly size: number
  readonly mask: number
  readonly consumer: Addr
  readonly producer: Addr
}

function createRing(machine: Machine, size: number): Ring {
  const base = machine.memory.alloc(3 * PAGE + 2 * size)
  return { base, data: base + 3 * PAGE, size, mask: size - 1, consumer: base + PAGE, producer: base + 2 * PAGE }
}

/** A 64-bit position as a number. Positions count bytes and stay far below 2^53, but user space writes them, too. */
function position(machine: Machine, at: Addr): number {
  const words = machine.memory.u32
  return (words[at >>> 2] as number) + (words[(at >>> 2) + 1] as number) * 0x1_0000_0000
}

function setPosition(machine: Machine, at: Addr, value: number): void {
  const words = machine.memory.u32
  words[at >>> 2] = value % 0x1_0000_0000
  words[(at >>> 2) + 1] = Math.floor(value / 0x1_0000_0000)
}

/** Offset of a position in the data: only the low 32 bits matter, and sizes are powers of two. */
function offsetOf(ring: Ring, pos: number): number {
  return ((pos % 0x1_0000_0000) & ring.mask) >>> 0
}

function recordSize(length: number): number {
  return Math.ceil((length + HEADER) / 8) * 8
}

/** The ring buffer that a reserved record belongs to: every record leads to page 0, which knows its map. */
export function ringOfRecord(machine: Machine, record: Addr): Addr {
  const header = (record >>> 0) - HEADER
  const pages = machine.memory.u32[(header + 4) >>> 2] as number
  const base = header - (header % PAGE) - pages * PAGE
  return machine.memory.u32[base >>> 2] as number
}

/** RINGBUF. Throws OutOfMemoryError. */
export function createRingBuffer(machine: Machine, attr: MapAttributes): RingBuffer & MappableRing {
  const { memory } = machine
  const ring = createRing(machine, attr.maxEntries)
  const { base, size, mask } = ring

  const functions = lazyFunctions<'reserve' | 'commit' | 'output'>(memory, (unit) => {
    const wake = unit.import('wake', 1, 0, (handle) => {
      const woken = machine.mapOf(handle as number)
      if (woken !== undefined && 'wake' in woken) (woken as unknown as MappableRing).wake?.()
      return undefined
    })
    writeRing(unit, ring, wake)
  })
  const map: RingBuffer & MappableRing = {
    ...mapHeader(machine, attr),
    ...NO_ELEMENTS,
    region: ring.consumer,
    regionSize: 2 * PAGE + 2 * size,
    wake: undefined,
    available: () => position(machine, ring.producer) - position(machine, ring.consumer),
    functions: functions as unknown as () => MapFunctions,
    reserve: (wanted) => functions().reserve(wanted) >>> 0,
    commit: (record, discard, flags) => void functions().commit(record, discard ? 1 : 0, flags),
    query(flag) {
      switch (flag) {
        case AVAIL_DATA:
          return BigInt.asUintN(64, BigInt(map.available()))
        case RING_SIZE:
          return BigInt(size)
        case CONS_POS:
          return BigInt(position(machine, ring.consumer))
        case PROD_POS:
          return BigInt(position(machine, ring.producer))
        default:
          return 0n
      }
    },
    free() {
      memory.free(base)
      machine.freeHandle(map.handle)
    },
  }
  memory.u32[base >>> 2] = map.handle
  memory.u32[(base >>> 2) + 1] = MAGIC
  memory.u32[(base + MASK) >>> 2] = mask
  return map
}

/** USER_RINGBUF: user space produces, bpf_user_ringbuf_drain consumes. Throws OutOfMemoryError. */
export function createUserRingBuffer(machine: Machine, attr: MapAttributes): UserRingBuffer & MappableRing {
  const { memory } = machine
  const ring = createRing(machine, attr.maxEntries)
  let consumed = 0

  const map: UserRingBuffer & MappableRing & { sampleSize: number; peekError: number } = {
    ...mapHeader(machine, attr),
    ...NO_ELEMENTS,
    region: ring.consumer,
    regionSize: 2 * PAGE + 2 * ring.size,
    wake: undefined,
    sampleSize: 0,
    peekError: 0,
    available: () => position(machine, ring.producer) - position(machine, ring.consumer),
    peekSample() {
      map.sampleSize = 0
      const producer = position(machine, ring.producer)
      const consumer = position(machine, ring.consumer)
      if (producer % 8 !== 0) return fail(EINVAL)
      if (consumer >= producer) return fail(ENODATA)
      const header = ring.data + offsetOf(ring, consumer)
      const word = memory.u32[header >>> 2] as number
      const length = word & ~(BUSY | DISCARD)
      const total = recordSize(length)
      if (total > producer - consumer) return fail(EINVAL)
      if (total > ring.size || length > MAX_SAMPLE) return fail(E2BIG)
      if ((word & DISCARD) !== 0) {
        setPosition(machine, ring.consumer, consumer + total)
        return fail(EAGAIN)
      }
      if (word >= BUSY) return fail(ENODATA)
      map.sampleSize = length
      map.peekError = 0
      consumed = total
      return header + HEADER
    },
    releaseSample() {
      setPosition(machine, ring.consumer, position(machine, ring.consumer) + consumed)
      consumed = 0
    },
    notify() {
      map.wake?.()
    },
    free() {
      memory.free(ring.base)
      machine.freeHandle(map.handle)
    },
  }

  function fail(status: number): Addr {
    map.peekError = status
    return 0
  }
  memory.u32[ring.base >>> 2] = map.handle
  return map
}

/** Ring buffers have no elements. */
const NO_ELEMENTS: Pick<BpfMap, 'lookup' | 'update' | 'delete' | 'nextKey'> = {
  lookup: () => 0,
  update: () => ENOTSUPP,
  delete: () => ENOTSUPP,
  nextKey: () => ENOTSUPP,
}
