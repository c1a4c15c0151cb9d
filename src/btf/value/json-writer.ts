/**
 * Writes JSON the way bpftool does: compact, or "pretty" with its own idea of line breaks (scalars of an array stay on one
 * line, the closing bracket gets one of its own). Values may be any text, so that plain output can hold 0x1f.
 */
export class JsonWriter {
  readonly #pretty: boolean
  readonly #parts: string[] = []
  #depth = 0
  #separator = ''

  constructor(pretty: boolean) {
    this.#pretty = pretty
  }

  toString(): string {
    return this.#parts.join('')
  }

  #separate(): void {
    if (this.#separator !== '') this.#parts.push(this.#separator)
    this.#separator = ','
  }

  #line(): void {
    if (this.#pretty) this.#parts.push('\n', '    '.repeat(this.#depth))
  }

  #begin(bracket: string): void {
    this.#separate()
    this.#parts.push(bracket)
    this.#depth++
    this.#separator = ''
  }

  #end(bracket: string): void {
    this.#depth--
    if (this.#separator !== '') this.#line()
    this.#parts.push(bracket)
    this.#separator = ','
  }

  name(text: string): void {
    this.#separate()
    this.#line()
    this.#separator = ''
    this.#parts.push(JSON.stringify(text), this.#pretty ? ': ' : ':')
  }

  /** A value as it is. */
  raw(text: string): void {
    this.#separate()
    this.#parts.push(text)
  }

  string(text: string): void {
    this.raw(JSON.stringify(text))
  }

  startObject(): void {
    this.#begin('{')
  }
  endObject(): void {
    this.#end('}')
  }
  startArray(): void {
    this.#begin('[')
  }
  endArray(): void {
    this.#end(']')
  }
}
