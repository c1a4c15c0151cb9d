import { type ErrnoName, UsageError } from '../../base/index.js'
import { errorCode, type Fd, type Kernel } from '../../kernel/index.js'
import type { BpfProgram } from '../bpf-program.js'

/** A program at work. Disposing ends what this process holds of it: links that are not pinned, and everything else. */
export interface Attachment extends Disposable {
  /** Link type or mechanism: 'xdp', 'tc', 'socket filter' … */
  readonly kind: string
  /** Takes the program off. A second call does nothing, but where the first one failed: then it tries again. */
  detach(): void
}

/** An attachment that is no kernel object: `undo` runs until it succeeds once. */
export function attachmentOf(kind: string, undo: () => void): Attachment {
  let done = false
  const detach = (): void => {
    if (done) return
    undo()
    done = true
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

/** Opens several descriptors, all or none. */
export function holdAll(
  kernel: Kernel,
  opens: readonly (() => Fd)[],
): { readonly fds: readonly Fd[]; release(): void } {
  const fds: Fd[] = []
  const release = (): void => {
    for (const fd of fds.splice(0).reverse()) kernel.call('close', { fd })
  }
  try {
    for (const open of opens) fds.push(open())
  } catch (error) {
    release()
    throw error
  }
  return { fds: [...fds], release }
}

/** Runs the call that takes something off; what is gone already is as good. */
export function takeOff(run: () => void, ...gone: readonly ErrnoName[]): void {
  try {
    run()
  } catch (error) {
    if (!(gone as readonly (string | undefined)[]).includes(errorCode(error))) throw error
  }
}
