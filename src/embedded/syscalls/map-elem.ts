import type { MapElemRequest, MapUpdateRequest, Request } from '../../kernel/index.js'
import { hasSpinLock, MAP_TYPE } from '../../maps/index.js'
import type { BpfMap } from '../../vm/index.js'
import { check, fail, flagBits, type MapFile, type MapHost } from './map-host.js'
import { copyKeyIn, copyValueIn, withRoom } from './map-memory.js'
import { deleteElement, readElement, takeElement, writeElement } from './map-values.js'

// BPF_MAP_*_ELEM, GET_NEXT_KEY and FREEZE: Linux's checks in Linux's order.

const EPERM = -1
const EBUSY = -16
const EINVAL = -22
const ENOTSUPP = -524
const BPF_F_LOCK = 4

export function mayRead(file: MapFile, syscall: string): void {
  if (!file.readable) fail(EPERM, syscall, 'the descriptor was opened with BPF_F_WRONLY')
}

export function mayWrite(file: MapFile, syscall: string): void {
  if (!file.writable) fail(EPERM, syscall, 'the descriptor was opened with BPF_F_RDONLY')
  if (file.object.frozen) fail(EPERM, syscall, 'the map is frozen')
}

/** BPF_F_LOCK needs a bpf_spin_lock in the value; `others` are the other flags that may be there. */
export function checkLock(map: BpfMap, flags: number, syscall: string): void {
  if ((flags & BPF_F_LOCK) !== 0 && !hasSpinLock(map)) fail(EINVAL, syscall, 'the value has no bpf_spin_lock')
}

export function mapLookupElem(host: MapHost, r: MapElemRequest): Uint8Array {
  const syscall = 'map_lookup_elem'
  const flags = flagBits(r.flags)
  if ((flags & ~BPF_F_LOCK) !== 0) fail(EINVAL, syscall)
  const file = host.mapFile(r.mapFd, syscall)
  const { map } = file.object
  mayRead(file, syscall)
  checkLock(map, flags, syscall)
  return withRoom(host.machine, map, syscall, (room) => {
    const key = copyKeyIn(host.machine, map, r.key, room.key, syscall)
    if (map.type === MAP_TYPE.BLOOM_FILTER) copyValueIn(host.machine, room, r.value, syscall)
    const value = readElement(host, map, key, room)
    return typeof value === 'number' ? fail(value, syscall) : value
  })
}

export function mapUpdateElem(host: MapHost, r: MapUpdateRequest): void {
  const syscall = 'map_update_elem'
  const flags = flagBits(r.flags)
  const file = host.mapFile(r.mapFd, syscall)
  const { map } = file.object
  mayWrite(file, syscall)
  checkLock(map, flags, syscall)
  withRoom(host.machine, map, syscall, (room) => {
    const key = copyKeyIn(host.machine, map, r.key, room.key, syscall)
    copyValueIn(host.machine, room, r.value, syscall)
    check(writeElement(host, map, key, room, flags), syscall)
  })
}

export function mapDeleteElem(host: MapHost, r: MapElemRequest): void {
  const syscall = 'map_delete_elem'
  if (flagBits(r.flags) !== 0) fail(EINVAL, syscall, 'deleting takes no flags')
  const file = host.mapFile(r.mapFd, syscall)
  const { map } = file.object
  mayWrite(file, syscall)
  withRoom(host.machine, map, syscall, (room) => {
    const key = copyKeyIn(host.machine, map, r.key, room.key, syscall)
    check(deleteElement(host, map, key), syscall)
  })
}

export function mapGetNextKey(host: MapHost, r: Request<'map_get_next_key'>): Uint8Array {
  const syscall = 'map_get_next_key'
  const file = host.mapFile(r.mapFd, syscall)
  const { map } = file.object
  mayRead(file, syscall)
  return withRoom(host.machine, map, syscall, (room) => {
    const key = r.key === undefined ? 0 : copyKeyIn(host.machine, map, r.key, room.key, syscall)
    check(map.nextKey(key, room.next), syscall)
    return host.machine.memory.read(room.next, map.keySize)
  })
}

export function mapLookupAndDeleteElem(host: MapHost, r: MapElemRequest): Uint8Array {
  const syscall = 'map_lookup_and_delete_elem'
  const flags = flagBits(r.flags)
  if ((flags & ~BPF_F_LOCK) !== 0) fail(EINVAL, syscall)
  const file = host.mapFile(r.mapFd, syscall)
  const { map } = file.object
  mayRead(file, syscall)
  mayWrite(file, syscall)
  if (flags !== 0 && (map.type === MAP_TYPE.QUEUE || map.type === MAP_TYPE.STACK)) fail(EINVAL, syscall)
  checkLock(map, flags, syscall)
  return withRoom(host.machine, map, syscall, (room) => {
    const key = copyKeyIn(host.machine, map, r.key, room.key, syscall)
    const value = takeElement(host, map, key, room)
    return typeof value === 'number' ? fail(value, syscall) : value
  })
}

export function mapFreeze(host: MapHost, r: Request<'map_freeze'>): void {
  const syscall = 'map_freeze'
  const file = host.mapFile(r.mapFd, syscall)
  const { object } = file
  const { map } = object
  if (map.type === MAP_TYPE.STRUCT_OPS || (map.specialFields?.length ?? 0) > 0) fail(ENOTSUPP, syscall)
  mayWrite(file, syscall)
  if ((object.writers ?? 0) > 0) fail(EBUSY, syscall, 'the map is mapped writable')
  object.frozen = true
}
