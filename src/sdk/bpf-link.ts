import { UsageError } from '../base/index.js'
import { errorCode, type Fd, type Kernel, type LinkInfo } from '../kernel/index.js'
import { linkTypeName } from '../spec/index.js'
import type { Attachment } from './attach/attachment.js'
import type { BpfProgram } from './bpf-program.js'
import { Handle } from './handle.js'

export interface LinkUpdateOptions {
  /** Only if this program is the one attached now; EPERM else. */
  readonly expected?: BpfProgram
}

const F_REPLACE = 4

/**
 * An attachment that the kernel keeps as an object: a bpf_link. It lasts while a descriptor or a pin holds it, so
 * closing the last one takes the program off; a pinned link outlives the process.
 */
export class BpfLink implements Attachment {
  readonly #handle: Handle
  /** What has to live as long as the link: a perf event, a namespace's descriptor. */
  readonly #held: readonly Disposable[]

  constructor(handle: Handle, held: readonly Disposable[] = []) {
    this.#handle = handle
    this.#held = held
  }

  /** Takes over the descriptor of a link. Throws UsageError if it is something else. */
  static fromFd(kernel: Kernel, fd: Fd): BpfLink {
    const handle = new Handle(kernel, fd)
    try {
      const info = kernel.call('obj_get_info_by_fd', { fd })
      if (info.kind !== 'link') throw new UsageError(`descriptor ${fd} is a ${info.kind}, not a link`)
      return new BpfLink(handle)
    } catch (error) {
      handle.close()
      throw error
    }
  }

  /** A link by its id. Throws KernelError ENOENT. */
  static byId(kernel: Kernel, id: number): BpfLink {
    return new BpfLink(new Handle(kernel, kernel.call('link_get_fd_by_id', { id })))
  }

  /** A pinned link. Throws KernelError, UsageError for a pin of something else. */
  static openPinned(kernel: Kernel, pathname: string): BpfLink {
    return BpfLink.fromFd(kernel, kernel.call('obj_get', { pathname }))
  }

  get kernel(): Kernel {
    return this.#handle.kernel
  }

  get fd(): Fd {
    return this.#handle.fd
  }

  get id(): number {
    return this.info().id
  }

  /** Link type: 'xdp', 'tcx', 'cgroup' … as bpftool prints it. */
  get kind(): string {
    const { type } = this.info()
    return linkTypeName(type) ?? `type ${type}`
  }

  info(): LinkInfo {
    return this.kernel.call('obj_get_info_by_fd', { fd: this.fd }) as LinkInfo
  }

  /** Swaps the program without a moment in between. Throws KernelError: EPERM (not the expected one), EINVAL (type cannot). */
  update(program: BpfProgram, options: LinkUpdateOptions = {}): void {
    const request = { linkFd: this.fd, newProgFd: program.fd }
    const { expected } = options
    this.kernel.call(
      'link_update',
      expected === undefined ? request : { ...request, flags: F_REPLACE, oldProgFd: expected.fd },
    )
  }

  pin(pathname: string): void {
    this.kernel.call('obj_pin', { bpfFd: this.fd, pathname })
  }

  /** Takes the program off, pinned or not where the kernel can (EOPNOTSUPP types go with their last holder), and closes. */
  detach(): void {
    if (this.#handle.closed) return
    try {
      this.kernel.call('link_detach', { linkFd: this.fd })
    } catch (error) {
      const code = errorCode(error)
      if (code !== 'EOPNOTSUPP' && code !== 'EINVAL' && code !== 'ENOLINK') throw error
    } finally {
      this.close()
    }
  }

  close(): void {
    if (this.#handle.closed) return
    this.#handle.close()
    for (const part of [...this.#held].reverse()) part[Symbol.dispose]()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
