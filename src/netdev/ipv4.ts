import { csumFold, csumPartial } from '../packet/index.js'
import { equalBytes } from './address-bytes.js'
import { isLocalAddress, sourceAddress } from './addresses.js'
import type { Device } from './device.js'
import { dropFrame } from './drop.js'
import { reassemble } from './fragments.js'
import type { Frame } from './frame.js'
import { ICMP, sendIcmpError, sumIcmp, UNREACH } from './icmp.js'
import { IPPROTO, newFrame, outputByRoute, runLwt, sendIp, sumHeader } from './ip-output.js'
import { receiveTcp, receiveUdp } from './local.js'
import type { VirtualNetwork } from './network.js'
import { ETH_HLEN, ETH_P, RTN } from './numbers.js'
import { PACKET } from './receive.js'
import { lookupRoute, type Route } from './routes.js'

const DF = 0x4000
const MF = 0x2000

/** ip_rcv: header checks, routing, then delivery, forwarding or an error. */
export function receiveIpv4(network: VirtualNetwork, device: Device, frame: Frame): void {
  if (frame.packetType === PACKET.OTHERHOST && !device.loopback) {
    dropFrame(network, device, frame, 'ip', 'SKB_DROP_REASON_OTHERHOST')
    return
  }
  const ip = frame.start + ETH_HLEN
  const { bytes } = frame
  if (frame.end - ip < 20) {
    dropFrame(network, device, frame, 'ip', 'SKB_DROP_REASON_PKT_TOO_SMALL')
    return
  }
  const headerLength = ((bytes[ip] as number) & 15) * 4
  const total = frame.u16(ETH_HLEN + 2)
  if ((bytes[ip] as number) >> 4 !== 4 || headerLength < 20 || frame.end - ip < headerLength) {
    dropFrame(network, device, frame, 'ip', 'SKB_DROP_REASON_IP_INHDR')
    return
  }
  if (csumFold(csumPartial(bytes, ip, ip + headerLength)) !== 0) {
    dropFrame(network, device, frame, 'ip', 'SKB_DROP_REASON_IP_CSUM')
    return
  }
  if (frame.end - ip < total) {
    dropFrame(network, device, frame, 'ip', 'SKB_DROP_REASON_PKT_TOO_SMALL')
    return
  }
  if (total < headerLength) {
    dropFrame(network, device, frame, 'ip', 'SKB_DROP_REASON_IP_INHDR')
    return
  }
  frame.end = ip + total
  const { netns } = device
  const source = bytes.slice(ip + 12, ip + 16)
  const destination = bytes.slice(ip + 16, ip + 20)
  if ((source[0] as number) >= 0xe0 && source[0] !== undefined) {
    const reason = 'SKB_DROP_REASON_IP_INVALID_SOURCE'
    dropFrame(network, device, frame, 'ip', reason)
    return
  }
  const toAll = destination.every((byte) => byte === 0xff)
  const multicast = ((destination[0] as number) & 0xf0) === 0xe0
  const route = toAll || multicast ? undefined : lookupRoute(netns, { family: 4, destination })
  if (!device.loopback && ((source[0] as number) === 127 || (destination[0] as number) === 127)) {
    dropFrame(network, device, frame, 'ip', 'SKB_DROP_REASON_IP_INVALID_SOURCE', 'a loopback address on a wire')
    return
  }
  if (route !== undefined && runLwt(network, device, frame, route, 'in') !== 0) return
  if (toAll || multicast || route?.type === RTN.LOCAL || route?.type === RTN.BROADCAST) {
    if (!validSource(network, device, frame, source)) return
    deliver(network, device, frame)
    return
  }
  forward(network, device, frame, route, source)
}

/** fib_validate_source, without a reverse path filter: nobody else speaks with this host's addresses. */
function validSource(network: VirtualNetwork, device: Device, frame: Frame, source: Uint8Array): boolean {
  if (device.loopback || !isLocalAddress(device.netns, source)) return true
  dropFrame(network, device, frame, 'ip', 'SKB_DROP_REASON_IP_LOCAL_SOURCE', 'the source is an address of this host')
  return false
}

/** What comes of a packet that no route takes (ip_error). */
function noRoute(network: VirtualNetwork, device: Device, frame: Frame, route: Route | undefined): void {
  if (!device.forwardIpv4) {
    dropFrame(network, device, frame, 'ip', 'SKB_DROP_REASON_IP_INADDRERRORS', `forwarding is off on ${device.name}`)
    return
  }
  const code = route === undefined ? UNREACH.NET : route.type === RTN.PROHIBIT ? UNREACH.FILTERED : UNREACH.HOST
  const reason = route === undefined ? 'SKB_DROP_REASON_IP_INNOROUTES' : 'SKB_DROP_REASON_NOT_SPECIFIED'
  if (route?.type !== RTN.BLACKHOLE) sendIcmpError(network, device, frame, ICMP.UNREACH, code)
  dropFrame(network, device, frame, 'ip', reason)
}

/** ip_forward. */
function forward(
  network: VirtualNetwork,
  device: Device,
  frame: Frame,
  route: Route | undefined,
  source: Uint8Array,
): void {
  if (route === undefined || route.type !== RTN.UNICAST || route.device === undefined || !device.forwardIpv4) {
    noRoute(network, device, frame, route)
    return
  }
  if (!validSource(network, device, frame, source)) return
  if (frame.packetType !== PACKET.HOST) {
    dropFrame(network, device, frame, 'ip', 'SKB_DROP_REASON_NOT_SPECIFIED', 'not sent to this host alone')
    return
  }
  const ip = frame.start + ETH_HLEN
  const { bytes } = frame
  if ((bytes[ip + 8] as number) <= 1) {
    sendIcmpError(network, device, frame, ICMP.TIME_EXCEEDED, 0)
    dropFrame(network, device, frame, 'ip', 'SKB_DROP_REASON_IP_INHDR', 'its time to live is over')
    return
  }
  const out = route.device
  const flags = frame.u16(ETH_HLEN + 6)
  if (frame.end - ip > out.mtu && (flags & DF) !== 0) {
    sendIcmpError(network, device, frame, ICMP.UNREACH, UNREACH.FRAG_NEEDED, out.mtu)
    dropFrame(network, device, frame, 'ip', 'SKB_DROP_REASON_PKT_TOO_BIG', `the MTU of ${out.name} is ${out.mtu}`)
    return
  }
  bytes[ip + 8] = (bytes[ip + 8] as number) - 1
  sumHeader(bytes, ip)
  frame.metaLength = 0
  network.journeys?.step(device, frame, { hook: 'ip', what: 'forward', target: out.name })
  const destination = bytes.slice(ip + 16, ip + 20)
  for (const piece of frame.end - ip > out.mtu ? fragments(frame, out.mtu) : [frame]) {
    outputByRoute(network, out, piece, route, route.gateway ?? destination)
  }
}

/** ip_fragment: pieces that fit. Options are copied to all of them. */
function fragments(frame: Frame, mtu: number): Frame[] {
  const ip = frame.start + ETH_HLEN
  const header = ((frame.bytes[ip] as number) & 15) * 4
  const first = frame.u16(ETH_HLEN + 6)
  const room = (mtu - header) & ~7
  const pieces: Frame[] = []
  for (let at = ip + header; at < frame.end; at += room) {
    const size = Math.min(room, frame.end - at)
    const piece = newFrame(ETH_P.IP, header + size)
    const start = piece.start + ETH_HLEN
    piece.bytes.set(frame.bytes.subarray(ip, ip + header), start)
    piece.bytes.set(frame.bytes.subarray(at, at + size), start + header)
    const view = new DataView(piece.bytes.buffer)
    view.setUint16(start + 2, header + size)
    const more = at + size < frame.end ? MF : first & MF
    view.setUint16(start + 6, ((first & 0x1fff) + (at - ip - header) / 8) | more)
    sumHeader(piece.bytes, start)
    piece.mark = frame.mark
    piece.packet = frame.packet
    pieces.push(piece)
  }
  return pieces
}

/** ip_local_deliver: to the transport. */
function deliver(network: VirtualNetwork, device: Device, arrived: Frame): void {
  let frame = arrived
  if ((frame.u16(ETH_HLEN + 6) & (MF | 0x1fff)) !== 0) {
    const whole = reassemble(device.netns, frame)
    const what = whole === undefined ? 'keep fragment' : 'reassemble'
    network.journeys?.step(device, whole ?? frame, { hook: 'ip', what })
    if (whole === undefined) return
    frame = whole
  }
  const ip = frame.start + ETH_HLEN
  const { bytes } = frame
  const at = ip + ((bytes[ip] as number) & 15) * 4
  switch (bytes[ip + 9]) {
    case IPPROTO.ICMP:
      receiveIcmp(network, device, frame, at)
      return
    case IPPROTO.UDP:
      receiveUdp(network, device, frame, at)
      return
    case IPPROTO.TCP:
      receiveTcp(network, device, frame, at)
      return
    default:
      sendIcmpError(network, device, frame, ICMP.UNREACH, 2)
      dropFrame(
        network,
        device,
        frame,
        'ip',
        'SKB_DROP_REASON_NOT_SPECIFIED',
        `nobody speaks protocol ${bytes[ip + 9]}`,
      )
  }
}

function receiveIcmp(network: VirtualNetwork, device: Device, frame: Frame, at: number): void {
  const { bytes } = frame
  if (frame.end - at < 8) {
    dropFrame(network, device, frame, 'icmp', 'SKB_DROP_REASON_PKT_TOO_SMALL')
    return
  }
  if (csumFold(csumPartial(bytes, at, frame.end)) !== 0) {
    dropFrame(network, device, frame, 'icmp', 'SKB_DROP_REASON_ICMP_CSUM')
    return
  }
  const ip = frame.start + ETH_HLEN
  const type = bytes[at] as number
  network.journeys?.step(device, frame, { hook: 'icmp', what: 'deliver', note: `type ${type} code ${bytes[at + 1]}` })
  const from = bytes.slice(ip + 12, ip + 16)
  network.icmpSeen({
    netns: device.netns,
    from,
    type,
    code: bytes[at + 1] as number,
    message: bytes.slice(at, frame.end),
  })
  if (type !== ICMP.ECHO || device.netns.sysctls.echoIgnoreAll) return
  const to = bytes.slice(ip + 16, ip + 20)
  const group = frame.packetType !== PACKET.HOST && !device.loopback
  if (group) return
  const reply = bytes.slice(at, frame.end)
  reply[0] = ICMP.ECHOREPLY
  const own = isLocalAddress(device.netns, to) ? to : sourceAddress(device, from)
  const back = { source: equalBytes(from, to) ? from : own, tos: bytes[ip + 1] as number }
  sendIp(network, device.netns, from, IPPROTO.ICMP, sumIcmp(reply), back)
}
