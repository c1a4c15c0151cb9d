import { UsageError } from '../base/index.js'
import type { Fd, Kernel, ProgInfo, TestRunRequest, TestRunResult } from '../kernel/index.js'
import { progTypeName } from '../spec/index.js'
import { Handle } from './handle.js'

/** Where a program came from: what its section's name says. */
export interface ProgramOrigin {
  readonly section: string
  /** Text behind the section's first part: a function, a tracepoint, 'binary:symbol'. */
  readonly attachTarget: string | undefined
  /** Linux's attach type in lower case. */
  readonly attachType: string | undefined
}

/** A loaded program. */
export class BpfProgram {
  /** Name in the object file (kernels keep only 15 characters of it). */
  readonly name: string
  /** BPF_PROG_TYPE_* number. */
  readonly type: number
  readonly expectedAttachType: number
  /** Undefined for programs that were not loaded from an object here. */
  readonly origin: ProgramOrigin | undefined
  readonly #handle: Handle

  constructor(handle: Handle, name: string, type: number, expectedAttachType = 0, origin?: ProgramOrigin) {
    this.#handle = handle
    this.name = name
    this.type = type
    this.expectedAttachType = expectedAttachType
    this.origin = origin
  }

  /** Opens a program by what a kernel says of a descriptor, taking the descriptor over. */
  static fromFd(kernel: Kernel, fd: Fd): BpfProgram {
    const handle = new Handle(kernel, fd)
    try {
      const info = kernel.call('obj_get_info_by_fd', { fd })
      if (info.kind !== 'prog') throw new UsageError(`descriptor ${fd} is a ${info.kind}, not a program`)
      return new BpfProgram(handle, info.name, info.type)
    } catch (error) {
      handle.close()
      throw error
    }
  }

  /** Opens a pinned program. Throws KernelError (ENOENT), UsageError for a pin of something else. */
  static openPinned(kernel: Kernel, pathname: string): BpfProgram {
    const handle = new Handle(kernel, kernel.call('obj_get', { pathname }))
    try {
      const info = kernel.call('obj_get_info_by_fd', { fd: handle.fd })
      if (info.kind !== 'prog') throw new UsageError(`${pathname} is a ${info.kind}, not a program`)
      return new BpfProgram(handle, info.name, info.type)
    } catch (error) {
      handle.close()
      throw error
    }
  }

  get kernel(): Kernel {
    return this.#handle.kernel
  }

  get fd(): Fd {
    return this.#handle.fd
  }

  /** 'xdp', 'sched_cls' … as bpftool prints it. */
  get typeName(): string {
    return progTypeName(this.type) ?? `type ${this.type}`
  }

  /** `details`: also instructions, BTF records and JIT images. */
  info(options: { details?: boolean } = {}): ProgInfo {
    return this.kernel.call('obj_get_info_by_fd', { fd: this.fd, ...options }) as ProgInfo
  }

  /** BPF_PROG_TEST_RUN: runs the program on given data or context. Throws KernelError. */
  testRun(request: Omit<TestRunRequest, 'progFd'> = {}): TestRunResult {
    return this.kernel.call('prog_test_run', { progFd: this.fd, ...request })
  }

  pin(pathname: string): void {
    this.kernel.call('obj_pin', { bpfFd: this.fd, pathname })
  }

  close(): void {
    this.#handle.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
