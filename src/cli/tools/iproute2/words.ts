import { ToolError } from './tool-error.js'

/** The words of a command, taken one by one. */
export class ToolWords {
  readonly #words: readonly string[]
  #at = 0

  constructor(words: readonly string[]) {
    this.#words = words
  }

  get rest(): readonly string[] {
    return this.#words.slice(this.#at)
  }

  get done(): boolean {
    return this.#at >= this.#words.length
  }

  peek(): string | undefined {
    return this.#words[this.#at]
  }

  take(): string | undefined {
    const word = this.#words[this.#at]
    if (word !== undefined) this.#at++
    return word
  }

  /** The word that a keyword needs behind it. */
  value(): string {
    const word = this.take()
    if (word === undefined) throw new ToolError('Command line is not complete. Try option "help"')
    return word
  }
}

/** Is `word` a beginning of the keyword? iproute2 takes the first keyword that it begins. */
export function begins(word: string, keyword: string): boolean {
  return word.length > 0 && keyword.startsWith(word)
}
