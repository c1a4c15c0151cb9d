import { ToolError } from './tool-error.js'
import { begins, type ToolWords } from './words.js'

/** Where a program comes from: an object file's section or program, or a pin. */
export interface BpfSource {
  readonly kind: 'object' | 'pinned'
  readonly file: string
  readonly section: string | undefined
  readonly program: string | undefined
  /** `type cls|act …` of `tc exec bpf graft`. */
  readonly type: string | undefined
  readonly verbose: boolean
}

export function isSourceWord(word: string): boolean {
  return (
    begins(word, 'object-file') || word === 'obj' || begins(word, 'object-pinned') || word === 'pinned' || word === 'fd'
  )
}

/** Reads `obj FILE [type T] [sec S | program P] [verb]` or `pinned PATH`. Throws ToolError. */
export function readSource(words: ToolWords): BpfSource {
  const mode = words.value()
  if (!isSourceWord(mode)) throw new ToolError(`What mode is "${mode}"?`)
  const pinned = !(begins(mode, 'object-file') || mode === 'obj')
  const file = words.value()
  let section: string | undefined
  let program: string | undefined
  let type: string | undefined
  let verbose = false
  for (;;) {
    const word = words.peek()
    if (word === undefined || pinned) break
    if (begins(word, 'section')) {
      words.take()
      section = words.value()
    } else if (word === 'program') {
      words.take()
      program = words.value()
    } else if (word === 'type') {
      words.take()
      type = words.value()
    } else if (word.length >= 4 && begins(word, 'verbose')) {
      words.take()
      verbose = true
    } else break
  }
  return { kind: pinned ? 'pinned' : 'object', file, section, program, type, verbose }
}
