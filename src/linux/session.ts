import { closeSync } from 'node:fs'
import { ERRNO } from '../base/index.js'
import { type Fd, KernelError } from '../kernel/index.js'
import { BpfAttr } from './attr.js'
import { mapInfo } from './commands/info.js'
import { Arena } from './ffi/arena.js'
import type { Sys } from './ffi/sys.js'

/** Sizes the kernel reads and writes for a map's elements, which its calls do not carry. */
export interface MapShape {
  readonly keySize: number
  /** Bytes of a value as system calls see it: all CPUs' copies for per-CPU types. */
  readonly userValueSize: number
}

/** BPF_MAP_TYPE_* whose values come once per possible CPU. */
const PER_CPU_TYPES: ReadonlySet<number> = new Set([5, 6, 10, 21])
/** Types whose value is a descriptor or an id, 4 bytes to user space. */
const FD_VALUE_TYPES: ReadonlySet<number> = new Set([3, 4, 8, 12, 13])

const NR_DUP = process.arch === 'arm64' ? 23 : 32

/** State of one linux kernel session: its descriptors and the arena of the running call. */
export class LinuxSession {
  readonly sys: Sys
  readonly arena: Arena
  readonly possibleCpus: number
  readonly #owned = new Set<Fd>()
  readonly #shapes = new Map<Fd, MapShape>()

  constructor(sys: Sys, possibleCpus: number) {
    this.sys = sys
    this.arena = new Arena(sys)
    this.possibleCpus = possibleCpus
  }

  /** A fresh bpf_attr. */
  attr(): BpfAttr {
    return new BpfAttr(this.sys, this.arena)
  }

  /** Registers a descriptor that this session opened and will close. */
  own(fd: Fd): Fd {
    this.#owned.add(fd)
    this.#shapes.delete(fd)
    return fd
  }

  close(fd: Fd): void {
    if (!this.#owned.delete(fd))
      throw new KernelError('EBADF', 'close', { hint: `descriptor ${fd} is not open in this session` })
    this.#shapes.delete(fd)
    closeSync(fd)
  }

  mapShape(fd: Fd): MapShape {
    const known = this.#shapes.get(fd)
    if (known !== undefined) return known
    if (!this.#owned.has(fd))
      throw new KernelError(ERRNO.EBADF, 'map', { hint: `descriptor ${fd} is not open in this session` })
    const info = mapInfo(this, fd)
    const shape: MapShape = {
      keySize: info.keySize,
      userValueSize: PER_CPU_TYPES.has(info.type)
        ? ((info.valueSize + 7) & ~7) * this.possibleCpus
        : FD_VALUE_TYPES.has(info.type)
          ? 4
          : info.valueSize,
    }
    this.#shapes.set(fd, shape)
    return shape
  }

  dup(fd: Fd): Fd {
    if (!this.#owned.has(fd))
      throw new KernelError('EBADF', 'dup', { hint: `descriptor ${fd} is not open in this session` })
    const copy = this.sys.syscall(NR_DUP, fd, 0, 0)
    if (copy < 0) throw new KernelError(this.sys.errno(), 'dup')
    return copy as Fd
  }

  closeAll(): void {
    for (const fd of this.#owned) closeSync(fd)
    this.#owned.clear()
    this.#shapes.clear()
  }
}
