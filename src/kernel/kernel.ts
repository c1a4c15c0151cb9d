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

/**
 * Single elements of one map without request objects or errors: the caller puts key and value into `bytes`, calls, and reads
 * from `bytes`. Every call returns 0 or a negative errno. Good until the descriptor is closed: then each call is -EBADF. The bytes
 * are shared by all who ask for the same descriptor: nothing stays in them from one call to the next.
 */
export interface MapAccess {
  readonly bytes: Uint8Array
  /** Where the key is taken from. */
  readonly keyAt: number
  /** Where nextKey() puts a key. */
  readonly nextAt: number
  /** Where the value is taken from or put. */
  readonly valueAt: number
  readonly keySize: number
  /** Bytes of a value as system calls see it. */
  readonly valueSize: number
  /** `flags` below 2^32. */
  lookup(flags: number): number
  update(flags: number): number
  delete(): number
  /** The key after the one given, or the first one. */
  nextKey(first: boolean): number
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
   * A faster way to the elements of a map; undefined or absent where each call must go through `call`: who decorates `call` to see
   * or change element operations overrides this too. Throws KernelError: EBADF,
   * EINVAL for what is no map.
   */
  mapAccess?(fd: Fd): MapAccess | undefined
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
