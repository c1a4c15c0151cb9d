import type { Addr, Machine } from '../vm/index.js'
import { ENOSPC } from './constants.js'

// A perf event of type PERF_COUNT_SW_BPF_OUTPUT with its buffer, as perf_event_open(2) describes it. In memory, pages of
// 4096 bytes, which user space maps from `region` on:
//
//   page 0     struct perf_event_mmap_page: +1024 u64 data_head, +1032 u64 data_tail, +1040 u64 data_offset, +1048 u64 data_size
//   page 1...  data, a power of two of pages; records may wrap around the end
//   behind     u64 samples lost since the last PERF_RECORD_LOST, u64 lost in all, u64 samples written

const PAGE = 4096
const HEAD = 1024
const TAIL = 1032
const DATA_OFFSET = 1040
const DATA_SIZE = 1048

const RECORD_LOST = 2
const RECORD_SAMPLE = 9
const LOST_SIZE = 24
const MISC_KERNEL = 1

export interface PerfBufferOptions {
  /** CPU that the event counts; -1: whichever runs. */
  readonly cpu: number
  /** Data pages, a power of two. Absent: no buffer yet, samples are refused (-ENOSPC) until `map`. */
  readonly pages?: number
  /** Wake the reader each so many samples; 0: never. Default 1. */
  readonly wakeupEvents?: number
  readonly id?: bigint
  /** Samples begin with the time at which they were written (PERF_SAMPLE_TIME). */
  readonly timestamps?: boolean
}

/** One event's buffer: programs write samples, user space reads them through the mapped region. */
export class PerfBuffer {
  readonly cpu: number
  /** What user space maps. */
  region: Addr = 0
  regionSize = 0
  /** Stopped events refuse samples (-EOPNOTSUPP). */
  enabled = true
  /** Called when there is something to read. */
  wake: (() => void) | undefined
  readonly #machine: Machine
  #data: Addr = 0
  #size = 0
  #counters: Addr = 0
  readonly #wakeupEvents: number
  readonly #id: bigint
  readonly #timestamps: boolean

  /** Throws OutOfMemoryError. */
  constructor(machine: Machine, options: PerfBufferOptions) {
    this.#machine = machine
    this.cpu = options.cpu
    this.#wakeupEvents = options.wakeupEvents ?? 1
    this.#id = options.id ?? 0n
    this.#timestamps = options.timestamps ?? false
    if (options.pages !== undefined) this.map(options.pages)
  }

  /** Gives the event its buffer. Throws OutOfMemoryError. */
  map(pages: number): void {
    const { memory } = this.#machine
    this.#size = pages * PAGE
    this.regionSize = PAGE + this.#size
    this.region = memory.alloc(this.regionSize + 24)
    this.#data = this.region + PAGE
    this.#counters = this.#data + this.#size
    memory.setU64(this.region + DATA_OFFSET, BigInt(PAGE))
    memory.setU64(this.region + DATA_SIZE, BigInt(this.#size))
  }

  /** Samples that did not fit, since the beginning. */
  get lost(): bigint {
    return this.region === 0 ? 0n : this.#machine.memory.u64(this.#counters + 8)
  }

  get written(): bigint {
    return this.#machine.memory.u64(this.#counters + 16)
  }

  /** Writes a raw sample: 0, or -ENOSPC when the reader is too slow. */
  output(data: Uint8Array): number {
    if (this.region === 0) return ENOSPC
    const { memory } = this.#machine
    const head = Number(memory.u64(this.region + HEAD))
    const tail = Number(memory.u64(this.region + TAIL))
    const raw = Math.ceil((data.length + 4) / 8) * 8
    const timeSize = this.#timestamps ? 8 : 0
    const rawSize = timeSize + raw
    const pendingLoss = memory.u64(this.#counters)
    const wanted = 8 + rawSize + (pendingLoss === 0n ? 0 : LOST_SIZE)
    // The record's size field has 16 bits; one byte of the buffer always stays free.
    if (8 + rawSize > 0xffff || wanted > this.#size - 1 - (head - tail)) {
      this.#add(0, 1n)
      this.#add(8, 1n)
      return ENOSPC
    }
    let at = head
    if (pendingLoss !== 0n) {
      const record = new DataView(new ArrayBuffer(LOST_SIZE))
      writeHeader(record, RECORD_LOST, LOST_SIZE)
      record.setBigUint64(8, this.#id, true)
      record.setBigUint64(16, pendingLoss, true)
      at = this.#put(at, new Uint8Array(record.buffer))
      memory.setU64(this.#counters, 0n)
    }
    const record = new DataView(new ArrayBuffer(8 + rawSize))
    writeHeader(record, RECORD_SAMPLE, 8 + rawSize)
    if (this.#timestamps) record.setBigUint64(8, this.#machine.clock.monotonic(), true)
    record.setUint32(8 + timeSize, raw - 4, true)
    const bytes = new Uint8Array(record.buffer)
    bytes.set(data, 12 + timeSize)
    at = this.#put(at, bytes)
    memory.setU64(this.region + HEAD, BigInt(at))
    this.#add(16, 1n)
    if (this.#wakeupEvents > 0 && this.written % BigInt(this.#wakeupEvents) === 0n) this.wake?.()
    return 0
  }

  free(): void {
    this.#machine.memory.free(this.region)
    this.region = 0
  }

  #put(at: number, bytes: Uint8Array): number {
    const u8 = this.#machine.memory.u8
    const offset = at % this.#size
    const first = Math.min(bytes.length, this.#size - offset)
    u8.set(bytes.subarray(0, first), this.#data + offset)
    u8.set(bytes.subarray(first), this.#data)
    return at + bytes.length
  }

  #add(counter: number, by: bigint): void {
    const { memory } = this.#machine
    memory.setU64(this.#counters + counter, memory.u64(this.#counters + counter) + by)
  }
}

function writeHeader(record: DataView, type: number, size: number): void {
  record.setUint32(0, type, true)
  record.setUint16(4, type === RECORD_SAMPLE ? MISC_KERNEL : 0, true)
  record.setUint16(6, size, true)
}
