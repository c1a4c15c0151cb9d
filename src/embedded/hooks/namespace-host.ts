import { findSocket, lookupRoute, type Namespace, neighbourAddress, RTN } from '../../netdev/index.js'
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
    socket: (query: SocketQuery) =>
      findSocket(netns, {
        protocol: query.protocol,
        source: query.sourceAddress,
        sourcePort: query.sourcePort,
        destination: query.destinationAddress,
        destinationPort: query.destinationPort,
        ifindex: query.ifindex,
      }) as NetworkSocket | undefined,
    netnsCookie: netns.cookie,
    cgroups: [1n],
    syncookies: 1,
  }
}

function ownAddress(netns: Namespace, ifindex: number | undefined, family: 4 | 6): Uint8Array | undefined {
  const size = family === 4 ? 4 : 16
  return netns.addresses.find(({ device, address }) => device.ifindex === ifindex && address.length === size)?.address
}
