/** Where in a piece of input something is wrong. Every part is optional: a parser fills in what it knows. */
export interface FormatErrorPlace {
  /** Byte offset (or instruction index for instruction streams) at which the problem was seen. */
  readonly offset?: number
  readonly file?: string
  readonly section?: string
  readonly symbol?: string
  readonly hint?: string
}

/** What a FormatError was reading. */
export type FormatKind =
  | 'snapshot'
  | 'elf'
  | 'btf'
  | 'btf.ext'
  | 'pcap'
  | 'pcapng'
  | 'packet'
  | 'insns'
  | 'asm'
  | 'hex'
  | 'wasm'

/** The one error every parser of bytes or text in Skep throws, on any input. */
export class FormatError extends Error {
  override readonly name = 'FormatError'
  readonly format: FormatKind
  readonly offset: number | undefined
  readonly file: string | undefined
  readonly section: string | undefined
  readonly symbol: string | undefined
  readonly hint: string | undefined
  /** The message without its place. */
  readonly reason: string

  constructor(format: FormatKind, reason: string, place: FormatErrorPlace = {}) {
    super(
      `${placePrefix(place)}${format}: ${reason}${place.offset === undefined ? '' : ` (at offset ${place.offset})`}`,
    )
    this.format = format
    this.reason = reason
    this.offset = place.offset
    this.file = place.file
    this.section = place.section
    this.symbol = place.symbol
    this.hint = place.hint
  }

  /** The same error with more of its place known (a caller that knows the file or section adds it). */
  at(place: FormatErrorPlace): FormatError {
    const known: { -readonly [K in keyof FormatErrorPlace]: FormatErrorPlace[K] } = { ...place }
    for (const key of ['offset', 'file', 'section', 'symbol', 'hint'] as const) {
      const value = this[key]
      if (value !== undefined) (known as Record<string, unknown>)[key] = value
    }
    return new FormatError(this.format, this.reason, known)
  }
}

/** A caller of the API or the command line asked for something that makes no sense. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
  readonly hint: string | undefined
  constructor(message: string, hint?: string) {
    super(message)
    this.hint = hint
  }
}

function placePrefix(place: FormatErrorPlace): string {
  const parts: string[] = []
  if (place.file !== undefined) parts.push(place.file)
  if (place.section !== undefined) parts.push(`section '${place.section}'`)
  if (place.symbol !== undefined) parts.push(`symbol '${place.symbol}'`)
  return parts.length === 0 ? '' : `${parts.join(': ')}: `
}
