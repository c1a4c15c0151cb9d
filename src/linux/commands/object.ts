import { cString } from '../../base/index.js'
import {
  errorCode,
  type Fd,
  KernelError,
  type ProgAttachRequest,
  type ProgQueryResult,
  type Request,
} from '../../kernel/index.js'
import { ATTACH_TYPES, type AttachTypeRow } from '../../spec/index.js'
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

/** Hooks that keep links and flags beside programs (tcx, netkit). Others refuse arrays for them. */
const KEEPS_LINKS: ReadonlySet<number> = new Set([46, 47, 54, 55])
const QUERY_EFFECTIVE = 1

export function progQuery(session: LinuxSession, r: Request<'prog_query'>): ProgQueryResult {
  const ask = () =>
    session
      .attr()
      .u32(0, r.targetFd ?? r.targetIfindex)
      .u32(4, r.attachType)
      .u32(8, r.queryFlags)
  // Room that was enough may not be when asked again: somebody else may attach meanwhile.
  for (let attempt = 0; ; attempt++) {
    const first = ask()
    first.call(16, 'prog_query')
    const room = first.getU32(24)
    const none = { progIds: [], progAttachFlags: [], linkIds: [], linkAttachFlags: [] }
    if (room === 0) return { attachFlags: first.getU32(12), revision: first.getU64(56), ...none }
    const attr = ask().u32(24, room)
    const links = KEEPS_LINKS.has(r.attachType)
    const flags = links || (isCgroup(r.attachType) && ((r.queryFlags ?? 0) & QUERY_EFFECTIVE) === 0)
    const lists = [
      attr.out(16, room * 4),
      flags ? attr.out(32, room * 4) : undefined,
      links ? attr.out(40, room * 4) : undefined,
      links ? attr.out(48, room * 4) : undefined,
    ]
    try {
      attr.call(16, 'prog_query')
    } catch (error) {
      if (errorCode(error) === 'ENOSPC' && attempt < 5) continue
      throw error
    }
    const count = Math.min(room, attr.getU32(24))
    const [progIds = [], progAttachFlags = [], linkIds = [], linkAttachFlags = []] = lists.map((list) =>
      list === undefined ? [] : [...new Uint32Array(list.slice().buffer, 0, count)],
    )
    const revision = attr.getU64(56)
    return { attachFlags: attr.getU32(12), progIds, progAttachFlags, linkIds, linkAttachFlags, revision }
  }
}

function isCgroup(attachType: number): boolean {
  const row: AttachTypeRow | undefined = ATTACH_TYPES[attachType]
  return row?.target === 'cgroup'
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
  return data.slice(0, attr.call(37, 'prog_stream_read_by_fd'))
}
