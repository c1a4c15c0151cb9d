import { createRequire } from 'node:module'
import { UsageError } from '../../base/index.js'

/** The few entries into libc that the linux kernel needs. Addresses are plain numbers below 2^47. */
export interface Sys {
  /** syscall(2) with up to three arguments after the number. Returns -1 on error: read errno() at once. */
  syscall(nr: number, a: number, b: number, c: number): number
  /** The same with six arguments. */
  syscall6(nr: number, a: number, b: number, c: number, d: number, e: number, f: number): number
  errno(): number
  /** Memory at an address. It must stay mapped as long as the process runs. */
  view(address: number, length: number): ArrayBuffer
  /** Address of a buffer's first byte. It does not keep the buffer alive. */
  address(buffer: Uint8Array): number
  /**
   * Calls `ready` in the event loop while the descriptor is readable. Fragile: the descriptor must stay open and be pollable, and
   * nobody else may poll it; what `ready` throws is lost. Only ffi/poller.ts uses it.
   */
  poll(fd: number, ready: () => void): PollHandle
}

/** Must stay reachable, and must not be touched after close(). */
export interface PollHandle {
  ref(): void
  unref(): void
  close(): void
}

let loaded: Sys | undefined

/** Loads koffi (an optional dependency) once. Throws UsageError naming the cause where it is missing. */
export function loadSys(): Sys {
  if (loaded !== undefined) return loaded
  if (process.platform !== 'linux') {
    throw new UsageError(`the linux kernel needs Linux; this is ${process.platform}`, 'use the embedded kernel here')
  }
  const require = createRequire(import.meta.url)
  let koffi: typeof import('koffi')
  try {
    koffi = require('koffi')
  } catch (cause) {
    throw new UsageError(
      `the linux kernel needs the optional dependency koffi, which cannot be loaded: ${(cause as Error).message.split('\n')[0]}`,
      'npm install koffi (it is left out by --omit=optional)',
    )
  }
  const libc = koffi.load(null)
  // Non-variadic on purpose: every argument is an integer register, which is what syscall(2) reads.
  const syscall = libc.func('long syscall(long nr, long a, long b, long c)') as unknown as Sys['syscall']
  const syscall6 = libc.func(
    'long syscall(long nr, long a, long b, long c, long d, long e, long f)',
  ) as unknown as Sys['syscall6']
  loaded = {
    syscall: (nr, a, b, c) => Number(syscall(nr, a, b, c)),
    syscall6: (nr, a, b, c, d, e, f) => Number(syscall6(nr, a, b, c, d, e, f)),
    errno: () => koffi.errno(),
    view: (address, length) => koffi.view(BigInt(address), length),
    address: (buffer) => Number(koffi.address(buffer)),
    poll: (fd, ready) => koffi.node.poll(fd, () => ready()),
  }
  return loaded
}
