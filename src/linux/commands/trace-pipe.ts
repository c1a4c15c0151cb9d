import { type Fd, KernelError } from '../../kernel/index.js'
import type { LinuxSession } from '../session.js'
import { NR } from '../syscall-numbers.js'

const O_NONBLOCK = 0o4000
const O_CLOEXEC = 0o2000000
const FSOPEN_CLOEXEC = 1
const FSCONFIG_CMD_CREATE = 6
const FSMOUNT_CLOEXEC = 1
const MOUNT_ATTR_RDONLY = 1
const AT_FDCWD = -100

/** Opens trace_pipe where tracefs is mounted, else in a mount of our own that has no place in the file system. */
export function tracePipeOpen(session: LinuxSession): Fd {
  for (const path of ['/sys/kernel/tracing/trace_pipe', '/sys/kernel/debug/tracing/trace_pipe']) {
    const fd = openAt(session, AT_FDCWD, path, O_NONBLOCK)
    if (fd >= 0) return session.own(fd as Fd)
  }
  const mount = detachedTracefs(session)
  const fd = openAt(session, mount, 'trace_pipe', O_NONBLOCK)
  const errno = session.sys.errno()
  session.sys.syscall(NR.close, mount, 0, 0)
  if (fd < 0) throw new KernelError(errno, 'trace_pipe_open')
  return session.own(fd as Fd)
}

function openAt(session: LinuxSession, directory: number, path: string, flags: number): number {
  const address = session.arena.putString(path)
  return session.sys.syscall6(NR.openat, directory, address, flags | O_CLOEXEC, 0, 0, 0)
}

function detachedTracefs(session: LinuxSession): number {
  const { sys, arena } = session
  const fail = (): never => {
    const hint = 'tracefs is not mounted, and mounting one needs CAP_SYS_ADMIN'
    throw new KernelError(sys.errno(), 'trace_pipe_open', { hint })
  }
  const context = sys.syscall(NR.fsopen, arena.putString('tracefs'), FSOPEN_CLOEXEC, 0)
  if (context < 0) fail()
  try {
    if (sys.syscall6(NR.fsconfig, context, FSCONFIG_CMD_CREATE, 0, 0, 0, 0) < 0) fail()
    const mount = sys.syscall(NR.fsmount, context, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY)
    return mount < 0 ? fail() : mount
  } finally {
    sys.syscall(NR.close, context, 0, 0)
  }
}
