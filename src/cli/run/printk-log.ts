/** Lines of bpf_printk: the first ones are kept, the rest counted. */
export class PrintkLog {
  readonly lines: string[] = []
  dropped = 0
  readonly #limit: number

  constructor(limit: number) {
    this.#limit = limit
  }

  readonly sink = (line: string): void => {
    if (this.lines.length < this.#limit) this.lines.push(line)
    else this.dropped++
  }
}
