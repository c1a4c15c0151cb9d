import type { Memory } from './memory.js'
import type { Addr } from './types.js'

/** Packets in columns: packet `i` is `bytes[offsets[i] .. offsets[i] + lengths[i])`. */
export interface PacketColumns {
  readonly bytes: Uint8Array
  readonly count: number
  readonly offsets: Uint32Array
  readonly lengths: Uint32Array
  /** Time stamps: seconds since 1970 and nanoseconds. */
  readonly seconds: Float64Array
  readonly nanoseconds: Uint32Array
}

/** Offsets of the u32 words of a plan, which compiled code reads. */
export const PLAN = {
  /** Addresses of the columns; `results` is where each packet's r0 goes. */
  bytes: 0,
  offsets: 4,
  lengths: 8,
  seconds: 12,
  nanoseconds: 16,
  results: 20,
  /** struct xdp_md, and where in the packet's buffer its bytes begin. */
  context: 24,
  data: 28,
  ifindex: 32,
  queue: 36,
  /** The PacketClock's words; 0: another clock. */
  clock: 40,
  /** Longest packet that is taken. */
  limit: 44,
  /** Bit per result from 0 to 31: stop behind such a packet. */
  stop: 48,
} as const
const PLAN_SIZE = 64
/** Packets are copied eight bytes at a time: reads may go beyond the last one. */
const SLACK = 16

/**
 * Packets in the machine's memory, for a runner to run them with one call. Copying them there at once costs less than
 * handing over each.
 */
export class PacketBurst {
  readonly plan: Addr
  readonly #memory: Memory
  #bytes = 0
  #capacity = 0
  #columns = 0
  #rows = 0

  /** Throws OutOfMemoryError, as `load` does. */
  constructor(memory: Memory) {
    this.#memory = memory
    this.plan = memory.alloc(PLAN_SIZE)
  }

  /** Copies packets in; those before are gone. */
  load({ bytes, count, offsets, lengths, seconds, nanoseconds }: PacketColumns): void {
    let end = 0
    for (let i = 0; i < count; i++) end = Math.max(end, (offsets[i] as number) + (lengths[i] as number))
    this.#reserve(end, count)
    const memory = this.#memory
    memory.u8.set(bytes.subarray(0, end), this.#bytes)
    const words = this.#columns >>> 2
    memory.u32.set(offsets.subarray(0, count), words)
    memory.u32.set(lengths.subarray(0, count), words + this.#rows)
    memory.u32.set(nanoseconds.subarray(0, count), words + 2 * this.#rows)
    new Float64Array(memory.u8.buffer, this.#columns + 16 * this.#rows, count).set(seconds.subarray(0, count))
  }

  /** Sets a word of the plan. */
  set(word: keyof typeof PLAN, value: number): void {
    this.#memory.u32[(this.plan + PLAN[word]) >>> 2] = value
  }

  /** r0 of each packet as u32: a view, good until the memory grows. */
  results(): Uint32Array {
    const start = (this.#columns >>> 2) + 3 * this.#rows
    return this.#memory.u32.subarray(start, start + this.#rows)
  }

  free(): void {
    this.#memory.free(this.plan)
    this.#memory.free(this.#bytes)
    this.#memory.free(this.#columns)
  }

  #reserve(bytes: number, rows: number): void {
    const memory = this.#memory
    if (bytes + SLACK > this.#capacity) {
      const capacity = Math.max(bytes + SLACK, this.#capacity * 2)
      const grown = memory.alloc(capacity)
      memory.free(this.#bytes)
      this.#bytes = grown
      this.#capacity = capacity
    }
    if (rows > this.#rows) {
      // An even number, so that the seconds lie on multiples of eight.
      const more = Math.max(rows, this.#rows * 2, 64)
      const grown = memory.alloc(more * 24)
      memory.free(this.#columns)
      this.#columns = grown
      this.#rows = more
    }
    this.set('bytes', this.#bytes)
    this.set('offsets', this.#columns)
    this.set('lengths', this.#columns + 4 * this.#rows)
    this.set('nanoseconds', this.#columns + 8 * this.#rows)
    this.set('results', this.#columns + 12 * this.#rows)
    this.set('seconds', this.#columns + 16 * this.#rows)
  }
}
