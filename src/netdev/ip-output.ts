import { csumFold, csumPartial } from '../packet/index.js'
import { sourceAddress } from './addresses.js'
import { sendArpRequest } from './arp.js'
import type { Device } from './device.js'
import { dropFrame } from './drop.js'
import { Frame } from './frame.js'
import type { Namespace } from './namespace.js'
import { sendSolicitation } from './ndisc.js'
import { findNeighbour, neighbourKey } from './neighbours.js'
import type { VirtualNetwork } from './network.js'
import { ETH_HLEN, ETH_P, NUD, RTN } from './numbers.js'
import { lookupRoute, type Route } from './routes.js'
import type { Socket } from './sockets.js'
import { needsNeighbour, transmit } from './transmit.js'

const HEADROOM = 128
/** Packets that wait for one neighbour. */
const UNRESOLVED = 101
const BPF_DROP = 2
const BPF_REDIRECT = 7

export const IPPROTO = { ICMP: 1, TCP: 6, UDP: 17, ICMPV6: 58 } as const

/** A frame of an Ethernet header to fill in and `length` bytes behind it. */
export function newFrame(etherType: number, length: number): Frame {
  const frame = new Frame(new Uint8Array(HEADROOM + ETH_HLEN + length), HEADROOM)
  const at = HEADROOM + 12
  frame.bytes[at] = etherType >> 8
  frame.bytes[at + 1] = etherType & 0xff
  return frame
}

/** Fills in the sum of an IPv4 header. */
export function sumHeader(bytes: Uint8Array, at: number): void {
  bytes[at + 10] = 0
  bytes[at + 11] = 0
  const sum = csumFold(csumPartial(bytes, at, at + ((bytes[at] as number) & 15) * 4))
  // Sums are of words as they lie in memory on a little-endian machine.
  bytes[at + 10] = sum & 0xff
  bytes[at + 11] = sum >> 8
}

/** The sum of a transport segment with its pseudo header, as it is to be written: two bytes in memory order. */
export function transportSum(bytes: Uint8Array, ip: number, at: number, end: number, protocol: number): number {
  const v4 = (bytes[ip] as number) >> 4 === 4
  const addresses = v4 ? csumPartial(bytes, ip + 12, ip + 20) : csumPartial(bytes, ip + 8, ip + 40)
  const length = end - at
  const tail = Uint8Array.of(0, protocol, length >> 8, length & 0xff)
  let sum = csumPartial(bytes, at, end)
  for (const part of [addresses, csumPartial(tail, 0, 4)]) {
    sum += part
    if (sum > 0xffff_ffff) sum = (sum & 0xffff_ffff) + 1
  }
  return csumFold(sum >>> 0)
}

export interface SendOptions {
  readonly source?: Uint8Array | undefined
  readonly device?: Device | undefined
  readonly ttl?: number
  readonly tos?: number
  readonly socket?: Socket | undefined
  readonly mark?: number
  readonly priority?: number
}

/** Sends a packet of the host's own: header, route, source address. False where there is no way. */
export function sendIp(
  network: VirtualNetwork,
  netns: Namespace,
  destination: Uint8Array,
  protocol: number,
  payload: Uint8Array,
  options: SendOptions = {},
): boolean {
  const v4 = destination.length === 4
  const multicast = v4 ? ((destination[0] as number) & 0xf0) === 0xe0 : destination[0] === 0xff
  const route = lookupRoute(netns, { family: v4 ? 4 : 6, destination, through: options.device })
  const local = route?.type === RTN.LOCAL
  const device = local ? netns.byName('lo') : (route?.device ?? (multicast || !v4 ? options.device : undefined))
  if (device === undefined || (route !== undefined && isRefusal(route.type))) return false
  const source = options.source ?? (local ? destination : (route?.source ?? sourceAddress(device, destination)))
  if (source === undefined) return false
  const header = v4 ? 20 : 40
  const frame = newFrame(v4 ? ETH_P.IP : ETH_P.IPV6, header + payload.length)
  const { bytes } = frame
  const ip = frame.start + ETH_HLEN
  const view = new DataView(bytes.buffer)
  const ttl = options.ttl ?? netns.sysctls.ttl
  if (v4) {
    bytes[ip] = 0x45
    bytes[ip + 1] = options.tos ?? 0
    view.setUint16(ip + 2, header + payload.length)
    // ICMP may be fragmented on its way, and so has a number; the rest may not.
    if (protocol === IPPROTO.ICMP) view.setUint16(ip + 4, network.random() & 0xffff)
    else view.setUint16(ip + 6, 0x4000)
    bytes[ip + 8] = ttl
    bytes[ip + 9] = protocol
    bytes.set(source, ip + 12)
    bytes.set(destination, ip + 16)
    sumHeader(bytes, ip)
  } else {
    bytes[ip] = 0x60
    view.setUint16(ip + 4, payload.length)
    bytes[ip + 6] = protocol
    bytes[ip + 7] = ttl
    bytes.set(source, ip + 8)
    bytes.set(destination, ip + 24)
  }
  const at = ip + header
  bytes.set(payload, at)
  const sumAt = { [IPPROTO.UDP]: 6, [IPPROTO.TCP]: 16, [IPPROTO.ICMPV6]: 2 }[protocol]
  if (sumAt !== undefined) {
    bytes[at + sumAt] = 0
    bytes[at + sumAt + 1] = 0
    let sum = transportSum(bytes, ip, at, frame.end, protocol)
    if (sum === 0 && protocol === IPPROTO.UDP) sum = 0xffff
    bytes[at + sumAt] = sum & 0xff
    bytes[at + sumAt + 1] = sum >> 8
  }
  frame.mark = options.mark ?? options.socket?.mark ?? 0
  frame.priority = options.priority ?? options.socket?.priority ?? 0
  network.journeys?.number(frame)
  network.journeys?.step(device, frame, { hook: 'ip', what: 'output' })
  if (network.hooks?.cgroupSkb(options.socket, device, frame, false) === false) {
    dropFrame(network, device, frame, 'cgroup_skb/egress', 'SKB_DROP_REASON_BPF_CGROUP_EGRESS')
    return true
  }
  outputByRoute(network, device, frame, route, route?.gateway ?? destination)
  return true
}

function isRefusal(type: number): boolean {
  return type === RTN.BLACKHOLE || type === RTN.UNREACHABLE || type === RTN.PROHIBIT
}

/** dst_output: the programs of the route, then the neighbour. */
export function outputByRoute(
  network: VirtualNetwork,
  device: Device,
  frame: Frame,
  route: Route | undefined,
  nextHop: Uint8Array,
): void {
  for (const place of ['out', 'xmit'] as const) {
    const program = route?.programs?.[place]
    if (program === undefined || network.hooks === undefined) continue
    const verdict = runLwt(network, device, frame, route as Route, place)
    if (verdict !== 0) return
  }
  outputTo(network, device, frame, nextHop)
}

/** A program of a light-weight tunnel. 0: the packet goes on; else it is gone. */
export function runLwt(
  network: VirtualNetwork,
  device: Device,
  frame: Frame,
  route: Route,
  place: 'in' | 'out' | 'xmit',
): number {
  const program = route.programs?.[place]
  const { hooks, journeys } = network
  if (program === undefined || hooks === undefined) return 0
  const verdict = hooks.lwt(program, place, device, frame)
  const hook = `lwt_${place}`
  journeys?.step(device, frame, {
    hook,
    what: 'program',
    program: { id: program.id, name: program.name },
    verdict:
      verdict === 0
        ? 'BPF_OK'
        : verdict === BPF_DROP
          ? 'BPF_DROP'
          : verdict === BPF_REDIRECT
            ? 'BPF_REDIRECT'
            : String(verdict),
  })
  if (verdict === 0) return 0
  if (verdict === BPF_REDIRECT && place === 'xmit') {
    const to = device.netns.devices.get(hooks.tcRedirect.ifindex)
    if (to !== undefined) {
      transmit(network, to, frame)
      return BPF_REDIRECT
    }
  }
  dropFrame(network, device, frame, hook, 'LWT_DROP', verdict === BPF_DROP ? undefined : `verdict ${verdict >>> 0}`)
  return BPF_DROP
}

/** Writes the neighbour's address and sends; a neighbour that is not known is asked for while the packet waits. */
export function outputTo(network: VirtualNetwork, device: Device, frame: Frame, nextHop: Uint8Array): void {
  const { bytes, start } = frame
  bytes.set(device.mac, start + 6)
  const group = groupAddress(device, nextHop)
  if (group !== undefined || !needsNeighbour(device)) {
    bytes.set(group ?? (device.loopback ? device.mac : device.broadcast), start)
    transmit(network, device, frame)
    return
  }
  const known = findNeighbour(device, nextHop)
  if (known?.lladdr !== undefined && known.state !== NUD.INCOMPLETE && known.state !== NUD.FAILED) {
    bytes.set(known.lladdr, start)
    transmit(network, device, frame)
    return
  }
  if (!device.up) {
    dropFrame(network, device, frame, 'ip', 'SKB_DROP_REASON_NEIGH_FAILED', `${device.name} is down`)
    return
  }
  const entry = known ?? {
    device,
    address: nextHop.slice(),
    lladdr: undefined,
    state: NUD.INCOMPLETE as number,
    waiting: [],
    probes: 0,
  }
  if (known === undefined) device.netns.neighbours.set(neighbourKey(device, nextHop), entry)
  if (entry.waiting.length >= UNRESOLVED) {
    const oldest = entry.waiting.shift() as Frame
    dropFrame(network, device, oldest, 'ip', 'SKB_DROP_REASON_NEIGH_QUEUEFULL')
  }
  entry.waiting.push(frame)
  network.journeys?.step(device, frame, { hook: 'neighbour', what: 'wait', target: nextHop.join('.') })
  if (entry.state === NUD.FAILED || entry.probes === 0) {
    entry.state = NUD.INCOMPLETE
    entry.probes = 0
    probe(network, device, nextHop)
    entry.probes = 1
    network.awaitNeighbour(entry)
  }
}

/** Asks for a neighbour's hardware address. */
export function probe(network: VirtualNetwork, device: Device, address: Uint8Array): void {
  const source = sourceAddress(device, address)
  if (address.length === 4) sendArpRequest(network, device, address, source ?? new Uint8Array(4))
  else sendSolicitation(network, device, address, source ?? new Uint8Array(16))
}

/** The hardware address that broadcast and multicast addresses stand for. */
function groupAddress(device: Device, address: Uint8Array): Uint8Array | undefined {
  if (address.length === 16) {
    if (address[0] !== 0xff) return undefined
    return Uint8Array.of(0x33, 0x33, ...address.subarray(12))
  }
  if (((address[0] as number) & 0xf0) === 0xe0) {
    return Uint8Array.of(1, 0, 0x5e, (address[1] as number) & 0x7f, address[2] as number, address[3] as number)
  }
  if (address.every((byte) => byte === 0xff)) return device.broadcast
  const route = lookupRoute(device.netns, { family: 4, destination: address })
  return route?.type === RTN.BROADCAST ? device.broadcast : undefined
}
