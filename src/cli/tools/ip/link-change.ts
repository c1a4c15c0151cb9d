import {
  errorCode,
  type Fd,
  type Kernel,
  type LinkSettings,
  type NetDevice,
  type SetLinkRequest,
} from '../../../kernel/index.js'
import { parseMac } from '../../../packet/index.js'
import { isSourceWord, readSource } from '../iproute2/bpf-source.js'
import { loadBpf } from '../iproute2/load-bpf.js'
import type { ToolContext } from '../iproute2/options.js'
import { request, ToolError, wrongValue } from '../iproute2/tool-error.js'
import { findDevice, openNetns, theDevice } from '../iproute2/tool-kernel.js'
import { begins, type ToolWords } from '../iproute2/words.js'

const XDP_MODE: Readonly<Record<string, number>> = { xdp: 0, xdpgeneric: 2, xdpdrv: 4, xdpoffload: 8 }
const UPDATE_IF_NOEXIST = 1
const HW_MODE = 8

/** Words that say nothing about a device of this network, and have one word behind them. */
const IGNORED = new Set([
  'txqueuelen',
  'txqlen',
  'qlen',
  'alias',
  'broadcast',
  'brd',
  'group',
  'addrgenmode',
  'numtxqueues',
])
const SWITCHES = new Set(['promisc', 'arp', 'multicast', 'allmulticast', 'dynamic', 'trailers', 'carrier', 'protodown'])

type Draft = { -readonly [Name in keyof LinkSettings]?: LinkSettings[Name] }

/** Reads one setting that add and set both take. False: the word is none. */
function readSetting(kernel: Kernel, word: string, words: ToolWords, draft: Draft, opened: Fd[]): boolean {
  if (word === 'up') draft.up = true
  else if (word === 'down') draft.up = false
  else if (word === 'mtu') {
    const value = words.value()
    if (!/^\d+$/.test(value)) throw wrongValue(value, 'Invalid "mtu" value')
    draft.mtu = Number(value)
  } else if (word === 'address') draft.address = readMac(words.value())
  else if (word === 'master' || word === 'vrf') {
    const value = words.value()
    const master = findDevice(kernel, value)
    if (master === undefined) throw wrongValue(value, 'Device does not exist')
    draft.master = master.ifindex
  } else if (word === 'nomaster') draft.master = 0
  else if (word === 'netns') {
    draft.targetNetns = netnsOf(kernel, words.value())
    opened.push(draft.targetNetns)
  } else if (word === 'numrxqueues') draft.queues = Number(words.value())
  else if (word === 'gro_max_size') draft.groMaxSize = Number(words.value())
  else if (IGNORED.has(word) || SWITCHES.has(word)) words.value()
  else return false
  return true
}

function readMac(text: string): Uint8Array {
  try {
    return parseMac(text)
  } catch {
    throw new ToolError(`"${text}" is invalid lladdr.`, 1)
  }
}

function netnsOf(kernel: Kernel, name: string): Fd {
  try {
    return openNetns(kernel, /^\d+$/.test(name) && findName(kernel, name) === undefined ? `/proc/${name}/ns/net` : name)
  } catch (error) {
    if (error instanceof ToolError) throw wrongValue(name, 'Invalid "netns" value')
    throw error
  }
}

function findName(kernel: Kernel, name: string): string | undefined {
  try {
    return kernel.call('readdir', { path: '/run/netns' }).find((one) => one === name)
  } catch (error) {
    if (errorCode(error) === undefined) throw error
    return undefined
  }
}

function closeAll(kernel: Kernel, opened: readonly Fd[]): void {
  for (const fd of opened) kernel.call('close', { fd })
}

/** `ip link add [link DEV] [dev] NAME … type TYPE …`. */
export function addLink(kernel: Kernel, words: ToolWords): void {
  const draft: Draft = {}
  const opened: Fd[] = []
  let name: string | undefined
  let kind: string | undefined
  let link: number | undefined
  let ifindex: number | undefined
  let vlan: { id: number; protocol?: number } | undefined
  let peer: (Draft & { name: string; netns?: Fd }) | undefined
  try {
    for (let word = words.take(); word !== undefined; word = words.take()) {
      if (word === 'type') {
        kind = words.value()
        if (kind === 'vlan') vlan = readVlan(words)
        else if (kind === 'veth') peer = readPeer(kernel, words, opened)
        // Options of other kinds change nothing here.
        else while (!words.done) words.take()
      } else if (word === 'index') ifindex = Number(words.value())
      else if (word === 'link') link = theDevice(kernel, words.value()).ifindex
      else if (word === 'name' || word === 'dev') name = words.value()
      else if (!readSetting(kernel, word, words, draft, opened)) {
        if (name !== undefined) throw new ToolError(`Error: either "dev" is duplicate, or "${word}" is a garbage.`)
        name = word
      }
    }
    if (kind === undefined) throw new ToolError('Not enough information: "type" argument is required', 1)
    const wanted = {
      ...draft,
      kind,
      // Linux counts names of a kind itself: veth0, veth1, dummy0 …
      name: name ?? `${kind === 'bridge' ? 'bridge' : kind}%d`,
      ...(ifindex === undefined ? {} : { ifindex }),
      ...(link === undefined ? {} : { link }),
      ...(vlan === undefined ? {} : { vlan }),
      ...(peer === undefined ? {} : { peer }),
    }
    request(() => kernel.call('rtm_newlink', wanted))
  } finally {
    closeAll(kernel, opened)
  }
}

function readVlan(words: ToolWords): { id: number; protocol?: number } | undefined {
  let id: number | undefined
  let protocol: number | undefined
  for (let word = words.take(); word !== undefined; word = words.take()) {
    if (word === 'id') id = Number(words.value())
    else if (word === 'protocol' || word === 'proto') protocol = /ad/i.test(words.value()) ? 0x88a8 : 0x8100
    else if (['reorder_hdr', 'gvrp', 'mvrp', 'loose_binding'].includes(word)) words.value()
    else throw new ToolError(`vlan: unknown command "${word}"?`)
  }
  return id === undefined ? undefined : { id, ...(protocol === undefined ? {} : { protocol }) }
}

function readPeer(
  kernel: Kernel,
  words: ToolWords,
  opened: Fd[],
): (Omit<Draft, 'up'> & { name: string; netns?: Fd }) | undefined {
  if (words.take() === undefined) return undefined
  const draft: Draft = {}
  let name: string | undefined
  for (let word = words.take(); word !== undefined; word = words.take()) {
    if (word === 'name' || word === 'dev') name = words.value()
    else if (!readSetting(kernel, word, words, draft, opened)) name = word
  }
  const { targetNetns, up: _, ...settings } = draft
  return { ...settings, name: name ?? 'veth%d', ...(targetNetns === undefined ? {} : { netns: targetNetns }) }
}

/** `ip link del DEV`. */
export function deleteLink(kernel: Kernel, words: ToolWords): void {
  let name: string | undefined
  for (let word = words.take(); word !== undefined; word = words.take()) {
    if (word === 'dev' || word === 'name') name = words.value()
    else if (word === 'type') words.value()
    else name = word
  }
  if (name === undefined) throw new ToolError('Not enough information: "dev" argument is required.')
  const { ifindex } = theDevice(kernel, name)
  request(() => kernel.call('rtm_dellink', { ifindex }))
}

/** `ip link set DEV …`, XDP programs included. */
export function setLink(kernel: Kernel, words: ToolWords, context: ToolContext): void {
  const draft: Draft = {}
  const opened: Fd[] = []
  let device: NetDevice | undefined
  let xdp: SetLinkRequest['xdp']
  let loaded: Disposable | undefined
  try {
    for (let word = words.take(); word !== undefined; word = words.take()) {
      const mode = XDP_MODE[word]
      if (mode !== undefined) {
        if (device === undefined) throw new ToolError('Not enough information: "dev" argument is required.')
        ;({ xdp, loaded } = readXdp(kernel, words, context, mode, device))
      } else if (word === 'name') draft.newName = words.value()
      else if (word === 'type') while (!words.done) words.take()
      else if (!readSetting(kernel, word, words, draft, opened)) {
        const name = word === 'dev' ? words.value() : word
        if (device !== undefined) throw new ToolError(`Error: either "dev" is duplicate, or "${name}" is a garbage.`)
        device = theDevice(kernel, name)
      }
    }
    if (device === undefined) throw new ToolError('Not enough information: "dev" argument is required.')
    const { ifindex } = device
    request(() => kernel.call('rtm_setlink', { ifindex, ...draft, ...(xdp === undefined ? {} : { xdp }) }))
  } finally {
    loaded?.[Symbol.dispose]()
    closeAll(kernel, opened)
  }
}

function readXdp(
  kernel: Kernel,
  words: ToolWords,
  { host, options }: ToolContext,
  mode: number,
  { ifindex }: NetDevice,
): { readonly xdp: NonNullable<SetLinkRequest['xdp']>; readonly loaded: Disposable | undefined } {
  const flags = mode | (options.force ? 0 : UPDATE_IF_NOEXIST)
  const word = words.peek()
  if (word === 'off' || word === 'none') {
    words.take()
    return { xdp: { fd: -1, flags }, loaded: undefined }
  }
  if (word !== undefined && !isSourceWord(word) && begins(word, 'bytecode')) {
    throw new ToolError('XDP takes eBPF programs: give an object file or a pin')
  }
  const source = readSource(words)
  const loaded = loadBpf(source, { kernel, host, type: 'xdp', ifindex: mode === HW_MODE ? ifindex : undefined })
  return { xdp: { fd: loaded.fd, flags }, loaded }
}
