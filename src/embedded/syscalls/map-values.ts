import type {
  BucketMap,
  CpuMap,
  DeviceMap,
  HandleMap,
  OwnedStorage,
  PerCpuMap,
  PerfEvents,
  StackTraces,
} from '../../maps/index.js'
import { innerMapMatches, MAP_TYPE, programFits } from '../../maps/index.js'
import { type Addr, type BpfMap, readValue, type Status } from '../../vm/index.js'
import type { HeldKind, MapHost } from './map-host.js'
import { isPerCpu, type Room } from './map-memory.js'

// How values go between user space and each type of map (Linux: bpf_map_copy_value and bpf_map_update_value).

const EBADF = -9
const ENOENT = -2
const EINVAL = -22
const ENOMEM = -12
const ENOSPC = -28
const EOPNOTSUPP = -95
const ENOTSUPP = -524

const XDP = 6
const EXT = 28
const XDP_DEVMAP = 33
const XDP_CPUMAP = 35

function u32(value: number): Uint8Array {
  return new Uint8Array(new Uint32Array([value]).buffer)
}

/**
 * The value at a key as user space gets it, or a negative errno. `room.value` is free to use; it holds the value asked
 * about where the map is a Bloom filter.
 */
export function readElement(host: MapHost, map: BpfMap, key: Addr, room: Room): Uint8Array | Status {
  const { machine } = host
  const { memory } = machine
  switch (map.type) {
    case MAP_TYPE.PERCPU_HASH:
    case MAP_TYPE.LRU_PERCPU_HASH:
    case MAP_TYPE.PERCPU_ARRAY:
    case MAP_TYPE.PERCPU_CGROUP_STORAGE:
      return readPerCpu(host, map as PerCpuMap, key)
    case MAP_TYPE.STACK_TRACE:
      return (map as StackTraces).copyStack(key, room.value, false) || memory.read(room.value, map.valueSize)
    case MAP_TYPE.PERF_EVENT_ARRAY:
    case MAP_TYPE.CGROUP_ARRAY:
    case MAP_TYPE.RINGBUF:
    case MAP_TYPE.USER_RINGBUF:
      return ENOTSUPP
    case MAP_TYPE.PROG_ARRAY:
    case MAP_TYPE.ARRAY_OF_MAPS:
    case MAP_TYPE.HASH_OF_MAPS: {
      const handle = (map as HandleMap).handleOf(key)
      return handle === 0 ? ENOENT : u32(host.idOf(handle))
    }
    case MAP_TYPE.SOCKMAP:
    case MAP_TYPE.SOCKHASH:
    case MAP_TYPE.REUSEPORT_SOCKARRAY: {
      if (map.valueSize !== 8) return ENOSPC
      const handle = (map as HandleMap).handleOf(key)
      if (handle === 0) return ENOENT
      return new Uint8Array(new BigUint64Array([host.socketCookie(handle)]).buffer)
    }
    case MAP_TYPE.XSKMAP:
      return EOPNOTSUPP
    case MAP_TYPE.ARENA:
      return EINVAL
    case MAP_TYPE.QUEUE:
    case MAP_TYPE.STACK:
    case MAP_TYPE.BLOOM_FILTER:
      return map.peek?.(room.value) || memory.read(room.value, map.valueSize)
    case MAP_TYPE.SK_STORAGE:
    case MAP_TYPE.INODE_STORAGE:
    case MAP_TYPE.TASK_STORAGE:
    case MAP_TYPE.CGRP_STORAGE: {
      const owner = host.storageOwner(map.type, memory.view.getInt32(key, true))
      if (typeof owner === 'number') return owner
      return copyOut(host, map, (map as OwnedStorage).storageOf(owner))
    }
    default:
      return copyOut(host, map, map.peekElem === undefined ? map.lookup(key) : map.peekElem(key))
  }
}

function copyOut(host: MapHost, map: BpfMap, value: Addr): Uint8Array | Status {
  return value === 0 ? ENOENT : readValue(host.machine, map.specialFields, value, map.valueSize)
}

function readPerCpu(host: MapHost, map: PerCpuMap, key: Addr): Uint8Array | Status {
  const { cpus } = host.machine
  const bytes = new Uint8Array(map.stride * cpus)
  for (let cpu = 0; cpu < cpus; cpu++) {
    const value = map.lookupCpu(key, cpu)
    if (value === 0) return ENOENT
    bytes.set(readValue(host.machine, map.specialFields, value, map.stride), cpu * map.stride)
  }
  return bytes
}

/** The value of an element of a hash, for batches. */
export function readBucketElement(host: MapHost, map: BucketMap, element: Addr): Uint8Array {
  const { machine } = host
  const value = map.valueOf(element)
  if (map.type === MAP_TYPE.HASH_OF_MAPS) return u32(host.idOf(machine.memory.u32[value >>> 2] as number))
  if (!isPerCpu(map)) return readValue(machine, map.specialFields, value, map.valueSize)
  const { stride } = map as unknown as PerCpuMap
  const bytes = new Uint8Array(stride * machine.cpus)
  for (let cpu = 0; cpu < machine.cpus; cpu++) {
    bytes.set(readValue(machine, map.specialFields, value + cpu * stride, stride), cpu * stride)
  }
  return bytes
}

/** Takes the next value of a queue or stack, or the value of a key with its element; a negative errno if there is none. */
export function takeElement(host: MapHost, map: BpfMap, key: Addr, room: Room): Uint8Array | Status {
  switch (map.type) {
    case MAP_TYPE.QUEUE:
    case MAP_TYPE.STACK:
      return map.pop?.(room.value) || host.machine.memory.read(room.value, map.valueSize)
    case MAP_TYPE.STACK_TRACE:
      return (
        (map as StackTraces).copyStack(key, room.value, true) || host.machine.memory.read(room.value, map.valueSize)
      )
    case MAP_TYPE.HASH:
    case MAP_TYPE.PERCPU_HASH:
    case MAP_TYPE.LRU_HASH:
    case MAP_TYPE.LRU_PERCPU_HASH: {
      const value = readElement(host, map, key, room)
      if (typeof value !== 'number') map.delete(key)
      return value
    }
    default:
      return ENOTSUPP
  }
}

/** Writes the value at `room.value` under a key: 0 or a negative errno. */
export function writeElement(host: MapHost, map: BpfMap, key: Addr, room: Room, flags: number): Status {
  const { memory } = host.machine
  switch (map.type) {
    case MAP_TYPE.PERCPU_HASH:
    case MAP_TYPE.LRU_PERCPU_HASH:
    case MAP_TYPE.PERCPU_ARRAY:
    case MAP_TYPE.PERCPU_CGROUP_STORAGE:
      return (map as PerCpuMap).updateCpus(key, room.value, flags)
    case MAP_TYPE.PROG_ARRAY:
    case MAP_TYPE.ARRAY_OF_MAPS:
    case MAP_TYPE.HASH_OF_MAPS:
    case MAP_TYPE.CGROUP_ARRAY:
    case MAP_TYPE.XSKMAP:
      return writeHandle(host, map as HandleMap, key, memory.view.getInt32(room.value, true), flags)
    case MAP_TYPE.SOCKMAP:
    case MAP_TYPE.SOCKHASH:
    case MAP_TYPE.REUSEPORT_SOCKARRAY:
      return writeSocket(host, map as HandleMap, key, room, flags)
    case MAP_TYPE.PERF_EVENT_ARRAY:
      return writePerfEvent(host, map as PerfEvents, key, memory.view.getInt32(room.value, true), flags)
    case MAP_TYPE.DEVMAP:
    case MAP_TYPE.DEVMAP_HASH:
      return writeDevice(host, map as DeviceMap, key, room, flags)
    case MAP_TYPE.CPUMAP:
      return writeCpu(host, map as CpuMap, key, room, flags)
    case MAP_TYPE.QUEUE:
    case MAP_TYPE.STACK:
    case MAP_TYPE.BLOOM_FILTER:
      return map.push?.(room.value, flags) ?? EINVAL
    case MAP_TYPE.SK_STORAGE:
    case MAP_TYPE.INODE_STORAGE:
    case MAP_TYPE.TASK_STORAGE:
    case MAP_TYPE.CGRP_STORAGE: {
      const owner = host.storageOwner(map.type, memory.view.getInt32(key, true))
      return typeof owner === 'number' ? owner : (map as OwnedStorage).updateStorage(owner, room.value, flags)
    }
    default:
      return map.update(key, room.value, flags)
  }
}

/** Deletes by key; storages know their owners by descriptor. */
export function deleteElement(host: MapHost, map: BpfMap, key: Addr): Status {
  switch (map.type) {
    case MAP_TYPE.SK_STORAGE:
    case MAP_TYPE.INODE_STORAGE:
    case MAP_TYPE.TASK_STORAGE:
    case MAP_TYPE.CGRP_STORAGE: {
      const owner = host.storageOwner(map.type, host.machine.memory.view.getInt32(key, true))
      return typeof owner === 'number' ? owner : (map as OwnedStorage).deleteStorage(owner)
    }
    default:
      return map.delete(key)
  }
}

const KIND: Readonly<Record<number, HeldKind>> = {
  [MAP_TYPE.PROG_ARRAY]: 'prog',
  [MAP_TYPE.ARRAY_OF_MAPS]: 'map',
  [MAP_TYPE.HASH_OF_MAPS]: 'map',
  [MAP_TYPE.CGROUP_ARRAY]: 'cgroup',
  [MAP_TYPE.XSKMAP]: 'xsk',
}

function writeHandle(host: MapHost, map: HandleMap, key: Addr, fd: number, flags: number): Status {
  const status = map.checkSet(key, flags)
  if (status !== 0) return status
  const kind = KIND[map.type]
  const handle = kind === undefined ? EBADF : host.take(kind, fd)
  if (handle < 0) return handle
  return keep(host, handle, fits(host, map, handle) ? map.setHandle(key, handle, flags) : EINVAL)
}

/** Gives a reference back after a failure. */
function keep(host: MapHost, handle: Addr, status: Status): Status {
  if (status < 0 && handle !== 0) host.release(handle)
  return status
}

function fits(host: MapHost, map: HandleMap, handle: Addr): boolean {
  const { machine } = host
  if (map.innerMap !== undefined) {
    const inner = machine.mapOf(handle)
    return inner !== undefined && innerMapMatches(map.innerMap, inner)
  }
  if (map.type !== MAP_TYPE.PROG_ARRAY) return true
  const image = machine.programOf(handle)?.image
  return image !== undefined && image.type !== EXT && programFits(map, image)
}

function writeSocket(host: MapHost, map: HandleMap, key: Addr, room: Room, flags: number): Status {
  const wide = map.valueSize === 8
  // SO_REUSEPORT arrays look at flags and index first, the others at the descriptor.
  if (map.type === MAP_TYPE.REUSEPORT_SOCKARRAY) {
    const status = map.checkSet(key, flags)
    if (status !== 0) return status
  }
  const fd = wide ? host.machine.memory.u64(room.value) : BigInt(host.machine.memory.view.getUint32(room.value, true))
  if (fd > 0x7fff_ffffn) return map.type === MAP_TYPE.REUSEPORT_SOCKARRAY && !wide ? EBADF : EINVAL
  const handle = host.take('socket', Number(fd))
  return handle < 0 ? handle : keep(host, handle, map.setHandle(key, handle, flags))
}

function writePerfEvent(host: MapHost, map: PerfEvents, key: Addr, fd: number, flags: number): Status {
  const status = map.checkSet(key, flags)
  if (status !== 0) return status
  const event = host.perfEvent(fd)
  return typeof event === 'number' ? event : map.setEvent(key, event, flags)
}

function writeDevice(host: MapHost, map: DeviceMap, key: Addr, room: Room, flags: number): Status {
  const { view } = host.machine.memory
  const ifindex = view.getUint32(room.value, true)
  const fd = map.valueSize === 8 ? view.getInt32(room.value + 4, true) : 0
  const status = map.checkSet(key, ifindex, fd, flags)
  if (status !== 0) return status
  if (ifindex === 0) return map.setDevice(key, 0, 0, 0, flags)
  if (!host.hasDevice(ifindex)) return EINVAL
  const program = fd > 0 ? takeXdpProgram(host, map, fd, XDP_DEVMAP) : 0
  if (program < 0) return EINVAL
  const id = program === 0 ? 0 : host.idOf(program)
  return keep(host, program, map.setDevice(key, ifindex, program, id, flags, host.devicePlace ?? 0))
}

function writeCpu(host: MapHost, map: CpuMap, key: Addr, room: Room, flags: number): Status {
  const { view } = host.machine.memory
  const queueSize = view.getUint32(room.value, true)
  const fd = map.valueSize === 8 ? view.getInt32(room.value + 4, true) : 0
  const status = map.checkSet(key, queueSize, flags)
  if (status !== 0) return status
  const program = queueSize !== 0 && fd > 0 ? takeXdpProgram(host, map, fd, XDP_CPUMAP) : 0
  if (program < 0) return ENOMEM
  const id = program === 0 ? 0 : host.idOf(program)
  return keep(host, program, map.setQueue(key, queueSize, program, id))
}

/** Handle of an XDP program made for such an element, or a negative number. */
function takeXdpProgram(host: MapHost, map: BpfMap, fd: number, attachType: number): Addr | Status {
  const handle = host.take('prog', fd)
  if (handle < 0) return handle
  const image = host.machine.programOf(handle)?.image
  if (image?.type === XDP && image.expectedAttachType === attachType && programFits(map, image)) return handle
  host.release(handle)
  return EINVAL
}
