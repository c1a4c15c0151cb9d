import type { EmbeddedKernel } from '../../../embedded/index.js'
import type { Kernel, NetDevice, Qdisc } from '../../../kernel/index.js'
import { type Json, toolJson } from '../iproute2/json.js'
import type { ToolContext } from '../iproute2/options.js'
import { request, ToolError } from '../iproute2/tool-error.js'
import { theDevice } from '../iproute2/tool-kernel.js'
import { begins, type ToolWords } from '../iproute2/words.js'
import { CLSACT_HANDLE, classidText, readClassid, TC_CLSACT, TC_ROOT } from './handle.js'

/** `tc qdisc [show|add|replace|change|del] …`. */
export function tcQdisc(kernel: Kernel, words: ToolWords, context: ToolContext): void {
  const verb = words.peek()
  if (verb === undefined || begins(verb, 'list') || begins(verb, 'show') || verb === 'lst') {
    words.take()
    showQdiscs(kernel, words, context)
    return
  }
  words.take()
  if (begins(verb, 'add')) changeQdisc(kernel, words, 'add')
  else if (begins(verb, 'change') || begins(verb, 'replace') || begins(verb, 'link'))
    changeQdisc(kernel, words, 'replace')
  else if (begins(verb, 'delete')) changeQdisc(kernel, words, 'del')
  else throw new ToolError(`Command "${verb}" is unknown, try "tc qdisc help".`)
}

function changeQdisc(kernel: Kernel, words: ToolWords, how: 'add' | 'replace' | 'del'): void {
  let dev: string | undefined
  let handle = 0
  let parent = 0
  let kind = ''
  for (let word = words.take(); word !== undefined; word = words.take()) {
    if (word === 'dev') dev = words.value()
    else if (word === 'handle') {
      const value = words.value()
      handle = (readClassid(value.endsWith(':') ? value : `${value}:`, 'invalid qdisc ID') & 0xffff_0000) >>> 0
    } else if (word === 'root') parent = TC_ROOT
    else if (word === 'clsact' || word === 'ingress') {
      kind = word
      parent = TC_CLSACT
      handle = CLSACT_HANDLE
    } else if (word === 'parent') parent = readClassid(words.value(), 'invalid parent ID')
    else {
      kind = word
      // Options of queues change nothing here.
      while (!words.done) words.take()
    }
  }
  const ifindex = dev === undefined ? 0 : theDevice(kernel, dev).ifindex
  const wanted = { ifindex, kind, handle, parent }
  if (how === 'del') {
    request(() => kernel.call('rtm_delqdisc', wanted))
    return
  }
  if (kind === '' && handle === 0) throw new ToolError('Error: Handle cannot be zero.', 2)
  if (how === 'replace') {
    const there = kernel.call('rtm_getqdisc', { ifindex }).some((one) => one.kind === kind && one.parent === parent)
    if (there) return
  }
  request(() => kernel.call('rtm_newqdisc', wanted))
}

function showQdiscs(kernel: Kernel, words: ToolWords, { host, options }: ToolContext): void {
  let dev: string | undefined
  let only: string | undefined
  for (let word = words.take(); word !== undefined; word = words.take()) {
    if (word === 'dev') dev = words.value()
    else if (word === 'ingress' || word === 'clsact') only = word
    else if (word === 'root') only = 'root'
    else if (word === 'parent' || word === 'handle') words.value()
    else throw new ToolError(`What is "${word}"? Try "tc qdisc help".`)
  }
  const devices = dev === undefined ? kernel.call('rtm_getlinks', {}) : [theDevice(kernel, dev)]
  const list: Json[] = []
  for (const device of devices) {
    for (const qdisc of kernel.call('rtm_getqdisc', { ifindex: device.ifindex })) {
      if (only !== undefined && (qdisc.parent === TC_ROOT) !== (only === 'root')) continue
      // A device that is down has no queue yet, which is not told of.
      if (qdisc.parent === TC_ROOT && qdisc.handle === 0 && device.qdisc === 'noop') continue
      const shown = { device, qdisc, dev: dev === undefined }
      if (options.json) list.push(qdiscJson(kernel, shown, options.stats > 0))
      else host.out(qdiscText(kernel, shown, options.stats > 0))
    }
  }
  if (options.json) host.out(`${toolJson(list, options.pretty)}\n`)
}

interface Shown {
  readonly device: NetDevice
  readonly qdisc: Qdisc
  /** Name the device. */
  readonly dev: boolean
}

function handleText({ handle }: Qdisc): string {
  return `${(handle >>> 16).toString(16)}:`
}

/** What went through: a queue counts what its device sent, a filter qdisc what it saw. */
function countsOf(kernel: Kernel, { device, qdisc }: Shown): { bytes: number; packets: number; drops: number } {
  if (kernel.name === 'embedded' && qdisc.parent === TC_CLSACT) {
    return (kernel as EmbeddedKernel).network.filterCounts({ ifindex: device.ifindex })
  }
  return { bytes: 0, packets: 0, drops: 0 }
}

function qdiscText(kernel: Kernel, shown: Shown, stats: boolean): string {
  const { device, qdisc, dev } = shown
  let text = `qdisc ${qdisc.kind} ${handleText(qdisc)} `
  if (dev) text += `dev ${device.name} `
  text += qdisc.parent === TC_ROOT ? 'root ' : `parent ${classidText(qdisc.parent)} `
  if (qdisc.parent === TC_ROOT) text += 'refcnt 2 '
  if (qdisc.kind === 'ingress') text += '---------------- '
  text += '\n'
  if (stats) {
    const { bytes, packets, drops } = countsOf(kernel, shown)
    text += ` Sent ${bytes} bytes ${packets} pkt (dropped ${drops}, overlimits 0 requeues 0) \n backlog 0b 0p requeues 0\n`
  }
  return text
}

function qdiscJson(kernel: Kernel, shown: Shown, stats: boolean): Json {
  const { device, qdisc, dev } = shown
  const root = qdisc.parent === TC_ROOT
  const { bytes, packets, drops } = countsOf(kernel, shown)
  return {
    kind: qdisc.kind,
    handle: handleText(qdisc),
    dev: dev ? device.name : undefined,
    root: root ? true : undefined,
    parent: root ? undefined : classidText(qdisc.parent),
    refcnt: root ? 2 : undefined,
    options: {},
    ...(stats ? { bytes, packets, drops, overlimits: 0, requeues: 0, backlog: 0, qlen: 0 } : {}),
  }
}
