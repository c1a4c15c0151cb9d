import {
  type BpfFilter,
  type FilterSelector,
  KernelError,
  type NewFilterRequest,
  type Qdisc,
  type QdiscRequest,
} from '../../kernel/index.js'
import { tca_bpf } from '../../spec/index.js'
import type { LinuxSession } from '../session.js'
import { Attributes, NetlinkMessage, NLM_F, viewOf } from './message.js'
import { rtnetlink } from './socket.js'

const RTM = { NEWQDISC: 36, DELQDISC: 37, GETQDISC: 38, NEWTFILTER: 44, DELTFILTER: 45, GETTFILTER: 46 } as const
const TCA = { KIND: 1, OPTIONS: 2, CHAIN: 11 } as const
const NLM_F_ECHO = 8
const ETH_P_ALL = 3

/** struct tcmsg. */
function header(
  type: number,
  flags: number,
  ifindex: number,
  handle: number,
  parent: number,
  info: number,
): NetlinkMessage {
  return new NetlinkMessage(type, flags).u8(0).u8(0).u16(0).u32(ifindex).u32(handle).u32(parent).u32(info)
}

const swap16 = (value: number): number => ((value & 0xff) << 8) | ((value >>> 8) & 0xff)

export function rtmGetqdisc(session: LinuxSession, r: Pick<QdiscRequest, 'netns' | 'ifindex'>): Qdisc[] {
  const message = header(RTM.GETQDISC, NLM_F.REQUEST | NLM_F.DUMP, r.ifindex, 0, 0, 0)
  return rtnetlink(session, r.netns, 'rtm_getqdisc', message)
    .filter((answer) => answer.type === RTM.NEWQDISC)
    .map(({ body }) => {
      const view = viewOf(body)
      return {
        ifindex: view.getInt32(4, true),
        handle: view.getUint32(8, true),
        parent: view.getUint32(12, true),
        kind: new Attributes(body, 20).text(TCA.KIND) ?? '',
      }
    })
    .filter((qdisc) => qdisc.ifindex === r.ifindex)
}

export function rtmNewqdisc(session: LinuxSession, r: QdiscRequest): void {
  const flags = NLM_F.REQUEST | NLM_F.ACK | NLM_F.CREATE | NLM_F.EXCL
  const message = header(RTM.NEWQDISC, flags, r.ifindex, r.handle, r.parent, 0).attrText(TCA.KIND, r.kind)
  rtnetlink(session, r.netns, 'rtm_newqdisc', message)
}

export function rtmDelqdisc(session: LinuxSession, r: QdiscRequest): void {
  const message = header(RTM.DELQDISC, NLM_F.REQUEST | NLM_F.ACK, r.ifindex, r.handle, r.parent, 0)
  rtnetlink(session, r.netns, 'rtm_delqdisc', message.attrText(TCA.KIND, r.kind))
}

function filterHeader(type: number, flags: number, r: FilterSelector): NetlinkMessage {
  const info = (((r.priority ?? 0) << 16) | (r.priority === undefined ? 0 : swap16(r.protocol ?? ETH_P_ALL))) >>> 0
  const message = header(type, flags, r.ifindex, r.handle ?? 0, r.parent, info)
  return message.attrU32(TCA.CHAIN, r.chain)
}

/** The filters of one place; those without options (a classifier's own line) are left out. */
export function rtmGettfilter(session: LinuxSession, r: FilterSelector): BpfFilter[] {
  const message = filterHeader(RTM.GETTFILTER, NLM_F.REQUEST | NLM_F.DUMP, r)
  return rtnetlink(session, r.netns, 'rtm_gettfilter', message)
    .filter((answer) => answer.type === RTM.NEWTFILTER)
    .map(({ body }) => parseFilter(body))
    .filter((filter) => filter.ifindex === r.ifindex && filter.handle !== 0)
    .filter((filter) => r.handle === undefined || filter.handle === r.handle)
}

export function rtmNewtfilter(session: LinuxSession, r: NewFilterRequest): BpfFilter {
  const mode = r.mode === 'create' ? NLM_F.CREATE | NLM_F.EXCL : NLM_F.CREATE | NLM_F.REPLACE
  const selector = { ...r, priority: r.priority ?? 0 }
  const message = filterHeader(RTM.NEWTFILTER, NLM_F.REQUEST | NLM_F.ACK | NLM_F_ECHO | mode, selector)
  message
    .attrText(TCA.KIND, r.kind ?? 'bpf')
    .nest(TCA.OPTIONS, (options) =>
      options
        .attrU32(tca_bpf.TCA_BPF_FD, r.progFd)
        .attrText(tca_bpf.TCA_BPF_NAME, r.name)
        .attrU32(tca_bpf.TCA_BPF_FLAGS, r.flags)
        .attrU32(tca_bpf.TCA_BPF_FLAGS_GEN, r.flagsGen)
        .attrU32(tca_bpf.TCA_BPF_CLASSID, r.classid),
    )
  const answer = rtnetlink(session, r.netns, 'rtm_newtfilter', message).find((one) => one.type === RTM.NEWTFILTER)
  if (answer === undefined) throw new KernelError('ENOENT', 'rtm_newtfilter', { detail: 'the kernel told no filter' })
  return parseFilter(answer.body)
}

export function rtmDeltfilter(session: LinuxSession, r: FilterSelector): void {
  // Any protocol, where none is named.
  const message = filterHeader(RTM.DELTFILTER, NLM_F.REQUEST | NLM_F.ACK, { ...r, protocol: r.protocol ?? 0 })
  if (r.handle !== undefined) message.attrText(TCA.KIND, 'bpf')
  rtnetlink(session, r.netns, 'rtm_deltfilter', message)
}

function parseFilter(body: Uint8Array): BpfFilter {
  const view = viewOf(body)
  const attrs = new Attributes(body, 20)
  const options = attrs.nested(TCA.OPTIONS)
  const info = view.getUint32(16, true)
  return {
    ifindex: view.getInt32(4, true),
    handle: view.getUint32(8, true),
    parent: view.getUint32(12, true),
    priority: info >>> 16,
    protocol: swap16(info & 0xffff),
    chain: attrs.u32(TCA.CHAIN) ?? 0,
    kind: attrs.text(TCA.KIND) ?? '',
    name: options.text(tca_bpf.TCA_BPF_NAME) ?? '',
    progId: options.u32(tca_bpf.TCA_BPF_ID) ?? 0,
    tag: options.bytes(tca_bpf.TCA_BPF_TAG)?.slice() ?? new Uint8Array(0),
    flags: options.u32(tca_bpf.TCA_BPF_FLAGS) ?? 0,
    flagsGen: options.u32(tca_bpf.TCA_BPF_FLAGS_GEN) ?? 0,
    classid: options.u32(tca_bpf.TCA_BPF_CLASSID) ?? 0,
  }
}
