import { CommandError } from './command-error.js'

/** bpftool's way of saying things: words after the verb, read from left to right; each may be cut short. */
export class Words {
  readonly #words: readonly string[]
  readonly #usage: string
  #at = 0

  /** `words` begin with the verb itself. */
  constructor(words: readonly string[], usage: string) {
    this.#words = words
    this.#usage = usage
    this.#at = 1
  }

  get done(): boolean {
    return this.#at >= this.#words.length
  }

  /** Words that are left. */
  get left(): number {
    return this.#words.length - this.#at
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

  /** Does this word come next, or its beginning? */
  is(word: string): boolean {
    const next = this.peek()
    return next !== undefined && word.startsWith(next)
  }

  /** Takes a word if it, or its beginning, comes next. */
  take(word: string): boolean {
    if (!this.is(word)) return false
    this.#at++
    return true
  }

  /** At least so many words must be left. */
  need(count: number, status?: number, after?: 'usage'): void {
    if (this.left >= count) return
    const name = this.#words[this.#at - 1] ?? ''
    throw this.wrong(`'${name}' needs at least ${count} arguments, ${this.left} found`, status, after)
  }

  number(what: string): number {
    const word = this.next(what)
    const value = /^(0x[0-9a-f]+|\d+)$/i.test(word) ? Number(word) : Number.NaN
    if (!Number.isSafeInteger(value)) throw this.wrong(`can't parse ${word} as ${what}`)
    return value
  }

  /** Everything must have been read. */
  end(): void {
    if (!this.done) throw this.wrong(`what is '${this.peek()}'?`)
  }

  /** The error for words that are not understood. */
  wrong(problem: string, status?: number, after?: string): CommandError {
    const more = { ...(status === undefined ? {} : { status }), ...(after === undefined ? {} : { after }) }
    return new CommandError(problem, { kind: 'words', hint: `usage: ${this.#usage}`, ...more })
  }

  /** The error for words where bpftool shows its usage and nothing else. */
  usage(problem: string): CommandError {
    return new CommandError(problem, { kind: 'usage', hint: `usage: ${this.#usage}` })
  }
}
