import { UsageError } from '../base/index.js'
import { bpf_map_type } from '../spec/index.js'
import type { BpfMap } from './bpf-map.js'
import { EventStream, type RecordsOptions } from './event-stream.js'
import { Handle } from './handle.js'
import { MappedPages, PAGE } from './mapped-pages.js'

const HEADER = 8

/** Producer of a BPF_MAP_TYPE_USER_RINGBUF: samples that a program takes with bpf_user_ringbuf_drain. One producer at a time. */
export class UserRingBuffer {
  readonly #handle: Handle
  readonly #size: number
  readonly #consumer: MappedPages
  readonly #producer: MappedPages

  constructor(map: BpfMap) {
    if (map.type !== bpf_map_type.BPF_MAP_TYPE_USER_RINGBUF) {
      throw new UsageError(`map '${map.name}' is a ${map.typeName}, not a user ring buffer`)
    }
    const { kernel } = map
    this.#size = map.maxEntries
    this.#handle = new Handle(kernel, kernel.call('dup', { fd: map.fd }))
    let consumer: MappedPages | undefined
    try {
      consumer = new MappedPages(this.#handle, 0, PAGE, false)
      this.#producer = new MappedPages(this.#handle, PAGE, PAGE + 2 * this.#size, true)
      this.#consumer = consumer
    } catch (error) {
      consumer?.unmap()
      this.#handle.close()
      throw error
    }
  }

  get closed(): boolean {
    return this.#handle.closed
  }

  /** Bytes written that the program has not taken, with headers. */
  get pending(): number {
    this.#check()
    return this.#producer.position() - this.#consumer.position()
  }

  /** Writes a sample; false when there is no room for it now. Throws UsageError for one that can never fit. */
  write(sample: Uint8Array): boolean {
    this.#check()
    const total = this.#total(sample)
    const position = this.#producer.position()
    if (this.#size - (position - this.#consumer.position()) < total) return false
    const at = PAGE + (position % this.#size)
    const { bytes, words } = this.#producer
    bytes.set(sample, at + HEADER)
    words[(at >>> 2) + 1] = 0
    Atomics.store(words, at >>> 2, sample.length)
    // Publishing the position is what makes the sample visible.
    this.#producer.setPosition(position + total)
    return true
  }

  /** Writes a sample, waiting for room. False when the signal aborted or the buffer was closed before. */
  async send(sample: Uint8Array, options: RecordsOptions = {}): Promise<boolean> {
    this.#check()
    this.#total(sample)
    const handle = this.#handle
    const room = new EventStream<true>(
      {
        fill: (batch) => {
          if (this.write(sample)) batch.push(true)
        },
        watch: (ready, gone) =>
          handle.kernel.watch(handle.fd, ready, {
            writable: true,
            gone: () => {
              handle.forget()
              gone()
            },
          }),
        get closed() {
          return handle.closed
        },
      },
      options,
    )
    const { value } = await room.next()
    await room.return()
    return value === true
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

  /** Bytes a sample takes in the buffer. */
  #total(sample: Uint8Array): number {
    const total = (sample.length + HEADER + 7) & ~7
    if (sample.length === 0 || total > this.#size) {
      throw new UsageError(`a sample of ${sample.length} bytes does not fit a user ring buffer of ${this.#size}`)
    }
    return total
  }

  #check(): void {
    if (this.#handle.closed) throw new UsageError('this user ring buffer was closed')
  }
}
