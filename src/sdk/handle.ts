import { type Fd, type Kernel, KernelError } from '../kernel/index.js'

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
    this.kernel.call('close', { fd })
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
