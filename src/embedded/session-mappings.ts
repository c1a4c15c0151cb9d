import { type Fd, KernelError } from '../kernel/index.js'
import { type ArenaMap, MAP_TYPE, type MappableRing } from '../maps/index.js'
import { OutOfMemoryError } from '../vm/index.js'
import type { Session } from './session.js'
import type { OpenFile, PerfEventFile } from './state/descriptors.js'
import type { MapObject } from './state/objects.js'

const PAGE = 4096
const F_MMAPABLE = 1 << 10
const F_RDONLY_PROG = 1 << 7

interface Mapping {
  readonly object: MapObject | PerfEventFile
  readonly writable: boolean
}

interface Region {
  readonly start: number
  readonly size: number
}

/** Memory that a session has mapped: views into the machine's memory, each holding its object until it is given back. */
export class SessionMappings {
  readonly #session: Session
  readonly #mappings = new Map<Uint8Array, Mapping>()

  constructor(session: Session) {
    this.#session = session
  }

  /** mmap(2) with Linux's checks. Throws KernelError. */
  map(fd: Fd, offset: number, length: number, writable: boolean): Uint8Array {
    const file = this.#session.descriptors.file(fd, 'mmap')
    const { object } = file
    if (!Number.isSafeInteger(offset) || offset % PAGE !== 0 || offset < 0)
      fail('EINVAL', 'the offset is on no page border')
    if (!Number.isSafeInteger(length) || length <= 0) fail('EINVAL', 'the length is no whole number above 0')
    if (object.kind !== 'map' && object.kind !== 'perf_event') fail('ENODEV', `a ${object.kind} cannot be mapped`)
    const region =
      object.kind === 'map' ? mapRegion(object, file, offset, length, writable) : perfRegion(object, offset, length)
    if (offset + length > Math.ceil(region.size / PAGE) * PAGE) fail('EINVAL', `there are ${region.size} bytes to map`)
    const bytes = this.#session.world.machine.memory.bytes(region.start + offset, length)
    this.#session.hold(object)
    if (writable && object.kind === 'map') object.writers = (object.writers ?? 0) + 1
    this.#mappings.set(bytes, { object, writable })
    return bytes
  }

  /** Gives a mapping back; anything else is ignored. */
  release(bytes: Uint8Array): void {
    const mapping = this.#mappings.get(bytes)
    if (mapping === undefined) return
    this.#mappings.delete(bytes)
    if (mapping.writable && mapping.object.kind === 'map') mapping.object.writers = (mapping.object.writers ?? 1) - 1
    this.#session.drop(mapping.object)
  }

  releaseAll(): void {
    for (const bytes of [...this.#mappings.keys()]) this.release(bytes)
  }
}

function fail(code: 'EINVAL' | 'EPERM' | 'EACCES' | 'ENODEV' | 'ENOTSUPP' | 'ENOMEM', hint: string): never {
  throw new KernelError(code, 'mmap', { hint })
}

function mapRegion(object: MapObject, file: OpenFile, offset: number, length: number, writable: boolean): Region {
  const { map } = object
  if (!file.readable || (writable && !file.writable)) fail('EACCES', 'the descriptor lacks the rights')
  const ring = map.type === MAP_TYPE.RINGBUF || map.type === MAP_TYPE.USER_RINGBUF
  const array = map.type === MAP_TYPE.ARRAY && (map.flags & F_MMAPABLE) !== 0 && map.elementAt !== undefined
  if (map.type === MAP_TYPE.ARRAY && !array) fail('EINVAL', 'the array was made without BPF_F_MMAPABLE')
  if (!ring && !array && map.type !== MAP_TYPE.ARENA) fail('ENOTSUPP', 'maps of this type and flags cannot be mapped')
  if (writable && object.frozen) fail('EPERM', 'the map is frozen')
  if (writable && (map.flags & F_RDONLY_PROG) !== 0) fail('EACCES', 'the map was made read-only for programs')
  if (map.type === MAP_TYPE.ARENA) {
    const arena = map as ArenaMap
    return { start: arena.region, size: arena.regionSize }
  }
  if (array) {
    const size = map.maxEntries * ((map.valueSize + 7) & ~7)
    return { start: map.elementAt?.(0) ?? 0, size }
  }
  if (writable && map.type === MAP_TYPE.RINGBUF && (offset !== 0 || length !== PAGE)) {
    fail('EPERM', "only a ring buffer's first page can be mapped writable")
  }
  if (writable && map.type === MAP_TYPE.USER_RINGBUF && offset === 0) {
    fail('EPERM', "a user ring buffer's first page cannot be mapped writable")
  }
  const { region, regionSize } = map as unknown as MappableRing
  return { start: region, size: regionSize }
}

/** The first mapping of an event makes its buffer: a page of positions and a power of two of data pages. */
function perfRegion({ event }: PerfEventFile, offset: number, length: number): Region {
  const pages = length / PAGE - 1
  if (offset !== 0 || !Number.isInteger(pages) || pages < 1 || (pages & (pages - 1)) !== 0) {
    fail('EINVAL', 'a perf buffer is mapped from 0 on, with one page and a power of two of data pages')
  }
  if (event.region !== 0 && event.regionSize !== length) fail('EINVAL', 'the event is mapped with another size')
  try {
    if (event.region === 0) event.map(pages)
  } catch (error) {
    if (error instanceof OutOfMemoryError) fail('ENOMEM', 'the memory of the embedded kernel is full')
    throw error
  }
  return { start: event.region, size: event.regionSize }
}
