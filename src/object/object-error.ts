import { FormatError } from '../base/index.js'

export interface ObjectErrorPlace {
  readonly file?: string | undefined
  readonly section?: string | undefined
  readonly symbol?: string | undefined
  readonly hint?: string | undefined
  readonly cause?: unknown
}

/** The one error of object/: what is wrong with an object file, and where. Texts follow libbpf's where it has one. */
export class ObjectError extends Error {
  override readonly name = 'ObjectError'
  readonly file: string | undefined
  readonly section: string | undefined
  readonly symbol: string | undefined
  readonly hint: string | undefined
  /** The message without its place. */
  readonly reason: string

  constructor(reason: string, place: ObjectErrorPlace = {}) {
    super(`${place.file === undefined ? '' : `${place.file}: `}${reason}`, { cause: place.cause })
    this.reason = reason
    this.file = place.file
    this.section = place.section
    this.symbol = place.symbol
    this.hint = place.hint
  }
}

/** Runs `work`; a FormatError of the parsers below becomes an ObjectError that knows the file. */
export function asObjectError<T>(file: string | undefined, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    const place = error.offset === undefined ? '' : ` (at offset ${error.offset})`
    const section = error.section === undefined ? '' : `section '${error.section}': `
    throw new ObjectError(`${section}${error.format}: ${error.reason}${place}`, {
      file: error.file ?? file,
      section: error.section,
      symbol: error.symbol,
      hint: error.hint,
      cause: error,
    })
  }
}
