import pc from 'picocolors'
import { FormatError, UsageError } from '../../base/index.js'
import { KernelError } from '../../kernel/index.js'
import { ObjectError } from '../../object/index.js'
import { VerifierError } from '../../sdk/index.js'
import { BudgetError, ExecutionError, MemoryFault, UnsupportedError } from '../../vm/index.js'
import type { CommandHost } from '../host/host.js'
import { CommandError } from '../noun/command-error.js'

/** Exit status of the command line. */
export const EXIT = { ok: 0, failed: 1, usage: 2 } as const

/** Prints an error for people on stderr and gives the exit status it means. */
export function reportError(error: unknown, host: CommandHost): number {
  const color = pc.createColors(host.terminal.stderr && host.env.NO_COLOR === undefined)
  const say = (message: string, hint: string | undefined): void => {
    host.err(`${color.red('skep:')} ${message}\n`)
    if (hint !== undefined) host.err(`${color.dim('hint:')} ${hint}\n`)
  }
  if (error instanceof VerifierError) {
    say(error.report(), error.hint)
    return EXIT.failed
  }
  if (error instanceof CommandError) {
    const code = error.cause instanceof KernelError ? ` (${error.cause.syscall}: ${error.cause.code})` : ''
    say(`${error.message}${code}`, error.hint)
    return error.kind === 'failed' ? EXIT.failed : EXIT.usage
  }
  if (error instanceof FormatError || error instanceof ObjectError || error instanceof UsageError) {
    say(error.message, error.hint)
    return EXIT.usage
  }
  if (error instanceof KernelError) {
    say(error.message, error.hint)
    return EXIT.failed
  }
  if (
    error instanceof BudgetError ||
    error instanceof MemoryFault ||
    error instanceof ExecutionError ||
    error instanceof UnsupportedError
  ) {
    say(error.message, 'hint' in error ? error.hint : undefined)
    return EXIT.failed
  }
  const system = error as NodeJS.ErrnoException
  if (system.code !== undefined && system.syscall !== undefined) {
    say(`${system.path ?? system.syscall}: ${system.code === 'ENOENT' ? 'no such file' : system.message}`, undefined)
    return EXIT.usage
  }
  // A defect of ours: the stack helps whoever reports it.
  host.err(`skep: internal error: ${(error as Error)?.stack ?? String(error)}\n`)
  return 70
}
