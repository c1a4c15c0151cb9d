import { type Fd, KernelError } from '../../kernel/index.js'
import type { PerfBuffer } from '../../maps/index.js'
import type { Namespace, Socket, XskSocket } from '../../netdev/index.js'
import type { Cgroup } from './cgroups.js'
import type { KernelObject, ObjectKind, ProgObject } from './objects.js'

/** What a descriptor can stand for besides objects with ids. */
export type SpecialFile =
  | { readonly kind: 'stats' }
  | PerfEventFile
  | TracePipeFile
  | NetnsFile
  | XskFile
  | SocketFile
  | CgroupFile
  | TracepointFile
  | TextFile

/** An event of perf_event_open at a tracepoint. */
export interface TracepointFile {
  readonly kind: 'tracepoint'
  readonly name: string
  enabled: boolean
  references: number
  /** The program that an ioctl put there, and how to take it off. */
  attached: { readonly program: ProgObject; readonly listening: Disposable } | undefined
}

/** A file of tracefs that is read from its beginning to its end. */
export interface TextFile {
  readonly kind: 'text'
  rest: Uint8Array
}

/** A folder of the cgroup file system. */
export interface CgroupFile {
  readonly kind: 'cgroup'
  readonly cgroup: Cgroup
}

/** An AF_XDP socket, bound to a queue. */
export interface XskFile {
  readonly kind: 'xsk'
  readonly socket: XskSocket
  /** What an XSKMAP holds of it. */
  readonly handle: number
}

/** A socket of a namespace. */
export interface SocketFile {
  readonly kind: 'socket'
  readonly netns: Namespace
  readonly socket: Socket
  references: number
}

/** A network namespace. */
export interface NetnsFile {
  readonly kind: 'netns'
  readonly netns: Namespace
}

/** An event of perf_event_open: lives as long as descriptors, mappings. */
export interface PerfEventFile {
  readonly kind: 'perf_event'
  readonly event: PerfBuffer
  references: number
}

export interface TracePipeFile {
  readonly kind: 'trace_pipe'
  /** Text read from the trace but not yet by the reader. */
  rest: Uint8Array
}

/** A descriptor's file: the object and the rights of this opening. */
export interface OpenFile {
  readonly object: KernelObject | SpecialFile
  readonly readable: boolean
  readonly writable: boolean
}

/** Objects by kind. */
export type ObjectOf<Kind extends ObjectKind> = Extract<KernelObject, { kind: Kind }>

/** The descriptor table of one session: lowest free number first, as POSIX hands them out; 0 to 2 are taken. */
export class Descriptors {
  readonly #files: (OpenFile | undefined)[] = []

  add(file: OpenFile): Fd {
    let fd = 3
    while (this.#files[fd] !== undefined) fd++
    this.#files[fd] = file
    return fd as Fd
  }

  /** Puts a file at a number of the caller's choice, which is free. */
  addAt(fd: Fd, file: OpenFile): void {
    this.#files[fd] = file
  }

  has(fd: number): boolean {
    return this.#files[fd] !== undefined
  }

  /** The file of a descriptor; EBADF if it is not open. */
  file(fd: Fd | number | undefined, syscall: string): OpenFile {
    const file = fd === undefined ? undefined : this.#files[fd]
    if (file === undefined) throw new KernelError('EBADF', syscall, { hint: `descriptor ${fd ?? 0} is not open` })
    return file
  }

  /** The object of a descriptor that must be of one kind: EBADF if not open, EINVAL if something else. */
  object<Kind extends ObjectKind>(fd: Fd | number | undefined, kind: Kind, syscall: string): ObjectOf<Kind> {
    const { object } = this.file(fd, syscall)
    if (object.kind !== kind) {
      throw new KernelError('EINVAL', syscall, { hint: `descriptor ${fd} is a ${object.kind}, not a ${kind}` })
    }
    return object as ObjectOf<Kind>
  }

  remove(fd: Fd, syscall: string): OpenFile {
    const file = this.file(fd, syscall)
    this.#files[fd] = undefined
    return file
  }

  /** Number of open descriptors. */
  get size(): number {
    return this.#files.reduce((count, file) => (file === undefined ? count : count + 1), 0)
  }

  *entries(): IterableIterator<[Fd, OpenFile]> {
    for (const [fd, file] of this.#files.entries()) if (file !== undefined) yield [fd as Fd, file]
  }
}
