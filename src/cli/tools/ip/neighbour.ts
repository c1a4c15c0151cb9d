import type { Kernel, NetNeighbour } from '../../../kernel/index.js'
import { formatAddress, formatMac, parseMac } from '../../../packet/index.js'
import { type Json, toolJson } from '../iproute2/json.js'
import type { ToolContext } from '../iproute2/options.js'
import { request, ToolError } from '../iproute2/tool-error.js'
import { theDevice } from '../iproute2/tool-kernel.js'
import { begins, type ToolWords } from '../iproute2/words.js'
import { LinkTable } from './link-words.js'
import { readAddress } from './prefix.js'

const STATES: readonly [string, number][] = [
  ['INCOMPLETE', 1],
  ['REACHABLE', 2],
  ['STALE', 4],
  ['DELAY', 8],
  ['PROBE', 0x10],
  ['FAILED', 0x20],
  ['NOARP', 0x40],
  ['PERMANENT', 0x80],
]
const NOARP = 0x40

/** `ip neigh [show|add|replace|del|flush] …`. */
export function ipNeighbour(kernel: Kernel, words: ToolWords, context: ToolContext): void {
  const verb = words.peek()
  if (verb === undefined || begins(verb, 'show') || begins(verb, 'list') || verb === 'lst') {
    words.take()
    show(kernel, words, context)
    return
  }
  words.take()
  if (begins(verb, 'add') || begins(verb, 'change') || begins(verb, 'replace')) change(kernel, words, false)
  else if (begins(verb, 'delete')) change(kernel, words, true)
  else if (begins(verb, 'flush')) {
    for (const { ifindex, address, state } of select(kernel, words, context).rows) {
      if ((state & 0x80) === 0) request(() => kernel.call('rtm_delneigh', { ifindex, address }))
    }
  } else throw new ToolError(`Command "${verb}" is unknown, try "ip neigh help".`)
}

function change(kernel: Kernel, words: ToolWords, remove: boolean): void {
  let to: string | undefined
  let dev: string | undefined
  let lladdr: string | undefined
  for (let word = words.take(); word !== undefined; word = words.take()) {
    if (word === 'dev') dev = words.value()
    else if (word === 'lladdr') lladdr = words.value()
    else if (word === 'nud' || word === 'protocol') words.value()
    else if (word === 'to') to = words.value()
    else if (word !== 'permanent' && word !== 'reachable') to = word
  }
  if (dev === undefined || to === undefined) {
    throw new ToolError('Device and destination are required arguments.')
  }
  const place = { ifindex: theDevice(kernel, dev).ifindex, address: readAddress(to) }
  if (remove) {
    request(() => kernel.call('rtm_delneigh', place))
    return
  }
  let mac: Uint8Array
  try {
    mac = parseMac(lladdr ?? '')
  } catch {
    throw new ToolError(`"${lladdr ?? ''}" is invalid lladdr.`, 1)
  }
  request(() => kernel.call('rtm_newneigh', { ...place, lladdr: mac }))
}

function select(kernel: Kernel, words: ToolWords, { options }: ToolContext) {
  let ifindex: number | undefined
  let to: string | undefined
  for (let word = words.take(); word !== undefined; word = words.take()) {
    if (word === 'dev') ifindex = theDevice(kernel, words.value()).ifindex
    else if (word === 'nud') words.value()
    else if (word === 'to') to = words.value()
    else to = word
  }
  const rows = kernel
    .call('rtm_getneighs', ifindex === undefined ? {} : { ifindex })
    .filter(({ address }) => options.family === undefined || (address.length === 4) === (options.family === 4))
    .filter(({ address }) => to === undefined || formatAddress(address) === to)
    .filter(({ state }) => (state & NOARP) === 0)
  return { rows, device: ifindex !== undefined }
}

function show(kernel: Kernel, words: ToolWords, context: ToolContext): void {
  const { host, options } = context
  const { rows, device } = select(kernel, words, context)
  const links = new LinkTable(kernel)
  if (options.json) {
    host.out(
      `${toolJson(
        rows.map((row) => json(row, links, device)),
        options.pretty,
      )}\n`,
    )
    return
  }
  for (const { address, ifindex, lladdr, state } of rows) {
    const dev = device ? '' : `dev ${links.nameOf(ifindex)} `
    const link = lladdr === undefined ? '' : `lladdr ${formatMac(lladdr)} `
    host.out(`${formatAddress(address)} ${dev}${link}${stateNames(state).join(' ')} \n`)
  }
}

function stateNames(state: number): string[] {
  return STATES.filter(([, bit]) => (state & bit) !== 0).map(([name]) => name)
}

function json({ address, ifindex, lladdr, state }: NetNeighbour, links: LinkTable, device: boolean): Json {
  return {
    dst: formatAddress(address),
    dev: device ? undefined : links.nameOf(ifindex),
    lladdr: lladdr === undefined ? undefined : formatMac(lladdr),
    state: stateNames(state),
  }
}
