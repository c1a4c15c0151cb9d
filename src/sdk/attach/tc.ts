import { type BpfFilter, errorCode, KernelError, type NewFilterRequest } from '../../kernel/index.js'
import type { BpfProgram } from '../bpf-program.js'
import { type Device, type DeviceLike, resolveDevice } from '../net/net-namespace.js'
import { type Attachment, requireType, takeOff } from './attachment.js'

export type Direction = 'ingress' | 'egress'

export interface TcOptions {
  readonly direction: Direction
  /** tc's pref; 0 or absent: the kernel chooses, from 49152 downwards. */
  readonly priority?: number
  /** Absent: the kernel counts from 1. */
  readonly handle?: number
  /** Take the place of the filter with this priority and handle. */
  readonly replace?: boolean
  /** ETH_P_*; default 3, all of them. */
  readonly protocol?: number
  readonly chain?: number
  /** The program's return value is the verdict (default). False: a classid, as classifiers of old gave. */
  readonly directAction?: boolean
  readonly classid?: number
  /** Name that `tc filter show` prints. Default: the program's. */
  readonly name?: string
  /** TCA_CLS_FLAGS_SKIP_HW or _SKIP_SW. */
  readonly skip?: 'hw' | 'sw'
  /** Remove the clsact qdisc too when detached, if this attachment made it. */
  readonly removeQdisc?: boolean
}

export interface TcAttachment extends Attachment {
  readonly kind: 'tc'
  readonly device: Device
  readonly direction: Direction
  readonly priority: number
  readonly handle: number
  /** Swaps the program in place. */
  update(program: BpfProgram): void
}

const CLSACT = { kind: 'clsact', handle: 0xffff_0000, parent: 0xffff_fff1 } as const
/** TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS or _EGRESS). */
const PARENT: Readonly<Record<Direction, number>> = { ingress: 0xffff_fff2, egress: 0xffff_fff3 }
const ACT_DIRECT = 1
const SKIP = { hw: 1, sw: 2 } as const

/**
 * Adds a direct-action filter to a device's clsact qdisc, which is made where it is missing. Throws KernelError: EEXIST
 * (such a filter is there), EINVAL; UsageError for a program of another type.
 */
export function attachTc(program: BpfProgram, target: DeviceLike, options: TcOptions): TcAttachment {
  requireType(program, 'a tc filter', 'sched_cls', 'sched_act')
  const { kernel } = program
  const { device, held } = resolveDevice(kernel, target)
  const place = { netns: device.netns.fd, ifindex: device.ifindex, parent: PARENT[options.direction] }
  const dispose = (): void => {
    for (const part of held) part[Symbol.dispose]()
  }
  try {
    const made = ensureClsact(device)
    const filter = kernel.call('rtm_newtfilter', { ...place, ...filterOf(program, options) })
    return new TcHandle(device, options, filter, () => {
      if (made && options.removeQdisc === true) removeClsact(device)
      dispose()
    })
  } catch (error) {
    dispose()
    throw error instanceof KernelError ? explain(error, options) : error
  }
}

function filterOf(program: BpfProgram, options: TcOptions): Omit<NewFilterRequest, 'ifindex' | 'parent'> {
  const { priority, handle, protocol, chain, classid, skip } = options
  return {
    progFd: program.fd,
    name: options.name ?? `${program.name}:[${program.info().id}]`,
    flags: options.directAction === false ? 0 : ACT_DIRECT,
    mode: options.replace === true ? 'replace' : 'create',
    ...(priority === undefined ? {} : { priority }),
    ...(handle === undefined ? {} : { handle }),
    ...(protocol === undefined ? {} : { protocol }),
    ...(chain === undefined ? {} : { chain }),
    ...(classid === undefined ? {} : { classid }),
    ...(skip === undefined ? {} : { flagsGen: SKIP[skip] }),
  }
}

/** True if it had to be made. */
function ensureClsact(device: Device): boolean {
  const place = { netns: device.netns.fd, ifindex: device.ifindex }
  try {
    device.kernel.call('rtm_newqdisc', { ...place, ...CLSACT })
    return true
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error
    const there = device.kernel.call('rtm_getqdisc', place).find((qdisc) => qdisc.parent === CLSACT.parent)
    if (there?.kind === 'clsact') return false
    throw new KernelError('EEXIST', 'rtm_newqdisc', {
      hint: `the device has a qdisc '${there?.kind ?? 'of another kind'}' where clsact goes: remove it first`,
    })
  }
}

/** Removes a device's clsact qdisc with all its filters. Returns false if there was none. */
export function removeClsact(device: Device): boolean {
  try {
    device.kernel.call('rtm_delqdisc', { netns: device.netns.fd, ifindex: device.ifindex, ...CLSACT })
    return true
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'EINVAL') return false
    throw error
  }
}

/** The BPF filters of one direction of a device, in the order they run. */
export function tcFilters(device: Device, direction: Direction): BpfFilter[] {
  const request = { netns: device.netns.fd, ifindex: device.ifindex, parent: PARENT[direction] }
  return device.kernel
    .call('rtm_gettfilter', request)
    .filter((filter) => filter.kind === 'bpf')
    .sort((a, b) => a.chain - b.chain || a.priority - b.priority)
}

class TcHandle implements TcAttachment {
  readonly kind = 'tc'
  readonly device: Device
  readonly direction: Direction
  readonly priority: number
  readonly handle: number
  readonly #options: TcOptions
  readonly #filter: BpfFilter
  readonly #after: () => void
  #attached = true

  constructor(device: Device, options: TcOptions, filter: BpfFilter, after: () => void) {
    this.device = device
    this.direction = options.direction
    this.priority = filter.priority
    this.handle = filter.handle
    this.#options = options
    this.#filter = filter
    this.#after = after
  }

  update(program: BpfProgram): void {
    requireType(program, 'a tc filter', 'sched_cls', 'sched_act')
    const request = { ...filterOf(program, this.#options), ...this.#place(), mode: 'replace' as const }
    this.device.kernel.call('rtm_newtfilter', request)
  }

  detach(): void {
    if (!this.#attached) return
    // The filter, its qdisc or the device may have gone before us.
    takeOff(() => this.device.kernel.call('rtm_deltfilter', this.#place()), 'ENOENT', 'ENODEV', 'EINVAL')
    this.#attached = false
    this.#after()
  }

  [Symbol.dispose](): void {
    this.detach()
  }

  #place() {
    const { priority, handle, protocol, chain, parent } = this.#filter
    return {
      netns: this.device.netns.fd,
      ifindex: this.device.ifindex,
      parent,
      priority,
      handle,
      protocol,
      ...(chain === 0 ? {} : { chain }),
    }
  }
}

function explain(error: KernelError, options: TcOptions): KernelError {
  const { errno, syscall, detail } = error
  const hint =
    error.hint ??
    (error.code === 'EEXIST'
      ? `there is a filter with priority ${options.priority ?? 'that was chosen'}${options.handle === undefined ? '' : ` and handle ${options.handle}`}: give \`replace\`, or another handle`
      : error.code === 'EINVAL' && options.skip === 'sw'
        ? 'skip_sw needs a device that offloads programs'
        : undefined)
  if (hint === undefined) return error
  return new KernelError(errno, syscall, detail === undefined ? { hint } : { hint, detail })
}
