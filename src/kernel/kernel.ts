import type { Fd, OperationName, Request, Result } from './operations.js'

/** A kernel session: the embedded one or Linux. Disposing it is process exit: what is not pinned goes away. */
export interface Kernel {
  /** 'embedded' or 'linux'. For people and reports. */
  readonly name: string
  /** As uname -r. For people; never branched on: probe instead. */
  readonly release: string
  /** Number of possible CPUs: per-CPU values have this many copies. */
  readonly possibleCpus: number
  /** One system call. Throws KernelError. Requests are plain data; byte arrays in them are not kept. */
  call<Name extends OperationName>(name: Name, request: Request<Name>): Result<Name>
  /** Calls `ready` when the descriptor (ring buffer, perf buffer, AF_XDP) has something to read. */
  watch(fd: Fd, ready: () => void): Disposable
  /** Shared bytes of a map: arrays with BPF_F_MMAPABLE, ring buffers. */
  mmap(fd: Fd, offset: number, length: number, writable: boolean): Uint8Array
  /** Raw BTF of the kernel itself, undefined where it has none. */
  vmlinuxBtf(): Uint8Array | undefined
  /** The kernel's build configuration (CONFIG_… lines), undefined where it does not tell. */
  config(): string | undefined
  [Symbol.dispose](): void
}
