import { ERRNO, type ErrnoName, errnoName, errnoText } from '../base/index.js'

/** A system call failed. `message` names the call, the errno and its text; `hint` says what to look at. */
export class KernelError extends Error {
  override readonly name = 'KernelError'
  readonly code: ErrnoName | `E${number}`
  /** Positive errno. */
  readonly errno: number
  /** Operation of the contract, e.g. `map_create`. */
  readonly syscall: string
  readonly hint: string | undefined
  /** What the kernel said beyond the errno: an extended acknowledgement, a log's last line. */
  readonly detail: string | undefined
  /** Verifier or BTF log, where the call wrote one. */
  readonly log: string | undefined

  constructor(
    code: ErrnoName | number,
    syscall: string,
    options: { hint?: string; log?: string; detail?: string } = {},
  ) {
    const errno = typeof code === 'number' ? Math.abs(code) : ERRNO[code]
    const name = errnoName(errno) ?? (`E${errno}` as const)
    super(`${syscall}: ${name}: ${errnoText(errno)}${options.detail === undefined ? '' : `: ${options.detail}`}`)
    this.code = name
    this.errno = errno
    this.syscall = syscall
    this.hint = options.hint
    this.log = options.log
    this.detail = options.detail
  }

  /** The same error with a hint; its own, where it has one already. */
  withHint(hint: string | undefined): KernelError {
    if (hint === undefined || this.hint !== undefined) return this
    const { log, detail } = this
    const error = new KernelError(this.errno, this.syscall, {
      hint,
      ...(log === undefined ? {} : { log }),
      ...(detail === undefined ? {} : { detail }),
    })
    if (this.stack !== undefined) error.stack = this.stack
    return error
  }
}

/** The errno code of a KernelError, undefined for anything else: `errorCode(error) === 'ENOENT'`. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof KernelError ? error.code : undefined
}
