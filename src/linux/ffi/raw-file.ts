import { KernelError } from '../../kernel/index.js'
import { NR } from '../syscall-numbers.js'
import { Arena } from './arena.js'
import type { Sys } from './sys.js'

const AT_FDCWD = -100
const O_CLOEXEC = 0o2000000

let strings: Arena | undefined

/**
 * open(2) past node:fs. Node keeps a list of the descriptors a worker opened through it and closes those at its end: one that
 * is handed on to a session, or closed by number, must never be on that list. Throws KernelError.
 */
export function openRaw(sys: Sys, path: string, flags: number, syscall: string, mode = 0): number {
  strings ??= new Arena(sys)
  strings.reset()
  const fd = sys.syscall6(NR.openat, AT_FDCWD, strings.putString(path), flags | O_CLOEXEC, mode, 0, 0)
  if (fd < 0) throw new KernelError(sys.errno(), syscall, { detail: path })
  return fd
}

/** Closes what openRaw(), or a system call of ours, opened and no session owns. */
export function closeRaw(sys: Sys, fd: number): void {
  sys.syscall(NR.close, fd, 0, 0)
}
