import type { BpfFilter } from '../kernel/index.js'
import type { Device } from './device.js'
import { ETH_P } from './numbers.js'
import type { HookProgram } from './program.js'
import { type Classifier, type Filter, filterPlace } from './qdisc.js'
import { refuse } from './refuse.js'

const AUTO_FIRST = 0xc000
const AUTO_FROM = 0x8000
const FLAG_SKIP_HW = 1
const FLAG_SKIP_SW = 2
const FLAG_IN_HW = 4
const FLAG_NOT_IN_HW = 8
const ACT_DIRECT = 1

export interface FilterWanted {
  readonly parent: number
  readonly priority?: number | undefined
  readonly protocol?: number | undefined
  readonly handle?: number | undefined
  readonly chain?: number | undefined
}

export interface NewFilter extends FilterWanted {
  readonly program: HookProgram
  readonly name: string
  readonly flags: number
  readonly flagsGen: number
  readonly classid: number
  readonly replace: boolean
}

function describe(device: Device, parent: number, classifier: Classifier, filter: Filter): BpfFilter {
  return {
    ifindex: device.ifindex,
    parent,
    priority: classifier.priority,
    protocol: classifier.protocol,
    handle: filter.handle,
    chain: classifier.chain,
    kind: 'bpf',
    name: filter.name,
    progId: filter.program.id,
    tag: filter.program.tag,
    flags: filter.flags,
    flagsGen: filter.flagsGen,
    classid: filter.classid,
  }
}

const byOrder = (a: Classifier, b: Classifier): number => a.chain - b.chain || a.priority - b.priority

/** Adds or replaces a cls_bpf filter (tc_new_tfilter, cls_bpf_change). The program that was replaced is `old`. */
export function addFilter(
  device: Device,
  wanted: NewFilter,
): { readonly filter: BpfFilter; readonly old: HookProgram | undefined } {
  const syscall = 'rtm_newtfilter'
  const place = filterPlace(device, wanted.parent, syscall)
  const chain = wanted.chain ?? 0
  const protocol = wanted.protocol ?? ETH_P.ALL
  const flagsGen = checkFlags(device, wanted, syscall)
  const inChain = place.filter((one) => one.chain === chain).sort(byOrder)
  let classifier: Classifier | undefined
  let { priority = 0 } = wanted
  if (priority === 0) {
    // The kernel chooses, one below the lowest it chose before.
    const next = inChain.find((one) => one.priority >= AUTO_FROM)
    priority = next === undefined ? AUTO_FIRST : next.priority - 1
  } else {
    classifier = inChain.find((one) => one.priority === priority)
    if (classifier !== undefined && classifier.protocol !== protocol)
      refuse('EINVAL', syscall, 'Protocol mismatch for filter with specified priority')
  }
  const handle = wanted.handle ?? 0
  const known = handle === 0 ? undefined : classifier?.filters.find((one) => one.handle === handle)
  if (known !== undefined) {
    if (!wanted.replace) refuse('EEXIST', syscall, 'Filter already exists')
    const old = known.program
    Object.assign(known, {
      program: wanted.program,
      name: wanted.name,
      flags: wanted.flags,
      flagsGen,
      classid: wanted.classid,
    })
    return { filter: describe(device, wanted.parent, classifier as Classifier, known), old }
  }
  if (classifier === undefined) {
    classifier = { chain, priority, protocol, filters: [] }
    place.push(classifier)
    place.sort(byOrder)
  }
  const filter: Filter = {
    handle: handle === 0 ? freeHandle(classifier) : handle,
    program: wanted.program,
    name: wanted.name,
    flags: wanted.flags,
    flagsGen,
    classid: wanted.classid,
  }
  classifier.filters.unshift(filter)
  return { filter: describe(device, wanted.parent, classifier, filter), old: undefined }
}

function freeHandle({ filters }: Classifier): number {
  let handle = 1
  while (filters.some((one) => one.handle === handle)) handle++
  return handle
}

/** Where the filter runs: skip_sw needs a device that takes it. */
function checkFlags(device: Device, wanted: NewFilter, syscall: string): number {
  const { flags, flagsGen } = wanted
  if ((flags & ~ACT_DIRECT) !== 0 || (flagsGen & ~(FLAG_SKIP_HW | FLAG_SKIP_SW)) !== 0) refuse('EINVAL', syscall)
  const skipHw = (flagsGen & FLAG_SKIP_HW) !== 0
  const skipSw = (flagsGen & FLAG_SKIP_SW) !== 0
  if (skipHw && skipSw) refuse('EINVAL', syscall)
  const bound = wanted.program.boundTo
  if (bound !== undefined && bound.device !== device) refuse('EINVAL', syscall)
  if (skipSw) {
    if (!device.offloads) refuse('EOPNOTSUPP', syscall)
    if (!device.features.get('hw-tc-offload')) refuse('EOPNOTSUPP', syscall, 'TC offload is disabled on net device')
    if ((flags & ACT_DIRECT) === 0) refuse('EOPNOTSUPP', syscall, 'only direct action with no legacy actions supported')
  }
  const inHardware =
    !skipHw && device.offloads && device.features.get('hw-tc-offload') === true && bound?.offloaded === true
  if (skipSw && !inHardware)
    refuse('EINVAL', syscall, 'netdevsim: cannot offload program: it is not bound to the device')
  return flagsGen | (inHardware ? FLAG_IN_HW : FLAG_NOT_IN_HW)
}

/** The filters of one place, as a dump tells them. */
export function listFilters(device: Device, wanted: FilterWanted): BpfFilter[] {
  if (device.filterQdisc === undefined) return []
  const list = filterPlace(device, wanted.parent, 'rtm_gettfilter')
  return list
    .filter((one) => wanted.chain === undefined || one.chain === wanted.chain)
    .filter((one) => wanted.priority === undefined || wanted.priority === 0 || one.priority === wanted.priority)
    .flatMap((one) => one.filters.map((filter) => describe(device, wanted.parent, one, filter)))
    .filter((filter) => wanted.handle === undefined || filter.handle === wanted.handle)
}

/** Removes one filter, a whole priority, or all of a place (priority 0). The programs, to let go. */
export function removeFilters(device: Device, wanted: FilterWanted): HookProgram[] {
  const syscall = 'rtm_deltfilter'
  const place = filterPlace(device, wanted.parent, syscall)
  const chain = wanted.chain ?? 0
  const drop = (classifier: Classifier): HookProgram[] => {
    place.splice(place.indexOf(classifier), 1)
    return classifier.filters.map(({ program }) => program)
  }
  if (wanted.priority === undefined || wanted.priority === 0) {
    const whole = place.filter((one) => one.chain === chain)
    if (wanted.handle !== undefined && wanted.handle !== 0)
      refuse('ENOENT', syscall, 'Cannot flush filters with protocol, handle or kind set')
    return whole.flatMap(drop)
  }
  const classifier = place.find((one) => one.chain === chain && one.priority === wanted.priority)
  const protocolFits = wanted.protocol === undefined || classifier?.protocol === wanted.protocol
  if (classifier === undefined || !protocolFits)
    return refuse('ENOENT', syscall, 'Filter with specified priority/protocol not found')
  if (wanted.handle === undefined || wanted.handle === 0) return drop(classifier)
  const index = classifier.filters.findIndex((one) => one.handle === wanted.handle)
  if (index < 0) refuse('ENOENT', syscall, 'Specified filter handle not found')
  const [filter] = classifier.filters.splice(index, 1)
  if (classifier.filters.length === 0) drop(classifier)
  return [(filter as Filter).program]
}
