import { type Fd, KernelError, type MapCreateRequest } from '../../kernel/index.js'
import { type ArenaMap, MAP_TYPE, type MappableRing } from '../../maps/index.js'
import type { Session } from '../session.js'
import type { MapObject } from '../state/objects.js'
import { mapCreate } from './map-create.js'

const PAGE = 4096
const F_MMAPABLE = 1 << 10

/** BPF_MAP_CREATE: the map becomes an object of the kernel, the descriptor has the rights that its flags give. */
export function createMapObject(session: Session, r: MapCreateRequest): Fd {
  const { world } = session
  const { map, btf, readable, writable } = mapCreate(session.mapHost, r)
  const object: MapObject = {
    kind: 'map',
    id: world.maps.reserve(),
    references: 1,
    map,
    name: r.mapName ?? '',
    frozen: false,
    users: 0,
    btf: btf && world.get(btf),
    btfKeyTypeId: btf === undefined ? 0 : (r.btfKeyTypeId ?? 0),
    btfValueTypeId: btf === undefined ? 0 : (r.btfValueTypeId ?? 0),
  }
  world.add(object)
  return session.open(object, readable, writable)
}

/** Calls `ready` when a ring buffer has records to read. */
export function watchMap(session: Session, fd: Fd, ready: () => void): Disposable {
  const { map } = session.map(fd, 'watch')
  if (map.type !== MAP_TYPE.RINGBUF && map.type !== MAP_TYPE.USER_RINGBUF) {
    throw new KernelError('EPERM', 'watch', { hint: 'only ring buffers can be waited for' })
  }
  const ring = map as unknown as MappableRing
  const before = ring.wake
  ring.wake = () => {
    before?.()
    ready()
  }
  if (ring.available() > 0) ready()
  return {
    [Symbol.dispose]() {
      ring.wake = before
    },
  }
}

/** Bytes of a ring buffer (its positions and data) or of an array with BPF_F_MMAPABLE, valid until the memory grows. */
export function mmapMap(session: Session, fd: Fd, offset: number, length: number, writable: boolean): Uint8Array {
  const object = session.map(fd, 'mmap')
  const { map } = object
  const { memory } = session.world.machine
  if (offset % PAGE !== 0 || length <= 0) throw new KernelError('EINVAL', 'mmap')
  if (writable && object.frozen) throw new KernelError('EPERM', 'mmap', { hint: 'the map is frozen' })
  const region = regionOf(object)
  if (region === undefined)
    throw new KernelError('ENOTSUPP', 'mmap', { hint: `maps of this type and flags cannot be mapped` })
  if (map.type === MAP_TYPE.RINGBUF && writable && offset + length > PAGE) {
    throw new KernelError('EPERM', 'mmap', { hint: "only a ring buffer's first page can be mapped writable" })
  }
  if (offset + length > region.size)
    throw new KernelError('EINVAL', 'mmap', { hint: `the map has ${region.size} bytes to map` })
  return memory.bytes(region.start + offset, length)
}

function regionOf({ map }: MapObject): { start: number; size: number } | undefined {
  if (map.type === MAP_TYPE.RINGBUF || map.type === MAP_TYPE.USER_RINGBUF) {
    const ring = map as unknown as MappableRing
    return { start: ring.region, size: ring.regionSize }
  }
  if (map.type === MAP_TYPE.ARENA) {
    const arena = map as ArenaMap
    return { start: arena.region, size: arena.regionSize }
  }
  if (map.type === MAP_TYPE.ARRAY && (map.flags & F_MMAPABLE) !== 0 && map.elementAt !== undefined) {
    const size = map.maxEntries * ((map.valueSize + 7) & ~7)
    return { start: map.elementAt(0), size: Math.ceil(size / PAGE) * PAGE }
  }
  return undefined
}
