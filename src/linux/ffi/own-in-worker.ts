import { closeSync, openSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'
import { NR } from '../syscall-numbers.js'
import type { Sys } from './sys.js'

const O_CLOEXEC = 0o2000000

/** A descriptor of node:fs that waits to be used: the time in which a new one is nobody's is as short as can be. */
let spare = -1

/** Makes the first spare descriptor; before anything else is opened. */
export function prepareWorker(): void {
  if (!isMainThread && spare < 0) spare = openSync('/dev/null', 'r')
}

/**
 * Makes a descriptor end with its thread. Descriptors belong to the process, and a worker may be terminated at any instruction;
 * Node closes what a worker opened through node:fs and nothing else. So the descriptor moves into a number that node:fs gave.
 * Returns the number to use from now on; close it with node:fs.
 */
export function ownInWorker(sys: Sys, fd: number): number {
  if (isMainThread) return fd
  const slot = spare >= 0 ? spare : openSync('/dev/null', 'r')
  spare = -1
  if (sys.syscall(NR.dup3, fd, slot, O_CLOEXEC) < 0) {
    closeSync(slot)
    return fd
  }
  sys.syscall(NR.close, fd, 0, 0)
  prepareWorker()
  return slot
}
