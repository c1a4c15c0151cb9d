import { errnoText, FormatError, UsageError } from '../../../base/index.js'
import { KernelError } from '../../../kernel/index.js'
import { ObjectError, VerifierError } from '../../../sdk/index.js'
import { BudgetError, ExecutionError, MemoryFault, UnsupportedError } from '../../../vm/index.js'
import { errorNumber } from '../../input/files.js'
import { CommandError, type CommandErrorKind } from '../../noun/command-error.js'

interface Known {
  readonly message: string
  readonly kind: CommandErrorKind
  readonly status: number
  readonly before?: string | undefined
  readonly after?: string | undefined
  readonly hint?: string | undefined
}

/** What bpftool makes of an error; undefined for a defect. */
export function errorOf(error: unknown): Known | undefined {
  if (error instanceof CommandError) {
    const { message, kind, status, before, after, hint } = error
    return { message, kind, status, before, after, hint }
  }
  const failed = (message: string, hint?: string): Known => ({ message, kind: 'failed', status: 255, hint })
  if (error instanceof KernelError) return failed(`${error.syscall}: ${errnoText(error.errno)}`, error.hint)
  if (error instanceof VerifierError) return failed(error.report(), error.hint)
  if (error instanceof ObjectError || error instanceof UsageError) return failed(error.message, error.hint)
  if (
    error instanceof FormatError ||
    error instanceof BudgetError ||
    error instanceof MemoryFault ||
    error instanceof ExecutionError ||
    error instanceof UnsupportedError
  ) {
    return failed(error.message)
  }
  const system = error as NodeJS.ErrnoException
  if (system.code !== undefined && system.syscall !== undefined) {
    return failed(`${system.path ?? system.syscall}: ${errnoText(errorNumber(error))}`)
  }
  return undefined
}
