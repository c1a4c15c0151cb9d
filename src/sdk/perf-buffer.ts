import { UsageError } from '../base/index.js'
import { errorCode, type Fd, type Watch } from '../kernel/index.js'
import { bpf_map_type } from '../spec/index.js'
import type { BpfMap } from './bpf-map.js'
import { batched, type EventSource, EventStream, type RecordsOptions } from './event-stream.js'
import { Handle } from './handle.js'
import { MappedPages, PAGE } from './mapped-pages.js'

const TYPE_SOFTWARE = 1
const COUNT_SW_BPF_OUTPUT = 10n
const SAMPLE_TIME = 1n << 2n
const SAMPLE_RAW = 1n << 10n
/** Offsets in struct perf_event_mmap_page. */
const DATA_HEAD = 1024
const DATA_TAIL = 1032
/** PERF_RECORD_* that BPF output makes. */
const RECORD_LOST = 2
const RECORD_SAMPLE = 9
const RECORD_LOST_SAMPLES = 13
const HEADER = 8

export interface PerfBufferOptions<T> {
  /** Data pages of each CPU, a power of two. Default 16 (64 KiB). */
  readonly pages?: number
  /** Wake the reader after so many samples. Default 1. */
  readonly wakeupEvents?: number
  /** Ask for the time of each sample (`PerfSample.time`). */
  readonly timestamps?: boolean
  /** Makes an event of a sample's bytes, which it may keep. Kernels pad samples: up to 7 bytes may follow what was written. */
  readonly decode?: (sample: Uint8Array) => T
}

export interface PerfSample<T> {
  readonly cpu: number
  readonly data: T
  /** ns of the kernel's clock, where `timestamps` were asked for. */
  readonly time?: bigint
}

interface CpuBuffer {
  readonly cpu: number
  readonly handle: Handle
  readonly pages: MappedPages
}

/**
 * Consumer of a BPF_MAP_TYPE_PERF_EVENT_ARRAY: opens one event a CPU, puts them into the map, reads what bpf_perf_event_output
 * writes. Samples of one CPU come in order; samples that did not fit are counted in `lost`. CPUs that are offline are left out.
 */
export class PerfBuffer<T = Uint8Array> implements AsyncIterable<PerfSample<T>> {
  readonly #map: Handle
  readonly #size: number
  readonly #decode: (sample: Uint8Array) => T
  readonly #cpus: CpuBuffer[] = []
  readonly #timestamps: boolean
  #lost = 0

  /** Throws KernelError: EPERM and EACCES without CAP_PERFMON, ENOMEM and EPERM beyond the locked-memory limit. */
  constructor(map: BpfMap, options: PerfBufferOptions<T> = {}) {
    if (map.type !== bpf_map_type.BPF_MAP_TYPE_PERF_EVENT_ARRAY) {
      throw new UsageError(`map '${map.name}' is a ${map.typeName}, not a perf event array`)
    }
    const pages = options.pages ?? 16
    if (!Number.isInteger(pages) || pages < 1 || (pages & (pages - 1)) !== 0) {
      throw new UsageError(`a perf buffer has a power of two of pages, not ${pages}`)
    }
    const { kernel } = map
    this.#size = pages * PAGE
    this.#timestamps = options.timestamps ?? false
    this.#decode = options.decode ?? ((sample) => sample as T)
    // The kernel takes events out of the map when the descriptor that put them in is closed: keep one.
    this.#map = new Handle(kernel, kernel.call('dup', { fd: map.fd }))
    try {
      for (let cpu = 0; cpu < Math.min(kernel.possibleCpus, map.maxEntries); cpu++) {
        this.#open(cpu, options.wakeupEvents ?? 1)
      }
    } catch (error) {
      this.close()
      throw error
    }
  }

  /** Samples that kernels dropped because the buffer was full, as far as they have told. */
  get lost(): number {
    return this.#lost
  }

  get closed(): boolean {
    return this.#map.closed
  }

  /** CPUs that have a buffer. */
  get cpus(): readonly number[] {
    return this.#cpus.map(({ cpu }) => cpu)
  }

  /** Everything that is there now, CPU by CPU. */
  read(): PerfSample<T>[] {
    if (this.closed) throw new UsageError('this perf buffer was closed')
    const samples: PerfSample<T>[] = []
    for (const cpu of this.#cpus) this.#take(cpu, samples)
    return samples
  }

  /** Samples as they arrive, until the signal aborts or the buffer is closed. */
  records(options: RecordsOptions = {}): EventStream<PerfSample<T>> {
    return new EventStream(this.#source(), options)
  }

  /** Samples as they arrive, those that are there at once in one array. */
  batches(options: RecordsOptions = {}): EventStream<PerfSample<T>[]> {
    return new EventStream(batched(this.#source()), options)
  }

  [Symbol.asyncIterator](): EventStream<PerfSample<T>> {
    return this.records()
  }

  close(): void {
    if (this.#map.closed) return
    const { kernel, fd } = this.#map
    for (const { cpu, handle, pages } of this.#cpus) {
      try {
        kernel.call('map_delete_elem', { mapFd: fd, key: u32Bytes(cpu) })
      } catch {
        // Taken out or replaced by somebody else, or the session is gone: there is nothing of ours left in the map.
      }
      pages.unmap()
      handle.close()
    }
    this.#cpus.length = 0
    this.#map.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #open(cpu: number, wakeupEvents: number): void {
    const { kernel } = this.#map
    let fd: Fd
    try {
      fd = kernel.call('perf_event_open', {
        type: TYPE_SOFTWARE,
        config: COUNT_SW_BPF_OUTPUT,
        sampleType: this.#timestamps ? SAMPLE_RAW | SAMPLE_TIME : SAMPLE_RAW,
        samplePeriod: 1n,
        wakeupEvents,
        pid: -1,
        cpu,
      })
    } catch (error) {
      if (errorCode(error) === 'ENODEV') return
      throw error
    }
    const handle = new Handle(kernel, fd)
    try {
      const pages = new MappedPages(handle, 0, PAGE + this.#size, true)
      // From here on close() takes it back.
      this.#cpus.push({ cpu, handle, pages })
    } catch (error) {
      handle.close()
      throw error
    }
    kernel.call('map_update_elem', { mapFd: this.#map.fd, key: u32Bytes(cpu), value: u32Bytes(fd) })
  }

  #source(): EventSource<PerfSample<T>> {
    const cpus = this.#cpus
    const map = this.#map
    return {
      fill: (batch) => {
        for (const cpu of cpus) this.#take(cpu, batch)
      },
      watch: (ready, gone) => {
        const end = (): void => {
          map.forget()
          gone()
        }
        const watches: Watch[] = []
        try {
          for (const { handle } of cpus) watches.push(handle.kernel.watch(handle.fd, ready, { gone: end }))
        } catch (error) {
          for (const watch of watches) watch[Symbol.dispose]()
          throw error
        }
        return together(watches)
      },
      get closed() {
        return map.closed
      },
    }
  }

  /** Moves one CPU's samples into `samples`; they share one copy of the buffer. */
  #take({ cpu, pages }: CpuBuffer, samples: PerfSample<T>[]): void {
    const head = pages.position(DATA_HEAD)
    const tail = pages.position(DATA_TAIL)
    const length = head - tail
    if (length <= 0 || length > this.#size) return
    const from = tail % this.#size
    const first = Math.min(length, this.#size - from)
    const copy = new Uint8Array(length)
    const { bytes } = pages
    copy.set(bytes.subarray(PAGE + from, PAGE + from + first))
    copy.set(bytes.subarray(PAGE, PAGE + length - first), first)
    pages.setPosition(head, DATA_TAIL)
    const view = new DataView(copy.buffer)
    let at = 0
    while (at + HEADER <= length) {
      const type = view.getUint32(at, true)
      const size = view.getUint16(at + 6, true)
      if (size < HEADER || at + size > length) break
      if (type === RECORD_SAMPLE) {
        const from = at + HEADER + (this.#timestamps ? 8 : 0)
        const raw = view.getUint32(from, true)
        const start = from + 4
        const data = this.#decode(copy.subarray(start, Math.min(start + raw, at + size)))
        samples.push(this.#timestamps ? { cpu, data, time: view.getBigUint64(at + HEADER, true) } : { cpu, data })
      } else if (type === RECORD_LOST) this.#lost += Number(view.getBigUint64(at + 16, true))
      else if (type === RECORD_LOST_SAMPLES) this.#lost += Number(view.getBigUint64(at + 8, true))
      at += size
    }
  }
}

function together(watches: readonly Watch[]): Watch {
  return {
    ref: () => {
      for (const watch of watches) watch.ref()
    },
    unref: () => {
      for (const watch of watches) watch.unref()
    },
    [Symbol.dispose]: () => {
      for (const watch of watches) watch[Symbol.dispose]()
    },
  }
}

function u32Bytes(value: number): Uint8Array {
  return Uint8Array.of(value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24)
}
