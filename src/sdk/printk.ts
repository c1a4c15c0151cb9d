import { UsageError } from '../base/index.js'
import { errorCode, type Kernel } from '../kernel/index.js'
import { type EventSource, EventStream, type RecordsOptions } from './event-stream.js'
import { Handle } from './handle.js'

const CHUNK = 1 << 16
const LINE = /^\s*(.*)-(\d+)\s+(?:\([^)]*\)\s+)?\[(\d+)\]\s+\S+\s+(\d+)\.(\d+): ([^:]+): ?(.*)$/
const LOST = /^CPU:\d+ \[LOST (\d+) EVENTS\]/

/** A line that a program printed with bpf_printk. */
export interface PrintkLine {
  readonly task: string
  readonly pid: number
  readonly cpu: number
  /** Seconds since boot, to the microsecond. */
  readonly time: number
  readonly text: string
}

/**
 * What programs print with bpf_printk: a reader of the kernel's trace pipe, which is one for the whole machine. A line goes to one
 * reader only. Throws KernelError: EPERM, EACCES without the right to read it.
 */
export class Printk implements AsyncIterable<PrintkLine> {
  readonly #handle: Handle
  readonly #decoder = new TextDecoder()
  #rest = ''
  #lost = 0

  /** `turnOn`: switch tracing on for the whole machine where it is off (else that is ENODATA). */
  constructor(kernel: Kernel, options: { readonly turnOn?: boolean } = {}) {
    this.#handle = new Handle(kernel, kernel.call('trace_pipe_open', options))
  }

  get closed(): boolean {
    return this.#handle.closed
  }

  /** Lines that were overwritten before they could be read, as far as the kernel has told. */
  get lost(): number {
    return this.#lost
  }

  /** Lines that are there now. */
  read(): PrintkLine[] {
    if (this.closed) throw new UsageError('this reader was closed')
    const lines: PrintkLine[] = []
    while (this.#take(lines)) {}
    return lines
  }

  lines(options: RecordsOptions = {}): EventStream<PrintkLine> {
    return new EventStream(this.#source(), options)
  }

  [Symbol.asyncIterator](): EventStream<PrintkLine> {
    return this.lines()
  }

  close(): void {
    this.#handle.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #source(): EventSource<PrintkLine> {
    const handle = this.#handle
    return {
      fill: (batch) => {
        while (this.#take(batch)) {}
      },
      watch: (ready, gone) =>
        handle.kernel.watch(handle.fd, ready, {
          gone: () => {
            handle.forget()
            gone()
          },
        }),
      get closed() {
        return handle.closed
      },
    }
  }

  /** Reads a chunk; false when there was none. */
  #take(lines: PrintkLine[]): boolean {
    let bytes: Uint8Array
    try {
      bytes = this.#handle.kernel.call('read', { fd: this.#handle.fd, size: CHUNK })
    } catch (error) {
      if (errorCode(error) === 'EAGAIN') return false
      throw error
    }
    if (bytes.length === 0) return false
    const parts = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split('\n')
    this.#rest = parts.pop() ?? ''
    for (const part of parts) this.#line(part, lines)
    return true
  }

  #line(text: string, lines: PrintkLine[]): void {
    const lost = LOST.exec(text)
    if (lost !== null) {
      this.#lost += Number(lost[1])
      return
    }
    const [, task = '', pid, cpu, seconds, micros = '0', event, message = ''] = LINE.exec(text) ?? []
    if (event === undefined) {
      // A newline inside a message: it goes on here.
      const last = lines.pop()
      if (last !== undefined) lines.push({ ...last, text: `${last.text}\n${text}` })
    } else if (event === 'bpf_trace_printk') {
      const time = Number(`${seconds}.${micros}`)
      lines.push({ task, pid: Number(pid), cpu: Number(cpu), time, text: message })
    }
  }
}
