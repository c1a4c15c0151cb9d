import { isLocalAddress } from './addresses.js'
import type { Device } from './device.js'
import { dropFrame } from './drop.js'
import type { Frame } from './frame.js'
import { ICMPV6, sendIcmpv6Error } from './icmp.js'
import { IPPROTO, outputByRoute, runLwt, sendIp, transportSum } from './ip-output.js'
import { receiveTcp, receiveUdp } from './local.js'
import { joinedGroup, receiveNdisc } from './ndisc.js'
import type { VirtualNetwork } from './network.js'
import { ETH_HLEN, RTN } from './numbers.js'
import { PACKET } from './receive.js'
import { lookupRoute } from './routes.js'

const HEADER = 40
const EXTENSIONS: ReadonlySet<number> = new Set([0, 43, 60])

/** ipv6_rcv. */
export function receiveIpv6(network: VirtualNetwork, device: Device, frame: Frame): void {
  if (frame.packetType === PACKET.OTHERHOST && !device.loopback) {
    dropFrame(network, device, frame, 'ip', 'SKB_DROP_REASON_OTHERHOST')
    return
  }
  const ip = frame.start + ETH_HLEN
  const { bytes } = frame
  if (frame.end - ip < HEADER) {
    dropFrame(network, device, frame, 'ip', 'SKB_DROP_REASON_PKT_TOO_SMALL')
    return
  }
  const payload = frame.u16(ETH_HLEN + 4)
  if ((bytes[ip] as number) >> 4 !== 6) {
    dropFrame(network, device, frame, 'ip', 'SKB_DROP_REASON_IP_INHDR')
    return
  }
  if (payload + HEADER > frame.end - ip) {
    dropFrame(network, device, frame, 'ip', 'SKB_DROP_REASON_PKT_TOO_SMALL')
    return
  }
  frame.end = ip + HEADER + payload
  const { netns } = device
  const destination = bytes.slice(ip + 24, ip + 40)
  if (destination[0] === 0xff) {
    if (joinedGroup(device, destination)) deliver(network, device, frame)
    else dropFrame(network, device, frame, 'ip', 'SKB_DROP_REASON_IP_INADDRERRORS', 'a group nobody joined')
    return
  }
  const linkLocal = destination[0] === 0xfe && ((destination[1] as number) & 0xc0) === 0x80
  if (linkLocal) {
    const own = netns.addresses.some((one) => one.device === device && one.address.join() === destination.join())
    if (own) deliver(network, device, frame)
    else dropFrame(network, device, frame, 'ip', 'SKB_DROP_REASON_IP_INADDRERRORS')
    return
  }
  const route = lookupRoute(netns, { family: 6, destination })
  if (route !== undefined && runLwt(network, device, frame, route, 'in') !== 0) return
  if (route?.type === RTN.LOCAL || (route === undefined && isLocalAddress(netns, destination))) {
    deliver(network, device, frame)
    return
  }
  if (route === undefined || route.type !== RTN.UNICAST || route.device === undefined) {
    if (device.forwardIpv6 || route === undefined) sendIcmpv6Error(network, device, frame, ICMPV6.UNREACH, 0)
    dropFrame(network, device, frame, 'ip', 'SKB_DROP_REASON_IP_INNOROUTES')
    return
  }
  if (!device.forwardIpv6) {
    dropFrame(network, device, frame, 'ip', 'SKB_DROP_REASON_NOT_SPECIFIED', `forwarding is off on ${device.name}`)
    return
  }
  if ((bytes[ip + 7] as number) <= 1) {
    sendIcmpv6Error(network, device, frame, ICMPV6.TIME_EXCEEDED, 0)
    dropFrame(network, device, frame, 'ip', 'SKB_DROP_REASON_IP_INHDR', 'its hop limit is used up')
    return
  }
  const out = route.device
  if (frame.end - ip > out.mtu) {
    sendIcmpv6Error(network, device, frame, ICMPV6.TOO_BIG, 0, out.mtu)
    dropFrame(network, device, frame, 'ip', 'SKB_DROP_REASON_PKT_TOO_BIG', `the MTU of ${out.name} is ${out.mtu}`)
    return
  }
  bytes[ip + 7] = (bytes[ip + 7] as number) - 1
  frame.metaLength = 0
  network.journeys?.step(device, frame, { hook: 'ip', what: 'forward', target: out.name })
  outputByRoute(network, out, frame, route, route.gateway ?? destination)
}

function deliver(network: VirtualNetwork, device: Device, frame: Frame): void {
  const ip = frame.start + ETH_HLEN
  const { bytes } = frame
  let next = bytes[ip + 6] as number
  let at = ip + HEADER
  while (EXTENSIONS.has(next) && at + 8 <= frame.end) {
    next = bytes[at] as number
    at += ((bytes[at + 1] as number) + 1) * 8
  }
  if (next === IPPROTO.UDP) receiveUdp(network, device, frame, at)
  else if (next === IPPROTO.TCP) receiveTcp(network, device, frame, at)
  else if (next === IPPROTO.ICMPV6) receiveIcmpv6(network, device, frame, at)
  else {
    sendIcmpv6Error(network, device, frame, 4, 1, at - ip - HEADER)
    dropFrame(network, device, frame, 'ip', 'SKB_DROP_REASON_UNHANDLED_PROTO', `nobody speaks protocol ${next}`)
  }
}

function receiveIcmpv6(network: VirtualNetwork, device: Device, frame: Frame, at: number): void {
  const { bytes } = frame
  const ip = frame.start + ETH_HLEN
  if (frame.end - at < 4) {
    dropFrame(network, device, frame, 'icmp', 'SKB_DROP_REASON_PKT_TOO_SMALL')
    return
  }
  if (transportSum(bytes, ip, at, frame.end, IPPROTO.ICMPV6) !== 0) {
    dropFrame(network, device, frame, 'icmp', 'SKB_DROP_REASON_ICMP_CSUM')
    return
  }
  if (receiveNdisc(network, device, frame, at)) return
  const type = bytes[at] as number
  network.journeys?.step(device, frame, { hook: 'icmp', what: 'deliver', note: `type ${type} code ${bytes[at + 1]}` })
  const from = bytes.slice(ip + 8, ip + 24)
  network.icmpSeen({
    netns: device.netns,
    from,
    type,
    code: bytes[at + 1] as number,
    message: bytes.slice(at, frame.end),
  })
  if (type !== ICMPV6.ECHO) return
  const to = bytes.slice(ip + 24, ip + 40)
  const reply = bytes.slice(at, frame.end)
  reply[0] = ICMPV6.ECHO_REPLY
  const source = to[0] === 0xff ? {} : { source: to }
  sendIp(network, device.netns, from, IPPROTO.ICMPV6, reply, { device, ...source })
}
