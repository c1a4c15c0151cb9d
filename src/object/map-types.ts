import { bpf_map_type } from '../spec/index.js'

const NAMES = new Map<number, string>()
for (const [name, id] of Object.entries(bpf_map_type)) {
  if (!name.endsWith('_DEPRECATED')) NAMES.set(id, name.slice('BPF_MAP_TYPE_'.length).toLowerCase())
}

/** Linux's map type name in lower case; the number as text for one that is not known. */
export function mapTypeName(id: number): string {
  return NAMES.get(id) ?? String(id)
}

export const MAP = {
  HASH: bpf_map_type.BPF_MAP_TYPE_HASH,
  ARRAY: bpf_map_type.BPF_MAP_TYPE_ARRAY,
  PROG_ARRAY: bpf_map_type.BPF_MAP_TYPE_PROG_ARRAY,
  PERF_EVENT_ARRAY: bpf_map_type.BPF_MAP_TYPE_PERF_EVENT_ARRAY,
  ARRAY_OF_MAPS: bpf_map_type.BPF_MAP_TYPE_ARRAY_OF_MAPS,
  HASH_OF_MAPS: bpf_map_type.BPF_MAP_TYPE_HASH_OF_MAPS,
  STRUCT_OPS: bpf_map_type.BPF_MAP_TYPE_STRUCT_OPS,
  RINGBUF: bpf_map_type.BPF_MAP_TYPE_RINGBUF,
  USER_RINGBUF: bpf_map_type.BPF_MAP_TYPE_USER_RINGBUF,
  ARENA: bpf_map_type.BPF_MAP_TYPE_ARENA,
} as const

export function isMapInMap(typeId: number): boolean {
  return typeId === MAP.ARRAY_OF_MAPS || typeId === MAP.HASH_OF_MAPS
}
