import type { Kernel, NetAddress, NetDevice } from '../../../kernel/index.js'
import { formatAddress, parseAddress } from '../../../packet/index.js'
import { type Json, toolJson } from '../iproute2/json.js'
import type { ToolContext } from '../iproute2/options.js'
import { request, ToolError } from '../iproute2/tool-error.js'
import { theDevice } from '../iproute2/tool-kernel.js'
import { begins, type ToolWords } from '../iproute2/words.js'
import { readSelection } from './link-show.js'
import { briefText, linkJson, linkText } from './link-text.js'
import { LinkTable } from './link-words.js'
import { readPrefix } from './prefix.js'

const SCOPES: Readonly<Record<number, string>> = { 0: 'global', 200: 'site', 253: 'link', 254: 'host', 255: 'nowhere' }
const PERMANENT = 0x80
const FLAGS: readonly [string, number][] = [
  ['secondary', 0x01],
  ['nodad', 0x02],
  ['dadfailed', 0x08],
  ['deprecated', 0x20],
  ['tentative', 0x40],
  ['noprefixroute', 0x200],
]

/** `ip address [show|add|replace|del|flush] …`. */
export function ipAddress(kernel: Kernel, words: ToolWords, context: ToolContext): void {
  const verb = words.peek()
  if (verb === undefined || begins(verb, 'show') || begins(verb, 'list') || verb === 'lst') {
    words.take()
    showAddresses(kernel, words, context)
    return
  }
  words.take()
  if (begins(verb, 'add')) changeAddress(kernel, words, 'add')
  else if (begins(verb, 'change') || begins(verb, 'replace')) changeAddress(kernel, words, 'replace')
  else if (begins(verb, 'delete')) changeAddress(kernel, words, 'del')
  else if (begins(verb, 'flush')) flushAddresses(kernel, words, context)
  else throw new ToolError(`Command "${verb}" is unknown, try "ip address help".`)
}

function changeAddress(kernel: Kernel, words: ToolWords, how: 'add' | 'replace' | 'del'): void {
  let prefix: string | undefined
  let dev: string | undefined
  for (let word = words.take(); word !== undefined; word = words.take()) {
    if (begins(word, 'dev') && word.length >= 3) dev = words.value()
    else if (['broadcast', 'brd', 'scope', 'label', 'valid_lft', 'preferred_lft', 'metric', 'peer'].includes(word))
      words.value()
    else if (word === 'nodad' || word === 'noprefixroute' || word === 'home') continue
    else if (word === 'local') prefix = words.value()
    else if (prefix === undefined) prefix = word
    else throw new ToolError(`Error: either "local" is duplicate, or "${word}" is a garbage.`)
  }
  const read = prefix === undefined ? undefined : readPrefix(prefix)
  if (dev === undefined) throw new ToolError('Not enough information: "dev" argument is required.', 1)
  const { ifindex } = theDevice(kernel, dev)
  if (read === undefined) throw new ToolError('RTNETLINK answers: Invalid argument', 2)
  const address = { ifindex, ...read }
  if (how === 'del') {
    request(() => kernel.call('rtm_deladdr', address))
    return
  }
  try {
    request(() => kernel.call('rtm_newaddr', address))
  } catch (error) {
    if (how === 'add' || !(error instanceof ToolError) || !/assigned/.test(error.message)) throw error
  }
}

function flushAddresses(kernel: Kernel, words: ToolWords, { options }: ToolContext): void {
  const table = new LinkTable(kernel)
  for (const { ifindex } of readSelection(table, words)) {
    for (const { address, prefix } of kernel.call('rtm_getaddrs', { ifindex })) {
      if (options.family !== undefined && (options.family === 4) !== (address.length === 4)) continue
      request(() => kernel.call('rtm_deladdr', { ifindex, address, prefix }))
    }
  }
}

function showAddresses(kernel: Kernel, words: ToolWords, { host, options }: ToolContext): void {
  const table = new LinkTable(kernel)
  let scope: string | undefined
  let to: string | undefined
  const devices = readSelection(table, words, (word) => {
    if (word === 'scope') scope = words.value()
    else if (word === 'to') to = words.value()
    else return false
    return true
  })
  const listed = kernel.call('rtm_getaddrs', {})
  const v6 = listed.filter(({ address }) => address.length === 16)
  // Ours are in the order they came, Linux's in the order it has them already.
  const all = kernel.name === 'linux' ? listed : [...listed.filter((one) => !v6.includes(one)), ...v6.reverse()]
  const wanted = (device: NetDevice): NetAddress[] =>
    all
      .filter(({ ifindex }) => ifindex === device.ifindex)
      .filter(({ address }) => options.family === undefined || (address.length === 4) === (options.family === 4))
      .filter((one) => scope === undefined || SCOPES[one.scope] === scope)
      .filter(
        ({ address }) =>
          to === undefined || formatAddress(address) === formatAddress(parseAddress(to.split('/')[0] ?? '')),
      )
      .sort(inOrder)
  const narrow = options.family !== undefined || scope !== undefined || to !== undefined
  const shape = { options, mode: false }
  const list: Json[] = []
  for (const device of devices) {
    const addresses = wanted(device)
    if (narrow && addresses.length === 0) continue
    if (options.json)
      list.push({ ...linkJson(table, device, shape), addr_info: addresses.map((one) => addressJson(one)) })
    else if (options.brief) {
      host.out(
        `${briefText(table, device)}${addresses.map(({ address, prefix }) => `${formatAddress(address)}/${prefix} `).join('')}\n`,
      )
    } else {
      if (!options.oneline) host.out(`${linkText(table, device, shape)}\n`)
      for (const one of addresses) host.out(addressText(device, one, options.oneline))
    }
  }
  if (options.json) host.out(`${toolJson(list, options.pretty)}\n`)
}

/** IPv4 first; of IPv6 the widest scope, and there the newest. */
function inOrder(a: NetAddress, b: NetAddress): number {
  return a.address.length - b.address.length || (a.address.length === 16 ? a.scope - b.scope : 0)
}

function flagsOf({ flags }: NetAddress): string[] {
  const found = FLAGS.filter(([, bit]) => (flags & bit) !== 0).map(([name]) => name)
  return (flags & PERMANENT) === 0 && (flags & 1) === 0 ? [...found, 'dynamic'] : found
}

function addressText(device: NetDevice, one: NetAddress, oneline: boolean): string {
  const { address, prefix, broadcast, scope, label } = one
  const line = oneline ? '\\' : '\n'
  let text = oneline ? `${device.ifindex}: ${device.name}    ` : '    '
  text += `${address.length === 4 ? 'inet' : 'inet6'} ${formatAddress(address)}/${prefix} `
  if (broadcast !== undefined) text += `brd ${formatAddress(broadcast)} `
  text += `scope ${SCOPES[scope] ?? scope} ${flagsOf(one)
    .map((flag) => `${flag} `)
    .join('')}`
  if (label !== undefined) text += label
  return `${text}${line}       valid_lft forever preferred_lft forever\n`
}

function addressJson(one: NetAddress): Json {
  const { address, prefix, broadcast, scope, label } = one
  return {
    family: address.length === 4 ? 'inet' : 'inet6',
    local: formatAddress(address),
    prefixlen: prefix,
    broadcast: broadcast === undefined ? undefined : formatAddress(broadcast),
    scope: SCOPES[scope] ?? String(scope),
    ...Object.fromEntries(flagsOf(one).map((flag) => [flag, true])),
    label,
    valid_life_time: 4294967295,
    preferred_life_time: 4294967295,
  }
}
