// Program types: the table of prog-types/, and questions about it.

import type { AttachTypeName } from './attach-types.js'
import type { HelperName } from './helpers.js'
import { type ProgTypeName, progTypeName } from './prog-type-names.js'
import { cgroupDevice } from './prog-types/cgroup-device.js'
import { cgroupSkb } from './prog-types/cgroup-skb.js'
import { cgroupSock } from './prog-types/cgroup-sock.js'
import { cgroupSockAddr } from './prog-types/cgroup-sock-addr.js'
import { cgroupSockopt } from './prog-types/cgroup-sockopt.js'
import { cgroupSysctl } from './prog-types/cgroup-sysctl.js'
import { ext } from './prog-types/ext.js'
import { flowDissector } from './prog-types/flow-dissector.js'
import { kprobe } from './prog-types/kprobe.js'
import { lircMode2 } from './prog-types/lirc-mode2.js'
import { lsm } from './prog-types/lsm.js'
import { lwtIn } from './prog-types/lwt-in.js'
import { lwtOut } from './prog-types/lwt-out.js'
import { lwtSeg6local } from './prog-types/lwt-seg6local.js'
import { lwtXmit } from './prog-types/lwt-xmit.js'
import { netfilter } from './prog-types/netfilter.js'
import { perfEvent } from './prog-types/perf-event.js'
import type { ContextField, ProgType, ReturnRange } from './prog-types/prog-type.js'
import { rawTracepoint } from './prog-types/raw-tracepoint.js'
import { rawTracepointWritable } from './prog-types/raw-tracepoint-writable.js'
import { schedAct } from './prog-types/sched-act.js'
import { schedCls } from './prog-types/sched-cls.js'
import { skLookup } from './prog-types/sk-lookup.js'
import { skMsg } from './prog-types/sk-msg.js'
import { skReuseport } from './prog-types/sk-reuseport.js'
import { skSkb } from './prog-types/sk-skb.js'
import { sockOps } from './prog-types/sock-ops.js'
import { socketFilter } from './prog-types/socket-filter.js'
import { structOps } from './prog-types/struct-ops.js'
import { syscall } from './prog-types/syscall.js'
import { tracepoint } from './prog-types/tracepoint.js'
import { tracing } from './prog-types/tracing.js'
import { xdp } from './prog-types/xdp.js'

/** All program types by name. */
export const PROG_TYPES = {
  socket_filter: socketFilter,
  kprobe,
  sched_cls: schedCls,
  sched_act: schedAct,
  tracepoint,
  xdp,
  perf_event: perfEvent,
  cgroup_skb: cgroupSkb,
  cgroup_sock: cgroupSock,
  lwt_in: lwtIn,
  lwt_out: lwtOut,
  lwt_xmit: lwtXmit,
  sock_ops: sockOps,
  sk_skb: skSkb,
  cgroup_device: cgroupDevice,
  sk_msg: skMsg,
  raw_tracepoint: rawTracepoint,
  cgroup_sock_addr: cgroupSockAddr,
  lwt_seg6local: lwtSeg6local,
  lirc_mode2: lircMode2,
  sk_reuseport: skReuseport,
  flow_dissector: flowDissector,
  cgroup_sysctl: cgroupSysctl,
  raw_tracepoint_writable: rawTracepointWritable,
  cgroup_sockopt: cgroupSockopt,
  tracing,
  struct_ops: structOps,
  ext,
  lsm,
  sk_lookup: skLookup,
  syscall,
  netfilter,
} as const satisfies { readonly [name in ProgTypeName]: ProgType & { readonly name: name } }

const types: Readonly<Record<ProgTypeName, ProgType>> = PROG_TYPES

/** A program type's row by its number; undefined for 0 and numbers Linux does not know. */
export function progTypeById(id: number): ProgType | undefined {
  const name = progTypeName(id)
  return name === undefined ? undefined : types[name]
}

/** A program type's row by its name; undefined for an unknown name. */
export function progTypeByName(name: ProgTypeName): ProgType
export function progTypeByName(name: string): ProgType | undefined
export function progTypeByName(name: string): ProgType | undefined {
  return Object.hasOwn(types, name) ? types[name as ProgTypeName] : undefined
}

const allowed = new Map<string, ReadonlySet<HelperName>>()

/** The helpers a program may call; a program of type `ext` may call those of the program it joins. */
export function allowedHelpers(progType: ProgTypeName, attachType?: AttachTypeName): ReadonlySet<HelperName> {
  const key = `${progType}/${attachType ?? ''}`
  const known = allowed.get(key)
  if (known !== undefined) return known
  const type = types[progType]
  const more = attachType === undefined ? undefined : type.helpersOn?.[attachType]
  const names = new Set([...type.helpers, ...(more ?? [])])
  allowed.set(key, names)
  return names
}

/** The values a program may return (signed 64-bit; what is checked is the register at exit). */
export function returnRange(progType: ProgTypeName, attachType?: AttachTypeName): ReturnRange {
  const type = types[progType]
  return (attachType === undefined ? undefined : type.returnsOn?.[attachType]) ?? type.returns
}

/** The context fields a program may use. */
export function contextFields(progType: ProgTypeName, attachType?: AttachTypeName): readonly ContextField[] {
  return types[progType].context.fields.filter(
    (field) => field.on === undefined || (attachType !== undefined && field.on.includes(attachType)),
  )
}
