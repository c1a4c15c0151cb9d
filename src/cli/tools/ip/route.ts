import { type Fd, type Kernel, KernelError, type NetRoute, type RouteRequest } from '../../../kernel/index.js'
import { formatAddress } from '../../../packet/index.js'
import { readSource } from '../iproute2/bpf-source.js'
import { type Json, toolJson } from '../iproute2/json.js'
import { type LoadedBpf, loadBpf } from '../iproute2/load-bpf.js'
import type { ToolContext } from '../iproute2/options.js'
import { netlinkAnswer, REFUSED, request, ToolError } from '../iproute2/tool-error.js'
import { theDevice } from '../iproute2/tool-kernel.js'
import { begins, type ToolWords } from '../iproute2/words.js'
import { LinkTable } from './link-words.js'
import { readAddress, readPrefix } from './prefix.js'

const TYPES: Readonly<Record<string, number>> = {
  unicast: 1,
  local: 2,
  broadcast: 3,
  anycast: 4,
  multicast: 5,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
  throw: 9,
}
const TABLES: Readonly<Record<string, number>> = { default: 253, main: 254, local: 255 }
const PROTOCOLS: Readonly<Record<string, number>> = {
  unspec: 0,
  redirect: 1,
  kernel: 2,
  boot: 3,
  static: 4,
  ra: 9,
  dhcp: 16,
}
const SCOPES: Readonly<Record<string, number>> = { global: 0, site: 200, link: 253, host: 254, nowhere: 255 }
const BOOT = 3
const MAIN = 254

function nameIn(table: Readonly<Record<string, number>>, value: number): string {
  return Object.entries(table).find(([, one]) => one === value)?.[0] ?? String(value)
}

function numberIn(table: Readonly<Record<string, number>>, word: string): number {
  const value = table[word] ?? Number(word)
  if (!Number.isInteger(value)) throw new ToolError(`Error: argument "${word}" is wrong: invalid value\n`)
  return value
}

/** `ip route [show|add|del|replace|get|flush] …`. */
export function ipRoute(kernel: Kernel, words: ToolWords, context: ToolContext): void {
  const verb = words.peek()
  if (verb === undefined || begins(verb, 'list') || begins(verb, 'show') || verb === 'lst') {
    words.take()
    showRoutes(kernel, words, context)
    return
  }
  words.take()
  if (begins(verb, 'add') || begins(verb, 'append')) changeRoute(kernel, words, context, 'add')
  else if (begins(verb, 'change') || begins(verb, 'chg') || begins(verb, 'replace')) {
    changeRoute(kernel, words, context, 'replace')
  } else if (begins(verb, 'delete')) changeRoute(kernel, words, context, 'del')
  else if (begins(verb, 'get')) getRoute(kernel, words, context)
  else if (begins(verb, 'flush')) {
    for (const route of selectRoutes(kernel, words, context).routes) removeRoute(kernel, route)
  } else throw new ToolError(`Command "${verb}" is unknown, try "ip route help".`)
}

type Draft = { -readonly [Name in keyof RouteRequest]?: RouteRequest[Name] }

function changeRoute(
  kernel: Kernel,
  words: ToolWords,
  { host, options }: ToolContext,
  how: 'add' | 'replace' | 'del',
): void {
  const draft: Draft = { protocol: BOOT }
  const loaded: LoadedBpf[] = []
  let to: string | undefined
  let family = options.family
  try {
    for (let word = words.take(); word !== undefined; word = words.take()) {
      const type = TYPES[word]
      if (type !== undefined && to === undefined) draft.type = type
      else if (word === 'via') {
        const next = words.value()
        draft.gateway = readAddress(next === 'inet' || next === 'inet6' ? words.value() : next)
        family ??= draft.gateway.length === 4 ? 4 : 6
      } else if (word === 'dev' || word === 'oif') draft.ifindex = theDevice(kernel, words.value()).ifindex
      else if (word === 'src') draft.source = readAddress(words.value())
      else if (word === 'metric' || word === 'preference' || word === 'priority') draft.metric = Number(words.value())
      else if (word === 'table') draft.table = numberIn(TABLES, words.value())
      else if (word === 'proto' || word === 'protocol') draft.protocol = numberIn(PROTOCOLS, words.value())
      else if (word === 'scope') draft.scope = numberIn(SCOPES, words.value())
      else if (word === 'encap') draft.bpf = readEncap(kernel, words, host, loaded)
      else if (['mtu', 'advmss', 'tos', 'dsfield', 'weight', 'pref', 'window', 'hoplimit'].includes(word)) words.value()
      else if (word === 'onlink' || word === 'nexthop') continue
      else if (word === 'to' && to === undefined) to = words.value()
      else if (to === undefined) to = word
      else throw new ToolError(`Error: either "to" is duplicate, or "${word}" is a garbage.`)
    }
    if (to === undefined) throw new ToolError('Error: either "to" is missing: what route is meant?')
    const { address, prefix } = readPrefix(to, family ?? 4)
    const wanted: RouteRequest = {
      ...draft,
      destination: address,
      prefix,
      ...(how === 'replace' ? { replace: true } : {}),
    }
    // A route is deleted whatever protocol it came by.
    const { protocol: _, ...any } = wanted
    request(() => (how === 'del' ? kernel.call('rtm_delroute', any) : kernel.call('rtm_newroute', wanted)))
  } finally {
    for (const one of loaded) one[Symbol.dispose]()
  }
}

/** `encap bpf [in|out|xmit obj FILE [sec S]] … [headroom N]`. */
function readEncap(
  kernel: Kernel,
  words: ToolWords,
  host: ToolContext['host'],
  loaded: LoadedBpf[],
): NonNullable<RouteRequest['bpf']> {
  const type = words.value()
  if (type !== 'bpf') throw new ToolError(`Error: "encap type" value is invalid: only bpf is known here`)
  const bpf: { in?: Named; out?: Named; xmit?: Named; headroom?: number } = {}
  for (;;) {
    const word = words.peek()
    if (word === 'in' || word === 'out' || word === 'xmit') {
      words.take()
      const program = loadBpf(readSource(words), { kernel, host, type: `lwt_${word}` })
      loaded.push(program)
      bpf[word] = { fd: program.fd, name: program.annotation }
    } else if (word === 'headroom') {
      words.take()
      bpf.headroom = Number(words.value())
    } else return bpf
  }
}

interface Named {
  readonly fd: Fd
  readonly name: string
}

function removeRoute(kernel: Kernel, route: NetRoute): void {
  const { destination, prefix, table, type, metric, ifindex } = route
  request(() =>
    kernel.call('rtm_delroute', {
      destination,
      prefix,
      table,
      type,
      metric,
      ...(ifindex === undefined ? {} : { ifindex }),
    }),
  )
}

interface Selection {
  readonly routes: readonly NetRoute[]
  readonly table: number | undefined
  readonly links: LinkTable
  readonly dev: boolean
}

function selectRoutes(kernel: Kernel, words: ToolWords, { options }: ToolContext): Selection {
  const links = new LinkTable(kernel)
  let table: number | undefined = MAIN
  let device: number | undefined
  let protocol: number | undefined
  let exact: string | undefined
  for (let word = words.take(); word !== undefined; word = words.take()) {
    if (word === 'table') {
      const name = words.value()
      table = name === 'all' ? undefined : numberIn(TABLES, name)
    } else if (word === 'dev' || word === 'oif') device = theDevice(kernel, words.value()).ifindex
    else if (word === 'proto' || word === 'protocol') protocol = numberIn(PROTOCOLS, words.value())
    else if (word === 'to' || word === 'exact' || word === 'match' || word === 'root') continue
    else if (word === 'scope' || word === 'type') words.value()
    else exact = word
  }
  const all = table === undefined && options.family === undefined
  const family = (options.family ?? 4) === 4 ? 2 : 10
  const wanted = exact === undefined ? undefined : readPrefix(exact, options.family ?? 4)
  const routes = kernel
    .call('rtm_getroutes', {})
    .filter((route) => all || route.family === family)
    .filter((route) => table === undefined || route.table === table)
    .filter((route) => device === undefined || route.ifindex === device)
    .filter((route) => protocol === undefined || route.protocol === protocol)
    .filter(
      (route) =>
        wanted === undefined ||
        (route.prefix === wanted.prefix && formatAddress(route.destination) === formatAddress(wanted.address)),
    )
  return { routes: [...routes].sort(inOrder), table, links, dev: device !== undefined }
}

/** As Linux lists them: main before local, then by address, the longer prefix first. */
function inOrder(a: NetRoute, b: NetRoute): number {
  if (a.family !== b.family) return a.family - b.family
  if (a.table !== b.table) return a.table - b.table
  for (const [index, byte] of a.destination.entries()) {
    const difference = byte - (b.destination[index] ?? 0)
    if (difference !== 0) return difference
  }
  return b.prefix - a.prefix || a.metric - b.metric
}

function showRoutes(kernel: Kernel, words: ToolWords, context: ToolContext): void {
  const { host, options } = context
  const { routes, table, links, dev } = selectRoutes(kernel, words, context)
  if (options.json) {
    const list = routes.map((route) => routeJson(route, links, table, dev))
    host.out(`${toolJson(list, options.pretty)}\n`)
    return
  }
  for (const route of routes) host.out(`${routeText(route, links, table, dev, options.details)}\n`)
}

function targetOf({ destination, prefix }: NetRoute): string {
  if (prefix === 0) return 'default'
  const text = formatAddress(destination)
  return prefix === destination.length * 8 ? text : `${text}/${prefix}`
}

/** Members that both texts have, in iproute2's order. */
function partsOf(route: NetRoute, links: LinkTable, table: number | undefined, dev: boolean, details: boolean) {
  const { gateway, ifindex, protocol, scope, source, metric, family } = route
  const v6 = family !== 2
  return {
    type: route.type === 1 && !details ? undefined : nameIn(TYPES, route.type),
    dst: targetOf(route),
    gateway: gateway === undefined ? undefined : formatAddress(gateway),
    dev: ifindex === undefined || dev ? undefined : links.nameOf(ifindex),
    table: table === undefined && route.table !== MAIN ? nameIn(TABLES, route.table) : undefined,
    protocol: protocol === BOOT && !details ? undefined : nameIn(PROTOCOLS, protocol),
    scope: (scope === 0 && !details) || (v6 && !details) ? undefined : nameIn(SCOPES, scope),
    prefsrc: source === undefined ? undefined : formatAddress(source),
    metric: metric === 0 && !(v6 && route.type !== 6) ? undefined : metric,
    pref: v6 ? 'medium' : undefined,
  }
}

function routeText(
  route: NetRoute,
  links: LinkTable,
  table: number | undefined,
  dev: boolean,
  details: boolean,
): string {
  const parts = partsOf(route, links, table, dev, details)
  let text = ''
  if (parts.type !== undefined) text += `${parts.type} `
  text += `${parts.dst} `
  if (route.encap !== undefined) text += ' encap bpf '
  if (parts.gateway !== undefined) text += `via ${parts.gateway} `
  if (parts.dev !== undefined) text += `dev ${parts.dev} `
  if (parts.table !== undefined) text += `table ${parts.table} `
  if (parts.protocol !== undefined) text += `proto ${parts.protocol} `
  if (parts.scope !== undefined) text += `scope ${parts.scope} `
  if (parts.prefsrc !== undefined) text += `src ${parts.prefsrc} `
  if (parts.metric !== undefined) text += `metric ${parts.metric} `
  if (parts.pref !== undefined) text += `pref ${parts.pref}`
  return text
}

function routeJson(route: NetRoute, links: LinkTable, table: number | undefined, dev: boolean): Json {
  const { pref, ...parts } = partsOf(route, links, table, dev, false)
  return { ...parts, flags: [], pref }
}

/** `ip route get ADDRESS`: the route with the longest prefix. */
function getRoute(kernel: Kernel, words: ToolWords, { host }: ToolContext): void {
  if (words.peek() === 'to') words.take()
  const address = readAddress(words.value().split('/')[0] ?? '')
  const links = new LinkTable(kernel)
  const best = kernel
    .call('rtm_getroutes', { family: address.length === 4 ? 2 : 10 })
    .filter((route) => covers(route, address))
    .sort((a, b) => b.table - a.table || b.prefix - a.prefix || a.metric - b.metric)[0]
  if (best === undefined || best.type > 3) {
    const code = best?.type === 8 ? 'EACCES' : best?.type === 6 ? 'EINVAL' : 'ENETUNREACH'
    throw new ToolError(netlinkAnswer(new KernelError(code, 'rtm_getroute')), REFUSED)
  }
  const source = best.source ?? sourceOf(kernel, best)
  const kind = best.type === 1 ? '' : `${nameIn(TYPES, best.type)} `
  const via = best.gateway === undefined ? '' : `via ${formatAddress(best.gateway)} `
  const dev = best.ifindex === undefined ? '' : `dev ${best.type === 2 ? 'lo' : links.nameOf(best.ifindex)} `
  const src = source === undefined ? '' : `src ${formatAddress(source)} `
  host.out(
    `${kind}${formatAddress(address)} ${via}${dev}${src}uid 0 \n    cache ${best.type === 2 ? '<local> ' : ''}\n`,
  )
}

function sourceOf(kernel: Kernel, { ifindex, destination }: NetRoute): Uint8Array | undefined {
  if (ifindex === undefined) return undefined
  return kernel.call('rtm_getaddrs', { ifindex }).find(({ address }) => address.length === destination.length)?.address
}

function covers({ destination, prefix }: NetRoute, address: Uint8Array): boolean {
  for (let bit = 0; bit < prefix; bit++) {
    const mask = 0x80 >> (bit & 7)
    if (((destination[bit >> 3] ?? 0) & mask) !== ((address[bit >> 3] ?? 0) & mask)) return false
  }
  return true
}
