import type { Machine } from '../../vm/index.js'

/** Lines kept for a reader that comes later; the oldest go first, as in Linux's trace buffer. */
const MAX_LINES = 8192

interface Line {
  readonly cpu: number
  readonly task: string
  readonly pid: number
  readonly time: bigint
  readonly text: string
}

/** What bpf_printk printed and nobody has read: one log for all readers, whoever comes first takes the lines. */
export class TraceLog {
  readonly #lines: Line[] = []
  #first = 0
  readonly #listeners = new Set<() => void>()

  constructor(machine: Machine) {
    const host = machine.printk
    machine.printk = (text) => {
      host(text)
      const { task } = machine
      this.#lines.push({ cpu: machine.cpu, task: task.comm, pid: task.pid, time: machine.clock.monotonic(), text })
      if (this.#lines.length - this.#first > MAX_LINES) this.#shift()
      for (const listener of [...this.#listeners]) listener()
    }
  }

  get empty(): boolean {
    return this.#first === this.#lines.length
  }

  /** The oldest line as trace_pipe prints it, with its newline. */
  take(): string | undefined {
    const line = this.#lines[this.#first]
    if (line === undefined) return undefined
    this.#shift()
    const micros = line.time / 1000n
    const time = `${micros / 1_000_000n}.${String(micros % 1_000_000n).padStart(6, '0')}`
    const who = `${line.task.padStart(16)}-${String(line.pid).padEnd(7)}`
    return `${who} [${String(line.cpu).padStart(3, '0')}] ....1 ${time.padStart(12)}: bpf_trace_printk: ${line.text}\n`
  }

  listen(listener: () => void): Disposable {
    this.#listeners.add(listener)
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) }
  }

  #shift(): void {
    this.#first++
    if (this.#first < 1024 && this.#first < this.#lines.length) return
    this.#lines.splice(0, this.#first)
    this.#first = 0
  }
}
