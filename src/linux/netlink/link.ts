import { ERRNO } from '../../base/index.js'
import {
  KernelError,
  type LinkSelector,
  type LinkSettings,
  type LinkStats,
  type NetDevice,
  type NewLinkRequest,
  type SetLinkRequest,
  type XdpState,
} from '../../kernel/index.js'
import { ifla, ifla_xdp } from '../../spec/index.js'
import type { LinuxSession } from '../session.js'
import { Attributes, NetlinkMessage, NLM_F, viewOf } from './message.js'
import { rtnetlink } from './socket.js'

const RTM_NEWLINK = 16
const RTM_DELLINK = 17
const RTM_GETLINK = 18
const RTM_SETLINK = 19
const IFF_UP = 1
const INFO_KIND = 1
const INFO_DATA = 2
const VETH_INFO_PEER = 1
const VLAN_ID = 1
const VLAN_PROTOCOL = 5

/** struct ifinfomsg. */
function header(message: NetlinkMessage, ifindex: number, up: boolean | undefined): NetlinkMessage {
  return message
    .u8(0)
    .u8(0)
    .u16(0)
    .u32(ifindex)
    .u32(up === true ? IFF_UP : 0)
    .u32(up === undefined ? 0 : IFF_UP)
}

function settings(message: NetlinkMessage, r: LinkSettings, named: boolean): void {
  if (!named) message.attrText(ifla.IFLA_IFNAME, r.newName)
  if (r.address !== undefined) message.attr(ifla.IFLA_ADDRESS, r.address)
  message
    .attrU32(ifla.IFLA_MTU, r.mtu)
    .attrU32(ifla.IFLA_MASTER, r.master)
    .attrU32(ifla.IFLA_NUM_TX_QUEUES, r.queues)
    .attrU32(ifla.IFLA_NUM_RX_QUEUES, r.queues)
    .attrU32(ifla.IFLA_NET_NS_FD, r.targetNetns)
    .attrU32(ifla.IFLA_GRO_MAX_SIZE, r.groMaxSize)
}

function selector(message: NetlinkMessage, r: LinkSelector, up?: boolean): NetlinkMessage {
  if (r.ifindex === undefined && r.name === undefined) {
    throw new KernelError('EINVAL', 'rtnetlink', { hint: 'give a device by name or ifindex' })
  }
  header(message, r.ifindex ?? 0, up)
  if (r.ifindex === undefined) {
    const name = r.name as string
    if (Buffer.byteLength(name) < 16) message.attrText(ifla.IFLA_IFNAME, name)
    else message.attrText(ifla.IFLA_ALT_IFNAME, name)
  }
  return message
}

export function rtmGetlink(session: LinuxSession, r: LinkSelector): NetDevice {
  const message = selector(new NetlinkMessage(RTM_GETLINK, NLM_F.REQUEST | NLM_F.ACK), r)
  const answers = rtnetlink(session, r.netns, 'rtm_getlink', message, (code) =>
    code === 'ENODEV' ? `there is no device '${r.name ?? r.ifindex}' in this network namespace` : undefined,
  )
  const answer = answers.find((one) => one.type === RTM_NEWLINK)
  if (answer === undefined) throw new KernelError(ERRNO.ENODEV, 'rtm_getlink')
  return parseLink(answer.body)
}

export function rtmGetlinks(session: LinuxSession, r: Pick<LinkSelector, 'netns'>): NetDevice[] {
  const message = header(new NetlinkMessage(RTM_GETLINK, NLM_F.REQUEST | NLM_F.DUMP), 0, undefined)
  return rtnetlink(session, r.netns, 'rtm_getlinks', message)
    .filter((answer) => answer.type === RTM_NEWLINK)
    .map((answer) => parseLink(answer.body))
}

export function rtmNewlink(session: LinuxSession, r: NewLinkRequest): void {
  const flags = NLM_F.REQUEST | NLM_F.ACK | NLM_F.CREATE | NLM_F.EXCL
  const message = header(new NetlinkMessage(RTM_NEWLINK, flags), r.ifindex ?? 0, r.up)
  message.attrText(ifla.IFLA_IFNAME, r.name)
  settings(message, r, true)
  const { peer, vlan } = r
  message.attrU32(ifla.IFLA_LINK, r.link)
  message.nest(ifla.IFLA_LINKINFO, (info) => {
    info.attrText(INFO_KIND, r.kind)
    if (vlan !== undefined) {
      const protocol = vlan.protocol ?? 0x8100
      info.nest(INFO_DATA, (data) =>
        data
          .attr(VLAN_ID, Uint8Array.of(vlan.id & 0xff, vlan.id >> 8))
          .attr(VLAN_PROTOCOL, Uint8Array.of(protocol >> 8, protocol & 0xff)),
      )
    }
    if (peer === undefined) return
    info.nest(INFO_DATA, (data) =>
      data.nest(VETH_INFO_PEER, (end) => {
        header(end, 0, undefined)
        end.attrText(ifla.IFLA_IFNAME, peer.name)
        settings(end, { ...peer, ...(peer.netns === undefined ? {} : { targetNetns: peer.netns }) }, true)
      }),
    )
  })
  rtnetlink(session, r.netns, 'rtm_newlink', message, (code) =>
    code === 'EEXIST'
      ? `a device named '${r.name}'${peer === undefined ? '' : ` or '${peer.name}'`} exists already`
      : code === 'EOPNOTSUPP'
        ? `this kernel has no devices of kind '${r.kind}'`
        : undefined,
  )
}

export function rtmSetlink(session: LinuxSession, given: SetLinkRequest): void {
  // There is one attribute for both names: a device that gets a new one is named by its number.
  const renamed = given.newName !== undefined && given.ifindex === undefined
  const r = renamed ? { ...given, ifindex: rtmGetlink(session, given).ifindex } : given
  const message = selector(new NetlinkMessage(RTM_SETLINK, NLM_F.REQUEST | NLM_F.ACK), r, r.up)
  settings(message, r, false)
  const { xdp } = r
  if (xdp !== undefined) {
    message.nest(ifla.IFLA_XDP, (nest) => {
      nest.attrU32(ifla_xdp.IFLA_XDP_FD, xdp.fd >>> 0)
      nest.attrU32(ifla_xdp.IFLA_XDP_FLAGS, xdp.flags)
      nest.attrU32(ifla_xdp.IFLA_XDP_EXPECTED_FD, xdp.expectedFd === undefined ? undefined : xdp.expectedFd >>> 0)
    })
  }
  rtnetlink(session, r.netns, 'rtm_setlink', message)
}

export function rtmDellink(session: LinuxSession, r: LinkSelector): void {
  rtnetlink(session, r.netns, 'rtm_dellink', selector(new NetlinkMessage(RTM_DELLINK, NLM_F.REQUEST | NLM_F.ACK), r))
}

function parseLink(body: Uint8Array): NetDevice {
  const view = viewOf(body)
  const attrs = new Attributes(body, 16)
  const info = attrs.nested(ifla.IFLA_LINKINFO)
  return {
    ifindex: view.getInt32(4, true),
    flags: view.getUint32(8, true),
    name: attrs.text(ifla.IFLA_IFNAME) ?? '',
    kind: info.text(INFO_KIND),
    mtu: attrs.u32(ifla.IFLA_MTU) ?? 0,
    address: attrs.bytes(ifla.IFLA_ADDRESS)?.slice() ?? new Uint8Array(0),
    operstate: attrs.u8(ifla.IFLA_OPERSTATE) ?? 0,
    link: attrs.u32(ifla.IFLA_LINK),
    master: attrs.u32(ifla.IFLA_MASTER),
    txQueues: attrs.u32(ifla.IFLA_NUM_TX_QUEUES) ?? 0,
    rxQueues: attrs.u32(ifla.IFLA_NUM_RX_QUEUES) ?? 0,
    xdp: parseXdp(attrs.nested(ifla.IFLA_XDP)),
    type: view.getUint16(2, true),
    broadcast: attrs.bytes(ifla.IFLA_BROADCAST)?.slice() ?? new Uint8Array(0),
    qdisc: attrs.text(ifla.IFLA_QDISC) ?? '',
    txQueueLength: attrs.u32(ifla.IFLA_TXQLEN) ?? 0,
    group: attrs.u32(ifla.IFLA_GROUP) ?? 0,
    promiscuity: attrs.u32(ifla.IFLA_PROMISCUITY) ?? 0,
    minMtu: attrs.u32(ifla.IFLA_MIN_MTU) ?? 0,
    maxMtu: attrs.u32(ifla.IFLA_MAX_MTU) ?? 0,
    linkNetnsId: attrs.u32(ifla.IFLA_LINK_NETNSID),
    vlan: info.text(INFO_KIND) === 'vlan' ? parseVlan(info.nested(INFO_DATA)) : undefined,
    stats: parseStats(attrs.bytes(ifla.IFLA_STATS64)),
  }
}

function parseVlan(data: Attributes): { id: number; protocol: number } {
  const id = data.bytes(VLAN_ID)
  const protocol = data.bytes(VLAN_PROTOCOL)
  return {
    id: id === undefined ? 0 : viewOf(id).getUint16(0, true),
    protocol: protocol === undefined ? 0 : viewOf(protocol).getUint16(0, false),
  }
}

/** struct rtnl_link_stats64. */
function parseStats(bytes: Uint8Array | undefined): LinkStats {
  const view = bytes === undefined ? undefined : viewOf(bytes)
  const at = (index: number): number =>
    view === undefined || index * 8 + 8 > view.byteLength ? 0 : Number(view.getBigUint64(index * 8, true))
  return {
    rxPackets: at(0),
    txPackets: at(1),
    rxBytes: at(2),
    txBytes: at(3),
    rxErrors: at(4),
    txErrors: at(5),
    rxDropped: at(6),
    txDropped: at(7),
    multicast: at(8),
    collisions: at(9),
  }
}

function parseXdp(attrs: Attributes): XdpState {
  return {
    attached: attrs.u8(ifla_xdp.IFLA_XDP_ATTACHED) ?? 0,
    progId: attrs.u32(ifla_xdp.IFLA_XDP_PROG_ID) ?? 0,
    drvProgId: attrs.u32(ifla_xdp.IFLA_XDP_DRV_PROG_ID) ?? 0,
    skbProgId: attrs.u32(ifla_xdp.IFLA_XDP_SKB_PROG_ID) ?? 0,
    hwProgId: attrs.u32(ifla_xdp.IFLA_XDP_HW_PROG_ID) ?? 0,
  }
}
