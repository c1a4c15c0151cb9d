import type { Addr, BpfMap, Machine, RingBuffer, UserRingBuffer } from '../vm/index.js'
import { E2BIG, EAGAIN, EINVAL, ENODATA, ENOTSUPP } from './constants.js'
import { mapHeader } from './header.js'
import type { MapAttributes } from './types.js'

// RINGBUF and USER_RINGBUF as linux/bpf.h shows them to mmap. In memory, pages of 4096 bytes:
//
//   page 0     the kernel's own: u32 map handle, u32 unused, u64 position of the oldest record not yet committed
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
const MAX_RECORD = Math.floor(0xffff_ffff / 4)
const PENDING = 8

const NO_WAKEUP = 1
const FORCE_WAKEUP = 2

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

interface Ring {
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
  const { base, size, mask, data } = ring

  const map: RingBuffer & MappableRing = {
    ...mapHeader(machine, attr),
    ...NO_ELEMENTS,
    region: ring.consumer,
    regionSize: 2 * PAGE + 2 * size,
    wake: undefined,
    available: () => position(machine, ring.producer) - position(machine, ring.consumer),
    reserve(wanted) {
      if (wanted < 0 || wanted > MAX_RECORD) return 0
      const length = recordSize(wanted)
      if (length > size) return 0
      const consumer = position(machine, ring.consumer)
      const producer = position(machine, ring.producer)
      let pending = position(machine, base + PENDING)
      while (pending < producer) {
        const word = memory.u32[(data + offsetOf(ring, pending)) >>> 2] as number
        if (word >= BUSY) break
        pending += recordSize(word & ~DISCARD)
      }
      setPosition(machine, base + PENDING, pending)
      // One byte always stays free, seen from the reader and from the oldest record that is not committed.
      const end = producer + length
      if (end - consumer > mask || end - pending > mask) return 0
      const header = data + offsetOf(ring, producer)
      memory.u32[header >>> 2] = wanted + BUSY
      memory.u32[(header + 4) >>> 2] = Math.floor((header - base) / PAGE)
      setPosition(machine, ring.producer, end)
      return header + HEADER
    },
    commit(record, discard, flags) {
      const header = (record >>> 0) - HEADER
      const length = (memory.u32[header >>> 2] as number) & ~(BUSY | DISCARD)
      memory.u32[header >>> 2] = discard ? length + DISCARD : length
      if ((flags & FORCE_WAKEUP) !== 0) {
        map.wake?.()
      } else if ((flags & NO_WAKEUP) === 0 && offsetOf(ring, position(machine, ring.consumer)) === header - data) {
        map.wake?.()
      }
    },
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
