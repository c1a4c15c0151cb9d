// The running kernel for tests that compare with it: programs loaded and run through the linux kernel of the product, with errnos in
// place of exceptions.
import { type Fd, KernelError } from '#src/kernel/index.js'
import { linux } from '#src/linux/index.js'

export const BPF_PROG_TYPE_SOCKET_FILTER = 1
export const BPF_PROG_TYPE_SCHED_CLS = 3
export const BPF_PROG_TYPE_XDP = 6
export const BPF_PROG_TYPE_SYSCALL = 31

export interface LoadOptions {
  readonly logLevel?: number
  readonly license?: string
  readonly expectedAttachType?: number
  readonly flags?: number
}

/** `fd` is -1 when the load failed; then `errno` says why. */
export interface LoadResult {
  readonly fd: number
  readonly errno: number
  readonly log: string
}

export interface RunResult {
  readonly errno: number
  readonly retval: number
  readonly data: Uint8Array
}

export interface BpfSyscall {
  progLoad(type: number, insns: Uint8Array, options?: LoadOptions): LoadResult
  testRun(fd: number, data: Uint8Array, options?: { readonly repeat?: number; readonly ctx?: Uint8Array }): RunResult
  /** A file descriptor, or a negative errno. */
  mapCreate(type: number, keySize: number, valueSize: number, maxEntries: number, flags?: number): number
  close(fd: number): void
}

function open(): BpfSyscall | string {
  try {
    const session = linux()
    const api: BpfSyscall = {
      progLoad(progType, insns, { logLevel = 0, license = 'GPL', expectedAttachType = 0, flags = 0 } = {}) {
        try {
          const request = { progType, insns, license, logLevel, logSize: 1 << 20, expectedAttachType, progFlags: flags }
          const { fd, log } = session.call('prog_load', request)
          return { fd, errno: 0, log }
        } catch (error) {
          return { fd: -1, errno: errnoOf(error), log: (error as KernelError).log ?? '' }
        }
      },
      testRun(fd, data, { repeat = 1, ctx } = {}) {
        try {
          const run = session.call('prog_test_run', {
            progFd: fd as Fd,
            ...(data.length === 0 ? {} : { dataIn: data, repeat }),
            ...(ctx === undefined ? {} : { ctxIn: ctx }),
          })
          return { errno: 0, retval: run.retval, data: run.dataOut }
        } catch (error) {
          return { errno: errnoOf(error), retval: 0, data: new Uint8Array() }
        }
      },
      mapCreate(mapType, keySize, valueSize, maxEntries, mapFlags = 0) {
        try {
          return session.call('map_create', { mapType, keySize, valueSize, maxEntries, mapFlags })
        } catch (error) {
          return -errnoOf(error)
        }
      },
      close: (fd) => session.call('close', { fd: fd as Fd }),
    }
    const probe = api.progLoad(
      BPF_PROG_TYPE_SOCKET_FILTER,
      Uint8Array.of(0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0),
    )
    if (probe.fd < 0) return `bpf(2) refuses to load a program (errno ${probe.errno})`
    api.close(probe.fd)
    return api
  } catch (error) {
    return (error as Error).message
  }
}

function errnoOf(error: unknown): number {
  if (error instanceof KernelError) return error.errno
  throw error
}

const opened = open()

/** The running kernel, or undefined where a test cannot reach it. */
export const kernel: BpfSyscall | undefined = typeof opened === 'string' ? undefined : opened

/** For `test(name, { skip: needsKernel }, …)`: false where bpf(2) works, else the reason it does not. */
export const needsKernel: false | string = typeof opened === 'string' ? opened : false
