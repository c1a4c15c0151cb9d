// Link types, one row each.

import type { structs } from './uapi.gen.js'

type LinkInfoField = keyof typeof structs.bpf_link_info.fields

export interface LinkTypeRow {
  readonly id: number
  /** As bpftool prints it. */
  readonly name: string
  /** What the link holds. */
  readonly holds: 'prog' | 'struct_ops map'
  /** The part of `struct bpf_link_info` that describes it; undefined where there is none. */
  readonly info: LinkInfoField | undefined
  /** BPF_LINK_UPDATE can swap its program or map. */
  readonly update: boolean
  /** BPF_LINK_DETACH works. */
  readonly detach: boolean
  readonly since: string
}

/** All link types, in the order of their numbers (0 is "unspec"). */
export const LINK_TYPES = [
  { id: 1, name: 'raw_tracepoint', holds: 'prog', info: 'raw_tracepoint', update: false, detach: false, since: '5.8' },
  { id: 2, name: 'tracing', holds: 'prog', info: 'tracing', update: false, detach: false, since: '5.8' },
  { id: 3, name: 'cgroup', holds: 'prog', info: 'cgroup', update: true, detach: true, since: '5.7' },
  { id: 4, name: 'iter', holds: 'prog', info: 'iter', update: true, detach: false, since: '5.8' },
  { id: 5, name: 'netns', holds: 'prog', info: 'netns', update: true, detach: true, since: '5.8' },
  { id: 6, name: 'xdp', holds: 'prog', info: 'xdp', update: true, detach: true, since: '5.9' },
  { id: 7, name: 'perf_event', holds: 'prog', info: 'perf_event', update: false, detach: false, since: '5.15' },
  { id: 8, name: 'kprobe_multi', holds: 'prog', info: 'kprobe_multi', update: false, detach: false, since: '5.18' },
  { id: 9, name: 'struct_ops', holds: 'struct_ops map', info: 'struct_ops', update: true, detach: true, since: '6.4' },
  { id: 10, name: 'netfilter', holds: 'prog', info: 'netfilter', update: false, detach: true, since: '6.4' },
  { id: 11, name: 'tcx', holds: 'prog', info: 'tcx', update: true, detach: true, since: '6.6' },
  { id: 12, name: 'uprobe_multi', holds: 'prog', info: 'uprobe_multi', update: false, detach: false, since: '6.6' },
  { id: 13, name: 'netkit', holds: 'prog', info: 'netkit', update: true, detach: true, since: '6.7' },
  { id: 14, name: 'sockmap', holds: 'prog', info: 'sockmap', update: true, detach: true, since: '6.10' },
] as const satisfies readonly LinkTypeRow[]

export type LinkTypeName = (typeof LINK_TYPES)[number]['name']

const byName = new Map<string, LinkTypeRow & { readonly name: LinkTypeName }>(LINK_TYPES.map((row) => [row.name, row]))

/** The row of a link type; undefined for an unknown name. */
export function linkTypeByName(name: string): (LinkTypeRow & { readonly name: LinkTypeName }) | undefined {
  return byName.get(name)
}

/** A link type's name by its number. */
export function linkTypeName(id: number): LinkTypeName | undefined {
  return LINK_TYPES[id - 1]?.name
}
