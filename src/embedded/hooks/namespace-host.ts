import { lookupRoute, type Namespace, neighbourAddress, RTN, type Socket } from '../../netdev/index.js'
import type { NetworkHost, NetworkSocket, RouteAnswer, RouteType, SocketQuery } from '../../vm/index.js'

const TYPES: Readonly<Record<number, RouteType>> = {
  [RTN.UNICAST]: 'unicast',
  [RTN.LOCAL]: 'local',
  [RTN.BROADCAST]: 'broadcast',
  [RTN.MULTICAST]: 'multicast',
  [RTN.BLACKHOLE]: 'blackhole',
  [RTN.UNREACHABLE]: 'unreachable',
  [RTN.PROHIBIT]: 'prohibit',
}

/** A namespace as the helpers of programs ask about it. */
export function namespaceHost(netns: Namespace): NetworkHost {
  return {
    device: (ifindex) => netns.devices.get(ifindex),
    route({ family, destination, ifindex, output, table }): RouteAnswer | undefined {
      const through = output ? netns.devices.get(ifindex) : undefined
      const route = lookupRoute(netns, { family, destination, table, through })
      if (route === undefined) return undefined
      const { device } = route
      return {
        type: TYPES[route.type] ?? 'unreachable',
        ifindex: device?.ifindex ?? 0,
        gateway: route.gateway,
        metric: route.metric,
        mtu: undefined,
        source: route.source ?? ownAddress(netns, device?.ifindex, family),
        encapsulated: route.programs !== undefined,
      }
    },
    neighbour(ifindex, address) {
      const device = netns.devices.get(ifindex)
      return device === undefined ? undefined : neighbourAddress(device, address)
    },
    socket: (query) => findSocket(netns, query),
    netnsCookie: netns.cookie,
    cgroups: [1n],
    syncookies: 1,
  }
}

function ownAddress(netns: Namespace, ifindex: number | undefined, family: 4 | 6): Uint8Array | undefined {
  const size = family === 4 ? 4 : 16
  return netns.addresses.find(({ device, address }) => device.ifindex === ifindex && address.length === size)?.address
}

const LISTEN = 10

function zero(address: Uint8Array): boolean {
  return address.every((byte) => byte === 0)
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}

/** The socket a packet belongs to: a connected one, else the listener with the most specific address. */
export function findSocket(netns: Namespace, query: SocketQuery): (Socket & NetworkSocket) | undefined {
  let best: Socket | undefined
  let bestScore = 0
  for (const socket of netns.sockets) {
    if (socket.protocol !== query.protocol || socket.localPort !== query.destinationPort) continue
    if (socket.boundIfindex !== 0 && socket.boundIfindex !== query.ifindex) continue
    const any = zero(socket.localAddress)
    const dual = socket.family === 6 && query.family === 4 && !socket.v6only && any && socket.remotePort === 0
    if (socket.family !== query.family && !dual) continue
    if (!any && !same(socket.localAddress, query.destinationAddress)) continue
    let score = 1 + (any ? 0 : 2) + (socket.boundIfindex !== 0 ? 4 : 0) + (dual ? 0 : 1)
    if (socket.remotePort !== 0) {
      if (socket.remotePort !== query.sourcePort || !same(socket.remoteAddress, query.sourceAddress)) continue
      score += 16
    } else if (socket.protocol === 'tcp' && socket.state !== LISTEN) continue
    if (score > bestScore) {
      best = socket
      bestScore = score
    }
  }
  return best as (Socket & NetworkSocket) | undefined
}
