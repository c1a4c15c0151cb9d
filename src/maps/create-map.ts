import { type BpfMap, type Machine, OutOfMemoryError, type Status } from '../vm/index.js'
import { createArena } from './arena-map.js'
import { createArrayMap, createPercpuArrayMap } from './array-map.js'
import { createBloomFilter } from './bloom-filter.js'
import { checkInnerTemplate, checkMapAttributes } from './check-attributes.js'
import { BPF_F_RDONLY_PROG, E2BIG, EINVAL, ENOENT, ENOMEM } from './constants.js'
import { createCpuMap, createDeviceHash, createDeviceMap } from './device-map.js'
import { createHandleArray, type HandleArrayRules } from './handle-array.js'
import { createHashMap } from './hash-map.js'
import { createHashOfMaps, createSocketHash } from './hash-of-maps.js'
import { createLpmTrie } from './lpm-trie.js'
import { createLruHashMap, createLruPercpuHashMap } from './lru-hash-map.js'
import { MAP_TYPE } from './map-type.js'
import { createPercpuHashMap } from './percpu-hash-map.js'
import { createPerfEventArray } from './perf-event-array.js'
import { createQueueStackMap } from './queue-stack-map.js'
import { createRingBuffer, createUserRingBuffer } from './ring-buffer.js'
import { createStackTraceMap } from './stack-trace-map.js'
import { createCgroupStorage, createLocalStorage } from './storage-map.js'
import { createStructOpsMap } from './struct-ops-map.js'
import type { MapAttributes } from './types.js'

const DESCRIPTOR_ARRAY: HandleArrayRules = { flags: false, deleteBeyond: E2BIG, deleteEmpty: ENOENT, lookup: 'none' }
const MAP_ARRAY: HandleArrayRules = { ...DESCRIPTOR_ARRAY, lookup: 'handle' }
const XSK_ARRAY: HandleArrayRules = { flags: true, deleteBeyond: EINVAL, deleteEmpty: 0, lookup: 'handle' }
const SOCKET_ARRAY: HandleArrayRules = { ...XSK_ARRAY, deleteEmpty: EINVAL }
const REUSEPORT_ARRAY: HandleArrayRules = { ...MAP_ARRAY, flags: true }

type Create = (machine: Machine, attr: MapAttributes) => BpfMap

const CREATE: Readonly<Record<number, Create>> = {
  [MAP_TYPE.HASH]: createHashMap,
  [MAP_TYPE.ARRAY]: createArrayMap,
  [MAP_TYPE.PROG_ARRAY]: (machine, attr) => createHandleArray(machine, attr, DESCRIPTOR_ARRAY),
  [MAP_TYPE.PERF_EVENT_ARRAY]: createPerfEventArray,
  [MAP_TYPE.PERCPU_HASH]: createPercpuHashMap,
  [MAP_TYPE.PERCPU_ARRAY]: createPercpuArrayMap,
  [MAP_TYPE.STACK_TRACE]: createStackTraceMap,
  [MAP_TYPE.CGROUP_ARRAY]: (machine, attr) => createHandleArray(machine, attr, DESCRIPTOR_ARRAY),
  [MAP_TYPE.LRU_HASH]: createLruHashMap,
  [MAP_TYPE.LRU_PERCPU_HASH]: createLruPercpuHashMap,
  [MAP_TYPE.LPM_TRIE]: createLpmTrie,
  [MAP_TYPE.ARRAY_OF_MAPS]: (machine, attr) => createHandleArray(machine, attr, MAP_ARRAY),
  [MAP_TYPE.HASH_OF_MAPS]: createHashOfMaps,
  // Programs may only read what a device map's look-up gives them; Linux says so in the map's flags.
  [MAP_TYPE.DEVMAP]: (machine, attr) => createDeviceMap(machine, { ...attr, flags: attr.flags | BPF_F_RDONLY_PROG }),
  [MAP_TYPE.SOCKMAP]: (machine, attr) => createHandleArray(machine, attr, SOCKET_ARRAY),
  [MAP_TYPE.CPUMAP]: createCpuMap,
  [MAP_TYPE.XSKMAP]: (machine, attr) => createHandleArray(machine, attr, XSK_ARRAY),
  [MAP_TYPE.SOCKHASH]: createSocketHash,
  [MAP_TYPE.CGROUP_STORAGE]: (machine, attr) => createCgroupStorage(machine, attr, false),
  [MAP_TYPE.REUSEPORT_SOCKARRAY]: (machine, attr) => createHandleArray(machine, attr, REUSEPORT_ARRAY),
  [MAP_TYPE.PERCPU_CGROUP_STORAGE]: (machine, attr) => createCgroupStorage(machine, attr, true),
  [MAP_TYPE.QUEUE]: createQueueStackMap,
  [MAP_TYPE.STACK]: createQueueStackMap,
  [MAP_TYPE.SK_STORAGE]: createLocalStorage,
  [MAP_TYPE.DEVMAP_HASH]: (machine, attr) =>
    createDeviceHash(machine, { ...attr, flags: attr.flags | BPF_F_RDONLY_PROG }),
  [MAP_TYPE.STRUCT_OPS]: createStructOpsMap,
  [MAP_TYPE.RINGBUF]: createRingBuffer,
  [MAP_TYPE.INODE_STORAGE]: createLocalStorage,
  [MAP_TYPE.TASK_STORAGE]: createLocalStorage,
  [MAP_TYPE.BLOOM_FILTER]: createBloomFilter,
  [MAP_TYPE.USER_RINGBUF]: createUserRingBuffer,
  [MAP_TYPE.CGRP_STORAGE]: createLocalStorage,
  [MAP_TYPE.ARENA]: createArena,
}

/**
 * Makes a map in the machine's memory, or says why not with Linux's negative errno: -EINVAL, -E2BIG, -ENOMEM, -ENOTSUPP …
 * Rights of the caller are not checked here, nor BTF.
 */
export function createMap(machine: Machine, attr: MapAttributes): BpfMap | Status {
  const status = checkMapAttributes(attr)
  if (status !== 0) return status
  if (attr.type === MAP_TYPE.ARRAY_OF_MAPS || attr.type === MAP_TYPE.HASH_OF_MAPS) {
    if (attr.innerMap === undefined) return EINVAL
    const innerStatus = checkInnerTemplate(attr.innerMap)
    if (innerStatus !== 0) return innerStatus
  }
  const create = CREATE[attr.type]
  if (create === undefined) return EINVAL
  try {
    const map = create(machine, attr)
    machine.bindHandle(map.handle, map)
    return map
  } catch (error) {
    if (error instanceof OutOfMemoryError) return ENOMEM
    throw error
  }
}

/** Sets what a map's BTF says lies in its values; done once, before the map is used. */
export function setSpecialFields(map: BpfMap, fields: BpfMap['specialFields']): void {
  ;(map as { specialFields: BpfMap['specialFields'] }).specialFields = fields
}
