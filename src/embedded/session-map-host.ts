import { ERRNO } from '../base/index.js'
import type { Fd } from '../kernel/index.js'
import type { PerfBuffer } from '../maps/index.js'
import type { Machine } from '../vm/index.js'
import type { Session } from './session.js'
import type { BtfObject, MapObject } from './state/objects.js'
import type { HeldKind, MapCreateHost, MapFile } from './syscalls/map-host.js'

/** What the map system calls need of a session. */
export class SessionMapHost implements MapCreateHost<BtfObject> {
  readonly #session: Session

  constructor(session: Session) {
    this.#session = session
  }

  get machine(): Machine {
    return this.#session.world.machine
  }

  mapFile(fd: Fd | undefined, syscall: string): MapFile & { readonly object: MapObject } {
    const object = this.#session.map(fd, syscall)
    const { readable, writable } = this.#session.descriptors.file(fd, syscall)
    return { object, readable, writable }
  }

  btfObject(fd: Fd | undefined, syscall: string): BtfObject {
    return this.#session.descriptors.object(fd, 'btf', syscall)
  }

  take(kind: HeldKind, fd: number): number {
    const { descriptors, world } = this.#session
    if (!descriptors.has(fd)) return -ERRNO.EBADF
    const { object } = descriptors.file(fd, 'map_update_elem')
    if (kind === 'socket') return -ERRNO.ENOTSOCK
    if (kind === 'xsk') return object.kind === 'xsk' ? object.handle : -ERRNO.EOPNOTSUPP
    if (kind === 'cgroup') return -ERRNO.EBADF
    if (object.kind !== kind || (object.kind !== 'map' && object.kind !== 'prog')) return -ERRNO.EINVAL
    world.get(object)
    return object.kind === 'map' ? object.map.handle : object.program.image.handle
  }

  release(handle: number): void {
    const { world } = this.#session
    const object = world.byHandle(handle)
    if (object !== undefined) world.put(object)
  }

  idOf(handle: number): number {
    return this.#session.world.byHandle(handle)?.id ?? 0
  }

  perfEvent(fd: number): PerfBuffer | number {
    const { descriptors } = this.#session
    if (!descriptors.has(fd)) return -ERRNO.EBADF
    const { object } = descriptors.file(fd, 'map_update_elem')
    return object.kind === 'perf_event' ? object.event : -ERRNO.EBADF
  }

  socketCookie(_handle: number): bigint {
    return 0n
  }

  hasDevice(ifindex: number): boolean {
    const { world, netns } = this.#session
    return world.hostOf(netns).device(ifindex) !== undefined
  }

  get devicePlace(): number {
    return this.#session.netns.inode
  }

  storageOwner(_mapType: number, fd: number): number {
    return this.#session.descriptors.has(fd) ? -ERRNO.EINVAL : -ERRNO.EBADF
  }
}
