// The commands of bpf(2), one row each.

import type { bpf_attr } from './uapi.gen.js'

/** One command of bpf(2). */
export interface CommandRow {
  readonly id: number
  /** Linux's name in lower case without BPF_. */
  readonly name: string
  /** The part of `union bpf_attr` it reads. */
  readonly attr: keyof typeof bpf_attr
  /** What a successful call returns: a new file descriptor, a flag or plain 0. */
  readonly returns: 'fd' | 'zero' | 'query'
  /** Fields of `attr` Linux writes back. */
  readonly writes: readonly string[]
  /** First release that has it. */
  readonly since: string
}

/** All commands, in the order of their numbers. */
export const COMMANDS = [
  { id: 0, name: 'map_create', attr: 'map_create', returns: 'fd', writes: [], since: '3.18' },
  { id: 1, name: 'map_lookup_elem', attr: 'map_elem', returns: 'zero', writes: ['value'], since: '3.18' },
  { id: 2, name: 'map_update_elem', attr: 'map_elem', returns: 'zero', writes: [], since: '3.18' },
  { id: 3, name: 'map_delete_elem', attr: 'map_elem', returns: 'zero', writes: [], since: '3.18' },
  { id: 4, name: 'map_get_next_key', attr: 'map_elem', returns: 'zero', writes: ['next_key'], since: '3.18' },
  { id: 5, name: 'prog_load', attr: 'prog_load', returns: 'fd', writes: ['log_buf', 'log_true_size'], since: '3.18' },
  { id: 6, name: 'obj_pin', attr: 'obj', returns: 'zero', writes: [], since: '4.4' },
  { id: 7, name: 'obj_get', attr: 'obj', returns: 'fd', writes: [], since: '4.4' },
  { id: 8, name: 'prog_attach', attr: 'prog_attach', returns: 'zero', writes: [], since: '4.10' },
  { id: 9, name: 'prog_detach', attr: 'prog_attach', returns: 'zero', writes: [], since: '4.10' },
  {
    ...{ id: 10, name: 'prog_test_run', attr: 'test', returns: 'zero', since: '4.12' },
    writes: ['retval', 'data_size_out', 'data_out', 'duration', 'ctx_size_out', 'ctx_out'],
  },
  { id: 11, name: 'prog_get_next_id', attr: 'get_id', returns: 'zero', writes: ['next_id'], since: '4.13' },
  { id: 12, name: 'map_get_next_id', attr: 'get_id', returns: 'zero', writes: ['next_id'], since: '4.13' },
  { id: 13, name: 'prog_get_fd_by_id', attr: 'get_id', returns: 'fd', writes: [], since: '4.13' },
  { id: 14, name: 'map_get_fd_by_id', attr: 'get_id', returns: 'fd', writes: [], since: '4.13' },
  { id: 15, name: 'obj_get_info_by_fd', attr: 'info', returns: 'zero', writes: ['info_len', 'info'], since: '4.13' },
  {
    ...{ id: 16, name: 'prog_query', attr: 'query', returns: 'zero', since: '4.15' },
    writes: ['attach_flags', 'prog_ids', 'count', 'prog_attach_flags', 'link_ids', 'link_attach_flags', 'revision'],
  },
  { id: 17, name: 'raw_tracepoint_open', attr: 'raw_tracepoint', returns: 'fd', writes: [], since: '4.17' },
  {
    id: 18,
    name: 'btf_load',
    attr: 'btf_load',
    returns: 'fd',
    writes: ['btf_log_buf', 'btf_log_true_size'],
    since: '4.18',
  },
  { id: 19, name: 'btf_get_fd_by_id', attr: 'get_id', returns: 'fd', writes: [], since: '4.18' },
  {
    ...{ id: 20, name: 'task_fd_query', attr: 'task_fd_query', returns: 'zero', since: '4.18' },
    writes: ['buf_len', 'buf', 'prog_id', 'fd_type', 'probe_offset', 'probe_addr'],
  },
  { id: 21, name: 'map_lookup_and_delete_elem', attr: 'map_elem', returns: 'zero', writes: ['value'], since: '4.20' },
  { id: 22, name: 'map_freeze', attr: 'map_elem', returns: 'zero', writes: [], since: '5.2' },
  { id: 23, name: 'btf_get_next_id', attr: 'get_id', returns: 'zero', writes: ['next_id'], since: '5.4' },
  {
    ...{ id: 24, name: 'map_lookup_batch', attr: 'batch', returns: 'zero', since: '5.6' },
    writes: ['out_batch', 'keys', 'values', 'count'],
  },
  {
    ...{ id: 25, name: 'map_lookup_and_delete_batch', attr: 'batch', returns: 'zero', since: '5.6' },
    writes: ['out_batch', 'keys', 'values', 'count'],
  },
  { id: 26, name: 'map_update_batch', attr: 'batch', returns: 'zero', writes: ['count'], since: '5.6' },
  { id: 27, name: 'map_delete_batch', attr: 'batch', returns: 'zero', writes: ['count'], since: '5.6' },
  { id: 28, name: 'link_create', attr: 'link_create', returns: 'fd', writes: [], since: '5.7' },
  { id: 29, name: 'link_update', attr: 'link_update', returns: 'zero', writes: [], since: '5.7' },
  { id: 30, name: 'link_get_fd_by_id', attr: 'get_id', returns: 'fd', writes: [], since: '5.8' },
  { id: 31, name: 'link_get_next_id', attr: 'get_id', returns: 'zero', writes: ['next_id'], since: '5.8' },
  { id: 32, name: 'enable_stats', attr: 'enable_stats', returns: 'fd', writes: [], since: '5.8' },
  { id: 33, name: 'iter_create', attr: 'iter_create', returns: 'fd', writes: [], since: '5.8' },
  { id: 34, name: 'link_detach', attr: 'link_detach', returns: 'zero', writes: [], since: '5.9' },
  { id: 35, name: 'prog_bind_map', attr: 'prog_bind_map', returns: 'zero', writes: [], since: '5.10' },
  { id: 36, name: 'token_create', attr: 'token_create', returns: 'fd', writes: [], since: '6.9' },
  {
    ...{ id: 37, name: 'prog_stream_read_by_fd', attr: 'prog_stream_read', returns: 'query', since: '6.17' },
    writes: ['stream_buf'],
  },
  { id: 38, name: 'prog_assoc_struct_ops', attr: 'prog_assoc_struct_ops', returns: 'zero', writes: [], since: '7.0' },
] as const satisfies readonly CommandRow[]

export type CommandName = (typeof COMMANDS)[number]['name']

const byName = new Map<string, CommandRow & { readonly name: CommandName }>(COMMANDS.map((row) => [row.name, row]))

/** The row of a command; undefined for an unknown name. */
export function commandByName(name: string): (CommandRow & { readonly name: CommandName }) | undefined {
  return byName.get(name)
}

/** A command's name by its number. */
export function commandName(id: number): CommandName | undefined {
  return COMMANDS[id]?.name
}
