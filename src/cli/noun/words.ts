import { UsageError } from '../../base/index.js'

/** bpftool's way of saying things: words after the verb, read from left to right. */
export class Words {
  readonly #words: readonly string[]
  readonly #usage: string
  #at = 0

  constructor(words: readonly string[], usage: string) {
    this.#words = words
    this.#usage = usage
  }

  get done(): boolean {
    return this.#at >= this.#words.length
  }

  peek(): string | undefined {
    return this.#words[this.#at]
  }

  /** The next word, which must be there. `what` names it in the error. */
  next(what: string): string {
    const word = this.#words[this.#at]
    if (word === undefined) throw this.wrong(`${what} is missing`)
    this.#at++
    return word
  }

  /** Takes a word if it comes next. */
  take(word: string): boolean {
    if (this.peek() !== word) return false
    this.#at++
    return true
  }

  /** The word must come next. */
  expect(word: string): void {
    if (!this.take(word)) throw this.wrong(`'${word}' expected${this.done ? '' : `, not '${this.peek()}'`}`)
  }

  number(what: string): number {
    const word = this.next(what)
    const value = /^(0x[0-9a-f]+|\d+)$/i.test(word) ? Number(word) : Number.NaN
    if (!Number.isSafeInteger(value)) throw this.wrong(`${what} is a number, not '${word}'`)
    return value
  }

  /** Everything must have been read. */
  end(): void {
    if (!this.done) throw this.wrong(`'${this.peek()}' is not understood here`)
  }

  wrong(problem: string): UsageError {
    return new UsageError(problem, `usage: ${this.#usage}`)
  }
}
