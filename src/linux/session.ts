import { closeSync } from 'node:fs'
import { type Fd, KernelError, type Watch, type WatchOptions } from '../kernel/index.js'
import { BpfAttr } from './attr.js'
import { mapInfo, objectKind } from './commands/info.js'
import { Arena } from './ffi/arena.js'
import { Mappings } from './ffi/mapping.js'
import { ownInWorker, prepareWorker } from './ffi/own-in-worker.js'
import { poller } from './ffi/poller.js'
import type { Sys } from './ffi/sys.js'
import { MapIo } from './map-io.js'
import { NR } from './syscall-numbers.js'

const F_DUPFD_CLOEXEC = 1030

/** BPF_MAP_TYPE_* whose values come once per possible CPU. */
const PER_CPU_TYPES: ReadonlySet<number> = new Set([5, 6, 10, 21])
const ARENA_TYPE = 33
/** Types whose value is a descriptor or an id, 4 bytes to user space. */
const FD_VALUE_TYPES: ReadonlySet<number> = new Set([3, 4, 8, 12, 13])

/** State of one linux kernel session: its descriptors and the arena of the running call. */
export class LinuxSession {
  readonly sys: Sys
  readonly arena: Arena
  readonly possibleCpus: number
  readonly mappings: Mappings
  /** The namespace of calls that name none, after setns; undefined: where the thread is. */
  netns: Fd | undefined
  readonly #afterClose = new Map<Fd, () => void>()
  readonly #owned = new Set<Fd>()
  /** Running watches by descriptor: what each of them is told when that is closed. */
  readonly #watched = new Map<Fd, Set<() => void>>()
  readonly #maps = new Map<Fd, MapIo>()
  /** The one asked for last: a loop asks for the same map again and again. */
  #lastFd = -1
  #lastIo: MapIo | undefined

  constructor(sys: Sys, possibleCpus: number) {
    prepareWorker()
    this.sys = sys
    this.arena = new Arena(sys)
    this.mappings = new Mappings(sys)
    this.possibleCpus = possibleCpus
  }

  /** A fresh bpf_attr. */
  attr(): BpfAttr {
    return new BpfAttr(this.sys, this.arena)
  }

  /** Registers a descriptor that this session opened and will close. Go on with the number it returns. */
  own(opened: Fd): Fd {
    const fd = ownInWorker(this.sys, opened) as Fd
    this.#owned.add(fd)
    return fd
  }

  /** Throws KernelError EBADF for a descriptor that this session has not opened. */
  check(fd: Fd, syscall: string): void {
    if (!this.#owned.has(fd)) {
      throw new KernelError('EBADF', syscall, { hint: `descriptor ${fd} is not open in this session` })
    }
  }

  /** Runs `after` once the descriptor was closed: what opening it changed is put back. */
  onClose(fd: Fd, after: () => void): void {
    this.#afterClose.set(fd, after)
  }

  close(fd: Fd): void {
    this.check(fd, 'close')
    this.#owned.delete(fd)
    this.#maps.get(fd)?.end()
    this.#maps.delete(fd)
    if (fd === this.#lastFd) this.#lastIo = undefined
    const gone = this.#watched.get(fd)
    this.#watched.delete(fd)
    closeSync(fd)
    for (const tell of gone ?? []) tell()
    const after = this.#afterClose.get(fd)
    this.#afterClose.delete(fd)
    after?.()
  }

  watch(fd: Fd, ready: () => void, options: WatchOptions): Watch {
    this.check(fd, 'watch')
    const watching = poller(this.sys).watch(fd, ready, options)
    const tell = (): void => {
      watching[Symbol.dispose]()
      const { gone } = options
      // Not from within close(): what a handler throws is not the closer's error.
      if (gone !== undefined) setImmediate(gone)
    }
    const tells = this.#watched.get(fd) ?? new Set()
    this.#watched.set(fd, tells.add(tell))
    return {
      ref: () => watching.ref(),
      unref: () => watching.unref(),
      [Symbol.dispose]: () => {
        tells.delete(tell)
        watching[Symbol.dispose]()
      },
    }
  }

  mmap(fd: Fd, offset: number, length: number, writable: boolean): Uint8Array {
    this.check(fd, 'mmap')
    const arena = objectKind(fd) === 'map' ? this.#arenaInfo(fd) : undefined
    if (arena !== undefined) {
      if (offset !== 0 || !writable) {
        throw new KernelError('EINVAL', 'mmap', { hint: 'an arena is mapped as a whole, to be written' })
      }
      return this.mappings.mapArena(fd, arena.id, Number(arena.mapExtra), length)
    }
    return this.mappings.map(fd, offset, length, writable)
  }

  #arenaInfo(fd: Fd) {
    this.arena.reset()
    const info = mapInfo(this, fd)
    return info.type === ARENA_TYPE ? info : undefined
  }

  /** Memory for the element commands of a map. Throws KernelError: EBADF, EINVAL for what is no map. */
  mapIo(fd: Fd): MapIo {
    if (fd === this.#lastFd && this.#lastIo !== undefined) return this.#lastIo
    const io = this.#maps.get(fd) ?? this.#makeMapIo(fd)
    this.#lastFd = fd
    this.#lastIo = io
    return io
  }

  #makeMapIo(fd: Fd): MapIo {
    this.check(fd, 'map')
    // The kernel would tell of a program or a BTF in the same place, and its sizes would be taken from there.
    if (objectKind(fd) !== 'map') throw new KernelError('EINVAL', 'map', { hint: `descriptor ${fd} is no map` })
    this.arena.reset()
    const info = mapInfo(this, fd)
    const io = new MapIo(this.sys, fd, {
      keySize: info.keySize,
      userValueSize: PER_CPU_TYPES.has(info.type)
        ? ((info.valueSize + 7) & ~7) * this.possibleCpus
        : FD_VALUE_TYPES.has(info.type)
          ? 4
          : info.valueSize,
    })
    this.#maps.set(fd, io)
    return io
  }

  dup(fd: Fd): Fd {
    this.check(fd, 'dup')
    const copy = this.sys.syscall(NR.fcntl, fd, F_DUPFD_CLOEXEC, 3)
    if (copy < 0) throw new KernelError(this.sys.errno(), 'dup')
    return copy as Fd
  }

  closeAll(): void {
    for (const fd of [...this.#owned]) this.close(fd)
    this.mappings.unmapAll()
  }
}
