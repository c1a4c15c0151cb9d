import { errnoText } from '../../base/index.js'
import { KernelError } from '../../kernel/index.js'

/**
 * Why a command ended: `failed` at its work, by wrong `words`, by words so wrong that only the `usage` helps, or `quiet`: bpftool says
 * nothing then, and we say why.
 */
export type CommandErrorKind = 'failed' | 'words' | 'usage' | 'quiet'

interface CommandErrorOptions {
  readonly kind?: CommandErrorKind
  readonly hint?: string | undefined
  /** The exit status of bpftool, which is a small negative number more often than not. */
  readonly status?: number
  readonly cause?: unknown
  /** Lines that bpftool prints before its own. */
  readonly before?: string
  /** Lines that bpftool prints after its own; 'usage' stands for its usage. */
  readonly after?: string
}

/** A command cannot do what it was told. The message is bpftool's, for the commands that are bpftool's. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly kind: CommandErrorKind
  readonly hint: string | undefined
  readonly status: number
  readonly before: string | undefined
  readonly after: string | undefined

  constructor(message: string, options: CommandErrorOptions = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause })
    this.kind = options.kind ?? 'failed'
    this.hint = options.hint
    this.status = options.status ?? 255
    this.before = options.before
    this.after = options.after
  }
}

/** Exit status of a command that returns a negative errno. */
export function statusOf(errno: number): number {
  return (256 - errno) & 255
}

/** Runs a system call; if the kernel refuses, says `what` it was for, as bpftool does. `status` 'errno': exits with the errno. */
export function attempt<T>(what: string, run: () => T, status?: number | 'errno'): T {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof KernelError)) throw error
    const code = status === 'errno' ? statusOf(error.errno) : status
    throw new CommandError(`${what}: ${errnoText(error.errno)}`, {
      hint: error.hint ?? error.detail,
      cause: error,
      ...(code === undefined ? {} : { status: code }),
    })
  }
}
