// The maps a program names: may programs of its type, and of its kind, use them.

import { mapTypeById } from '../../spec/index.js'
import { specialFields } from '../access/special-fields.js'
import type { Env } from '../env.js'
import type { MapDescription } from '../types.js'
import { resolveKernelVariable } from './kernel-vars.js'

const TRACING: ReadonlySet<string> = new Set([
  'kprobe',
  'tracepoint',
  'perf_event',
  'raw_tracepoint',
  'raw_tracepoint_writable',
])

/** Types whose maps a program that may sleep can use (check_map_prog_compatibility()). */
const SLEEPABLE: ReadonlySet<string> = new Set([
  ...['hash', 'lru_hash', 'array', 'percpu_hash', 'percpu_array', 'lru_percpu_hash', 'array_of_maps', 'hash_of_maps'],
  ...['ringbuf', 'user_ringbuf', 'inode_storage', 'sk_storage', 'task_storage', 'cgrp_storage', 'queue', 'stack'],
  ...['arena', 'insn_array', 'prog_array'],
])

/** Checks every map of the program in the order of its instructions (resolve_pseudo_ldimm64()). */
export function checkMaps(env: Env): void {
  let arena: MapDescription | undefined
  for (const insn of env.insns) {
    if (insn?.code === 0x18 && insn.src === 3) resolveKernelVariable(env, insn)
    if (insn?.code !== 0x18 || (insn.src !== 1 && insn.src !== 2)) continue
    const map = env.prog.map(insn.imm)
    if (map === undefined) env.refuse(`fd ${insn.imm} is not pointing to valid bpf_map`, 'EBADF')
    checkSuitsType(env, map)
    if (mapTypeById(map.type)?.name === 'arena') {
      if (arena !== undefined && arena !== map) env.refuse('Only one arena per program', 'EBUSY')
      if (!env.perfmon) env.refuse('CAP_BPF and CAP_PERFMON are required to use arena', 'EPERM')
      arena = map
      env.arena = map
      if (map.userAddress === false) env.refuse("arena's user address must be set via map_extra or mmap()")
    }
    if (insn.src === 2) checkDirectValue(env, map, Number((insn.imm64 ?? 0n) >> 32n))
  }
}

/** Tracing programs may interrupt anything: maps with locks and timers are not for them. */
function checkSuitsType(env: Env, map: MapDescription): void {
  const tracing = TRACING.has(env.prog.type)
  if (tracing || env.prog.type === 'socket_filter') {
    const who = tracing ? 'tracing progs' : 'socket filter progs'
    const kinds = new Set(specialFields(map).map(({ kind }) => kind))
    if (kinds.has('bpf_list_head') || kinds.has('bpf_rb_root')) {
      env.refuse(`${who} cannot use bpf_{list_head,rb_root} yet`)
    }
    if (kinds.has('bpf_spin_lock')) env.refuse(`${who} cannot use bpf_spin_lock yet`)
    if (tracing && kinds.has('bpf_timer')) env.refuse('tracing progs cannot use bpf_timer yet')
  }
  if (env.prog.sleepable === true && !SLEEPABLE.has(mapTypeById(map.type)?.name ?? '')) {
    env.refuse('Sleepable programs can only use array, hash, ringbuf and local storage maps')
  }
}

/** The address of a value as a constant: of arrays with one element, and of arenas. */
function checkDirectValue(env: Env, map: MapDescription, off: number): void {
  const type = mapTypeById(map.type)?.name
  if (type === 'arena' || type === 'insn_array') return
  if (type !== 'array') env.refuse('no direct value access support for this map type')
  if (map.maxEntries === 1 && off < map.valueSize) return
  const errno = map.maxEntries === 1 ? 'EINVAL' : 'ENOTSUPP'
  env.refuse(`invalid access to map value pointer, value_size=${map.valueSize} off=${off}`, errno)
}
