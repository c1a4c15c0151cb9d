import type { RouteRequest } from '../kernel/index.js'
import { equalBytes, inPrefix, lastOf, maskedTo } from './address-bytes.js'
import type { Device } from './device.js'
import type { Namespace } from './namespace.js'
import { RT_SCOPE, RT_TABLE, RTN, RTPROT } from './numbers.js'
import type { HookProgram } from './program.js'
import { refuse } from './refuse.js'

/** Programs of a light-weight tunnel at a route. */
export interface RoutePrograms {
  readonly in?: HookProgram | undefined
  readonly out?: HookProgram | undefined
  readonly xmit?: HookProgram | undefined
  readonly headroom: number
}

export interface Route {
  readonly family: 4 | 6
  readonly destination: Uint8Array
  readonly prefix: number
  readonly table: number
  readonly protocol: number
  readonly scope: number
  /** RTN_* */
  readonly type: number
  readonly gateway: Uint8Array | undefined
  readonly device: Device | undefined
  readonly source: Uint8Array | undefined
  readonly metric: number
  readonly programs: RoutePrograms | undefined
}

/** What a look-up is made for. */
export interface RouteLookup {
  readonly family: 4 | 6
  readonly destination: Uint8Array
  /** Only this table; undefined: local, main, default. */
  readonly table?: number | undefined
  /** Only routes by this device. */
  readonly through?: Device | undefined
}

const TABLES: readonly number[] = [RT_TABLE.LOCAL, RT_TABLE.MAIN, RT_TABLE.DEFAULT]
const order = (a: Route, b: Route): number => b.prefix - a.prefix || a.metric - b.metric

function insert(netns: Namespace, route: Route): void {
  const { routes } = netns
  let at = 0
  while (at < routes.length && order(routes[at] as Route, route) <= 0) at++
  routes.splice(at, 0, route)
}

export function lookupRoute(netns: Namespace, wanted: RouteLookup): Route | undefined {
  const tables = wanted.table === undefined ? TABLES : [wanted.table]
  for (const table of tables) {
    for (const route of netns.routes) {
      if (route.family !== wanted.family || !tableFits(route, table)) continue
      if (route.device !== undefined && !route.device.up && route.type !== RTN.LOCAL) continue
      if (wanted.through !== undefined && route.type === RTN.UNICAST && route.device !== wanted.through) continue
      if (inPrefix(wanted.destination, route.destination, route.prefix)) return route
    }
  }
  return undefined
}

/** IPv4's local and main tables are one trie as long as there are no policy rules. */
function tableFits(route: Route, table: number): boolean {
  if (route.table === table) return true
  const merged = (id: number): boolean => id === RT_TABLE.LOCAL || id === RT_TABLE.MAIN
  return route.family === 4 && merged(route.table) && merged(table)
}

function kernelRoute(device: Device, address: Uint8Array, route: Partial<Route>): Route {
  const family = address.length === 4 ? 4 : 6
  return {
    family,
    destination: address,
    prefix: address.length * 8,
    table: RT_TABLE.LOCAL,
    protocol: RTPROT.KERNEL,
    scope: family === 4 ? RT_SCOPE.HOST : RT_SCOPE.UNIVERSE,
    type: RTN.LOCAL,
    gateway: undefined,
    device,
    source: family === 4 ? address : undefined,
    metric: 0,
    programs: undefined,
    ...route,
  }
}

/** The routes that come with an address while its device is up. */
export function addAddressRoutes(device: Device, address: Uint8Array, prefix: number): void {
  const { netns } = device
  const v4 = address.length === 4
  insert(netns, kernelRoute(device, address, {}))
  const whole = address.length * 8
  if (device.loopback) {
    if (v4 && prefix < whole) {
      insert(netns, kernelRoute(device, maskedTo(address, prefix), { prefix, source: address }))
      const options = { scope: RT_SCOPE.LINK, type: RTN.BROADCAST, source: address }
      insert(netns, kernelRoute(device, lastOf(address, prefix), options))
    }
    return
  }
  if (prefix === whole && v4) return
  insert(
    netns,
    kernelRoute(device, maskedTo(address, prefix), {
      prefix,
      table: RT_TABLE.MAIN,
      scope: v4 ? RT_SCOPE.LINK : RT_SCOPE.UNIVERSE,
      type: RTN.UNICAST,
      metric: v4 ? 0 : 256,
      source: v4 ? address : undefined,
    }),
  )
  if (v4 && prefix < 31) {
    const options = { scope: RT_SCOPE.LINK, type: RTN.BROADCAST, source: address }
    insert(netns, kernelRoute(device, lastOf(address, prefix), options))
  }
}

/** Takes away the routes that came with an address. */
export function removeAddressRoutes(device: Device, address: Uint8Array, prefix: number): void {
  const network = maskedTo(address, prefix)
  const others = device.netns.addresses.filter((one) => one.device === device && !equalBytes(one.address, address))
  const shared = others.some((one) => one.prefix === prefix && inPrefix(one.address, network, prefix))
  removeRoutes(device.netns, (route) => {
    if (route.device !== device || route.protocol !== RTPROT.KERNEL) return false
    if (route.type === RTN.LOCAL && equalBytes(route.destination, address)) return true
    if (shared) return false
    return (
      (route.prefix === prefix && equalBytes(route.destination, network)) ||
      (route.type === RTN.BROADCAST && equalBytes(route.destination, lastOf(address, prefix)))
    )
  })
}

export function removeRoutes(netns: Namespace, which: (route: Route) => boolean): Route[] {
  const gone: Route[] = []
  for (let index = netns.routes.length - 1; index >= 0; index--) {
    const route = netns.routes[index] as Route
    if (!which(route)) continue
    netns.routes.splice(index, 1)
    gone.push(route)
  }
  return gone
}

/** Adds a route that user space asks for. The route it replaced, if it did. Throws KernelError. */
export function addRoute(netns: Namespace, r: RouteRequest, programs: RoutePrograms | undefined): Route | undefined {
  const syscall = 'rtm_newroute'
  const family = r.destination.length === 4 ? 4 : 6
  if (r.prefix > r.destination.length * 8) refuse('EINVAL', syscall, 'Invalid prefix for given prefix length')
  const destination = maskedTo(r.destination, r.prefix)
  if (family === 4 && !equalBytes(destination, r.destination))
    refuse('EINVAL', syscall, 'Invalid prefix for given prefix length')
  const type = r.type ?? RTN.UNICAST
  const device = type === RTN.UNICAST ? deviceFor(netns, r, syscall) : undefined
  const metric = r.metric ?? (family === 4 ? 0 : 1024)
  const table = r.table ?? RT_TABLE.MAIN
  const same = (route: Route): boolean =>
    route.family === family &&
    route.table === table &&
    route.prefix === r.prefix &&
    route.metric === metric &&
    equalBytes(route.destination, destination)
  const known = netns.routes.find(same)
  if (known !== undefined) {
    if (r.replace !== true) refuse('EEXIST', syscall)
    netns.routes.splice(netns.routes.indexOf(known), 1)
  }
  insert(netns, {
    family,
    destination,
    prefix: r.prefix,
    table,
    protocol: r.protocol ?? RTPROT.STATIC,
    scope:
      r.scope ?? (family === 4 && r.gateway === undefined && device !== undefined ? RT_SCOPE.LINK : RT_SCOPE.UNIVERSE),
    type,
    gateway: r.gateway?.slice(),
    device,
    source: r.source?.slice(),
    metric,
    programs,
  })
  return known
}

/** The device a new route leaves by: the one named, or the one its gateway is reached by. */
function deviceFor(netns: Namespace, r: RouteRequest, syscall: string): Device {
  const named = r.ifindex === undefined ? undefined : netns.devices.get(r.ifindex)
  if (r.ifindex !== undefined && named === undefined) return refuse('ENODEV', syscall)
  if (r.gateway !== undefined) {
    const family = r.gateway.length === 4 ? 4 : 6
    const way = lookupRoute(netns, { family, destination: r.gateway, through: named })
    if (way?.device === undefined || way.type !== RTN.UNICAST || way.gateway !== undefined) {
      if (family === 6 && named !== undefined) return named
      return refuse('ENETUNREACH', syscall, 'Nexthop has invalid gateway')
    }
    return named ?? way.device
  }
  if (named === undefined) return refuse('ENODEV', syscall, undefined)
  if (!named.up) return refuse('ENETDOWN', syscall, 'Device for nexthop is not up')
  return named
}

/** The route a request to delete means. Throws KernelError ESRCH. */
export function deleteRoute(netns: Namespace, r: RouteRequest): Route {
  const destination = maskedTo(r.destination, r.prefix)
  const index = netns.routes.findIndex(
    (route) =>
      route.family === (r.destination.length === 4 ? 4 : 6) &&
      route.table === (r.table ?? RT_TABLE.MAIN) &&
      route.prefix === r.prefix &&
      equalBytes(route.destination, destination) &&
      (r.ifindex === undefined || route.device?.ifindex === r.ifindex) &&
      (r.metric === undefined || route.metric === r.metric) &&
      (r.gateway === undefined || (route.gateway !== undefined && equalBytes(route.gateway, r.gateway))),
  )
  if (index < 0) refuse('ESRCH', 'rtm_delroute')
  return netns.routes.splice(index, 1)[0] as Route
}
