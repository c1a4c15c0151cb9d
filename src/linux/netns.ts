import { mkdirSync, unlinkSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { ERRNO, UsageError } from '../base/index.js'
import { type Fd, KernelError } from '../kernel/index.js'
import { closeRaw, openRaw } from './ffi/raw-file.js'
import { loadSys, type Sys } from './ffi/sys.js'
import { fileCall } from './files.js'
import type { LinuxSession } from './session.js'
import { NR } from './syscall-numbers.js'

const CLONE_NEWNET = 0x4000_0000
/** The calling thread's own: namespaces belong to threads, and a worker may be elsewhere than the main thread. */
const OWN = '/proc/thread-self/ns/net'

/**
 * Runs `enter`, then `run`, and goes back to the namespace of before. A thread that cannot go back would address
 * other devices than it means from then on: the process ends.
 */
function away<T>(sys: Sys, enter: () => void, run: () => T): T {
  const home = openRaw(sys, OWN, 0, 'setns')
  try {
    enter()
    try {
      const result = run()
      if (result instanceof Promise) {
        throw new UsageError('the function for withNetns returned a promise', 'only synchronous work stays inside')
      }
      return result
    } finally {
      if (sys.syscall(NR.setns, home, CLONE_NEWNET, 0) !== 0) {
        process.stderr.write('skep: cannot return to the network namespace, errno ' + sys.errno() + '\n')
        process.abort()
      }
    }
  } finally {
    closeRaw(sys, home)
  }
}

function enterNetns(sys: Sys, fd: number): void {
  if (sys.syscall(NR.setns, fd, CLONE_NEWNET, 0) !== 0) {
    throw new KernelError(sys.errno(), 'setns', { hint: 'is this a network namespace, and are you root in it?' })
  }
}

/** Runs synchronous work in the network namespace of a descriptor; without one where the thread is. */
export function inNetns<T>(session: LinuxSession, netns: Fd | undefined, run: () => T): T {
  const target = netns ?? session.netns
  return target === undefined ? run() : away(session.sys, () => enterNetns(session.sys, target), run)
}

/** Calls of this session that name no namespace are made in this one from now on; other sessions are not touched. */
export function setns(session: LinuxSession, r: { readonly netns: Fd }): void {
  away(
    session.sys,
    () => enterNetns(session.sys, r.netns),
    () => undefined,
  )
  const before = session.netns
  session.netns = session.own(session.dup(r.netns))
  if (before !== undefined) session.close(before)
}

const MS_BIND = 0x1000
const MNT_DETACH = 2

/** `ip netns add`: an empty file with the namespace mounted on it. */
export function netnsBind(session: LinuxSession, r: { readonly netns: Fd; readonly path: string }): void {
  const { sys, arena } = session
  fileCall('netns_bind', () => {
    mkdirSync(dirname(r.path), { recursive: true })
    writeFileSync(r.path, '', { flag: 'wx', mode: 0 })
  })
  const from = arena.putString(`/proc/self/fd/${r.netns}`)
  if (sys.syscall6(NR.mount, from, arena.putString(r.path), arena.putString('none'), MS_BIND, 0, 0) < 0) {
    const errno = sys.errno()
    unlinkSync(r.path)
    throw new KernelError(errno, 'netns_bind', { detail: r.path })
  }
}

export function netnsUnbind(session: LinuxSession, r: { readonly path: string }): void {
  const { sys, arena } = session
  if (sys.syscall(NR.umount2, arena.putString(r.path), MNT_DETACH, 0) < 0 && sys.errno() !== ERRNO.EINVAL) {
    throw new KernelError(sys.errno(), 'netns_unbind', { detail: r.path })
  }
  fileCall('netns_unbind', () => unlinkSync(r.path))
}

/**
 * Runs synchronous work in the network namespace at `path` (/run/netns/NAME, /proc/PID/ns/net) and comes back whatever
 * happens. Sockets opened inside stay in that namespace; an ifindex read inside means nothing outside.
 * Throws KernelError, UsageError for work that returns a promise, and what the work throws.
 */
export function withNetns<T>(path: string, run: () => T): T {
  const sys = loadSys()
  const fd = openRaw(sys, path, 0, 'open')
  try {
    return away(sys, () => enterNetns(sys, fd), run)
  } finally {
    closeRaw(sys, fd)
  }
}

export function netnsOpen(session: LinuxSession, r: { readonly path?: string }): Fd {
  if (r.path === undefined && session.netns !== undefined) return session.own(session.dup(session.netns))
  return session.own(openRaw(session.sys, r.path ?? OWN, 0, 'netns_open') as Fd)
}

/** A new namespace: made on a side step of this thread, kept by the descriptor. */
export function netnsCreate(session: LinuxSession): Fd {
  const { sys } = session
  const enter = (): void => {
    if (sys.syscall(NR.unshare, CLONE_NEWNET, 0, 0) !== 0) throw new KernelError(sys.errno(), 'netns_create')
  }
  return session.own(away(sys, enter, () => openRaw(sys, OWN, 0, 'netns_create')) as Fd)
}
