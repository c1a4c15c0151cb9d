import type { Fd, LinkCreateRequest, Request } from '../../kernel/index.js'
import type { LinuxSession } from '../session.js'

export function linkCreate(session: LinuxSession, r: LinkCreateRequest): Fd {
  const attr = session
    .attr()
    .u32(0, r.progFd)
    .u32(4, r.targetFd ?? r.targetIfindex)
    .u32(8, r.attachType)
    .u32(12, r.flags)
  if (r.kprobeMulti !== undefined) {
    const multi = r.kprobeMulti
    const names = multi.syms?.map((name) => attr.arena.putString(name))
    attr
      .u32(16, multi.flags)
      .u32(20, names?.length ?? multi.addrs?.length ?? 0)
      .bytes(24, names && quads(names.map(BigInt)))
      .bytes(32, multi.addrs && quads(multi.addrs))
      .bytes(40, multi.cookies && quads(multi.cookies))
  } else if (r.uprobeMulti !== undefined) {
    const multi = r.uprobeMulti
    attr
      .text(16, multi.path)
      .bytes(24, quads(multi.offsets))
      .bytes(32, multi.refCtrOffsets && quads(multi.refCtrOffsets))
      .bytes(40, multi.cookies && quads(multi.cookies))
      .u32(48, multi.offsets.length)
      .u32(52, multi.flags)
      .u32(56, multi.pid)
  } else if (r.netfilter !== undefined) {
    const filter = r.netfilter
    attr
      .u32(16, filter.pf)
      .u32(20, filter.hooknum)
      .u32(24, filter.priority >>> 0)
      .u32(28, filter.flags)
  } else if (r.tracing !== undefined) {
    attr.u32(16, r.tracing.targetBtfId).u64(24, r.tracing.cookie)
  } else if (r.iterInfo !== undefined) {
    attr.bytes(16, r.iterInfo).u32(24, r.iterInfo.length)
  } else if (r.perfEventBpfCookie !== undefined) {
    attr.u64(16, r.perfEventBpfCookie)
  } else {
    attr.u32(16, r.targetBtfId ?? r.relativeFd ?? r.relativeId).u64(24, r.expectedRevision)
  }
  return session.own(attr.call(28, 'link_create') as Fd)
}

export function linkUpdate(session: LinuxSession, r: Request<'link_update'>): void {
  session
    .attr()
    .u32(0, r.linkFd)
    .u32(4, r.newProgFd ?? r.newMapFd)
    .u32(8, r.flags)
    .u32(12, r.oldProgFd ?? r.oldMapFd)
    .call(29, 'link_update')
}

function quads(values: readonly bigint[]): Uint8Array {
  return new Uint8Array(BigUint64Array.from(values).buffer)
}
