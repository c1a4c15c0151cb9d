import { errorCode, type Fd, type Kernel, KernelError } from '../kernel/index.js'

/** One descriptor, owned by one SDK object. Closing twice is harmless; use after closing is EBADF. */
export class Handle {
  readonly kernel: Kernel
  #fd: Fd | undefined

  constructor(kernel: Kernel, fd: Fd) {
    this.kernel = kernel
    this.#fd = fd
  }

  get fd(): Fd {
    if (this.#fd === undefined) throw new KernelError('EBADF', 'fd', { hint: 'this object was closed' })
    return this.#fd
  }

  get closed(): boolean {
    return this.#fd === undefined
  }

  close(): void {
    const fd = this.#fd
    if (fd === undefined) return
    this.#fd = undefined
    try {
      this.kernel.call('close', { fd })
    } catch (error) {
      // The session ended before this object: it closed everything.
      if (errorCode(error) !== 'EBADF') throw error
    }
  }

  /** The kernel closed the descriptor itself, with its session. */
  forget(): void {
    this.#fd = undefined
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
