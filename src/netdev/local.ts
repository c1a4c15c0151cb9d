import { equalBytes, isZero } from './address-bytes.js'
import type { Device } from './device.js'
import { dropFrame } from './drop.js'
import type { Frame } from './frame.js'
import { ICMP, ICMPV6, sendIcmpError, sendIcmpv6Error, UNREACH } from './icmp.js'
import { IPPROTO, sendIp, transportSum } from './ip-output.js'
import type { Namespace } from './namespace.js'
import type { VirtualNetwork } from './network.js'
import { ETH_HLEN } from './numbers.js'
import { SOCKET_QUEUE, type Socket } from './sockets.js'

const LISTEN = 10
const TCP = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16 } as const

export interface SocketWanted {
  readonly protocol: 'tcp' | 'udp'
  readonly source: Uint8Array
  readonly sourcePort: number
  readonly destination: Uint8Array
  readonly destinationPort: number
  readonly ifindex: number
}

/** The socket a packet belongs to: a connected one, else the listener with the most specific address. */
export function findSocket(netns: Namespace, wanted: SocketWanted): Socket | undefined {
  let best: Socket | undefined
  let bestScore = 0
  const family = wanted.destination.length === 4 ? 4 : 6
  for (const socket of netns.sockets) {
    if (socket.protocol !== wanted.protocol || socket.localPort !== wanted.destinationPort) continue
    if (socket.boundIfindex !== 0 && socket.boundIfindex !== wanted.ifindex) continue
    const any = isZero(socket.localAddress)
    const dual = socket.family === 6 && family === 4 && !socket.v6only && any && socket.remotePort === 0
    if (socket.family !== family && !dual) continue
    if (!any && !equalBytes(socket.localAddress, wanted.destination)) continue
    let score = 1 + (any ? 0 : 2) + (socket.boundIfindex !== 0 ? 4 : 0) + (dual ? 0 : 1)
    if (socket.remotePort !== 0) {
      if (socket.remotePort !== wanted.sourcePort || !equalBytes(socket.remoteAddress, wanted.source)) continue
      score += 16
    } else if (socket.protocol === 'tcp' && socket.state !== LISTEN) continue
    if (score > bestScore) {
      best = socket
      bestScore = score
    }
  }
  return best
}

/** Addresses of a packet whose IP header is checked. */
function addressesOf(frame: Frame): { source: Uint8Array; destination: Uint8Array; v4: boolean } {
  const ip = frame.start + ETH_HLEN
  const { bytes } = frame
  return (bytes[ip] as number) >> 4 === 4
    ? { v4: true, source: bytes.slice(ip + 12, ip + 16), destination: bytes.slice(ip + 16, ip + 20) }
    : { v4: false, source: bytes.slice(ip + 8, ip + 24), destination: bytes.slice(ip + 24, ip + 40) }
}

/** Filter and cgroup programs of a socket; false: the packet is gone. */
function admitted(network: VirtualNetwork, device: Device, frame: Frame, socket: Socket): boolean {
  const { hooks, journeys } = network
  if (hooks === undefined) return true
  if (!hooks.cgroupSkb(socket, device, frame, true)) {
    socket.drops++
    dropFrame(network, device, frame, 'cgroup_skb/ingress', 'SKB_DROP_REASON_SOCKET_FILTER')
    return false
  }
  if (socket.filter === undefined) return true
  const keep = hooks.socketFilter(socket.filter, socket, device, frame, 'transport')
  const { id, name } = socket.filter
  journeys?.step(device, frame, {
    hook: 'socket_filter',
    what: 'program',
    program: { id, name },
    verdict: String(keep),
  })
  if (keep !== 0) return true
  socket.drops++
  dropFrame(network, device, frame, 'socket_filter', 'SKB_DROP_REASON_SOCKET_FILTER')
  return false
}

function keep(
  network: VirtualNetwork,
  device: Device,
  frame: Frame,
  socket: Socket,
  data: Uint8Array,
  from: Uint8Array,
  fromPort: number,
): void {
  if (socket.received.length >= SOCKET_QUEUE) {
    socket.drops++
    dropFrame(network, device, frame, 'socket', 'SKB_DROP_REASON_SOCKET_RCVBUFF')
    return
  }
  socket.packets++
  socket.bytes += data.length
  socket.received.push({ data, from, fromPort, device })
  network.journeys?.step(device, frame, {
    hook: 'socket',
    what: 'deliver',
    target: `${socket.protocol} port ${socket.localPort}`,
  })
}

export function receiveUdp(network: VirtualNetwork, device: Device, frame: Frame, at: number): void {
  const { bytes } = frame
  const length = frame.end - at < 8 ? 0 : ((bytes[at + 4] as number) << 8) | (bytes[at + 5] as number)
  if (length < 8 || length > frame.end - at) {
    dropFrame(network, device, frame, 'udp', 'SKB_DROP_REASON_PKT_TOO_SMALL')
    return
  }
  const { source, destination, v4 } = addressesOf(frame)
  const summed = bytes[at + 6] !== 0 || bytes[at + 7] !== 0
  const wrong = summed ? transportSum(bytes, frame.start + ETH_HLEN, at, at + length, IPPROTO.UDP) !== 0 : !v4
  if (wrong) {
    dropFrame(network, device, frame, 'udp', 'SKB_DROP_REASON_UDP_CSUM')
    return
  }
  const sourcePort = ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
  const destinationPort = ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)
  const wanted = { source, destination, sourcePort, destinationPort, ifindex: device.ifindex, protocol: 'udp' } as const
  const socket = findSocket(device.netns, wanted)
  if (socket === undefined) {
    if (v4) sendIcmpError(network, device, frame, ICMP.UNREACH, UNREACH.PORT)
    else sendIcmpv6Error(network, device, frame, ICMPV6.UNREACH, 4)
    dropFrame(network, device, frame, 'udp', 'SKB_DROP_REASON_NO_SOCKET', `nobody listens on port ${destinationPort}`)
    return
  }
  if (!admitted(network, device, frame, socket)) return
  keep(network, device, frame, socket, bytes.slice(at + 8, at + length), source, sourcePort)
}

/** TCP as far as counting needs it: a listener answers and acknowledges, an unknown port is refused. */
export function receiveTcp(network: VirtualNetwork, device: Device, frame: Frame, at: number): void {
  const { bytes } = frame
  const header = frame.end - at < 20 ? 0 : ((bytes[at + 12] as number) >> 4) * 4
  if (header < 20 || header > frame.end - at) {
    dropFrame(network, device, frame, 'tcp', 'SKB_DROP_REASON_PKT_TOO_SMALL')
    return
  }
  if (transportSum(bytes, frame.start + ETH_HLEN, at, frame.end, IPPROTO.TCP) !== 0) {
    dropFrame(network, device, frame, 'tcp', 'SKB_DROP_REASON_TCP_CSUM')
    return
  }
  const { source, destination } = addressesOf(frame)
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const sourcePort = view.getUint16(at)
  const destinationPort = view.getUint16(at + 2)
  const flags = bytes[at + 13] as number
  const wanted = { source, destination, sourcePort, destinationPort, ifindex: device.ifindex, protocol: 'tcp' } as const
  const socket = findSocket(device.netns, wanted)
  const data = bytes.slice(at + header, frame.end)
  const sequence = view.getUint32(at + 4)
  const taken = data.length + ((flags & (TCP.SYN | TCP.FIN)) !== 0 ? 1 : 0)
  const answer = (answerFlags: number, own: number, acknowledged: number): void => {
    const segment = new Uint8Array(20)
    const out = new DataView(segment.buffer)
    out.setUint16(0, destinationPort)
    out.setUint16(2, sourcePort)
    out.setUint32(4, own >>> 0)
    out.setUint32(8, acknowledged >>> 0)
    segment[12] = 0x50
    segment[13] = answerFlags
    out.setUint16(14, (answerFlags & TCP.RST) !== 0 ? 0 : 0xffff)
    sendIp(network, device.netns, source, IPPROTO.TCP, segment, { source: destination, device, socket })
  }
  if (socket === undefined) {
    if ((flags & TCP.RST) === 0) {
      if ((flags & TCP.ACK) !== 0) answer(TCP.RST, view.getUint32(at + 8), 0)
      else answer(TCP.RST | TCP.ACK, 0, sequence + taken)
    }
    dropFrame(network, device, frame, 'tcp', 'SKB_DROP_REASON_NO_SOCKET', `nobody listens on port ${destinationPort}`)
    return
  }
  if (!admitted(network, device, frame, socket)) return
  keep(network, device, frame, socket, data, source, sourcePort)
  if ((flags & TCP.RST) !== 0) return
  if ((flags & TCP.SYN) !== 0) answer(TCP.SYN | TCP.ACK, network.random(), sequence + 1)
  else if (taken > 0) answer(TCP.ACK | (flags & TCP.FIN), view.getUint32(at + 8), sequence + taken)
}
