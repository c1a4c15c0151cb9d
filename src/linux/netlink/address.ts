import type { AddressRequest, NeighbourRequest, RouteRequest } from '../../kernel/index.js'
import type { LinuxSession } from '../session.js'
import { NetlinkMessage, NLM_F } from './message.js'
import { rtnetlink } from './socket.js'

const RTM_NEWADDR = 20
const RTM_DELADDR = 21
const RTM_NEWROUTE = 24
const RTM_DELROUTE = 25
const RTM_NEWNEIGH = 28
const IFA = { ADDRESS: 1, LOCAL: 2 } as const
/** An IPv6 address is usable at once, without duplicate address detection. */
const IFA_F_NODAD = 2
const RTA = { DST: 1, OIF: 4, GATEWAY: 5, ENCAP_TYPE: 21, ENCAP: 22 } as const
const RT_TABLE_MAIN = 254
const RTPROT_STATIC = 4
const RT_SCOPE_LINK = 253
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
  const message = new NetlinkMessage(type, NLM_F.REQUEST | NLM_F.ACK | flags)
    .u8(family(r.destination))
    .u8(r.prefix)
    .u8(0)
    .u8(0)
    .u8(RT_TABLE_MAIN)
    .u8(RTPROT_STATIC)
    .u8(r.gateway === undefined ? RT_SCOPE_LINK : 0)
    .u8(RTN_UNICAST)
    .u32(0)
    .attr(RTA.DST, r.destination)
    .attrU32(RTA.OIF, r.ifindex)
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
  route(session, 'rtm_newroute', RTM_NEWROUTE, NLM_F.CREATE | NLM_F.EXCL, r)
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
