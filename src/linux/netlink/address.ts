import type {
  AddressRequest,
  Fd,
  NeighbourRequest,
  NeighbourSelector,
  NetAddress,
  NetNeighbour,
  NetRoute,
  RouteRequest,
} from '../../kernel/index.js'
import type { LinuxSession } from '../session.js'
import { Attributes, NetlinkMessage, NLM_F, viewOf } from './message.js'
import { rtnetlink } from './socket.js'

const RTM_NEWADDR = 20
const RTM_DELADDR = 21
const RTM_GETADDR = 22
const RTM_NEWROUTE = 24
const RTM_DELROUTE = 25
const RTM_GETROUTE = 26
const RTM_NEWNEIGH = 28
const RTM_DELNEIGH = 29
const RTM_GETNEIGH = 30
const IFA = { ADDRESS: 1, LOCAL: 2, LABEL: 3, BROADCAST: 4, FLAGS: 8 } as const
/** An IPv6 address is usable at once, without duplicate address detection. */
const IFA_F_NODAD = 2
const RTA = { DST: 1, OIF: 4, GATEWAY: 5, PRIORITY: 6, PREFSRC: 7, TABLE: 15, ENCAP_TYPE: 21, ENCAP: 22 } as const
const RT_TABLE_MAIN = 254
const RTPROT_STATIC = 4
const RT_SCOPE_LINK = 253
/** Of a route to delete: any. */
const RT_SCOPE_NOWHERE = 255
const RTN_UNICAST = 1
const LWTUNNEL_ENCAP_BPF = 6
const LWT_BPF = { in: 1, out: 2, xmit: 3, XMIT_HEADROOM: 4, PROG_FD: 1, PROG_NAME: 2 } as const
const NDA = { DST: 1, LLADDR: 2 } as const
const NUD_PERMANENT = 0x80

function family(address: Uint8Array): number {
  return address.length === 16 ? 10 : 2
}

function address(session: LinuxSession, name: string, type: number, flags: number, r: AddressRequest): void {
  const message = new NetlinkMessage(type, NLM_F.REQUEST | NLM_F.ACK | flags)
    .u8(family(r.address))
    .u8(r.prefix)
    .u8(r.address.length === 16 ? IFA_F_NODAD : 0)
    .u8(0)
    .u32(r.ifindex)
    .attr(IFA.LOCAL, r.address)
    .attr(IFA.ADDRESS, r.address)
  rtnetlink(session, r.netns, name, message)
}

export function rtmNewaddr(session: LinuxSession, r: AddressRequest): void {
  address(session, 'rtm_newaddr', RTM_NEWADDR, NLM_F.CREATE | NLM_F.EXCL, r)
}

export function rtmDeladdr(session: LinuxSession, r: AddressRequest): void {
  address(session, 'rtm_deladdr', RTM_DELADDR, 0, r)
}

function route(session: LinuxSession, name: string, type: number, flags: number, r: RouteRequest): void {
  const linked = r.gateway === undefined && (r.type ?? RTN_UNICAST) === RTN_UNICAST
  const message = new NetlinkMessage(type, NLM_F.REQUEST | NLM_F.ACK | flags)
    .u8(family(r.destination))
    .u8(r.prefix)
    .u8(0)
    .u8(0)
    .u8(Math.min(r.table ?? RT_TABLE_MAIN, 255))
    .u8(r.protocol ?? (type === RTM_DELROUTE ? 0 : RTPROT_STATIC))
    .u8(r.scope ?? (type === RTM_DELROUTE ? RT_SCOPE_NOWHERE : linked ? RT_SCOPE_LINK : 0))
    .u8(r.type ?? (type === RTM_DELROUTE ? 0 : RTN_UNICAST))
    .u32(0)
    .attr(RTA.DST, r.destination)
    .attrU32(RTA.OIF, r.ifindex)
    .attrU32(RTA.PRIORITY, r.metric)
    .attrU32(RTA.TABLE, r.table)
  if (r.source !== undefined) message.attr(RTA.PREFSRC, r.source)
  if (r.gateway !== undefined) message.attr(RTA.GATEWAY, r.gateway)
  const { bpf } = r
  if (bpf !== undefined) {
    message.attr(RTA.ENCAP_TYPE, Uint8Array.of(LWTUNNEL_ENCAP_BPF, 0))
    message.nest(RTA.ENCAP, (encap) => {
      for (const place of ['in', 'out', 'xmit'] as const) {
        const program = bpf[place]
        if (program === undefined) continue
        encap.nest(LWT_BPF[place], (nest) =>
          nest.attrU32(LWT_BPF.PROG_FD, program.fd).attrText(LWT_BPF.PROG_NAME, program.name),
        )
      }
      encap.attrU32(LWT_BPF.XMIT_HEADROOM, bpf.headroom)
    })
  }
  rtnetlink(session, r.netns, name, message)
}

export function rtmNewroute(session: LinuxSession, r: RouteRequest): void {
  const exists = r.replace === true ? NLM_F.REPLACE : NLM_F.EXCL
  route(session, 'rtm_newroute', RTM_NEWROUTE, NLM_F.CREATE | exists, r)
}

export function rtmDelroute(session: LinuxSession, r: RouteRequest): void {
  route(session, 'rtm_delroute', RTM_DELROUTE, 0, r)
}

export function rtmNewneigh(session: LinuxSession, r: NeighbourRequest): void {
  const message = new NetlinkMessage(RTM_NEWNEIGH, NLM_F.REQUEST | NLM_F.ACK | NLM_F.CREATE | NLM_F.REPLACE)
    .u8(family(r.address))
    .u8(0)
    .u16(0)
    .u32(r.ifindex)
    .u16(NUD_PERMANENT)
    .u8(0)
    .u8(0)
    .attr(NDA.DST, r.address)
    .attr(NDA.LLADDR, r.lladdr)
  rtnetlink(session, r.netns, 'rtm_newneigh', message)
}

export function rtmDelneigh(session: LinuxSession, r: NeighbourSelector): void {
  const message = new NetlinkMessage(RTM_DELNEIGH, NLM_F.REQUEST | NLM_F.ACK)
    .u8(family(r.address))
    .u8(0)
    .u16(0)
    .u32(r.ifindex)
    .u16(0)
    .u8(0)
    .u8(0)
    .attr(NDA.DST, r.address)
  rtnetlink(session, r.netns, 'rtm_delneigh', message)
}

interface OfDevice {
  readonly netns?: Fd
  readonly ifindex?: number
}

export function rtmGetaddrs(session: LinuxSession, r: OfDevice): NetAddress[] {
  const message = new NetlinkMessage(RTM_GETADDR, NLM_F.REQUEST | NLM_F.DUMP)
    .u8(0)
    .u8(0)
    .u8(0)
    .u8(0)
    .u32(r.ifindex ?? 0)
  return rtnetlink(session, r.netns, 'rtm_getaddrs', message)
    .filter((answer) => answer.type === RTM_NEWADDR)
    .map(({ body }) => {
      const view = viewOf(body)
      const attrs = new Attributes(body, 8)
      return {
        ifindex: view.getUint32(4, true),
        address: (attrs.bytes(IFA.LOCAL) ?? attrs.bytes(IFA.ADDRESS) ?? new Uint8Array(0)).slice(),
        prefix: view.getUint8(1),
        broadcast: attrs.bytes(IFA.BROADCAST)?.slice(),
        scope: view.getUint8(3),
        flags: attrs.u32(IFA.FLAGS) ?? view.getUint8(2),
        label: attrs.text(IFA.LABEL),
      }
    })
}

export function rtmGetroutes(session: LinuxSession, r: { readonly netns?: Fd; readonly family?: number }): NetRoute[] {
  const message = new NetlinkMessage(RTM_GETROUTE, NLM_F.REQUEST | NLM_F.DUMP).u8(r.family ?? 0)
  for (let at = 1; at < 8; at++) message.u8(0)
  message.u32(0)
  return rtnetlink(session, r.netns, 'rtm_getroutes', message)
    .filter((answer) => answer.type === RTM_NEWROUTE)
    .map(({ body }) => {
      const view = viewOf(body)
      const attrs = new Attributes(body, 12)
      const af = view.getUint8(0)
      const encap = attrs.bytes(RTA.ENCAP_TYPE)
      return {
        family: af,
        destination: attrs.bytes(RTA.DST)?.slice() ?? new Uint8Array(af === 10 ? 16 : 4),
        prefix: view.getUint8(1),
        table: attrs.u32(RTA.TABLE) ?? view.getUint8(4),
        protocol: view.getUint8(5),
        scope: view.getUint8(6),
        type: view.getUint8(7),
        gateway: attrs.bytes(RTA.GATEWAY)?.slice(),
        ifindex: attrs.u32(RTA.OIF),
        source: attrs.bytes(RTA.PREFSRC)?.slice(),
        metric: attrs.u32(RTA.PRIORITY) ?? 0,
        encap: encap === undefined ? undefined : viewOf(encap).getUint16(0, true),
      }
    })
}

export function rtmGetneighs(session: LinuxSession, r: OfDevice): NetNeighbour[] {
  const message = new NetlinkMessage(RTM_GETNEIGH, NLM_F.REQUEST | NLM_F.DUMP)
    .u8(0)
    .u8(0)
    .u16(0)
    .u32(0)
    .u16(0)
    .u8(0)
    .u8(0)
  return rtnetlink(session, r.netns, 'rtm_getneighs', message)
    .filter((answer) => answer.type === RTM_NEWNEIGH)
    .map(({ body }) => {
      const view = viewOf(body)
      const attrs = new Attributes(body, 12)
      return {
        ifindex: view.getUint32(4, true),
        address: attrs.bytes(NDA.DST)?.slice() ?? new Uint8Array(0),
        lladdr: attrs.bytes(NDA.LLADDR)?.slice(),
        state: view.getUint16(8, true),
      }
    })
    .filter((one) => r.ifindex === undefined || one.ifindex === r.ifindex)
}
