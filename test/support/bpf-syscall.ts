// bpf(2) for tests that compare with the running kernel: just enough to load a program and run it.
// Buffers handed to the kernel live in one arena on a module variable: koffi.address() does not pin what it points to.

import { closeSync } from 'node:fs'
import { createRequire } from 'node:module'

interface Koffi {
  load(path: string | null): { func(declaration: string): (...args: (number | bigint)[]) => number }
  address(buffer: Uint8Array): bigint | number
  errno(): number
}

const ARENA_BYTES = 32 * 1024 * 1024
const SYS_BPF: Partial<Record<string, number>> = { x64: 321, arm64: 280 }
const BPF_MAP_CREATE = 0
const BPF_PROG_LOAD = 5
const BPF_PROG_TEST_RUN = 10

export const BPF_PROG_TYPE_SOCKET_FILTER = 1
export const BPF_PROG_TYPE_SCHED_CLS = 3
export const BPF_PROG_TYPE_XDP = 6
export const BPF_PROG_TYPE_SYSCALL = 31

export interface LoadOptions {
  readonly logLevel?: number
  readonly logSize?: number
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
  const nr = SYS_BPF[process.arch]
  if (process.platform !== 'linux' || nr === undefined) return 'needs Linux on x64 or arm64'
  let koffi: Koffi
  try {
    koffi = createRequire(import.meta.url)('koffi') as Koffi
  } catch {
    return 'koffi is not installed'
  }
  const syscall = koffi.load(null).func('long syscall(long nr, long cmd, long attr, long size)')
  const arena = new Uint8Array(ARENA_BYTES)
  const view = new DataView(arena.buffer)
  const base = Number(koffi.address(arena))
  const ATTR = 0
  const TEXT = 256
  const BODY = 4096
  const bpf = (cmd: number): number => {
    const result = Number(syscall(nr, cmd, base + ATTR, 160))
    return result < 0 ? -koffi.errno() : result
  }
  const pointer = (at: number, target: number): void => view.setBigUint64(ATTR + at, BigInt(base + target), true)
  const u32 = (at: number, value: number): void => view.setUint32(ATTR + at, value >>> 0, true)
  const begin = (): void => {
    arena.fill(0, ATTR, ATTR + 160)
  }

  const api: BpfSyscall = {
    progLoad(
      type,
      insns,
      { logLevel = 0, logSize = 16 << 20, license = 'GPL', expectedAttachType = 0, flags = 0 } = {},
    ) {
      begin()
      arena.fill(0, TEXT, TEXT + 128)
      new TextEncoder().encodeInto(license, arena.subarray(TEXT, TEXT + 127))
      arena.set(insns, BODY)
      const log = (BODY + insns.length + 4095) & ~4095
      arena[log] = 0
      u32(0, type)
      u32(4, insns.length / 8)
      pointer(8, BODY)
      pointer(16, TEXT)
      if (logLevel > 0) {
        u32(24, logLevel)
        u32(28, Math.min(logSize, ARENA_BYTES - log))
        pointer(32, log)
      }
      u32(44, flags)
      u32(68, expectedAttachType)
      const result = bpf(BPF_PROG_LOAD)
      const end = logLevel > 0 ? arena.indexOf(0, log) : log
      const text = new TextDecoder().decode(arena.slice(log, end < 0 ? ARENA_BYTES : end))
      return { fd: result < 0 ? -1 : result, errno: result < 0 ? -result : 0, log: text }
    },
    testRun(fd, data, { repeat = 1, ctx } = {}) {
      begin()
      const out = BODY + (1 << 20)
      const ctxAt = out + (1 << 20)
      arena.set(data, BODY)
      u32(0, fd)
      if (data.length > 0) {
        u32(8, data.length)
        u32(12, 1 << 20)
        pointer(16, BODY)
        pointer(24, out)
        u32(32, repeat)
      }
      if (ctx !== undefined) {
        arena.set(ctx, ctxAt)
        u32(40, ctx.length)
        pointer(48, ctxAt)
      }
      const result = bpf(BPF_PROG_TEST_RUN)
      const size = view.getUint32(ATTR + 12, true)
      return {
        errno: result < 0 ? -result : 0,
        retval: view.getUint32(ATTR + 4, true),
        data: data.length > 0 ? arena.slice(out, out + Math.min(size, 1 << 20)) : new Uint8Array(),
      }
    },
    mapCreate(type, keySize, valueSize, maxEntries, flags = 0) {
      begin()
      u32(0, type)
      u32(4, keySize)
      u32(8, valueSize)
      u32(12, maxEntries)
      u32(16, flags)
      return bpf(BPF_MAP_CREATE)
    },
    close(fd) {
      closeSync(fd)
    },
  }
  const probe = api.progLoad(
    BPF_PROG_TYPE_SOCKET_FILTER,
    Uint8Array.of(0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0),
  )
  if (probe.fd < 0) return `bpf(2) refuses to load a program (errno ${probe.errno})`
  api.close(probe.fd)
  return api
}

const opened = open()

/** The running kernel, or undefined where a test cannot reach it. */
export const kernel: BpfSyscall | undefined = typeof opened === 'string' ? undefined : opened

/** For `test(name, { skip: needsKernel }, …)`: false where bpf(2) works, else the reason it does not. */
export const needsKernel: false | string = typeof opened === 'string' ? opened : false
