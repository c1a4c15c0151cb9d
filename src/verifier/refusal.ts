import type { ErrnoName } from '../base/index.js'

/** The program is refused. Thrown anywhere below verify(), caught there. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly errno: ErrnoName
  readonly unsupported: boolean

  constructor(message: string, errno: ErrnoName, unsupported = false) {
    super(message)
    this.errno = errno
    this.unsupported = unsupported
  }
}
