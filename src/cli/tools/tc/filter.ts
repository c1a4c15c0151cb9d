import type { BpfFilter, FilterSelector, Kernel, NewFilterRequest } from '../../../kernel/index.js'
import { isSourceWord, readSource } from '../iproute2/bpf-source.js'
import { type Json, toolJson } from '../iproute2/json.js'
import { loadBpf } from '../iproute2/load-bpf.js'
import type { ToolContext } from '../iproute2/options.js'
import { progJson, progText } from '../iproute2/prog-text.js'
import { request, ToolError } from '../iproute2/tool-error.js'
import { theDevice } from '../iproute2/tool-kernel.js'
import { begins, ToolWords } from '../iproute2/words.js'
import {
  CLSACT_HANDLE,
  classidText,
  protocolText,
  readClassid,
  readProtocol,
  TC_CLSACT,
  TC_EGRESS,
  TC_INGRESS,
  TC_ROOT,
} from './handle.js'

const ACT_DIRECT = 1
const SKIP_HW = 1
const SKIP_SW = 2
const IN_HW = 4
const NOT_IN_HW = 8
const ETH_P_ALL = 3
const TALK = '\nWe have an error talking to the kernel'

/** `tc filter [show|add|replace|change|del|get] …`. */
export function tcFilter(kernel: Kernel, words: ToolWords, context: ToolContext): void {
  const verb = words.peek()
  if (verb === undefined || begins(verb, 'list') || begins(verb, 'show') || verb === 'lst') {
    words.take()
    showFilters(kernel, readPlace(kernel, words, 'show').place, context)
    return
  }
  words.take()
  if (begins(verb, 'add')) changeFilter(kernel, words, context, 'add')
  else if (begins(verb, 'change')) changeFilter(kernel, words, context, 'change')
  else if (begins(verb, 'replace')) changeFilter(kernel, words, context, 'replace')
  else if (begins(verb, 'delete')) deleteFilter(kernel, words)
  else if (begins(verb, 'get')) getFilter(kernel, words, context)
  else throw new ToolError(`Command "${verb}" is unknown, try "tc filter help".`)
}

interface Place {
  readonly ifindex: number
  /** undefined: none was named. */
  readonly parent: number | undefined
  readonly priority: number | undefined
  readonly protocol: number | undefined
  readonly handle: number | undefined
  readonly chain: number | undefined
}

/** Reads where filters are, up to the kind of filter. */
function readPlace(
  kernel: Kernel,
  words: ToolWords,
  verb: 'show' | 'change',
): { readonly place: Place; readonly kind: string | undefined } {
  let dev: string | undefined
  let parent: number | undefined
  let priority: number | undefined
  let protocol: number | undefined
  let handle: number | undefined
  let chain: number | undefined
  let kind: string | undefined
  for (
    let word = words.take();
    word !== undefined && kind === undefined;
    word = kind === undefined ? words.take() : undefined
  ) {
    if (word === 'dev') dev = words.value()
    else if (word === 'root') parent = TC_ROOT
    else if (word === 'ingress') parent = TC_INGRESS
    else if (word === 'egress') parent = TC_EGRESS
    else if (word === 'parent') parent = readClassid(words.value(), 'Invalid parent ID')
    else if (word === 'preference' || word === 'pref' || word === 'prio' || word === 'priority') {
      priority = readNumber(words.value(), 'invalid priority value')
    } else if (word === 'protocol') protocol = readProtocol(words.value())
    else if (word === 'handle') handle = readNumber(words.value(), 'Illegal "handle"')
    else if (word === 'chain') chain = readNumber(words.value(), 'invalid chain index value')
    else if (word === 'estimator' || word === 'block') words.value()
    else if (verb === 'show') throw new ToolError(` What is "${word}"? Try "tc filter help"`)
    else kind = word
  }
  const ifindex = dev === undefined ? 0 : theDevice(kernel, dev).ifindex
  return { place: { ifindex, parent, priority, protocol, handle, chain }, kind }
}

function readNumber(word: string, what: string): number {
  if (!/^(0x[0-9a-f]+|\d+)$/i.test(word)) throw new ToolError(`Error: argument "${word}" is wrong: ${what}\n`)
  return Number(word)
}

function selectorOf({ ifindex, parent = 0, ...rest }: Place): FilterSelector {
  const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined))
  return { ifindex, parent, ...given }
}

interface FilterWords {
  readonly flags: number
  readonly flagsGen: number
  readonly classid: number | undefined
  readonly source: ReturnType<typeof readSource> | undefined
}

/** Reads what stands behind `bpf`, in any order. */
function readFilter(words: ToolWords): FilterWords {
  let flags = 0
  let flagsGen = 0
  let classid: number | undefined
  let source: ReturnType<typeof readSource> | undefined
  for (let word = words.peek(); word !== undefined; word = words.peek()) {
    if (word === 'da' || begins(word, 'direct-action')) flags |= ACT_DIRECT
    else if (word === 'skip_hw') flagsGen |= SKIP_HW
    else if (word === 'skip_sw') flagsGen |= SKIP_SW
    else if (word === 'classid' || word === 'flowid') {
      words.take()
      classid = readClassid(words.value(), 'Illegal "classid"')
      continue
    } else if (isSourceWord(word)) {
      source = readSource(words)
      continue
    } else if (begins(word, 'bytecode') || word === 'bc' || word === 'bcf' || word === 'action' || word === 'police') {
      throw new ToolError(
        `bpf: '${word}' is not known here: give an object file or a pin\nUnable to parse bpf command line`,
        1,
      )
    } else throw new ToolError(`What mode is "${word}"?\nUnable to parse bpf command line`, 1)
    words.take()
  }
  return { flags, flagsGen, classid, source }
}

function changeFilter(
  kernel: Kernel,
  words: ToolWords,
  { host }: ToolContext,
  how: 'add' | 'change' | 'replace',
): void {
  const { place, kind } = readPlace(kernel, words, 'change')
  const at = { ...selectorOf(place), protocol: place.protocol ?? ETH_P_ALL }
  if (kind !== 'bpf') {
    const other: NewFilterRequest = { ...at, progFd: 0 as NewFilterRequest['progFd'], name: '', mode: 'create' }
    request(() => kernel.call('rtm_newtfilter', kind === undefined ? other : { ...other, kind }), TALK)
    return
  }
  const read = readFilter(words)
  if (read.source === undefined) throw new ToolError(`RTNETLINK answers: Invalid argument${TALK}`, 2)
  if (how === 'change' && !exists(kernel, at)) {
    const text = 'Need both RTM_NEWTFILTER and NLM_F_CREATE to create a new filter'
    throw new ToolError(`Error: ${text}.${TALK}`, 2)
  }
  const ifindex = (read.flagsGen & SKIP_SW) === 0 ? undefined : place.ifindex
  using loaded = open()
  const wanted: NewFilterRequest = {
    ...at,
    progFd: loaded.fd,
    name: loaded.annotation,
    flags: read.flags,
    flagsGen: read.flagsGen,
    mode: how === 'add' ? 'create' : 'replace',
    ...(read.classid === undefined ? {} : { classid: read.classid }),
  }
  request(() => kernel.call('rtm_newtfilter', wanted), TALK)

  function open() {
    try {
      return loadBpf(read.source as NonNullable<FilterWords['source']>, { kernel, host, type: 'sched_cls', ifindex })
    } catch (error) {
      if (!(error instanceof ToolError)) throw error
      throw new ToolError(`${error.message}\nUnable to load program`, 1)
    }
  }
}

function exists(kernel: Kernel, at: FilterSelector): boolean {
  return at.handle !== undefined && kernel.call('rtm_gettfilter', at).length > 0
}

function deleteFilter(kernel: Kernel, words: ToolWords): void {
  const { place } = readPlace(kernel, words, 'change')
  request(() => kernel.call('rtm_deltfilter', selectorOf(place)), TALK)
}

function getFilter(kernel: Kernel, words: ToolWords, context: ToolContext): void {
  const { place, kind } = readPlace(kernel, words, 'change')
  if (place.protocol === undefined) throw new ToolError('Must specify filter protocol')
  if (place.priority === undefined) throw new ToolError('Must specify filter priority')
  if (place.handle === undefined) throw new ToolError('Must specify filter handle')
  if (kind === undefined) throw new ToolError('Must specify filter type')
  const found = kernel.call('rtm_gettfilter', selectorOf(place))
  if (found.length === 0) {
    throw new ToolError(`Error: Filter with specified priority/protocol not found.${TALK}`, 2)
  }
  printFilters(kernel, found, place, context, false)
}

function showFilters(kernel: Kernel, place: Place, context: ToolContext): void {
  const { ifindex } = place
  if (ifindex === 0) throw new ToolError('Error: Device is not given.\nDump terminated', 1)
  const qdisc = kernel.call('rtm_getqdisc', { ifindex }).find(({ parent }) => parent === TC_CLSACT)
  const side = place.parent === TC_INGRESS || place.parent === TC_EGRESS || place.parent === CLSACT_HANDLE
  // The root's own queue has no filters here.
  const found = qdisc === undefined || !side ? [] : listed(kernel, place, qdisc.kind)
  printFilters(kernel, found, place, context, true)
}

/** The filters of a place. Those of an ingress qdisc have that as their parent. */
function listed(kernel: Kernel, place: Place, kind: string): readonly BpfFilter[] {
  if (kind === 'ingress' && place.parent === TC_EGRESS) return []
  const found = kernel.call('rtm_gettfilter', selectorOf(place))
  const wanted = found.filter(({ protocol }) => place.protocol === undefined || protocol === place.protocol)
  return kind === 'ingress' ? wanted.map((one) => ({ ...one, parent: CLSACT_HANDLE })) : wanted
}

function printFilters(
  kernel: Kernel,
  found: readonly BpfFilter[],
  place: Place,
  { host, options }: ToolContext,
  heads: boolean,
): void {
  const list: Json[] = []
  const line = options.oneline ? '\\' : '\n'
  let last = ''
  for (const filter of found) {
    const key = `${filter.chain} ${filter.priority} ${filter.protocol}`
    if (heads && key !== last) {
      if (options.json) list.push(headJson(filter, place))
      else host.out(`${headText(filter, place)}${line}`)
    }
    last = key
    if (options.json) list.push({ ...headJson(filter, place), options: filterJson(kernel, filter, options.details) })
    else host.out(`${headText(filter, place)}${filterText(kernel, filter, options.details)}${line}`)
  }
  if (options.json) host.out(`${toolJson(list, options.pretty)}\n`)
}

/** What was asked for is not repeated. */
function headText(filter: BpfFilter, place: Place): string {
  let text = 'filter '
  if (filter.parent !== place.parent) text += `parent ${classidText(filter.parent)} `
  if (place.protocol === undefined) text += `protocol ${protocolText(filter.protocol)} `
  if (place.priority === undefined) text += `pref ${filter.priority} `
  text += `${filter.kind} `
  if (place.chain === undefined) text += `chain ${filter.chain} `
  return text
}

function headJson(filter: BpfFilter, place: Place): { readonly [name: string]: Json | undefined } {
  return {
    parent: filter.parent === place.parent ? undefined : classidText(filter.parent),
    protocol: place.protocol === undefined ? protocolText(filter.protocol) : undefined,
    pref: place.priority === undefined ? filter.priority : undefined,
    kind: filter.kind,
    chain: place.chain === undefined ? filter.chain : undefined,
  }
}

function filterText(kernel: Kernel, filter: BpfFilter, details: boolean): string {
  const { handle, classid, name, flags, flagsGen, progId } = filter
  if (filter.kind !== 'bpf') return ''
  let text = `handle 0x${handle.toString(16)} `
  if (classid !== 0) text += `flowid ${classidText(classid)} `
  if (name !== '') text += `${name} `
  if ((flags & ACT_DIRECT) !== 0) text += 'direct-action '
  if ((flagsGen & SKIP_HW) !== 0) text += 'skip_hw '
  if ((flagsGen & SKIP_SW) !== 0) text += 'skip_sw '
  if ((flagsGen & IN_HW) !== 0) text += 'in_hw '
  else if ((flagsGen & NOT_IN_HW) !== 0) text += 'not_in_hw '
  return text + progText(kernel, progId, details)
}

function filterJson(kernel: Kernel, filter: BpfFilter, details: boolean): Json {
  const { handle, classid, name, flags, flagsGen, progId } = filter
  const on = (bit: number): true | undefined => ((flagsGen & bit) === 0 ? undefined : true)
  return {
    handle: `0x${handle.toString(16)}`,
    flowid: classid === 0 ? undefined : classidText(classid),
    bpf_name: name === '' ? undefined : name,
    'direct-action': (flags & ACT_DIRECT) === 0 ? undefined : true,
    skip_hw: on(SKIP_HW),
    skip_sw: on(SKIP_SW),
    in_hw: on(IN_HW),
    not_in_hw: on(IN_HW) === true ? undefined : on(NOT_IN_HW),
    prog: progJson(kernel, progId, details),
  }
}

/** `tc chain show dev DEV ingress|egress`: the chains that filters made. */
export function tcChain(kernel: Kernel, words: ToolWords, { host, options }: ToolContext): void {
  const verb = words.peek()
  if (verb !== undefined && (begins(verb, 'list') || begins(verb, 'show') || verb === 'lst')) words.take()
  else if (verb !== undefined && verb !== 'dev')
    throw new ToolError(`Command "${verb}" is unknown, try "tc chain help".`)
  const { place } = readPlace(kernel, new ToolWords(words.rest), 'show')
  const qdisc = kernel.call('rtm_getqdisc', { ifindex: place.ifindex }).find(({ parent }) => parent === TC_CLSACT)
  const found = qdisc === undefined ? [] : listed(kernel, place, qdisc.kind)
  const chains = [...new Set(found.map(({ chain }) => chain))].sort((a, b) => a - b)
  if (options.json) {
    host.out(
      `${toolJson(
        chains.map((chain) => ({ parent: 'ffff:', chain })),
        options.pretty,
      )}\n`,
    )
    return
  }
  for (const chain of chains) host.out(`chain parent ffff: chain ${chain} \n`)
}
