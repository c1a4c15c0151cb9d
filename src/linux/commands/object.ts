import { cString } from '../../base/index.js'
import { type Fd, KernelError, type ProgAttachRequest, type ProgQueryResult, type Request } from '../../kernel/index.js'
import type { LinuxSession } from '../session.js'

export function objPin(session: LinuxSession, r: Request<'obj_pin'>): void {
  session.attr().text(0, r.pathname).u32(8, r.bpfFd).u32(12, r.fileFlags).u32(16, r.pathFd).call(6, 'obj_pin')
}

export function objGet(session: LinuxSession, r: Request<'obj_get'>): Fd {
  return session.own(session.attr().text(0, r.pathname).u32(12, r.fileFlags).u32(16, r.pathFd).call(7, 'obj_get') as Fd)
}

export function nextId(session: LinuxSession, cmd: number, name: string, startId: number): number {
  const attr = session.attr().u32(0, startId)
  attr.call(cmd, name)
  return attr.getU32(4)
}

export function fdById(session: LinuxSession, cmd: number, name: string, id: number, openFlags?: number): Fd {
  return session.own(session.attr().u32(0, id).u32(8, openFlags).call(cmd, name) as Fd)
}

export function btfLoad(session: LinuxSession, r: Request<'btf_load'>): { fd: Fd; log: string } {
  const attr = session.attr().bytes(0, r.btf).u32(16, r.btf.length).u32(32, r.btfFlags).u32(36, r.tokenFd)
  const size = r.logSize ?? 1 << 20
  const log = r.logLevel ? attr.u32(20, size).u32(24, r.logLevel).out(8, size) : undefined
  const result = attr.try(18)
  const text = log === undefined ? '' : cString(log)
  if (result < 0)
    throw new KernelError(
      result,
      'btf_load',
      text === '' ? {} : { log: text, detail: text.trimEnd().split('\n').at(-1) ?? '' },
    )
  return { fd: session.own(result as Fd), log: text }
}

export function progAttach(session: LinuxSession, r: ProgAttachRequest): void {
  attachAttr(session, r).call(8, 'prog_attach')
}

export function progDetach(session: LinuxSession, r: Request<'prog_detach'>): void {
  attachAttr(session, r).call(9, 'prog_detach')
}

function attachAttr(session: LinuxSession, r: Request<'prog_detach'>) {
  return session
    .attr()
    .u32(0, r.targetFd ?? r.targetIfindex)
    .u32(4, r.attachBpfFd)
    .u32(8, r.attachType)
    .u32(12, r.attachFlags)
    .u32(16, r.replaceBpfFd)
    .u32(20, r.relativeFd ?? r.relativeId)
    .u64(24, r.expectedRevision)
}

export function progQuery(session: LinuxSession, r: Request<'prog_query'>): ProgQueryResult {
  const first = session
    .attr()
    .u32(0, r.targetFd ?? r.targetIfindex)
    .u32(4, r.attachType)
    .u32(8, r.queryFlags)
  first.call(16, 'prog_query')
  const count = first.getU32(24)
  // Links report their ids and flags only where the hook keeps them: arrays for them are refused elsewhere.
  const attr = session
    .attr()
    .u32(0, r.targetFd ?? r.targetIfindex)
    .u32(4, r.attachType)
    .u32(8, r.queryFlags)
    .u32(24, count)
  const ids = attr.out(16, Math.max(1, count) * 4)
  if (count > 0) attr.call(16, 'prog_query')
  const progIds = [...new Uint32Array(ids.slice().buffer, 0, count)]
  return {
    attachFlags: attr.getU32(12),
    progIds,
    progAttachFlags: [],
    linkIds: [],
    linkAttachFlags: [],
    revision: count > 0 ? attr.getU64(56) : first.getU64(56),
  }
}

export function taskFdQuery(session: LinuxSession, r: Request<'task_fd_query'>) {
  const attr = session.attr().u32(0, r.pid).u32(4, r.fd).u32(8, r.flags).u32(12, 512)
  const name = attr.out(16, 512)
  attr.call(20, 'task_fd_query')
  return {
    progId: attr.getU32(24),
    fdType: attr.getU32(28),
    name: cString(name),
    probeOffset: attr.getU64(32),
    probeAddr: attr.getU64(40),
  }
}

export function progStreamRead(session: LinuxSession, r: Request<'prog_stream_read_by_fd'>): Uint8Array {
  const attr = session.attr().u32(8, r.size).u32(12, r.streamId).u32(16, r.progFd)
  const data = attr.out(0, r.size)
  return data.slice(0, attr.call(38, 'prog_stream_read_by_fd'))
}
