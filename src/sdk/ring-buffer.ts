import { UsageError } from '../base/index.js'
import type { Fd, Kernel } from '../kernel/index.js'
import { bpf_map_type } from '../spec/index.js'
import type { BpfMap } from './bpf-map.js'
import { wakeable } from './wakeable.js'

const BUSY_BIT = 0x8000_0000
const DISCARD_BIT = 0x4000_0000
const HEADER = 8
const PAGE = 4096
/** Records are given back to the producer after this many bytes, not one by one (FACTS: 28 instead of 130 ns a record). */
const RELEASE_BYTES = 4096

export interface RecordsOptions {
  /** Ends the iteration without an error. */
  readonly signal?: AbortSignal
}

/**
 * Consumer of a BPF_MAP_TYPE_RINGBUF map. One consumer at a time; records come in the order they were reserved.
 * Records handed out are copies, so they may be kept.
 */
export class RingBuffer implements AsyncIterable<Uint8Array> {
  readonly #kernel: Kernel
  readonly #fd: Fd
  readonly #size: number
  #consumerPage: Uint8Array
  #producerPages: Uint8Array
  #closed = false

  constructor(map: BpfMap) {
    if (map.type !== bpf_map_type.BPF_MAP_TYPE_RINGBUF) {
      throw new UsageError(`map '${map.name}' is a ${map.typeName}, not a ring buffer`)
    }
    this.#kernel = map.kernel
    this.#fd = map.fd
    this.#size = map.maxEntries
    this.#consumerPage = this.#kernel.mmap(this.#fd, 0, PAGE, true)
    this.#producerPages = this.#kernel.mmap(this.#fd, PAGE, PAGE + 2 * this.#size, false)
  }

  /** Calls `handler` for each record that is there now; the number of records. Bytes are valid during the call only. */
  drain(handler: (record: Uint8Array) => void, limit = Number.POSITIVE_INFINITY): number {
    if (this.#closed) throw new UsageError('this ring buffer was closed')
    this.#refresh()
    const mask = this.#size - 1
    let consumer = readPosition(this.#consumerPage)
    let released = consumer
    let count = 0
    const release = (): void => {
      this.#refresh()
      writePosition(this.#consumerPage, consumer)
      released = consumer
    }
    try {
      while (count < limit && consumer !== readPosition(this.#producerPages)) {
        const pages = this.#producerPages
        const at = PAGE + (consumer & mask)
        const header = readU32(pages, at)
        if ((header & BUSY_BIT) !== 0) break
        const length = header & ~(BUSY_BIT | DISCARD_BIT)
        consumer += (length + HEADER + 7) & ~7
        if ((header & DISCARD_BIT) === 0) {
          count++
          handler(pages.subarray(at + HEADER, at + HEADER + length))
        }
        if (consumer - released >= RELEASE_BYTES) release()
        else this.#refresh()
      }
    } finally {
      if (released !== consumer) release()
    }
    return count
  }

  /** Records as they arrive, until the signal aborts or the buffer is closed. */
  async *records(options: RecordsOptions = {}): AsyncGenerator<Uint8Array, void, undefined> {
    const wake = wakeable(options.signal)
    const watching = this.#kernel.watch(this.#fd, wake.notify)
    try {
      while (!this.#closed && options.signal?.aborted !== true) {
        const batch: Uint8Array[] = []
        this.drain((record) => batch.push(record.slice()), 256)
        if (batch.length > 0) yield* batch
        else await wake.wait()
      }
    } finally {
      watching[Symbol.dispose]()
      wake.dispose()
    }
  }

  [Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    return this.records()
  }

  close(): void {
    this.#closed = true
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /** The embedded kernel's memory may have grown, which detaches views of it. */
  #refresh(): void {
    if (this.#producerPages.byteLength !== 0) return
    this.#consumerPage = this.#kernel.mmap(this.#fd, 0, PAGE, true)
    this.#producerPages = this.#kernel.mmap(this.#fd, PAGE, PAGE + 2 * this.#size, false)
  }
}

function readU32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
}

/** Positions are u64 and only grow; as numbers they are exact to 2^53. */
function readPosition(page: Uint8Array): number {
  return readU32(page, 0) + readU32(page, 4) * 0x1_0000_0000
}

function writePosition(page: Uint8Array, position: number): void {
  new DataView(page.buffer, page.byteOffset, 8).setBigUint64(0, BigInt(position), true)
}
