import {
  type Addr,
  type BpfMap,
  type CgroupStorageMap,
  copyValue,
  type LocalStorageMap,
  type Machine,
  releaseFields,
  type Status,
} from '../vm/index.js'
import { BPF_EXIST, BPF_F_LOCK, EINVAL, ENOENT, ENOMEM, ENOTSUPP } from './constants.js'
import { roundUp8 } from './copy.js'
import { checkExistence } from './hash-map.js'
import { HashTable } from './hash-table.js'
import { hasSpinLock, mapHeader } from './header.js'
import type { MapAttributes, PerCpuMap } from './types.js'

/** Storages have no limit; this only sizes their table. */
const BUCKETS = 256

/** Local storage with what system calls and dying owners need. */
export interface OwnedStorage extends LocalStorageMap {
  /** Creates or replaces an owner's value: BPF_NOEXIST, BPF_EXIST, BPF_F_LOCK as in maps. */
  updateStorage(owner: bigint, value: Addr, flags: number): Status
}

/**
 * SK_STORAGE, INODE_STORAGE, TASK_STORAGE and CGRP_STORAGE: a table (hash-table.ts) from the owner's u64 number to its
 * value. Throws OutOfMemoryError.
 */
export function createLocalStorage(machine: Machine, attr: MapAttributes): OwnedStorage {
  const { memory } = machine
  const { valueSize } = attr
  const table = new HashTable(machine, { keySize: 8, valueArea: valueSize, maxEntries: BUCKETS, seed: 0, lru: false })
  const { valueOffset } = table
  const ownerKey = memory.alloc(8)

  const find = (owner: bigint): Addr => {
    memory.setU64(ownerKey, owner)
    return table.lookup(ownerKey)
  }
  const create = (owner: bigint): Addr => {
    const element = table.take()
    if (element === 0) return 0
    memory.u8.fill(0, element + valueOffset, element + valueOffset + roundUp8(valueSize))
    memory.setU64(ownerKey, owner)
    table.insert(element, ownerKey)
    table.addCount(1)
    return element
  }
  const drop = (element: Addr): void => {
    table.unlink(element)
    table.addCount(-1)
    releaseFields(machine, map.specialFields, element + valueOffset)
    table.giveBack(element)
  }

  const map: OwnedStorage & { specialFields: BpfMap['specialFields'] } = {
    ...mapHeader(machine, attr),
    lookup: () => 0,
    update: () => EINVAL,
    delete: () => EINVAL,
    nextKey: () => ENOTSUPP,
    storageOf(owner) {
      const element = find(owner)
      return element === 0 ? 0 : element + valueOffset
    },
    createStorage(owner, init) {
      const element = create(owner)
      if (element === 0) return 0
      if (init !== 0) copyValue(machine, map.specialFields, element + valueOffset, init, valueSize)
      return element + valueOffset
    },
    updateStorage(owner, value, flags) {
      if ((flags & ~BPF_F_LOCK) >>> 0 > BPF_EXIST) return EINVAL
      const locked = (flags & BPF_F_LOCK) !== 0
      if (locked && !hasSpinLock(map)) return EINVAL
      const old = find(owner)
      const status = checkExistence(old, flags)
      if (status !== 0) return status
      if (old !== 0 && locked) {
        copyValue(machine, map.specialFields, old + valueOffset, value, valueSize)
        return 0
      }
      const element = table.take()
      if (element === 0) return ENOMEM
      copyValue(machine, map.specialFields, element + valueOffset, value, valueSize)
      if (old !== 0) drop(old)
      memory.setU64(ownerKey, owner)
      table.insert(element, ownerKey)
      table.addCount(1)
      return 0
    },
    deleteStorage(owner) {
      const element = find(owner)
      if (element === 0) return ENOENT
      drop(element)
      return 0
    },
    free() {
      table.each((element) => {
        releaseFields(machine, map.specialFields, element + valueOffset)
      })
      table.free()
      memory.free(ownerKey)
      machine.freeHandle(map.handle)
    },
  }
  return map
}

/** Cgroup storage with what attaching a program to a cgroup does. */
export interface CgroupStorage extends CgroupStorageMap {
  /** Creates the zeroed value of a cgroup when a program is attached there; keeps one that exists. -ENOMEM. */
  attach(cgroup: bigint, attachType: number): Status
  detach(cgroup: bigint, attachType: number): void
  /** Which cgroup's value programs see from now on; undefined: a fresh zeroed one of its own, as test runs have. */
  enter(cgroup: bigint | undefined, attachType: number): void
}

/**
 * CGROUP_STORAGE and PERCPU_CGROUP_STORAGE: a table (hash-table.ts) from the map's key, struct bpf_cgroup_storage_key or the
 * cgroup's u64 number alone, to its value or one value a CPU. Throws OutOfMemoryError.
 */
export function createCgroupStorage(machine: Machine, attr: MapAttributes, perCpu: boolean): CgroupStorage & PerCpuMap {
  const { memory, cpus } = machine
  const { valueSize } = attr
  const stride = roundUp8(valueSize)
  const area = perCpu ? stride * cpus : stride
  const table = new HashTable(machine, {
    keySize: attr.keySize,
    valueArea: area,
    maxEntries: BUCKETS,
    seed: 0,
    lru: false,
  })
  const { valueOffset } = table
  const key = memory.alloc(16)
  const temporary = memory.alloc(area)
  let current = temporary

  const find = (cgroup: bigint, attachType: number): Addr => {
    memory.setU64(key, cgroup)
    memory.setU64(key + 8, BigInt(attachType))
    return table.lookup(key)
  }

  const put = (at: Addr, value: Addr, flags: number, all: boolean): Status => {
    if ((flags & ~(BPF_F_LOCK | BPF_EXIST)) !== 0) return EINVAL
    if ((flags & BPF_F_LOCK) !== 0 && !hasSpinLock(map)) return EINVAL
    const element = table.lookup(at)
    if (element === 0) return ENOENT
    for (let cpu = 0; cpu < (all ? cpus : 1); cpu++) {
      const offset = cpu * stride
      copyValue(machine, map.specialFields, element + valueOffset + offset, value + offset, all ? stride : valueSize)
    }
    return 0
  }

  const map: CgroupStorage & PerCpuMap & { specialFields: BpfMap['specialFields'] } = {
    ...mapHeader(machine, attr),
    stride,
    lookup(at) {
      const element = table.lookup(at)
      return element === 0 ? 0 : element + valueOffset + (perCpu ? machine.cpu * stride : 0)
    },
    lookupCpu(at, cpu) {
      const element = table.lookup(at)
      return element === 0 ? 0 : element + valueOffset + (perCpu ? cpu * stride : 0)
    },
    update: (at, value, flags) => put(at, value, flags, false),
    updateCpus: (at, values, flags) => put(at, values, flags, true),
    delete: () => EINVAL,
    nextKey: (at, next) => (table.copyKey(table.following(at), next) ? 0 : ENOENT),
    attach(cgroup, attachType) {
      if (find(cgroup, attachType) !== 0) return 0
      const element = table.take()
      if (element === 0) return ENOMEM
      memory.u8.fill(0, element + valueOffset, element + valueOffset + area)
      table.insert(element, key)
      table.addCount(1)
      return 0
    },
    detach(cgroup, attachType) {
      const element = find(cgroup, attachType)
      if (element === 0) return
      if (current === element + valueOffset) current = temporary
      table.unlink(element)
      table.addCount(-1)
      table.giveBack(element)
    },
    enter(cgroup, attachType) {
      const element = cgroup === undefined ? 0 : find(cgroup, attachType)
      current = element === 0 ? temporary : element + valueOffset
      if (element === 0) memory.u8.fill(0, temporary, temporary + area)
    },
    currentStorage: () => current + (perCpu ? machine.cpu * stride : 0),
    free() {
      table.free()
      memory.free(key)
      memory.free(temporary)
      machine.freeHandle(map.handle)
    },
  }
  return map
}
