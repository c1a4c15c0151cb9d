import type { Watch } from '../kernel/index.js'

/** What is needed of an AbortSignal, so that the types want neither the DOM's nor Node's. */
export interface Abortable {
  readonly aborted: boolean
  addEventListener(type: 'abort', listener: () => void, options?: { once?: boolean }): void
  removeEventListener(type: 'abort', listener: () => void): void
}

export interface RecordsOptions {
  /** An AbortSignal: ends the iteration without an error. */
  readonly signal?: Abortable
}

/** Where a stream's events come from. */
export interface EventSource<T> {
  /** Moves what is there into `batch`, in order. An empty batch means: wait. */
  fill(batch: T[]): void
  /** Starts telling of news. `gone` says that there will be none any more. */
  watch(ready: () => void, gone: () => void): Watch
  /** Called once when the stream ends. */
  release?(): void
  /** The source was closed: what it still holds is out of reach. */
  readonly closed: boolean
}

const DONE = { value: undefined, done: true } as const

/**
 * Events as an async iterable: asks its source only when the consumer asks, so a slow consumer holds the producer back. The
 * process is kept alive only while a `next()` waits.
 */
export class EventStream<T> implements AsyncIterableIterator<T> {
  readonly #source: EventSource<T>
  readonly #signal: Abortable | undefined
  #batch: T[] = []
  #index = 0
  #watch: Watch | undefined
  #ended = false
  /** Those who asked and have no answer yet, in order. */
  readonly #waiting: Waiter<T>[] = []
  readonly #notify = (): void => this.#answer()

  constructor(source: EventSource<T>, options: RecordsOptions = {}) {
    this.#source = source
    this.#signal = options.signal
    this.#signal?.addEventListener('abort', this.#notify)
  }

  next(): Promise<IteratorResult<T, undefined>> {
    return new Promise((resolve, reject) => {
      try {
        if (this.#waiting.length === 0 && this.#advance()) {
          resolve(this.#take())
          return
        }
        this.#waiting.push({ resolve, reject })
        if (this.#watch === undefined) this.#watch = this.#source.watch(this.#notify, this.#notify)
        else this.#watch.ref()
      } catch (error) {
        this.#fail(error, reject)
      }
    })
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    this.#end()
    return DONE
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end()
  }

  #end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#batch = []
    this.#index = 0
    this.#signal?.removeEventListener('abort', this.#notify)
    this.#watch?.[Symbol.dispose]()
    this.#watch = undefined
    this.#source.release?.()
    for (const { resolve } of this.#waiting.splice(0)) resolve(DONE)
  }

  /** Gives those who wait what is there. */
  #answer(): void {
    try {
      while (this.#waiting.length > 0 && this.#advance()) this.#waiting.shift()?.resolve(this.#take())
    } catch (error) {
      this.#fail(error, this.#waiting.shift()?.reject)
    }
    // Those who got something usually ask again at once: let them come first.
    if (this.#waiting.length === 0) void Promise.resolve().then(() => this.#rest())
    // An abort is heard though nobody waits.
    if (this.#signal?.aborted === true) this.#end()
  }

  #rest(): void {
    if (this.#waiting.length === 0) this.#watch?.unref()
  }

  /** What goes wrong ends the stream: whose turn it is hears of it, the others see its end. */
  #fail(error: unknown, reject: ((error: unknown) => void) | undefined): void {
    reject?.(error)
    this.#end()
  }

  /** True where the next result is known without waiting. */
  #advance(): boolean {
    if (this.#ended) return true
    if (this.#signal?.aborted === true) {
      this.#end()
      return true
    }
    if (this.#index < this.#batch.length) return true
    if (this.#source.closed) {
      this.#end()
      return true
    }
    this.#batch = []
    this.#index = 0
    this.#source.fill(this.#batch)
    return this.#batch.length > 0
  }

  #take(): IteratorResult<T, undefined> {
    if (this.#ended) return DONE
    return { value: this.#batch[this.#index++] as T, done: false }
  }
}

interface Waiter<T> {
  resolve(result: IteratorResult<T, undefined>): void
  reject(error: unknown): void
}

/** A stream of batches: each element is what was there at once, never empty. */
export function batched<T>(source: EventSource<T>): EventSource<T[]> {
  return {
    fill(batches) {
      const batch: T[] = []
      source.fill(batch)
      if (batch.length > 0) batches.push(batch)
    },
    watch: (ready, gone) => source.watch(ready, gone),
    get closed() {
      return source.closed
    },
  }
}
