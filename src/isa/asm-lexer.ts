import { FormatError } from '../base/index.js'

/** A word, number or operator of an assembly line. */
export interface Token {
  readonly kind: 'word' | 'number' | 'punctuation' | 'end'
  readonly text: string
  /** Column in the line, from 1. */
  readonly column: number
  /** No white space between this token and the one before it. */
  readonly joined: boolean
}

export interface Position {
  readonly line: number
  readonly column: number
}

/** A FormatError('asm') whose reason begins with the place. */
export function asmError({ line, column }: Position, reason: string, hint?: string): FormatError {
  const place = hint === undefined ? {} : { hint }
  // A word of the text may be of any length.
  const short = reason.length > 200 ? `${reason.slice(0, 200)}…` : reason
  return new FormatError('asm', `line ${line}, column ${column}: ${short}`, place)
}

const TOKEN =
  /\s*(?:([A-Za-z_.$@][\w.$@]*)|(0[xX][0-9a-fA-F]+|\d+)(?![\w.])|(<<=|>>=|[-+*/%&|^=!<>]=|[-+*/%&|^=<>()[\],#:~]))/y

/** Splits the text of one statement. `start` is the column of its first character. */
export function tokenize(text: string, line: number, start: number): Token[] {
  const tokens: Token[] = []
  TOKEN.lastIndex = 0
  for (;;) {
    const from = TOKEN.lastIndex
    const match = TOKEN.exec(text)
    if (match === null) {
      const rest = text.slice(from)
      const column = start + from + (rest.length - rest.trimStart().length)
      if (rest.trim() !== '') throw asmError({ line, column }, `unexpected '${rest.trim().slice(0, 12)}'`)
      tokens.push({ kind: 'end', text: '', column, joined: false })
      return tokens
    }
    const [whole, word, number, punctuation] = match
    const value = word ?? number ?? punctuation ?? ''
    tokens.push({
      kind: word !== undefined ? 'word' : number !== undefined ? 'number' : 'punctuation',
      text: value,
      column: start + from + whole.length - value.length,
      joined: from > 0 && whole.length === value.length,
    })
  }
}

/** What stands before an instruction in a listing of llvm-objdump, bpftool or the verifier. */
export interface Listing {
  /** The instruction's number. */
  readonly pc?: number
  /** The bytes llvm-objdump shows. */
  readonly bytes?: readonly number[]
  /** The opcode the kernel shows in parentheses. */
  readonly code?: number
}

/** A line without comment and listing columns. */
export interface SourceText {
  readonly listing: Listing
  readonly text: string
  /** Column of the text's first character, from 1. */
  readonly column: number
}

const NUMBERED = /^\s*(\d{1,9}):(?=\s|$)\s*/
const CODE = /^\(([0-9a-f]{2})\)\s*/
const RAW = /^((?:[0-9a-f]{2} ){15}[0-9a-f]{2}|(?:[0-9a-f]{2} ){7}[0-9a-f]{2})(?=\s|$)\s*/

/** Removes `12:`, `(b7)` and hex bytes in front of an instruction. */
export function stripListing(line: string): SourceText {
  const number = NUMBERED.exec(line)
  let at = number?.[0].length ?? 0
  const code = CODE.exec(line.slice(at))
  at += code?.[0].length ?? 0
  const raw = number === null || code !== null ? null : RAW.exec(line.slice(at))
  at += raw?.[0].length ?? 0
  const text = line.slice(at)
  const indent = text.length - text.trimStart().length
  return {
    listing: {
      ...(number === null ? {} : { pc: Number(number[1]) }),
      ...(code === null ? {} : { code: Number.parseInt(code[1] as string, 16) }),
      ...(raw === null ? {} : { bytes: (raw[1] as string).split(' ').map((byte) => Number.parseInt(byte, 16)) }),
    },
    text: text.trim(),
    column: at + indent + 1,
  }
}

/** The line up to a `//` or a `#` that stands free; a `#` joined to a word is the kernel's `call name#id`. */
export function stripComment(line: string): string {
  const comment = /\/\/|(?:^|\s)#/.exec(line)
  return comment === null ? line : line.slice(0, comment.index)
}
