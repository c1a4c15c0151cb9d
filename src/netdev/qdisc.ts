import type { Qdisc } from '../kernel/index.js'
import type { Device } from './device.js'
import type { HookProgram } from './program.js'
import { refuse } from './refuse.js'

const TC_H_ROOT = 0xffff_ffff
const TC_H_CLSACT = 0xffff_fff1
const TC_H_INGRESS = 0xffff_fff1
const CLSACT_HANDLE = 0xffff_0000
const MIN_INGRESS = 0xffff_fff2
const MIN_EGRESS = 0xffff_fff3

export type FilterPlace = 'ingress' | 'egress'

/** One cls_bpf program of a classifier. */
export interface Filter {
  readonly handle: number
  program: HookProgram
  name: string
  /** TCA_BPF_FLAG_ACT_DIRECT */
  flags: number
  flagsGen: number
  classid: number
}

/** A classifier: the filters of one priority. The newest filter runs first. */
export interface Classifier {
  readonly chain: number
  readonly priority: number
  readonly protocol: number
  readonly filters: Filter[]
}

/** The qdisc for filters only: `clsact`, or `ingress`, which has one side. */
export interface FilterQdisc {
  readonly kind: 'clsact' | 'ingress'
  readonly ingress: Classifier[]
  readonly egress: Classifier[]
  /** What came by while there were filters. */
  packets: number
  bytes: number
  drops: number
}

/** The qdiscs of a device as a dump tells them. */
export function listQdiscs(device: Device): Qdisc[] {
  const { ifindex } = device
  const list: Qdisc[] = [...device.rootQdisc].map((qdisc) => ({ ifindex, ...qdisc }))
  if (device.filterQdisc !== undefined) {
    list.push({ ifindex, kind: device.filterQdisc.kind, handle: CLSACT_HANDLE, parent: TC_H_CLSACT })
  }
  return list
}

/** Kinds that may stand at the root of a device: they keep order and delay nothing here. */
const ROOT_KINDS: ReadonlySet<string> = new Set([
  'noqueue',
  'pfifo_fast',
  'pfifo',
  'bfifo',
  'fq_codel',
  'fq',
  'prio',
  'mq',
])

export function addQdisc(device: Device, kind: string, handle: number, parent: number): void {
  const syscall = 'rtm_newqdisc'
  if (kind === 'clsact' || kind === 'ingress') {
    if (parent !== TC_H_CLSACT && parent !== TC_H_INGRESS) refuse('EINVAL', syscall)
    if (device.filterQdisc !== undefined) refuse('EEXIST', syscall, 'Exclusivity flag on, cannot modify')
    device.hadFilterQdisc = true
    device.filterQdisc = { kind, ingress: [], egress: [], packets: 0, bytes: 0, drops: 0 }
    return
  }
  if (!ROOT_KINDS.has(kind)) refuse('ENOENT', syscall, 'Specified qdisc kind is unknown')
  if (parent !== TC_H_ROOT) refuse('EOPNOTSUPP', syscall, undefined, "only a device's root takes a queue here")
  if (handle !== 0 && device.rootQdisc.some((one) => one.handle === handle))
    refuse('EEXIST', syscall, 'Exclusivity flag on, cannot modify')
  device.rootQdisc.splice(0, device.rootQdisc.length, { kind, handle: handle === 0 ? 0x8001_0000 : handle, parent })
}

/** Removes a qdisc; the programs of its filters, to let go. */
export function removeQdisc(device: Device, kind: string, parent: number): HookProgram[] {
  const syscall = 'rtm_delqdisc'
  if (parent === TC_H_CLSACT) {
    const qdisc = device.filterQdisc
    if (qdisc === undefined) {
      // Where one was, Linux finds the empty place that it left.
      if (device.hadFilterQdisc) refuse('EINVAL', syscall, 'Invalid handle')
      return refuse('ENOENT', syscall, 'Cannot find specified qdisc on specified device')
    }
    if (kind !== '' && qdisc.kind !== kind) refuse('EINVAL', syscall, 'Invalid qdisc name')
    device.filterQdisc = undefined
    return [...qdisc.ingress, ...qdisc.egress].flatMap(({ filters }) => filters.map(({ program }) => program))
  }
  if (device.rootQdisc.every(({ handle }) => handle === 0)) {
    refuse('ENOENT', syscall, 'Cannot delete qdisc with handle of zero')
  }
  device.resetRootQdisc()
  return []
}

/** The list of classifiers that a parent names. Throws KernelError. */
export function filterPlace(device: Device, parent: number, syscall: string): Classifier[] {
  const qdisc = device.filterQdisc
  if (qdisc === undefined) return refuse('EINVAL', syscall, "Parent Qdisc doesn't exists")
  // clsact has filters at its two classes only, ingress has one list whatever is named.
  if (qdisc.kind === 'ingress' && (parent === CLSACT_HANDLE || parent >= TC_H_INGRESS)) return qdisc.ingress
  if (qdisc.kind === 'clsact' && parent === CLSACT_HANDLE) return refuse('EINVAL', syscall)
  if (parent === MIN_INGRESS) return qdisc.ingress
  if (parent === MIN_EGRESS && qdisc.kind === 'clsact') return qdisc.egress
  return refuse('EINVAL', syscall, 'Specified class not found')
}
