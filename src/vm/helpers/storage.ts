import { ERRNO } from '../../base/index.js'
import type { Machine } from '../machine.js'
import type { BpfMap, CgroupStorageMap, HelperFunction, LocalStorageMap } from '../types.js'
import type { HelperFamily } from './family.js'

/** BPF_LOCAL_STORAGE_GET_F_CREATE */
const CREATE = 1

const get: HelperFunction = (machine, handle, owner, init, flags, flagsHi) => {
  const map = storageMap(machine, handle)
  if (map === undefined || owner === 0 || (flags & ~CREATE) !== 0 || flagsHi !== 0) return 0
  const id = machine.identityOf(owner >>> 0)
  const value = map.storageOf(id)
  if (value !== 0) return value | 0
  return (flags & CREATE) !== 0 ? map.createStorage(id, init >>> 0) | 0 : 0
}

const remove: HelperFunction = (machine, handle, owner) => {
  const map = storageMap(machine, handle)
  if (map === undefined || owner === 0) return -ERRNO.EINVAL
  return map.deleteStorage(machine.identityOf(owner >>> 0))
}

/** Values that belong to inodes, tasks and cgroups. */
export const storageHelpers = {
  inode_storage_get: get,
  inode_storage_delete: remove,
  task_storage_get: get,
  task_storage_delete: remove,
  cgrp_storage_get: get,
  cgrp_storage_delete: remove,
  get_local_storage: (machine, handle) => {
    const map = machine.mapOf(handle)
    return map !== undefined && 'currentStorage' in map ? (map as CgroupStorageMap).currentStorage() | 0 : 0
  },
} satisfies HelperFamily

function storageMap(machine: Machine, handle: number): LocalStorageMap | undefined {
  const map: BpfMap | undefined = machine.mapOf(handle)
  return map !== undefined && 'storageOf' in map ? (map as LocalStorageMap) : undefined
}
