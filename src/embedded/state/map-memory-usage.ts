import { MAP_TYPE } from '../../maps/index.js'
import type { BpfMap, Machine } from '../../vm/index.js'

const NO_PREALLOC = 1
const NO_COMMON_LRU = 2
const MMAPABLE = 1 << 10
const PAGE = 4096
const POINTER = 8
/** Sizes of Linux 6.18's structures on x86-64, as its maps of known sizes tell them. */
const SIZE = {
  array: 312,
  hash: 896,
  hashElement: 48,
  hashBucket: 16,
  device: 344,
  cpu: 304,
  xsk: 304,
  sockets: 376,
  socketHash: 384,
  reuseport: 296,
  ring: 328,
  stackTrace: 320,
  stackTraceHead: 16,
  storage: 328,
  trieNode: 24,
} as const

const up = (value: number, to: number): number => Math.ceil(value / to) * to
const powerOfTwo = (value: number): number => 2 ** Math.ceil(Math.log2(Math.max(1, value)))

/** Bytes that Linux 6.18 counts for a map like this (map_mem_usage, `memlock` of fdinfo); undefined for types that are not known. */
export function mapMemoryUsage(machine: Machine, map: BpfMap): number | undefined {
  const { cpus } = machine
  const { type, keySize, valueSize, maxEntries: n, flags } = map
  const value = up(valueSize, 8)
  const array = SIZE.array
  switch (type) {
    case MAP_TYPE.ARRAY:
      return (flags & MMAPABLE) === 0 ? array + n * value : up(array, PAGE) + up(n * value, PAGE)
    case MAP_TYPE.PERCPU_ARRAY:
      return array + n * POINTER + n * value * cpus
    case MAP_TYPE.PROG_ARRAY:
    case MAP_TYPE.ARRAY_OF_MAPS:
    case MAP_TYPE.PERF_EVENT_ARRAY:
    case MAP_TYPE.CGROUP_ARRAY:
      return array + n * POINTER
    case MAP_TYPE.HASH:
    case MAP_TYPE.PERCPU_HASH:
    case MAP_TYPE.LRU_HASH:
    case MAP_TYPE.LRU_PERCPU_HASH:
    case MAP_TYPE.HASH_OF_MAPS:
      return hashUsage(machine, map)
    case MAP_TYPE.DEVMAP:
      return SIZE.device + n * POINTER
    case MAP_TYPE.DEVMAP_HASH:
      return SIZE.device + powerOfTwo(n) * POINTER
    case MAP_TYPE.CPUMAP:
      return SIZE.cpu + n * POINTER
    case MAP_TYPE.XSKMAP:
      return SIZE.xsk + n * POINTER
    case MAP_TYPE.SOCKMAP:
      return SIZE.sockets + n * POINTER
    case MAP_TYPE.SOCKHASH:
      return SIZE.socketHash + powerOfTwo(n) * SIZE.hashBucket
    case MAP_TYPE.REUSEPORT_SOCKARRAY:
      return SIZE.reuseport + n * POINTER
    case MAP_TYPE.QUEUE:
    case MAP_TYPE.STACK:
      return array + (n + 1) * valueSize
    case MAP_TYPE.RINGBUF:
    case MAP_TYPE.USER_RINGBUF:
      return SIZE.ring + 3 * PAGE + (n / PAGE) * (PAGE + 2 * POINTER)
    case MAP_TYPE.BLOOM_FILTER: {
      const hashes = Number(map.mapExtra & 15n) || 5
      return array + Math.max(8, powerOfTwo(Math.floor((n * hashes * 7) / 5)) / 8)
    }
    case MAP_TYPE.STACK_TRACE:
      return SIZE.stackTrace + powerOfTwo(n) * POINTER + n * (SIZE.stackTraceHead + value)
    case MAP_TYPE.CGROUP_STORAGE:
    case MAP_TYPE.PERCPU_CGROUP_STORAGE:
      return SIZE.storage
    case MAP_TYPE.LPM_TRIE:
      return countOf(machine, map) * (SIZE.trieNode + keySize - 4 + valueSize)
    default:
      return undefined
  }
}

function hashUsage(machine: Machine, map: BpfMap): number {
  const { cpus } = machine
  const { type, keySize, valueSize, flags, maxEntries } = map
  const perCpu = type === MAP_TYPE.PERCPU_HASH || type === MAP_TYPE.LRU_PERCPU_HASH
  const lru = type === MAP_TYPE.LRU_HASH || type === MAP_TYPE.LRU_PERCPU_HASH
  const element = SIZE.hashElement + up(keySize, 8) + (perCpu ? POINTER : up(valueSize, 8))
  const apart = perCpu ? up(valueSize, 8) * cpus : 0
  const n = lru && (flags & NO_COMMON_LRU) !== 0 ? Math.floor(up(maxEntries, cpus)) : maxEntries
  const base = SIZE.hash + powerOfTwo(n) * SIZE.hashBucket
  if ((flags & NO_PREALLOC) !== 0) return base + countOf(machine, map) * (element + apart)
  if (perCpu || lru) return base + n * (element + apart)
  // Plain hashes have an element in hand for each CPU.
  const spare = type === MAP_TYPE.HASH ? cpus : 0
  return base + (n + spare) * element + POINTER * cpus
}

/** How many elements there are. */
function countOf({ memory }: Machine, map: BpfMap): number {
  const size = Math.max(8, map.keySize)
  const key = memory.alloc(size)
  const next = memory.alloc(size)
  try {
    let count = 0
    for (let status = map.nextKey(0, next); status === 0; status = map.nextKey(key, next)) {
      memory.u8.copyWithin(key, next, next + map.keySize)
      count++
    }
    return count
  } finally {
    memory.free(key)
    memory.free(next)
  }
}
