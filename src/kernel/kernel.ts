// Disposable: for those who import the types and compile for an older library.
/// <reference lib="esnext.disposable" preserve="true" />
import type { Fd, OperationName, Request, Result } from './operations.js'

export interface WatchOptions {
  /** Wait for room to write (user ring buffers) instead. */
  readonly writable?: boolean
  /** Called, once and last, when the descriptor is closed or the session ends while being watched. */
  readonly gone?: () => void
}

export interface Watch extends Disposable {
  /** Keep the process alive, as it does from the beginning. */
  ref(): void
  /** Let the process end though this watch is there. */
  unref(): void
}

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
  /**
   * Calls `ready`, never from within `watch`, when the descriptor (ring buffer, perf event, trace pipe, AF_XDP) has got something to
   * read, once for what was there before. It may be called without cause: look before you wait again. A watch keeps a
   * process alive unless it is unreferenced. Throws KernelError: EBADF, EPERM for what cannot be waited for.
   */
  watch(fd: Fd, ready: () => void, options?: WatchOptions): Watch
  /**
   * Shared bytes: arrays with BPF_F_MMAPABLE, ring buffers, arenas, perf events. They stay valid when the descriptor is closed. Writing
   * through a mapping that is not writable is a crash on linux. The embedded kernel's are detached (length 0) when its memory
   * grows: map again then.
   */
  mmap(fd: Fd, offset: number, length: number, writable: boolean): Uint8Array
  /** Gives a mapping back. Its bytes must not be used any more; on linux they read as zero. Twice is harmless. */
  munmap(bytes: Uint8Array): void
  /** Raw BTF of the kernel itself, undefined where it has none. */
  vmlinuxBtf(): Uint8Array | undefined
  /** The kernel's build configuration (CONFIG_… lines), undefined where it does not tell. */
  config(): string | undefined
  [Symbol.dispose](): void
}
