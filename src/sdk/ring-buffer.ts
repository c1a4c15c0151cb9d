import { UsageError } from '../base/index.js'
import { bpf_map_type } from '../spec/index.js'
import type { BpfMap } from './bpf-map.js'
import { batched, type EventSource, EventStream, type RecordsOptions } from './event-stream.js'
import { Handle } from './handle.js'
import { MappedPages, PAGE } from './mapped-pages.js'

/** Above them: the discard bit and the busy bit. */
const LENGTH_BITS = 0x3fff_ffff
const HEADER = 8
/** What is copied out at once: records are given back to the producer in such portions, not one by one. */
const PORTION = 1 << 15
const PORTION_RECORDS = 2048
/** A store and a load of this order every read of shared memory before them before every one after. */
const fence = new Int32Array(1)

/** What a scan found from a position on. */
interface Found {
  count: number
  bytes: number
  discarded: number
}

/** Makes an event of a record's bytes, which it may keep. */
export interface DecodeRecord<T> {
  (record: Uint8Array): T
  /** The same for bytes that lie among others and change afterwards: nothing of them may be kept. Spares an object a record. */
  at?(bytes: Uint8Array, start: number, end: number): T
}

/** Records side by side: number i lies in `bytes` from `starts[i]` to `ends[i]`. Good until the next ones are asked for. */
export interface RecordSpans {
  readonly bytes: Uint8Array
  readonly starts: Int32Array
  readonly ends: Int32Array
  readonly count: number
}

export interface RingBufferOptions<T> {
  /** Default: the bytes. See `recordDecoder`. */
  readonly decode?: DecodeRecord<T>
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
  readonly #decode: DecodeRecord<T>
  readonly #countLost: (() => number) | undefined
  /** Where the records of a portion start and end. */
  readonly #starts = new Int32Array(PORTION_RECORDS)
  readonly #ends = new Int32Array(PORTION_RECORDS)
  readonly #found: Found = { count: 0, bytes: 0, discarded: 0 }
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
      const starts = this.#starts
      const ends = this.#ends
      let next = 0
      this.#draining = true
      try {
        while (next < count) {
          const at = next++
          handler(scratch, starts[at] as number, ends[at] as number)
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

  /** Records as they arrive, without an object for each: the fastest of these. They are not decoded. */
  spans(options: RecordsOptions = {}): EventStream<RecordSpans> {
    const source = this.#source()
    let bytes = new Uint8Array(PORTION)
    const starts = new Int32Array(PORTION_RECORDS)
    const ends = new Int32Array(PORTION_RECORDS)
    const fill = (portions: RecordSpans[]): void => {
      const found = this.#found
      for (;;) {
        bytes = this.#move(bytes, Number.POSITIVE_INFINITY)
        if (found.bytes === 0) return
        // A portion may hold nothing but discarded records.
        if (found.count === 0) continue
        starts.set(this.#starts.subarray(0, found.count))
        ends.set(this.#ends.subarray(0, found.count))
        portions.push({ bytes, starts, ends, count: found.count })
        return
      }
    }
    return new EventStream<RecordSpans>(
      {
        fill,
        watch: source.watch,
        get closed() {
          return source.closed
        },
      },
      options,
    )
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

  /** Moves a portion's records into `events`; false where there are none. Those that are bytes share one copy. */
  #take(events: T[], limit: number): boolean {
    const found = this.#found
    const decode = this.#decode
    const kept = decode.at === undefined
    const bytes = this.#move(kept ? undefined : this.#scratch, limit)
    if (!kept) this.#scratch = bytes
    const { count } = found
    if (found.bytes === 0) return false
    const starts = this.#starts
    const ends = this.#ends
    for (let i = 0; i < count; i++) {
      const start = starts[i] as number
      const end = ends[i] as number
      events.push(decode.at === undefined ? decode(bytes.subarray(start, end)) : decode.at(bytes, start, end))
    }
    return true
  }

  /**
   * Takes a portion out of the ring: `#found`, `#starts` and `#ends` say what. Its bytes go into `memory` or, where there is none
   * or not enough, into new one, which is returned.
   */
  #move(memory: Uint8Array<ArrayBuffer> | undefined, limit: number): Uint8Array<ArrayBuffer> {
    this.#check()
    const position = this.#consumer.position()
    const { bytes, discarded } = this.#scan(position, limit)
    if (bytes === 0) return memory ?? this.#scratch
    this.#discarded += discarded
    const from = PAGE + offset(position, this.#mask)
    const pages = this.#producer.bytes
    let copy = memory
    if (copy === undefined) copy = pages.slice(from, from + bytes)
    else {
      if (copy.length < bytes) copy = new Uint8Array(Math.max(bytes, PORTION))
      copy.set(pages.subarray(from, from + bytes))
    }
    this.#consumer.setPosition(position + bytes)
    return copy
  }

  /** Finds the committed records from a position on: a portion of them, but at least one. Fills `#starts`, `#ends` and `#found`. */
  #scan(position: number, limit: number): Found {
    const { words } = this.#producer
    const mask = this.#mask
    const starts = this.#starts
    const ends = this.#ends
    const wanted = limit < PORTION_RECORDS ? limit : PORTION_RECORDS
    const available = (Atomics.load(words, 0) - (position | 0)) >>> 0
    const start = offset(position, mask)
    const room = available < PORTION ? available : PORTION
    // Only one record may reach over the end: the embedded kernel has no second image of what lies behind it.
    const end = room < mask - start ? room : mask - start
    const base = PAGE + start
    let bytes = 0
    let count = 0
    let discarded = 0
    do {
      if (bytes >= available || count >= wanted) break
      // A plain read, many times as fast as an atomic one; the fence below keeps what is read of the records behind it.
      const header = words[(base + bytes) >>> 2] as number
      // The busy bit is the sign.
      if (header < 0) break
      const length = header & LENGTH_BITS
      if (header === length) {
        starts[count] = bytes + HEADER
        ends[count] = bytes + HEADER + length
        count++
      } else {
        discarded++
      }
      bytes += (length + HEADER + 7) & ~7
    } while (bytes < end)
    Atomics.store(fence, 0, 0)
    Atomics.load(fence, 0)
    const found = this.#found
    found.count = count
    found.bytes = bytes
    found.discarded = discarded
    return found
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
