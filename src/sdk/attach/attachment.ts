import { UsageError } from '../../base/index.js'
import type { BpfProgram } from '../bpf-program.js'

/** A program at work. Disposing ends what this process holds of it: links that are not pinned, and everything else. */
export interface Attachment extends Disposable {
  /** Link type or mechanism: 'xdp', 'tc', 'socket filter' … */
  readonly kind: string
  /** Takes the program off. A second call does nothing. */
  detach(): void
}

/** An attachment that is no kernel object: `undo` runs once. */
export function attachmentOf(kind: string, undo: () => void): Attachment {
  let done = false
  const detach = (): void => {
    if (done) return
    done = true
    undo()
  }
  return { kind, detach, [Symbol.dispose]: detach }
}

/** Anything that has a descriptor, or the descriptor itself. */
export type FdLike = number | { readonly fd: number }

export function fdOf(value: FdLike): number {
  return typeof value === 'number' ? value : value.fd
}

/** Throws UsageError unless the program has one of these types. */
export function requireType(program: BpfProgram, what: string, ...types: readonly string[]): void {
  if (types.includes(program.typeName)) return
  throw new UsageError(
    `program '${program.name}' is of type ${program.typeName}; ${what} takes ${types.join(' or ')}`,
    'the section name decides the type: see the list of section names',
  )
}
