import { encodeText } from '../base/index.js'
import { isMapInMap, MAP } from './map-types.js'
import type { MapSpec } from './types.js'

/** What BPF_MAP_CREATE is given for a map, but for descriptors (BTF, inner map). */
export interface MapCreation {
  readonly mapType: number
  readonly mapName: string
  readonly keySize: number
  readonly valueSize: number
  readonly maxEntries: number
  readonly mapFlags: number
  readonly numaNode: number
  readonly mapExtra: bigint
  /** 0 where the type takes no BTF. */
  readonly btfKeyTypeId: number
  readonly btfValueTypeId: number
  /** An inner map has to be made first and its descriptor given. */
  readonly needsInner: boolean
}

export interface Machine {
  /** Possible CPUs: the size of a perf_event_array that gives none. */
  readonly cpus: number
  /** Ring buffers are rounded up to a power of two of pages. */
  readonly pageSize: number
}

// libbpf gives these no BTF: kernels refuse it.
const WITHOUT_BTF: ReadonlySet<string> = new Set([
  'perf_event_array',
  'cgroup_array',
  'stack_trace',
  'array_of_maps',
  'hash_of_maps',
  'devmap',
  'devmap_hash',
  'cpumap',
  'xskmap',
  'sockmap',
  'sockhash',
  'queue',
  'stack',
  'arena',
])

/** The request to create a map, with libbpf's adjustments for the machine. */
export function mapCreation(map: MapSpec, machine: Machine): MapCreation {
  const noBtf = WITHOUT_BTF.has(map.type)
  return {
    mapType: map.typeId,
    mapName: kernelName(map.name),
    keySize: map.keySize,
    valueSize: map.valueSize,
    maxEntries: maxEntries(map, machine),
    mapFlags: map.flags,
    numaNode: map.numaNode ?? 0,
    mapExtra: map.mapExtra,
    btfKeyTypeId: noBtf ? 0 : map.btfKeyTypeId,
    btfValueTypeId: noBtf || map.typeId === MAP.STRUCT_OPS ? 0 : map.btfValueTypeId,
    needsInner: isMapInMap(map.typeId),
  }
}

/** The first 15 bytes of a name, as the kernel keeps it. */
export function kernelName(name: string): string {
  let short = name.slice(0, 15)
  while (encodeText(short).length > 15) short = short.slice(0, -1)
  return short
}

function maxEntries(map: MapSpec, { cpus, pageSize }: Machine): number {
  if (map.typeId === MAP.PERF_EVENT_ARRAY && map.maxEntries === 0) return cpus
  if ((map.typeId === MAP.RINGBUF || map.typeId === MAP.USER_RINGBUF) && map.maxEntries > 0) {
    let size = pageSize
    while (size < map.maxEntries && size < 0x8000_0000) size *= 2
    return Math.max(size, map.maxEntries)
  }
  return map.maxEntries
}
