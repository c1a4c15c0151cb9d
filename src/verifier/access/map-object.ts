// A map pointer read as the kernel's struct for its kind of map. Linux: check_ptr_to_map_access().

import { type MapTypeName, mapTypeById } from '../../spec/index.js'
import type { Env } from '../env.js'
import { MAYBE_NULL, pointerReg, RDONLY, UNTRUSTED, unknownReg } from '../state/reg.js'
import type { ObjectAccess } from './btf-pointer.js'
import { walkStruct } from './btf-walk.js'

/** Each kind of map's struct. */
const STRUCTS: Readonly<Partial<Record<MapTypeName, string>>> = {
  hash: 'bpf_htab',
  array: 'bpf_array',
  prog_array: 'bpf_array',
  perf_event_array: 'bpf_array',
  percpu_hash: 'bpf_htab',
  percpu_array: 'bpf_array',
  stack_trace: 'bpf_stack_map',
  cgroup_array: 'bpf_array',
  lru_hash: 'bpf_htab',
  lru_percpu_hash: 'bpf_htab',
  lpm_trie: 'lpm_trie',
  array_of_maps: 'bpf_array',
  hash_of_maps: 'bpf_htab',
  devmap: 'bpf_dtab',
  sockmap: 'bpf_stab',
  cpumap: 'bpf_cpu_map',
  xskmap: 'xsk_map',
  sockhash: 'bpf_shtab',
  cgroup_storage: 'bpf_cgroup_storage_map',
  reuseport_sockarray: 'reuseport_array',
  percpu_cgroup_storage: 'bpf_cgroup_storage_map',
  queue: 'bpf_queue_stack',
  stack: 'bpf_queue_stack',
  sk_storage: 'bpf_local_storage_map',
  devmap_hash: 'bpf_dtab',
  struct_ops: 'bpf_struct_ops_map',
  ringbuf: 'bpf_ringbuf_map',
  inode_storage: 'bpf_local_storage_map',
  task_storage: 'bpf_local_storage_map',
  bloom_filter: 'bpf_bloom_filter',
  user_ringbuf: 'bpf_ringbuf_map',
  cgrp_storage: 'bpf_local_storage_map',
  arena: 'bpf_arena',
}

export function accessMapObject(env: Env, regno: number, off: number, { write, size, value }: ObjectAccess): void {
  const { map } = env.reg(regno)
  const name = map === null ? undefined : mapTypeById(map.type)?.name
  const struct = name === undefined ? undefined : STRUCTS[name]
  const id = struct === undefined ? undefined : env.kernel?.btf.findByName(struct, 'struct')
  if (env.kernel === undefined) env.unsupported("map objects without the kernel's BTF")
  if (id === undefined) env.refuse(`map_ptr access not supported for map type ${map?.type ?? 0}`, 'ENOTSUPP')
  if (!env.perfmon) {
    env.refuse(`'struct ${struct}' access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN`, 'EPERM')
  }
  if (off < 0) env.refuse(`R${regno} is ${struct} invalid negative access: off=${off}`, 'EACCES')
  if (write) env.refuse(`only read from ${struct} is supported`, 'EACCES')
  const walked = walkStruct(env, env.kernel.btf, id, off, size)
  if (value < 0) return
  if (walked.kind === 'scalar') env.regs[value] = unknownReg()
  else if (walked.kind === 'memory') env.regs[value] = pointerReg('mem', RDONLY | UNTRUSTED)
  else {
    const made = pointerReg('ptr_', walked.flags)
    made.btf = env.kernel
    made.btfId = walked.id
    if ((made.flags & MAYBE_NULL) !== 0) made.id = env.newId()
    env.regs[value] = made
  }
}
