import { ERRNO } from '../../base/index.js'
import { type Fd, KernelError, type PerfEventOpenRequest, type Request } from '../../kernel/index.js'
import { closeRaw, openRaw } from '../ffi/raw-file.js'
import { inNetns } from '../netns.js'
import type { LinuxSession } from '../session.js'
import { NR } from '../syscall-numbers.js'

const SOCK_CLOEXEC = 0o2000000
const PERF_ATTR_SIZE = 128
const PERF_FLAG_FD_CLOEXEC = 8

function check(session: LinuxSession, result: number, syscall: string, hint?: string): number {
  if (result < 0) throw new KernelError(session.sys.errno(), syscall, hint === undefined ? {} : { hint })
  return result
}

export function open(session: LinuxSession, r: Request<'open'>): Fd {
  return session.own(openRaw(session.sys, r.path, r.flags ?? 0, 'open', r.mode) as Fd)
}

export function read(session: LinuxSession, r: Request<'read'>): Uint8Array {
  const span = session.arena.alloc(r.size)
  for (let attempt = 0; ; attempt++) {
    const length = session.sys.syscall(NR.read, r.fd, span.address, r.size)
    if (length >= 0) return span.bytes.slice(0, length)
    const errno = session.sys.errno()
    if (errno !== ERRNO.EINTR || attempt > 10) throw new KernelError(errno, 'read')
  }
}

export function ioctl(session: LinuxSession, r: Request<'ioctl'>): number {
  return check(session, session.sys.syscall(NR.ioctl, r.fd, r.request, r.arg ?? 0), 'ioctl')
}

export function socket(session: LinuxSession, r: Request<'socket'>): Fd {
  return inNetns(session, r.netns, () => {
    const fd = session.sys.syscall(NR.socket, r.domain, r.type | SOCK_CLOEXEC, r.protocol ?? 0)
    return session.own(check(session, fd, 'socket') as Fd)
  })
}

export function setsockopt(session: LinuxSession, r: Request<'setsockopt'>): void {
  const value = session.arena.put(r.value)
  const { sys } = session
  check(session, sys.syscall6(NR.setsockopt, r.fd, r.level, r.name, value, r.value.length, 0), 'setsockopt')
}

export function perfEventOpen(session: LinuxSession, r: PerfEventOpenRequest): Fd {
  const { view, address } = session.arena.alloc(PERF_ATTR_SIZE)
  const quad = (offset: number, value: bigint | undefined): void => {
    if (value !== undefined) view.setBigUint64(offset, BigInt.asUintN(64, value), true)
  }
  const FREQ = 1n << 10n
  view.setUint32(0, r.type, true)
  view.setUint32(4, PERF_ATTR_SIZE, true)
  quad(8, r.config)
  quad(16, r.sampleFreq ?? r.samplePeriod)
  quad(24, r.sampleType)
  quad(32, r.readFormat)
  quad(40, (r.attrFlags ?? 0n) | (r.sampleFreq === undefined ? 0n : FREQ))
  view.setUint32(48, r.wakeupEvents ?? 0, true)
  quad(56, r.probeName === undefined ? r.config1 : BigInt(session.arena.putString(r.probeName)))
  quad(64, r.config2)
  const fd = session.sys.syscall6(
    NR.perfEventOpen,
    address,
    r.pid ?? -1,
    r.cpu ?? -1,
    r.groupFd ?? -1,
    (r.flags ?? 0) | PERF_FLAG_FD_CLOEXEC,
    0,
  )
  return session.own(check(session, fd, 'perf_event_open') as Fd)
}

const FSCONFIG_CMD_CREATE = 6

export function fsmount(session: LinuxSession, r: Request<'fsmount'>): Fd {
  const { sys, arena } = session
  const hint = 'mounting needs root and Linux 5.2'
  const context = check(session, sys.syscall(NR.fsopen, arena.putString(r.fsName), 1, 0), 'fsmount', hint)
  try {
    check(session, sys.syscall6(NR.fsconfig, context, FSCONFIG_CMD_CREATE, 0, 0, 0, 0), 'fsmount', hint)
    return session.own(check(session, sys.syscall(NR.fsmount, context, 1, 0), 'fsmount', hint) as Fd)
  } finally {
    closeRaw(sys, context)
  }
}
