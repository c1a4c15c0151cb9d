// Map types, one row each: what BPF_MAP_CREATE takes, which bpf(2) commands work, which helpers may use the map.
// Sizes, flags and commands were probed on Linux 6.18; see test/spec/map-types.test.ts.

import type { HelperName } from './helpers.js'
import type { bpf_map_create_flags } from './uapi.gen.js'

type Flag = keyof typeof bpf_map_create_flags

/**
 * Bytes of a key or a value, or a number of entries: one of `only`, or from `min` to `max`, where `above` is the errno of
 * a larger one (EINVAL unless given), and a multiple of `multipleOf`, or a power of two.
 */
export interface SizeRule {
  readonly only?: readonly number[]
  readonly min?: number
  readonly max?: number
  readonly above?: 'EINVAL' | 'E2BIG'
  readonly multipleOf?: number
  readonly powerOfTwo?: true
}

/** What an element stands for when its value is not plain bytes: system calls pass a file descriptor (or an ifindex …) in. */
export type MapHolds = 'prog' | 'map' | 'perf_event' | 'cgroup' | 'sock' | 'xsk' | 'netdev' | 'cpu'

/** bpf(2) commands on elements. */
export type MapCommand =
  | 'lookup'
  | 'update'
  | 'delete'
  | 'next'
  | 'lookup_and_delete'
  | 'lookup_batch'
  | 'update_batch'
  | 'delete_batch'
  | 'lookup_and_delete_batch'

export interface MapTypeRow {
  readonly id: number
  /** As bpftool prints it. */
  readonly name: string
  readonly key: SizeRule
  /** Of one CPU, in per-CPU types. */
  readonly value: SizeRule
  /** The largest sum of key and value size; E2BIG beyond. */
  readonly together?: number
  readonly entries: SizeRule
  /** Flags of BPF_MAP_CREATE it takes; others are EINVAL. */
  readonly flags: readonly Flag[]
  /** Flags without which it is EINVAL. */
  readonly requires?: readonly Flag[]
  /** A value per CPU; system calls move value_size rounded up to 8 for each possible CPU. */
  readonly perCpu?: true
  readonly holds?: MapHolds
  /** Needs the template of its inner maps (inner_map_fd). */
  readonly inner?: true
  /** Needs BTF ids of key (a 4-byte integer) and value. */
  readonly btf?: true
  /** mmap(2) works: always, or with BPF_F_MMAPABLE. */
  readonly mmap?: 'always' | 'flag'
  /** Commands bpf(2) answers with something else than ENOTSUPP, EOPNOTSUPP or EINVAL. */
  readonly commands: readonly MapCommand[]
  /** Helpers a program may pass it to. */
  readonly helpers: readonly HelperName[]
  /** First release, of types newer than the recorded kernel. */
  readonly since?: string
}

const U32: SizeRule = { only: [4] }
const NONE: SizeRule = { only: [0] }
const SOME: SizeRule = { min: 1 }
// Key and value share one allocation of at most 4 MiB with the element's header of 48 bytes.
const HASHED: SizeRule = { min: 1, max: 4194254, above: 'E2BIG' }
const TOGETHER = 4194255
const PER_CPU: SizeRule = { min: 1, max: 32768, above: 'E2BIG' }
const FD_OR_COOKIE: SizeRule = { only: [4, 8] }
const STORED: SizeRule = { min: 1, max: 65407, above: 'E2BIG' }
const QUEUED: SizeRule = { min: 1, max: 4194304, above: 'E2BIG' }
const RING: SizeRule = { min: 4096, powerOfTwo: true }

const FILE = ['BPF_F_RDONLY', 'BPF_F_WRONLY'] as const
const ACCESS = [...FILE, 'BPF_F_RDONLY_PROG', 'BPF_F_WRONLY_PROG'] as const
const NUMA = 'BPF_F_NUMA_NODE'

const ONE = ['lookup', 'update', 'delete', 'next'] as const
const HASH_BATCH = ['lookup_batch', 'update_batch', 'delete_batch', 'lookup_and_delete_batch'] as const
const HASH_COMMANDS = [...ONE, 'lookup_and_delete', ...HASH_BATCH] as const
const ARRAY_COMMANDS = ['lookup', 'update', 'next', 'lookup_batch', 'update_batch'] as const

const ELEM = ['map_lookup_elem', 'map_update_elem', 'map_delete_elem'] as const
const EACH = [...ELEM, 'for_each_map_elem'] as const
const PER_CPU_ELEM = [...EACH, 'map_lookup_percpu_elem'] as const
const TIMERS = [...EACH, 'timer_init'] as const
const LOCAL: Pick<MapTypeRow, 'key' | 'value' | 'entries' | 'flags' | 'requires' | 'btf' | 'commands'> = {
  key: U32,
  value: STORED,
  entries: NONE,
  flags: ['BPF_F_NO_PREALLOC', 'BPF_F_CLONE'],
  requires: ['BPF_F_NO_PREALLOC'],
  btf: true,
  commands: ['lookup', 'update', 'delete'],
}

/** All map types, in the order of their numbers (the first is 1). */
// biome-ignore format: one row per line
export const MAP_TYPES = [
  { id: 1, name: 'hash', key: HASHED, value: HASHED, together: TOGETHER, entries: SOME, flags: ['BPF_F_NO_PREALLOC', NUMA, 'BPF_F_ZERO_SEED', ...ACCESS], commands: HASH_COMMANDS, helpers: TIMERS },
  { id: 2, name: 'array', key: U32, value: { min: 1, max: 0x7fffffff, above: 'E2BIG' }, entries: SOME, flags: [NUMA, 'BPF_F_MMAPABLE', 'BPF_F_INNER_MAP', ...ACCESS], mmap: 'flag', commands: ARRAY_COMMANDS, helpers: TIMERS },
  { id: 3, name: 'prog_array', key: U32, value: U32, entries: SOME, flags: [NUMA, ...FILE], holds: 'prog', commands: ONE, helpers: ['tail_call'] },
  { id: 4, name: 'perf_event_array', key: U32, value: U32, entries: SOME, flags: [NUMA, 'BPF_F_PRESERVE_ELEMS', ...FILE], holds: 'perf_event', commands: ['update', 'delete', 'next'], helpers: ['perf_event_read', 'perf_event_output', 'perf_event_read_value', 'skb_output', 'xdp_output'] },
  { id: 5, name: 'percpu_hash', key: HASHED, value: PER_CPU, together: TOGETHER, entries: SOME, flags: ['BPF_F_NO_PREALLOC', 'BPF_F_ZERO_SEED', ...ACCESS], perCpu: true, commands: HASH_COMMANDS, helpers: PER_CPU_ELEM },
  { id: 6, name: 'percpu_array', key: U32, value: PER_CPU, entries: SOME, flags: ACCESS, perCpu: true, commands: ARRAY_COMMANDS, helpers: PER_CPU_ELEM },
  { id: 7, name: 'stack_trace', key: U32, value: { min: 8, max: 1016, multipleOf: 8 }, entries: SOME, flags: [NUMA, 'BPF_F_STACK_BUILD_ID', ...FILE], commands: ['lookup', 'lookup_and_delete', 'delete', 'next'], helpers: ['get_stackid'] },
  { id: 8, name: 'cgroup_array', key: U32, value: U32, entries: SOME, flags: [NUMA, ...FILE], holds: 'cgroup', commands: ['update', 'delete', 'next'], helpers: ['skb_under_cgroup', 'current_task_under_cgroup'] },
  { id: 9, name: 'lru_hash', key: HASHED, value: HASHED, together: TOGETHER, entries: SOME, flags: ['BPF_F_NO_COMMON_LRU', NUMA, 'BPF_F_ZERO_SEED', ...ACCESS], commands: HASH_COMMANDS, helpers: TIMERS },
  { id: 10, name: 'lru_percpu_hash', key: HASHED, value: PER_CPU, together: TOGETHER, entries: SOME, flags: ['BPF_F_NO_COMMON_LRU', 'BPF_F_ZERO_SEED', ...ACCESS], perCpu: true, commands: HASH_COMMANDS, helpers: PER_CPU_ELEM },
  { id: 11, name: 'lpm_trie', key: { min: 5, max: 260 }, value: { min: 1, max: 4194024 }, entries: SOME, flags: ['BPF_F_NO_PREALLOC', NUMA, ...ACCESS], requires: ['BPF_F_NO_PREALLOC'], commands: [...ONE, 'lookup_batch', 'update_batch', 'delete_batch'], helpers: ELEM },
  { id: 12, name: 'array_of_maps', key: U32, value: U32, entries: SOME, flags: [NUMA, ...FILE], holds: 'map', inner: true, commands: [...ONE, 'lookup_batch', 'update_batch'], helpers: ['map_lookup_elem'] },
  { id: 13, name: 'hash_of_maps', key: HASHED, value: U32, together: TOGETHER, entries: SOME, flags: ['BPF_F_NO_PREALLOC', NUMA, 'BPF_F_ZERO_SEED', ...ACCESS], holds: 'map', inner: true, commands: [...ONE, ...HASH_BATCH], helpers: ['map_lookup_elem'] },
  { id: 14, name: 'devmap', key: U32, value: FD_OR_COOKIE, entries: SOME, flags: [NUMA, ...FILE], holds: 'netdev', commands: ONE, helpers: ['redirect_map', 'map_lookup_elem'] },
  { id: 15, name: 'sockmap', key: U32, value: FD_OR_COOKIE, entries: SOME, flags: [NUMA, ...FILE], holds: 'sock', commands: ONE, helpers: ['sk_redirect_map', 'sock_map_update', 'map_delete_elem', 'msg_redirect_map', 'sk_select_reuseport', 'map_lookup_elem', 'map_update_elem'] },
  { id: 16, name: 'cpumap', key: U32, value: FD_OR_COOKIE, entries: { min: 1, above: 'E2BIG' }, flags: [NUMA], holds: 'cpu', commands: ONE, helpers: ['redirect_map'] },
  { id: 17, name: 'xskmap', key: U32, value: U32, entries: SOME, flags: [NUMA, ...FILE], holds: 'xsk', commands: ['update', 'delete', 'next'], helpers: ['redirect_map', 'map_lookup_elem'] },
  { id: 18, name: 'sockhash', key: { min: 1, max: 512, above: 'E2BIG' }, value: FD_OR_COOKIE, entries: SOME, flags: [NUMA, ...FILE], holds: 'sock', commands: ONE, helpers: ['sk_redirect_hash', 'sock_hash_update', 'map_delete_elem', 'msg_redirect_hash', 'sk_select_reuseport', 'map_lookup_elem', 'map_update_elem'] },
  { id: 19, name: 'cgroup_storage', key: { only: [8, 16] }, value: STORED, entries: NONE, flags: [NUMA, ...ACCESS], commands: ['lookup', 'update', 'next'], helpers: ['get_local_storage'] },
  { id: 20, name: 'reuseport_sockarray', key: U32, value: FD_OR_COOKIE, entries: SOME, flags: [NUMA, ...ACCESS], holds: 'sock', commands: ONE, helpers: ['sk_select_reuseport'] },
  { id: 21, name: 'percpu_cgroup_storage', key: { only: [8, 16] }, value: PER_CPU, entries: NONE, flags: [NUMA, ...ACCESS], perCpu: true, commands: ['lookup', 'update', 'next'], helpers: ['get_local_storage'] },
  { id: 22, name: 'queue', key: NONE, value: QUEUED, entries: SOME, flags: [NUMA, ...ACCESS], commands: ['lookup', 'update', 'lookup_and_delete'], helpers: ['map_peek_elem', 'map_pop_elem', 'map_push_elem'] },
  { id: 23, name: 'stack', key: NONE, value: QUEUED, entries: SOME, flags: [NUMA, ...ACCESS], commands: ['lookup', 'update', 'lookup_and_delete'], helpers: ['map_peek_elem', 'map_pop_elem', 'map_push_elem'] },
  { id: 24, name: 'sk_storage', ...LOCAL, helpers: ['sk_storage_get', 'sk_storage_delete'] },
  { id: 25, name: 'devmap_hash', key: U32, value: FD_OR_COOKIE, entries: SOME, flags: [NUMA, ...FILE], holds: 'netdev', commands: ONE, helpers: ['redirect_map', 'map_lookup_elem'] },
  { id: 26, name: 'struct_ops', key: U32, value: SOME, entries: { only: [1] }, flags: ['BPF_F_LINK', 'BPF_F_VTYPE_BTF_OBJ_FD'], commands: ONE, helpers: [] },
  { id: 27, name: 'ringbuf', key: NONE, value: NONE, entries: RING, flags: [NUMA], mmap: 'always', commands: [], helpers: ['ringbuf_output', 'ringbuf_reserve', 'ringbuf_query', 'ringbuf_reserve_dynptr'] },
  { id: 28, name: 'inode_storage', ...LOCAL, helpers: ['inode_storage_get', 'inode_storage_delete'] },
  { id: 29, name: 'task_storage', ...LOCAL, helpers: ['task_storage_get', 'task_storage_delete'] },
  { id: 30, name: 'bloom_filter', key: NONE, value: QUEUED, entries: SOME, flags: [NUMA, 'BPF_F_ZERO_SEED', ...ACCESS], commands: ['lookup', 'update'], helpers: ['map_peek_elem', 'map_push_elem'] },
  { id: 31, name: 'user_ringbuf', key: NONE, value: NONE, entries: RING, flags: [NUMA], mmap: 'always', commands: [], helpers: ['user_ringbuf_drain'] },
  { id: 32, name: 'cgrp_storage', ...LOCAL, helpers: ['cgrp_storage_get', 'cgrp_storage_delete'] },
  { id: 33, name: 'arena', key: NONE, value: NONE, entries: { min: 1, max: 1048576, above: 'E2BIG' }, flags: ['BPF_F_MMAPABLE', 'BPF_F_SEGV_ON_FAULT', 'BPF_F_NO_USER_CONV'], requires: ['BPF_F_MMAPABLE'], mmap: 'always', commands: [], helpers: [] },
  { id: 34, name: 'insn_array', key: U32, value: { only: [16] }, entries: SOME, flags: [], commands: ['lookup', 'update', 'next'], helpers: [], since: '6.19' },
] as const satisfies readonly MapTypeRow[]

export type MapTypeName = (typeof MAP_TYPES)[number]['name']
export type MapType = MapTypeRow & { readonly name: MapTypeName }

const rows: readonly MapType[] = MAP_TYPES
const byName = new Map<string, MapType>(rows.map((row) => [row.name, row]))

/** A map type's row by its number; undefined for 0 and unknown numbers. */
export function mapTypeById(id: number): MapType | undefined {
  return rows[id - 1]
}

/** A map type's row by its name; undefined for an unknown name. */
export function mapTypeByName(name: MapTypeName): MapType
export function mapTypeByName(name: string): MapType | undefined
export function mapTypeByName(name: string): MapType | undefined {
  return byName.get(name)
}

/** A map type's name by its number. */
export function mapTypeName(id: number): MapTypeName | undefined {
  return rows[id - 1]?.name
}

/** Whether a size or a number of entries obeys a rule; otherwise the errno Linux answers. */
export function sizeError(rule: SizeRule, value: number): 'EINVAL' | 'E2BIG' | undefined {
  if (rule.only !== undefined) return rule.only.includes(value) ? undefined : 'EINVAL'
  if (value < (rule.min ?? 0)) return 'EINVAL'
  if (value > (rule.max ?? Number.POSITIVE_INFINITY)) return rule.above ?? 'EINVAL'
  if (rule.multipleOf !== undefined && value % rule.multipleOf !== 0) return 'EINVAL'
  if (rule.powerOfTwo && (value & (value - 1)) !== 0) return 'EINVAL'
  return undefined
}
