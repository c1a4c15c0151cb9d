import type { BpfMap, Status } from '../vm/index.js'
import {
  BPF_F_CLONE,
  BPF_F_INNER_MAP,
  BPF_F_LINK,
  BPF_F_MMAPABLE,
  BPF_F_NO_COMMON_LRU,
  BPF_F_NO_PREALLOC,
  BPF_F_NO_USER_CONV,
  BPF_F_NUMA_NODE,
  BPF_F_PRESERVE_ELEMS,
  BPF_F_RDONLY,
  BPF_F_RDONLY_PROG,
  BPF_F_SEGV_ON_FAULT,
  BPF_F_STACK_BUILD_ID,
  BPF_F_VTYPE_BTF_OBJ_FD,
  BPF_F_WRONLY,
  BPF_F_WRONLY_PROG,
  BPF_F_ZERO_SEED,
  E2BIG,
  EINVAL,
  ENOMEM,
  ENOTSUPP,
  ERANGE,
} from './constants.js'
import { roundUp8, roundUpPowerOfTwo } from './copy.js'
import { MAP_TYPE } from './map-type.js'
import type { MapAttributes } from './types.js'

const ACCESS = BPF_F_RDONLY | BPF_F_WRONLY | BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG
const FILE_ACCESS = BPF_F_RDONLY | BPF_F_WRONLY

/** Largest kmalloc, and the headers that Linux puts before elements of some types. */
const KMALLOC_MAX = 1 << 22
const HASH_ELEMENT_HEADER = 48
const TRIE_NODE_HEADER = 24
const STORAGE_ELEMENT_HEADER = 128
const BUCKET_SIZE = 16
/** Largest value of one CPU in per-CPU storage. */
const PER_CPU_MAX = 32768
const STORAGE_MAX = 0xffff - STORAGE_ELEMENT_HEADER
const MAX_STACK_DEPTH = 127
const MAX_BPF_STACK = 512
const NR_CPUS = 256
const U32_MAX = 0xffff_ffff
const PAGE = 4096
/** What the machine has: Linux refuses an allocation larger than its memory. */
const MEMORY_SIZE = 2 ** 32

/** Are all of a map's flags among the known ones, and does it not ask for both program rights? */
function flagsKnown(attr: MapAttributes, known: number): boolean {
  return (attr.flags & ~known) === 0 && !has(attr, BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG)
}

/** All of `flags`? */
function has(attr: MapAttributes, flags: number): boolean {
  return (attr.flags & flags) === flags
}

function checkArray(attr: MapAttributes): Status {
  const perCpu = attr.type === MAP_TYPE.PERCPU_ARRAY
  const known = BPF_F_NUMA_NODE | BPF_F_MMAPABLE | ACCESS | BPF_F_PRESERVE_ELEMS | BPF_F_INNER_MAP
  if (attr.maxEntries === 0 || attr.keySize !== 4 || attr.valueSize === 0 || !flagsKnown(attr, known)) return EINVAL
  if (perCpu && hasNumaNode(attr)) return EINVAL
  if (attr.type !== MAP_TYPE.ARRAY && (attr.flags & (BPF_F_MMAPABLE | BPF_F_INNER_MAP)) !== 0) return EINVAL
  if (attr.type !== MAP_TYPE.PERF_EVENT_ARRAY && has(attr, BPF_F_PRESERVE_ELEMS)) return EINVAL
  if (attr.valueSize > 0x7fff_ffff) return E2BIG
  if (perCpu && roundUp8(attr.valueSize) > PER_CPU_MAX) return E2BIG
  const area = attr.maxEntries * (perCpu ? 8 : roundUp8(attr.valueSize))
  return area > MEMORY_SIZE ? ENOMEM : 0
}

/** Arrays of descriptors. */
function checkFdArray(attr: MapAttributes): Status {
  if (attr.valueSize !== 4) return EINVAL
  if ((attr.flags & (BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG)) !== 0) return EINVAL
  return checkArray(attr)
}

function checkHash(attr: MapAttributes): Status {
  const { type } = attr
  const perCpu = type === MAP_TYPE.PERCPU_HASH || type === MAP_TYPE.LRU_PERCPU_HASH
  const lru = type === MAP_TYPE.LRU_HASH || type === MAP_TYPE.LRU_PERCPU_HASH
  const perCpuLru = has(attr, BPF_F_NO_COMMON_LRU)
  const known = BPF_F_NO_PREALLOC | BPF_F_NO_COMMON_LRU | BPF_F_NUMA_NODE | ACCESS | BPF_F_ZERO_SEED
  if (!flagsKnown(attr, known)) return EINVAL
  if (!lru && perCpuLru) return EINVAL
  if (lru && has(attr, BPF_F_NO_PREALLOC)) return ENOTSUPP
  if (hasNumaNode(attr) && (perCpu || perCpuLru)) return EINVAL
  if (attr.maxEntries === 0 || attr.keySize === 0 || attr.valueSize === 0) return EINVAL
  if (attr.keySize + attr.valueSize >= KMALLOC_MAX - HASH_ELEMENT_HEADER) return E2BIG
  if (perCpu && roundUp8(attr.valueSize) > PER_CPU_MAX) return E2BIG
  if (attr.maxEntries > 2 ** 31) return E2BIG
  if (roundUpPowerOfTwo(attr.maxEntries) > Math.floor(U32_MAX / BUCKET_SIZE)) return E2BIG
  if (has(attr, BPF_F_NO_PREALLOC)) return 0
  const element = HASH_ELEMENT_HEADER + roundUp8(attr.keySize) + (perCpu ? 8 : roundUp8(attr.valueSize))
  return attr.maxEntries * element > MEMORY_SIZE ? ENOMEM : 0
}

function checkTrie(attr: MapAttributes): Status {
  const known = BPF_F_NO_PREALLOC | BPF_F_NUMA_NODE | ACCESS
  if (attr.maxEntries === 0 || !has(attr, BPF_F_NO_PREALLOC) || !flagsKnown(attr, known)) return EINVAL
  if (attr.keySize < 5 || attr.keySize > 260) return EINVAL
  return attr.valueSize === 0 || attr.valueSize > KMALLOC_MAX - 256 - TRIE_NODE_HEADER ? EINVAL : 0
}

function checkQueueStack(attr: MapAttributes): Status {
  if (attr.maxEntries === 0 || attr.keySize !== 0 || attr.valueSize === 0) return EINVAL
  if (!flagsKnown(attr, BPF_F_NUMA_NODE | ACCESS)) return EINVAL
  if (attr.valueSize > KMALLOC_MAX) return E2BIG
  return (attr.maxEntries + 1) * attr.valueSize > MEMORY_SIZE ? ENOMEM : 0
}

function checkBloom(attr: MapAttributes): Status {
  if (attr.valueSize > KMALLOC_MAX) return E2BIG
  if (attr.maxEntries === 0 || attr.keySize !== 0 || attr.valueSize === 0) return EINVAL
  if (!flagsKnown(attr, BPF_F_NUMA_NODE | BPF_F_ZERO_SEED | ACCESS)) return EINVAL
  return ((attr.mapExtra ?? 0n) & ~0xfn) !== 0n ? EINVAL : 0
}

function checkRingBuffer(attr: MapAttributes): Status {
  if ((attr.flags & ~BPF_F_NUMA_NODE) !== 0 || attr.keySize !== 0 || attr.valueSize !== 0) return EINVAL
  const size = attr.maxEntries
  return size === 0 || size % PAGE !== 0 || (size & (size - 1)) !== 0 ? EINVAL : 0
}

function checkStackTrace(attr: MapAttributes): Status {
  if ((attr.flags & ~(BPF_F_NUMA_NODE | FILE_ACCESS | BPF_F_STACK_BUILD_ID)) !== 0) return EINVAL
  if (attr.maxEntries === 0 || attr.keySize !== 4 || attr.valueSize < 8 || attr.valueSize % 8 !== 0) return EINVAL
  const entry = has(attr, BPF_F_STACK_BUILD_ID) ? 32 : 8
  if (attr.valueSize % entry !== 0 || attr.valueSize / entry > MAX_STACK_DEPTH) return EINVAL
  if (attr.maxEntries > 2 ** 31) return E2BIG
  const buckets = roundUpPowerOfTwo(attr.maxEntries)
  return buckets * (8 + 24 + attr.valueSize) > MEMORY_SIZE ? ENOMEM : 0
}

function checkDeviceMap(attr: MapAttributes): Status {
  if (attr.maxEntries === 0 || attr.keySize !== 4 || (attr.valueSize !== 4 && attr.valueSize !== 8)) return EINVAL
  if ((attr.flags & ~(BPF_F_NUMA_NODE | FILE_ACCESS)) !== 0) return EINVAL
  if (attr.type === MAP_TYPE.DEVMAP_HASH && attr.maxEntries > 2 ** 31) return EINVAL
  return attr.maxEntries * 8 > MEMORY_SIZE ? ENOMEM : 0
}

function checkCpuMap(attr: MapAttributes): Status {
  if (attr.maxEntries === 0 || attr.keySize !== 4 || (attr.valueSize !== 4 && attr.valueSize !== 8)) return EINVAL
  if ((attr.flags & ~BPF_F_NUMA_NODE) !== 0) return EINVAL
  return attr.maxEntries > NR_CPUS ? E2BIG : 0
}

function checkSocketArray(attr: MapAttributes): Status {
  if (attr.maxEntries === 0 || attr.keySize !== 4) return EINVAL
  if (attr.valueSize !== 4 && (attr.valueSize !== 8 || attr.type === MAP_TYPE.XSKMAP)) return EINVAL
  if ((attr.flags & ~(BPF_F_NUMA_NODE | FILE_ACCESS)) !== 0) return EINVAL
  return attr.maxEntries * 8 > MEMORY_SIZE ? ENOMEM : 0
}

function checkSocketHash(attr: MapAttributes): Status {
  if (attr.maxEntries === 0 || attr.keySize === 0) return EINVAL
  if (attr.valueSize !== 4 && attr.valueSize !== 8) return EINVAL
  if ((attr.flags & ~(BPF_F_NUMA_NODE | FILE_ACCESS)) !== 0) return EINVAL
  if (attr.keySize > MAX_BPF_STACK) return E2BIG
  const buckets = attr.maxEntries > 2 ** 31 ? 2 ** 32 : roundUpPowerOfTwo(attr.maxEntries)
  return buckets > Math.floor(U32_MAX / BUCKET_SIZE) ? EINVAL : 0
}

function checkReuseportArray(attr: MapAttributes): Status {
  return attr.valueSize !== 4 && attr.valueSize !== 8 ? EINVAL : checkArray(attr)
}

/** SK_STORAGE, INODE_STORAGE, TASK_STORAGE, CGRP_STORAGE. */
function checkLocalStorage(attr: MapAttributes): Status {
  if ((attr.flags & ~(BPF_F_NO_PREALLOC | BPF_F_CLONE)) !== 0 || !has(attr, BPF_F_NO_PREALLOC)) return EINVAL
  if (attr.maxEntries !== 0 || attr.keySize !== 4 || attr.valueSize === 0) return EINVAL
  if (!attr.btfKeyTypeId || !attr.btfValueTypeId) return EINVAL
  return attr.valueSize > STORAGE_MAX ? E2BIG : 0
}

function checkCgroupStorage(attr: MapAttributes): Status {
  const limit = attr.type === MAP_TYPE.PERCPU_CGROUP_STORAGE ? PER_CPU_MAX : STORAGE_MAX
  if ((attr.keySize !== 16 && attr.keySize !== 8) || attr.valueSize === 0) return EINVAL
  if (attr.valueSize > limit) return E2BIG
  return !flagsKnown(attr, BPF_F_NUMA_NODE | ACCESS) || attr.maxEntries !== 0 ? EINVAL : 0
}

function checkStructOps(attr: MapAttributes): Status {
  if (attr.keySize !== 4 || attr.maxEntries !== 1) return EINVAL
  return (attr.flags & ~(BPF_F_LINK | BPF_F_VTYPE_BTF_OBJ_FD)) !== 0 || !attr.btfVmlinuxValueTypeId ? EINVAL : 0
}

function checkArena(attr: MapAttributes): Status {
  if (attr.keySize !== 0 || attr.valueSize !== 0 || attr.maxEntries === 0 || !has(attr, BPF_F_MMAPABLE)) return EINVAL
  if ((attr.flags & ~(BPF_F_SEGV_ON_FAULT | BPF_F_MMAPABLE | BPF_F_NO_USER_CONV)) !== 0) return EINVAL
  const start = attr.mapExtra ?? 0n
  if (start % BigInt(PAGE) !== 0n) return EINVAL
  const range = BigInt(attr.maxEntries) * BigInt(PAGE)
  if (range > 2n ** 32n) return E2BIG
  return start >> 32n !== BigInt.asUintN(64, start + range - 1n) >> 32n ? ERANGE : 0
}

const CHECKS: Readonly<Record<number, (attr: MapAttributes) => Status>> = {
  [MAP_TYPE.HASH]: checkHash,
  [MAP_TYPE.ARRAY]: checkArray,
  [MAP_TYPE.PROG_ARRAY]: checkFdArray,
  [MAP_TYPE.PERF_EVENT_ARRAY]: checkFdArray,
  [MAP_TYPE.PERCPU_HASH]: checkHash,
  [MAP_TYPE.PERCPU_ARRAY]: checkArray,
  [MAP_TYPE.STACK_TRACE]: checkStackTrace,
  [MAP_TYPE.CGROUP_ARRAY]: checkFdArray,
  [MAP_TYPE.LRU_HASH]: checkHash,
  [MAP_TYPE.LRU_PERCPU_HASH]: checkHash,
  [MAP_TYPE.LPM_TRIE]: checkTrie,
  [MAP_TYPE.ARRAY_OF_MAPS]: checkFdArray,
  [MAP_TYPE.HASH_OF_MAPS]: (attr) => (attr.valueSize !== 4 ? EINVAL : checkHash(attr)),
  [MAP_TYPE.DEVMAP]: checkDeviceMap,
  [MAP_TYPE.SOCKMAP]: checkSocketArray,
  [MAP_TYPE.CPUMAP]: checkCpuMap,
  [MAP_TYPE.XSKMAP]: checkSocketArray,
  [MAP_TYPE.SOCKHASH]: checkSocketHash,
  [MAP_TYPE.CGROUP_STORAGE]: checkCgroupStorage,
  [MAP_TYPE.REUSEPORT_SOCKARRAY]: checkReuseportArray,
  [MAP_TYPE.PERCPU_CGROUP_STORAGE]: checkCgroupStorage,
  [MAP_TYPE.QUEUE]: checkQueueStack,
  [MAP_TYPE.STACK]: checkQueueStack,
  [MAP_TYPE.SK_STORAGE]: checkLocalStorage,
  [MAP_TYPE.DEVMAP_HASH]: checkDeviceMap,
  [MAP_TYPE.STRUCT_OPS]: checkStructOps,
  [MAP_TYPE.RINGBUF]: checkRingBuffer,
  [MAP_TYPE.INODE_STORAGE]: checkLocalStorage,
  [MAP_TYPE.TASK_STORAGE]: checkLocalStorage,
  [MAP_TYPE.BLOOM_FILTER]: checkBloom,
  [MAP_TYPE.USER_RINGBUF]: checkRingBuffer,
  [MAP_TYPE.CGRP_STORAGE]: checkLocalStorage,
  [MAP_TYPE.ARENA]: checkArena,
}

/** BPF_F_NUMA_NODE with a node: -1 stands for none. */
function hasNumaNode(attr: MapAttributes): boolean {
  return has(attr, BPF_F_NUMA_NODE) && attr.numaNode !== U32_MAX
}

/** Checks that are the same for every type, and that there is such a type: the first thing map_create does. */
export function checkCommonAttributes(attr: MapAttributes): Status {
  if (attr.btfVmlinuxValueTypeId) {
    if (attr.type !== MAP_TYPE.STRUCT_OPS || attr.btfKeyTypeId || attr.btfValueTypeId) return EINVAL
  } else if (attr.btfKeyTypeId && !attr.btfValueTypeId) {
    return EINVAL
  }
  const takesExtra = attr.type === MAP_TYPE.BLOOM_FILTER || attr.type === MAP_TYPE.ARENA
  if (!takesExtra && attr.mapExtra) return EINVAL
  if (has(attr, FILE_ACCESS)) return EINVAL
  // The machine has one memory node, 0.
  if (hasNumaNode(attr) && (attr.numaNode ?? 0) !== 0) return EINVAL
  return attr.type in CHECKS ? 0 : EINVAL
}

/** Types that Linux checks only when it allocates them, after the caller's rights. */
const CHECKED_LATE: ReadonlySet<number> = new Set([
  MAP_TYPE.LPM_TRIE,
  MAP_TYPE.STACK_TRACE,
  MAP_TYPE.CPUMAP,
  MAP_TYPE.XSKMAP,
  MAP_TYPE.SOCKMAP,
  MAP_TYPE.SOCKHASH,
  MAP_TYPE.CGROUP_STORAGE,
  MAP_TYPE.PERCPU_CGROUP_STORAGE,
  MAP_TYPE.RINGBUF,
  MAP_TYPE.USER_RINGBUF,
  MAP_TYPE.ARENA,
])

/** Are a type's own checks made before the caller's rights are looked at? */
export function checkedEarly(type: number): boolean {
  return !CHECKED_LATE.has(type)
}

/** What Linux answers to a map's attributes before it allocates anything: 0 or a negative errno. */
export function checkMapAttributes(attr: MapAttributes): Status {
  return checkCommonAttributes(attr) || (CHECKS[attr.type]?.(attr) ?? EINVAL)
}

/** Types that cannot be inner maps. */
const NEVER_INNER: ReadonlySet<number> = new Set([
  MAP_TYPE.PROG_ARRAY,
  MAP_TYPE.CGROUP_STORAGE,
  MAP_TYPE.PERCPU_CGROUP_STORAGE,
  MAP_TYPE.STRUCT_OPS,
])

/** May this map be the template of a map of maps? -EINVAL for a map of maps, -ENOTSUPP for types that cannot. */
export function checkInnerTemplate(inner: BpfMap): Status {
  if (inner.type === MAP_TYPE.ARRAY_OF_MAPS || inner.type === MAP_TYPE.HASH_OF_MAPS) return EINVAL
  return NEVER_INNER.has(inner.type) ? ENOTSUPP : 0
}

/** May `map` be put where `template` says what inner maps look like? */
export function innerMapMatches(template: BpfMap, map: BpfMap): boolean {
  if (template.type !== map.type || template.keySize !== map.keySize || template.valueSize !== map.valueSize)
    return false
  if (template.flags !== map.flags || !sameFields(template, map)) return false
  switch (map.type) {
    case MAP_TYPE.ARRAY:
      return has(template, BPF_F_INNER_MAP) || template.maxEntries === map.maxEntries
    case MAP_TYPE.XSKMAP:
      return template.maxEntries === map.maxEntries
    default:
      return true
  }
}

function sameFields(a: BpfMap, b: BpfMap): boolean {
  const x = a.specialFields ?? []
  const y = b.specialFields ?? []
  return (
    x.length === y.length &&
    x.every((field, i) => {
      const other = y[i]
      return (
        other !== undefined && field.kind === other.kind && field.offset === other.offset && field.size === other.size
      )
    })
  )
}
