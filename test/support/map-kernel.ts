import { ERRNO } from '#src/base/index.js'
import { type Btf, parseBtf } from '#src/btf/index.js'
import {
  mapDeleteBatch,
  mapLookupAndDeleteBatch,
  mapLookupBatch,
  mapUpdateBatch,
} from '#src/embedded/syscalls/map-batch.js'
import { mapCreate } from '#src/embedded/syscalls/map-create.js'
import {
  mapDeleteElem,
  mapFreeze,
  mapGetNextKey,
  mapLookupAndDeleteElem,
  mapLookupElem,
  mapUpdateElem,
} from '#src/embedded/syscalls/map-elem.js'
import type { HeldKind, MapCreateHost, MapFile, MapState } from '#src/embedded/syscalls/map-host.js'
import { type Fd, KernelError, type OperationName, type Request, type Result } from '#src/kernel/index.js'
import { Machine, type MachineOptions } from '#src/vm/index.js'

interface BtfObject {
  readonly btf: Btf
}

type File = { kind: 'map'; file: MapFile; id: number } | { kind: 'btf'; object: BtfObject }

/** Operations that a kernel must answer for the tests of maps. */
export interface MapCalls {
  call<Name extends OperationName>(name: Name, request: Request<Name>): Result<Name>
}

/**
 * The map system calls over a machine, with the least of a kernel around them: descriptors, ids, one network device (1).
 * Tests run the same calls on Linux.
 */
export class MapKernel implements MapCalls, MapCreateHost<BtfObject> {
  readonly machine: Machine
  readonly #files = new Map<number, File>()
  readonly #references = new Map<number, number>()
  readonly #ids = new Map<number, number>()
  #nextFd = 3
  #nextId = 1

  constructor(options: MachineOptions = {}) {
    this.machine = new Machine(options)
  }

  call<Name extends OperationName>(name: Name, request: Request<Name>): Result<Name> {
    return this.#dispatch(name, request as never) as Result<Name>
  }

  #dispatch(name: OperationName, r: never): unknown {
    switch (name) {
      case 'map_create':
        return this.#create(r)
      case 'map_lookup_elem':
        return mapLookupElem(this, r)
      case 'map_update_elem':
        return mapUpdateElem(this, r)
      case 'map_delete_elem':
        return mapDeleteElem(this, r)
      case 'map_get_next_key':
        return mapGetNextKey(this, r)
      case 'map_lookup_and_delete_elem':
        return mapLookupAndDeleteElem(this, r)
      case 'map_freeze':
        return mapFreeze(this, r)
      case 'map_lookup_batch':
        return mapLookupBatch(this, r)
      case 'map_lookup_and_delete_batch':
        return mapLookupAndDeleteBatch(this, r)
      case 'map_update_batch':
        return mapUpdateBatch(this, r)
      case 'map_delete_batch':
        return mapDeleteBatch(this, r)
      case 'btf_load': {
        const { btf } = r as Request<'btf_load'>
        return { fd: this.#open({ kind: 'btf', object: { btf: parseBtf(btf) } }), log: '' }
      }
      case 'close':
        return this.#close((r as Request<'close'>).fd)
      default:
        throw new KernelError('ENOSYS', name)
    }
  }

  /** The map of a descriptor, to act on it as a program would. */
  mapOf(fd: Fd) {
    return this.mapFile(fd, 'test').object.map
  }

  mapFile(fd: Fd | undefined, syscall: string): MapFile {
    const file = this.#files.get(fd ?? 0)
    if (file?.kind === 'map') return file.file
    throw new KernelError(file === undefined && (fd ?? 0) > 2 ? 'EBADF' : 'EINVAL', syscall)
  }

  btfObject(fd: Fd | undefined, syscall: string): BtfObject {
    const file = this.#files.get(fd ?? 0)
    if (file?.kind === 'btf') return file.object
    throw new KernelError(file === undefined && (fd ?? 0) > 2 ? 'EBADF' : 'EINVAL', syscall)
  }

  take(kind: HeldKind, fd: number): number {
    const file = this.#files.get(fd)
    if (file === undefined && (fd < 0 || fd > 2)) return -ERRNO.EBADF
    if (kind === 'socket' || kind === 'xsk') return -ERRNO.ENOTSOCK
    if (kind === 'cgroup') return -ERRNO.EBADF
    if (kind !== 'map' || file?.kind !== 'map') return -ERRNO.EINVAL
    const { handle } = file.file.object.map
    this.#references.set(handle, (this.#references.get(handle) ?? 0) + 1)
    return handle
  }

  release(handle: number): void {
    const left = (this.#references.get(handle) ?? 0) - 1
    this.#references.set(handle, left)
    if (left === 0) this.machine.mapOf(handle)?.free()
  }

  idOf(handle: number): number {
    return this.#ids.get(handle) ?? 0
  }

  perfEvent(): number {
    return -ERRNO.EBADF
  }

  socketCookie(): bigint {
    return 0n
  }

  hasDevice(ifindex: number): boolean {
    return ifindex === 1
  }

  storageOwner(_type: number, fd: number): bigint | number {
    return this.#files.has(fd) ? -ERRNO.ENOTSOCK : -ERRNO.EBADF
  }

  #open(file: File): Fd {
    const fd = this.#nextFd++ as Fd
    this.#files.set(fd, file)
    return fd
  }

  #create(r: Request<'map_create'>): Fd {
    const { map, readable, writable } = mapCreate(this, r)
    const object: MapState = { map, frozen: false }
    const id = this.#nextId++
    this.#ids.set(map.handle, id)
    this.#references.set(map.handle, 1)
    return this.#open({ kind: 'map', file: { object, readable, writable }, id })
  }

  #close(fd: Fd): void {
    const file = this.#files.get(fd)
    if (file === undefined) throw new KernelError('EBADF', 'close')
    this.#files.delete(fd)
    if (file.kind === 'map') this.release(file.file.object.map.handle)
  }
}

/** What a call does: its result, or the code of its error. */
export function outcome<T>(run: () => T): T | string {
  try {
    return run()
  } catch (error) {
    if (error instanceof KernelError) return error.code
    throw error
  }
}
