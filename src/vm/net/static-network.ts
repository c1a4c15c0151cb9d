import { UsageError } from '../../base/index.js'
import { parseAddress, parseMac } from '../../packet/index.js'
import type {
  NetworkDevice,
  NetworkHost,
  NetworkSocket,
  RouteAnswer,
  RouteQuery,
  RouteType,
  SocketQuery,
} from './network-host.js'

const TABLE_DEFAULT = 253
const TABLE_MAIN = 254
const TABLE_LOCAL = 255

export interface DeviceOptions extends Partial<Omit<NetworkDevice, 'mac' | 'broadcast'>> {
  readonly ifindex: number
  /** `02:00:00:00:00:01`; default all zero. */
  readonly mac?: string
  /** Addresses with prefix lengths, `192.0.2.1/24`: each makes its local and on-link routes, as on Linux. */
  readonly addresses?: readonly string[]
}

export interface RouteOptions {
  /** Prefix, `10.0.0.0/8` or `2001:db8::/32`; `default` needs `family`. */
  readonly to: string
  readonly family?: 4 | 6
  readonly ifindex?: number
  readonly via?: string
  readonly type?: RouteType
  readonly table?: number
  readonly metric?: number
  /** Locked MTU. */
  readonly mtu?: number
  readonly source?: string
  readonly encapsulated?: boolean
}

export interface NeighbourOptions {
  readonly ifindex: number
  readonly address: string
  readonly mac: string
}

export interface SocketOptions extends Partial<Omit<NetworkSocket, 'localAddress' | 'remoteAddress' | 'protocol'>> {
  readonly protocol: 'tcp' | 'udp'
  /** `192.0.2.1:80`, `[2001:db8::1]:80`, `0.0.0.0:80` */
  readonly local: string
  readonly remote?: string
}

export interface NetworkOptions {
  readonly devices?: readonly DeviceOptions[]
  readonly routes?: readonly RouteOptions[]
  readonly neighbours?: readonly NeighbourOptions[]
  readonly sockets?: readonly SocketOptions[]
  /** True: every interface index names a device (MTU 1500), so that redirects in a capture run have a target. */
  readonly anyDevice?: boolean
  readonly netnsCookie?: bigint
  readonly cgroups?: readonly bigint[]
  readonly syncookies?: 0 | 1 | 2
}

interface Route extends RouteAnswer {
  readonly family: 4 | 6
  readonly prefix: Uint8Array
  readonly length: number
  readonly table: number
}

/** A network given by tables. Without any: the loopback device alone, as in a new network namespace. */
export function staticNetwork(options: NetworkOptions = {}): NetworkHost {
  const devices = new Map<number, NetworkDevice>()
  const routes: Route[] = []
  const given = options.devices ?? []
  for (const device of given.some((device) => device.ifindex === 1) ? given : [LOOPBACK, ...given]) {
    devices.set(device.ifindex, makeDevice(device))
    for (const address of device.addresses ?? []) routes.push(...addressRoutes(device.ifindex, address))
  }
  for (const route of options.routes ?? []) routes.push(makeRoute(route))
  routes.sort((a, b) => b.length - a.length || a.metric - b.metric)
  const neighbours = new Map<string, Uint8Array>()
  for (const { ifindex, address, mac } of options.neighbours ?? [])
    neighbours.set(`${ifindex} ${parseAddress(address)}`, parseMac(mac))
  const sockets = (options.sockets ?? []).map(makeSocket)
  return {
    device(ifindex) {
      const known = devices.get(ifindex)
      if (known !== undefined || options.anyDevice !== true || ifindex <= 0) return known
      const made = makeDevice({ ifindex })
      devices.set(ifindex, made)
      return made
    },
    route: (query) => lookupRoute(routes, query),
    neighbour: (ifindex, address) => neighbours.get(`${ifindex} ${address}`),
    socket: (query) => lookupSocket(sockets, query),
    netnsCookie: options.netnsCookie ?? 1n,
    cgroups: options.cgroups ?? [1n],
    syncookies: options.syncookies ?? 1,
  }
}

const LOOPBACK: DeviceOptions = { ifindex: 1, name: 'lo', mtu: 65536 }

function makeDevice(options: DeviceOptions): NetworkDevice {
  return {
    ifindex: options.ifindex,
    name: options.name ?? `if${options.ifindex}`,
    mtu: options.mtu ?? 1500,
    mac: options.mac === undefined ? new Uint8Array(6) : parseMac(options.mac),
    // The loopback device is the first of every namespace.
    broadcast: new Uint8Array(6).fill(options.ifindex === 1 ? 0 : 0xff),
    up: options.up ?? true,
    hasMacHeader: options.hasMacHeader ?? true,
    forwardIpv4: options.forwardIpv4 ?? false,
    forwardIpv6: options.forwardIpv6 ?? false,
    rxQueues: options.rxQueues ?? 1,
  }
}

/** The local route of an address and the on-link route of its prefix. */
function addressRoutes(ifindex: number, text: string): Route[] {
  const { bytes, length } = parsePrefix(text)
  const family = bytes.length === 4 ? 4 : 6
  const common = { ifindex, gateway: undefined, mtu: undefined, encapsulated: false, family } as const
  const metric = family === 4 ? 0 : 256
  const source = family === 4 ? bytes : undefined
  const host: Route = {
    ...common,
    type: 'local',
    prefix: bytes,
    length: bytes.length * 8,
    table: TABLE_LOCAL,
    metric: 0,
    source,
  }
  if (length === bytes.length * 8) return [host]
  const prefix = masked(bytes, length)
  const link: Route = { ...common, type: 'unicast', prefix, length, table: TABLE_MAIN, metric, source }
  if (family === 6) return [host, link]
  const broadcast: Route = { ...host, type: 'broadcast', prefix: lastAddress(prefix, length) }
  return [host, broadcast, link]
}

function makeRoute(options: RouteOptions): Route {
  const family = options.to === 'default' ? options.family : undefined
  if (options.to === 'default' && family === undefined) throw new UsageError('a default route needs its family: 4 or 6')
  const { bytes, length } =
    family !== undefined ? { bytes: new Uint8Array(family === 4 ? 4 : 16), length: 0 } : parsePrefix(options.to)
  return {
    family: bytes.length === 4 ? 4 : 6,
    prefix: masked(bytes, length),
    length,
    table: options.table ?? TABLE_MAIN,
    type: options.type ?? 'unicast',
    ifindex: options.ifindex ?? 1,
    gateway: options.via === undefined ? undefined : parseAddress(options.via),
    metric: options.metric ?? (bytes.length === 4 ? 0 : 1024),
    mtu: options.mtu,
    source: options.source === undefined ? undefined : parseAddress(options.source),
    encapsulated: options.encapsulated ?? false,
  }
}

function lookupRoute(routes: readonly Route[], query: RouteQuery): RouteAnswer | undefined {
  const tables = query.table === undefined ? [TABLE_LOCAL, TABLE_MAIN, TABLE_DEFAULT] : [query.table]
  for (const table of tables) {
    for (const route of routes) {
      if (route.family !== query.family || !sameTable(route, table)) continue
      if (query.output && route.type === 'unicast' && route.ifindex !== query.ifindex) continue
      if (!covers(route.prefix, route.length, query.destination)) continue
      return withSource(routes, route)
    }
  }
  return undefined
}

/** IPv4's local and main tables are one trie until policy rules are added: looking into either finds both. */
function sameTable(route: Route, table: number): boolean {
  if (route.table === table) return true
  return route.family === 4 && isMain(route.table) && isMain(table)
}

function isMain(table: number): boolean {
  return table === TABLE_LOCAL || table === TABLE_MAIN
}

/** Fills in the source address Linux would choose: the primary address of the route's device. */
function withSource(routes: readonly Route[], route: Route): RouteAnswer {
  if (route.source !== undefined) return route
  const own = routes.find((other) => {
    return other.type === 'local' && other.ifindex === route.ifindex && other.family === route.family
  })
  return own === undefined ? route : { ...route, source: own.prefix }
}

function makeSocket(options: SocketOptions): NetworkSocket {
  const local = parseEndpoint(options.local)
  const remote = options.remote === undefined ? undefined : parseEndpoint(options.remote)
  const tcp = options.protocol === 'tcp'
  const connected = remote !== undefined
  return {
    protocol: options.protocol,
    family: local.address.length === 4 ? 4 : 6,
    localAddress: local.address,
    localPort: local.port,
    remoteAddress: remote?.address ?? new Uint8Array(local.address.length),
    remotePort: remote?.port ?? 0,
    state: options.state ?? (connected ? 1 : tcp ? 10 : 7),
    boundIfindex: options.boundIfindex ?? 0,
    mark: options.mark ?? 0,
    priority: options.priority ?? 0,
    uid: options.uid ?? 0,
    cookie: options.cookie ?? 0n,
    cgroupId: options.cgroupId ?? 1n,
    v6only: options.v6only ?? false,
    ...(options.tcpInfo === undefined ? {} : { tcpInfo: options.tcpInfo }),
  }
}

/** Connected sockets by their four-tuple, else the listener with the most specific address. */
function lookupSocket(sockets: readonly NetworkSocket[], query: SocketQuery): NetworkSocket | undefined {
  let best: NetworkSocket | undefined
  let bestScore = 0
  for (const socket of sockets) {
    if (socket.protocol !== query.protocol || socket.localPort !== query.destinationPort) continue
    if (socket.boundIfindex !== 0 && socket.boundIfindex !== query.ifindex) continue
    const address = inFamily(socket, query)
    if (address === undefined) continue
    const anyLocal = address.local.every((byte) => byte === 0)
    if (!anyLocal && !equal(address.local, query.destinationAddress)) continue
    let score = 1 + (anyLocal ? 0 : 2) + (socket.boundIfindex !== 0 ? 4 : 0) + (socket.family === query.family ? 1 : 0)
    if (socket.remotePort !== 0) {
      if (socket.remotePort !== query.sourcePort || !equal(address.remote, query.sourceAddress)) continue
      score += 16
    } else if (socket.protocol === 'tcp' && socket.state !== 10) continue
    if (score > bestScore) {
      best = socket
      bestScore = score
    }
  }
  return best
}

/** The socket's addresses in the query's family; a dual-stack wildcard socket takes IPv4 too. */
function inFamily(socket: NetworkSocket, query: SocketQuery): { local: Uint8Array; remote: Uint8Array } | undefined {
  if (socket.family === query.family) return { local: socket.localAddress, remote: socket.remoteAddress }
  if (socket.family === 4 || socket.v6only || socket.remotePort !== 0) return undefined
  if (socket.localAddress.some((byte) => byte !== 0)) return undefined
  return { local: new Uint8Array(4), remote: new Uint8Array(4) }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}

function covers(prefix: Uint8Array, length: number, address: Uint8Array): boolean {
  const whole = length >> 3
  for (let index = 0; index < whole; index++) if (prefix[index] !== address[index]) return false
  const rest = length & 7
  if (rest === 0) return true
  return ((prefix[whole] as number) ^ (address[whole] as number)) >> (8 - rest) === 0
}

function masked(bytes: Uint8Array, length: number): Uint8Array {
  return bytes.map((byte, index) => {
    const bits = Math.min(8, Math.max(0, length - index * 8))
    return byte & (0xff << (8 - bits))
  })
}

function lastAddress(prefix: Uint8Array, length: number): Uint8Array {
  return prefix.map((byte, index) => {
    const bits = Math.min(8, Math.max(0, length - index * 8))
    return byte | (0xff >> bits)
  })
}

function parsePrefix(text: string): { bytes: Uint8Array; length: number } {
  const [address = '', size] = text.split('/')
  const bytes = parseAddress(address)
  const length = size === undefined ? bytes.length * 8 : Number(size)
  if (!Number.isInteger(length) || length < 0 || length > bytes.length * 8)
    throw new UsageError(`"${text}" is not a prefix: the length must be 0 to ${bytes.length * 8}`)
  return { bytes, length }
}

function parseEndpoint(text: string): { address: Uint8Array; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(text)
  const port = Number(match?.[3])
  if (match === null || port > 65535) throw new UsageError(`"${text}" is not ADDRESS:PORT or [IPV6]:PORT`)
  return { address: parseAddress(match[1] ?? match[2] ?? ''), port }
}
