import { UsageError } from '../../base/index.js'
import { ATTACH_TYPES, type AttachTypeRow, attachTypeByName } from '../../spec/index.js'
import type { BpfMap } from '../bpf-map.js'
import type { BpfProgram } from '../bpf-program.js'
import type { Collection } from '../collection.js'
import type { DeviceLike, NetNamespace } from '../net/net-namespace.js'
import type { Attachment, FdLike } from './attachment.js'
import { attachCgroup } from './cgroup.js'
import { attachIter } from './iter.js'
import { attachKprobe, attachPerfEvent, attachTracepoint } from './perf.js'
import {
  attachNetfilter,
  attachNetns,
  attachReuseport,
  attachSocketFilter,
  attachSockmap,
  type NetfilterOptions,
} from './socket.js'
import { attachStructOps } from './struct-ops.js'
import { attachTc, type Direction } from './tc.js'
import { attachNetkit, attachTcx } from './tcx.js'
import { attachFreplace, attachKprobeMulti, attachRawTracepoint, attachTracing } from './tracing.js'
import { attachUprobe, attachUprobeMulti, attachUsdt } from './uprobe.js'
import { attachXdp } from './xdp.js'

/** What a section's name does not tell; give what the program's kind needs. */
export interface AttachTargets {
  /** xdp, tc, tcx, netkit: the device. */
  readonly device?: DeviceLike
  /** tc programs whose section does not say which way. Default ingress. */
  readonly direction?: Direction
  /** cgroup programs: path or descriptor. */
  readonly cgroup?: string | FdLike
  /** sk_lookup, flow_dissector, netfilter: default the caller's. */
  readonly netns?: NetNamespace
  readonly netfilter?: Omit<NetfilterOptions, 'netns'>
  /** socket filters and reuseport programs. */
  readonly socket?: FdLike
  /** sk_msg, sk_skb: the map of sockets; iterators over maps: the map. */
  readonly map?: BpfMap
  /** uprobes, USDT, perf events: this process only. */
  readonly pid?: number
  readonly cookie?: bigint
}

type Attacher = (program: BpfProgram, to: AttachTargets, collection: Collection) => Attachment

function need<T>(value: T | undefined, what: string, program: BpfProgram): T {
  if (value !== undefined) return value
  throw new UsageError(`program '${program.name}' (section ${program.origin?.section}) needs \`${what}\` to attach to`)
}

const cookieOf = (to: AttachTargets) => (to.cookie === undefined ? {} : { cookie: to.cookie })
const processOf = (to: AttachTargets) => ({ ...cookieOf(to), ...(to.pid === undefined ? {} : { pid: to.pid }) })

const onCgroup = (program: BpfProgram, to: AttachTargets): Attachment =>
  attachCgroup(program, need(to.cgroup, 'cgroup', program))
const onSockmap: Attacher = (program, to) => attachSockmap(program, need(to.map, 'map', program))
const onNetns: Attacher = (program, to) => attachNetns(program, to.netns)

/** By program type; those with several kinds of place look at the section or attach type themselves. */
const ATTACHERS: Readonly<Record<string, Attacher>> = {
  xdp: (program, to) => attachXdp(program, need(to.device, 'device', program)),
  sched_cls: attachSchedCls,
  sched_act: attachSchedCls,
  socket_filter: (program, to) => attachSocketFilter(program, need(to.socket, 'socket', program)),
  sk_reuseport: (program, to) => attachReuseport(program, need(to.socket, 'socket', program)),
  sk_msg: onSockmap,
  sk_skb: onSockmap,
  sk_lookup: onNetns,
  flow_dissector: onNetns,
  netfilter: (program, to) => {
    const options = need(to.netfilter, 'netfilter', program)
    return attachNetfilter(program, to.netns === undefined ? options : { ...options, netns: to.netns })
  },
  tracepoint: (program, to) => attachTracepoint(program, undefined, cookieOf(to)),
  raw_tracepoint: (program, to) => attachRawTracepoint(program, undefined, cookieOf(to)),
  raw_tracepoint_writable: (program, to) => attachRawTracepoint(program, undefined, cookieOf(to)),
  perf_event: (program, to) => attachPerfEvent(program, processOf(to)),
  kprobe: attachProbe,
  lsm: (program, to) => (program.origin?.attachType === 'lsm_cgroup' ? onCgroup(program, to) : attachTracing(program)),
  tracing: (program, to) =>
    program.origin?.attachType === 'trace_iter'
      ? attachIter(program, to.map === undefined ? {} : { map: to.map })
      : attachTracing(program, cookieOf(to)),
  ext: (program) => attachFreplace(program),
}

function attachSchedCls(program: BpfProgram, to: AttachTargets): Attachment {
  const device = need(to.device, 'device', program)
  const attachType = program.origin?.attachType
  if (attachType === 'tcx_ingress' || attachType === 'tcx_egress') {
    return attachTcx(program, device, { direction: attachType === 'tcx_ingress' ? 'ingress' : 'egress' })
  }
  if (attachType === 'netkit_primary' || attachType === 'netkit_peer') {
    return attachNetkit(program, device, { end: attachType === 'netkit_primary' ? 'primary' : 'peer' })
  }
  return attachTc(program, device, { direction: to.direction ?? 'ingress' })
}

function attachProbe(program: BpfProgram, to: AttachTargets, collection: Collection): Attachment {
  const { section = '', attachTarget } = program.origin ?? {}
  if (section.startsWith('usdt')) return attachUsdt(collection, program, processOf(to))
  if (/^u(ret)?probe\.(multi|session)|^uprobe\.session/.test(section)) {
    const [, binary = '', functions = ''] = /^(.*):([^:]*)$/.exec(attachTarget ?? '') ?? []
    return attachUprobeMulti(program, { binary, functions, ...(to.pid === undefined ? {} : { pid: to.pid }) })
  }
  if (/^u(ret)?probe/.test(section)) return attachUprobe(program, processOf(to))
  if (/^k(ret)?probe\.(multi|session)/.test(section)) {
    const functions = need(attachTarget, 'a function or pattern in its section', program)
    return attachKprobeMulti(program, { functions, return: section.startsWith('kret') })
  }
  return attachKprobe(program, cookieOf(to))
}

/**
 * Attaches a program as its section says: to a tracepoint, a function, a probe at once; to a device, cgroup, socket or
 * namespace given in `to`. Throws UsageError naming what is missing, and what the kind's own function throws.
 */
export function attach(collection: Collection, name: string, to: AttachTargets = {}): Attachment {
  if (collection.structOps.has(name)) return attachStructOps(collection, name)
  const program = collection.program(name)
  const row: AttachTypeRow | undefined =
    attachTypeByName(program.origin?.attachType ?? '') ?? ATTACH_TYPES[program.expectedAttachType]
  const attacher =
    ATTACHERS[program.typeName] ??
    (row?.target === 'cgroup' || /^cgroup_|sock_ops/.test(program.typeName) ? onCgroup : undefined)
  if (attacher === undefined) {
    throw new UsageError(
      `program '${name}' is of type ${program.typeName}, which attaches by no section`,
      'see the functions for its kind: a route (attachLwt), a test run, a map entry',
    )
  }
  return attacher(program, to, collection)
}
