import { UsageError } from '../base/index.js'
import { bpf_map_type } from '../spec/index.js'
import type { BpfMap } from './bpf-map.js'
import { batched, type EventSource, EventStream, type RecordsOptions } from './event-stream.js'
import { Handle } from './handle.js'
import { MappedPages, PAGE } from './mapped-pages.js'

const BUSY_BIT = 0x8000_0000
const DISCARD_BIT = 0x4000_0000
const HEADER = 8
/** What is copied out at once: records are given back to the producer in such portions, not one by one. */
const PORTION = 1 << 16
const PORTION_RECORDS = 1024

export interface RingBufferOptions<T> {
  /** Makes an event of a record's bytes, which it may keep. Default: the bytes. See `recordDecoder`. */
  readonly decode?: (record: Uint8Array) => T
  /** How many records the program could not write: kernels do not count, so it is the program's own counter. */
  readonly countLost?: () => number
}

/**
 * Consumer of a BPF_MAP_TYPE_RINGBUF map. One consumer at a time; records come in the order they were reserved.
 * Records handed out are copies: no view of the kernel's memory leaves this class. It has a descriptor of its own.
 */
export class RingBuffer<T = Uint8Array> implements AsyncIterable<T> {
  readonly #handle: Handle
  readonly #mask: number
  readonly #consumer: MappedPages
  readonly #producer: MappedPages
  readonly #decode: (record: Uint8Array) => T
  readonly #countLost: (() => number) | undefined
  /** Where the records of a portion start and how long they are. */
  readonly #starts = new Uint32Array(PORTION_RECORDS)
  readonly #lengths = new Uint32Array(PORTION_RECORDS)
  #scratch = new Uint8Array(0)
  #discarded = 0
  #draining = false

  constructor(map: BpfMap, options: RingBufferOptions<T> = {}) {
    if (map.type !== bpf_map_type.BPF_MAP_TYPE_RINGBUF) {
      throw new UsageError(`map '${map.name}' is a ${map.typeName}, not a ring buffer`)
    }
    const { kernel } = map
    this.#mask = map.maxEntries - 1
    this.#decode = options.decode ?? ((record) => record as T)
    this.#countLost = options.countLost
    this.#handle = new Handle(kernel, kernel.call('dup', { fd: map.fd }))
    let consumer: MappedPages | undefined
    try {
      consumer = new MappedPages(this.#handle, 0, PAGE, true)
      this.#producer = new MappedPages(this.#handle, PAGE, PAGE + 2 * map.maxEntries, false)
      this.#consumer = consumer
    } catch (error) {
      consumer?.unmap()
      this.#handle.close()
      throw error
    }
  }

  /** Bytes written and not read, with headers. */
  get pending(): number {
    this.#check()
    return (Atomics.load(this.#producer.words, 0) - Atomics.load(this.#consumer.words, 0)) >>> 0
  }

  /** Records that the program discarded, among those read here. */
  get discarded(): number {
    return this.#discarded
  }

  /** Records that did not fit, by the program's own counter (`countLost`); 0 where there is none. */
  get lost(): number {
    return this.#countLost?.() ?? 0
  }

  get closed(): boolean {
    return this.#handle.closed
  }

  /**
   * Calls `handler` for each record that is there now, at most `limit`; the number of records. Bytes are valid during the call
   * only. A record whose handler throws counts as read.
   */
  drain(handler: (record: Uint8Array) => void, limit = Number.POSITIVE_INFINITY): number {
    return this.drainSpans((bytes, start, end) => handler(bytes.subarray(start, end)), limit)
  }

  /** As `drain`, without an object for each record: each lies in `bytes` from `start` to `end`. */
  drainSpans(
    handler: (bytes: Uint8Array, start: number, end: number) => void,
    limit: number = Number.POSITIVE_INFINITY,
  ): number {
    this.#check()
    let done = 0
    while (done < limit) {
      const position = this.#consumer.position()
      const { count, bytes, discarded } = this.#scan(position, limit - done)
      if (bytes === 0) break
      if (this.#scratch.length < bytes) this.#scratch = new Uint8Array(Math.max(bytes, PORTION))
      const { bytes: pages } = this.#producer
      const from = PAGE + offset(position, this.#mask)
      const scratch = this.#scratch
      scratch.set(pages.subarray(from, from + bytes))
      let next = 0
      this.#draining = true
      try {
        while (next < count) {
          const start = this.#starts[next] as number
          const end = start + (this.#lengths[next] as number)
          next++
          handler(scratch, start, end)
        }
      } finally {
        // What was not handled stays: the next reader begins there.
        const read = next === count ? bytes : (this.#starts[next] as number) - HEADER
        if (!this.#handle.closed) this.#consumer.setPosition(position + read)
        done += next
        this.#draining = false
      }
      this.#discarded += discarded
      if (this.#handle.closed) break
    }
    return done
  }

  /** Everything that is there now, at most `limit` records. */
  read(limit = Number.POSITIVE_INFINITY): T[] {
    const events: T[] = []
    while (events.length < limit && this.#take(events, limit - events.length)) {}
    return events
  }

  /** Events as they arrive, until the signal aborts or the buffer is closed. */
  records(options: RecordsOptions = {}): EventStream<T> {
    return new EventStream(this.#source(), options)
  }

  /** Events as they arrive, those that are there at once in one array. */
  batches(options: RecordsOptions = {}): EventStream<T[]> {
    return new EventStream(batched(this.#source()), options)
  }

  [Symbol.asyncIterator](): EventStream<T> {
    return this.records()
  }

  close(): void {
    if (this.#handle.closed) return
    this.#consumer.unmap()
    this.#producer.unmap()
    this.#handle.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #source(): EventSource<T> {
    const handle = this.#handle
    return {
      fill: (batch) => {
        // A portion may hold nothing but discarded records.
        while (this.#take(batch, Number.POSITIVE_INFINITY) && batch.length === 0) {}
      },
      watch: (ready, gone) => handle.kernel.watch(handle.fd, ready, { gone: () => this.#gone(gone) }),
      get closed() {
        return handle.closed
      },
    }
  }

  /** Moves a portion's records into `events`; false where there are none. They share one copy. */
  #take(events: T[], limit: number): boolean {
    this.#check()
    const position = this.#consumer.position()
    const { count, bytes, discarded } = this.#scan(position, limit)
    if (bytes === 0) return false
    this.#discarded += discarded
    const from = PAGE + offset(position, this.#mask)
    const copy = this.#producer.bytes.slice(from, from + bytes)
    this.#consumer.setPosition(position + bytes)
    for (let i = 0; i < count; i++) {
      const start = this.#starts[i] as number
      events.push(this.#decode(copy.subarray(start, start + (this.#lengths[i] as number))))
    }
    return true
  }

  /** Finds the committed records from a position on: a portion of them, but at least one. */
  #scan(position: number, limit: number): { count: number; bytes: number; discarded: number } {
    const { words } = this.#producer
    const mask = this.#mask
    const wanted = limit < PORTION_RECORDS ? limit : PORTION_RECORDS
    const available = (Atomics.load(words, 0) - (position | 0)) >>> 0
    const start = offset(position, mask)
    let bytes = 0
    let count = 0
    let discarded = 0
    while (bytes < available && count < wanted) {
      const header = Atomics.load(words, (PAGE + start + bytes) >>> 2) >>> 0
      if (header >= BUSY_BIT) break
      const length = header & ~(BUSY_BIT | DISCARD_BIT)
      const total = (length + HEADER + 7) & ~7
      if (bytes > 0 && bytes + total > PORTION) break
      if ((header & DISCARD_BIT) === 0) {
        this.#starts[count] = bytes + HEADER
        this.#lengths[count] = length
        count++
      } else {
        discarded++
      }
      bytes += total
      // Only one record may reach over the end: the embedded kernel has no second image of what lies behind it.
      if (start + bytes > mask) break
    }
    return { count, bytes, discarded }
  }

  /** The descriptor was closed under us: with its session. */
  #gone(tell: () => void): void {
    this.#handle.forget()
    tell()
  }

  #check(): void {
    if (this.#handle.closed) throw new UsageError('this ring buffer was closed')
    if (this.#draining) throw new UsageError('this ring buffer is being drained: a handler cannot read it again')
  }
}

/** Offset of a position in the data. Only the low 32 bits count: sizes are powers of two. */
function offset(position: number, mask: number): number {
  return ((position % 0x1_0000_0000) & mask) >>> 0
}
