/** The verifier's log: text with positions one can go back to, as the level 1 log forgets paths that turned out well. */
export class VerifierLog {
  readonly level: number
  #parts: string[] = []
  #length = 0
  /** Position and width of the last printed instruction: its result goes on the same line. */
  prevPosition = 0
  prevWidth = 0

  constructor(level: number) {
    this.level = level
  }

  /** Nothing is written: what would be is forgotten again if all goes well. */
  muted = false

  get position(): number {
    return this.#length
  }

  /** Wants the trace of instructions. */
  get traces(): boolean {
    return (this.level & 3) !== 0 && !this.muted
  }

  write(text: string): void {
    if (this.level === 0 || this.muted) return
    this.#parts.push(text)
    this.#length += text.length
  }

  /** Forgets everything behind `position`. */
  reset(position: number): void {
    while (this.#length > position) {
      const last = this.#parts.pop() as string
      this.#length -= last.length
      if (this.#length < position) {
        const kept = last.slice(0, position - this.#length)
        this.#parts.push(kept)
        this.#length += kept.length
      }
    }
  }

  get text(): string {
    return this.#parts.join('')
  }
}
