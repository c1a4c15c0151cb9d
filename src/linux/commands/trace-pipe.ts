import { ERRNO } from '../../base/index.js'
import { type Fd, KernelError, type Request } from '../../kernel/index.js'
import type { LinuxSession } from '../session.js'
import { NR } from '../syscall-numbers.js'

const O_WRONLY = 1
const O_NONBLOCK = 0o4000
const O_DIRECTORY = process.arch === 'arm64' ? 0o40000 : 0o200000
const O_PATH = 0o10000000
const O_CLOEXEC = 0o2000000
const FSOPEN_CLOEXEC = 1
const FSCONFIG_CMD_CREATE = 6
const FSMOUNT_CLOEXEC = 1
const AT_FDCWD = -100

/** Opens trace_pipe where tracefs is mounted, else in a mount of our own that has no place in the file system. */
export function tracePipeOpen(session: LinuxSession, r: Request<'trace_pipe_open'>): Fd {
  const directory = tracefs(session)
  try {
    const wasOff = !isTracing(session, directory)
    if (wasOff) {
      if (r.turnOn !== true) {
        const hint = 'tracing is off on this machine (tracing_on is 0): nothing would come; ask to turn it on'
        throw new KernelError('ENODATA', 'trace_pipe_open', { hint })
      }
      setTracing(session, directory, true)
    }
    const fd = openAt(session, directory, 'trace_pipe', O_NONBLOCK)
    if (fd < 0) throw new KernelError(session.sys.errno(), 'trace_pipe_open')
    session.own(fd as Fd)
    if (wasOff) session.onClose(fd as Fd, () => turnOff(session))
    return fd as Fd
  } finally {
    session.sys.syscall(NR.close, directory, 0, 0)
  }
}

function isTracing(session: LinuxSession, directory: number): boolean {
  const fd = openAt(session, directory, 'tracing_on', 0)
  if (fd < 0) return true
  const { bytes, address } = session.arena.alloc(8)
  session.sys.syscall(NR.read, fd, address, 8)
  session.sys.syscall(NR.close, fd, 0, 0)
  return bytes[0] !== 0x30
}

/** The machine is left as it was found. */
function turnOff(session: LinuxSession): void {
  const directory = tracefs(session)
  try {
    setTracing(session, directory, false)
  } finally {
    session.sys.syscall(NR.close, directory, 0, 0)
  }
}

function setTracing(session: LinuxSession, directory: number, on: boolean): void {
  const fd = openAt(session, directory, 'tracing_on', O_WRONLY)
  const written = fd < 0 ? -1 : session.sys.syscall(NR.write, fd, session.arena.putString(on ? '1\n' : '0\n'), 2)
  const errno = session.sys.errno()
  if (fd >= 0) session.sys.syscall(NR.close, fd, 0, 0)
  if (written < 0) throw new KernelError(errno, 'trace_pipe_open', { hint: 'tracing_on cannot be written' })
}

/** A descriptor of tracefs' root. */
function tracefs(session: LinuxSession): number {
  for (const path of ['/sys/kernel/tracing', '/sys/kernel/debug/tracing']) {
    const directory = openAt(session, AT_FDCWD, path, O_DIRECTORY)
    if (directory < 0) continue
    const probe = openAt(session, directory, 'trace_pipe', O_PATH)
    if (probe >= 0) {
      session.sys.syscall(NR.close, probe, 0, 0)
      return directory
    }
    const errno = session.sys.errno()
    session.sys.syscall(NR.close, directory, 0, 0)
    // The directory is there without a mount: an empty one.
    if (errno !== ERRNO.ENOENT) throw new KernelError(errno, 'trace_pipe_open', { hint: 'tracefs is for root' })
  }
  return detachedTracefs(session)
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
    const mount = sys.syscall(NR.fsmount, context, FSMOUNT_CLOEXEC, 0)
    return mount < 0 ? fail() : mount
  } finally {
    sys.syscall(NR.close, context, 0, 0)
  }
}
