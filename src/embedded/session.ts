import { type Fd, KernelError } from '../kernel/index.js'
import type { Namespace } from '../netdev/index.js'
import { SessionMapHost } from './session-map-host.js'
import { SessionMappings } from './session-mappings.js'
import { SessionWatches } from './session-watches.js'
import { Descriptors, type OpenFile } from './state/descriptors.js'
import type { KernelObject, MapObject, ProgObject } from './state/objects.js'
import { closeSocket } from './syscalls/sockets.js'
import { closeTracepoint } from './syscalls/tracepoint-event.js'
import type { World } from './world.js'

/** One process of the embedded kernel: a descriptor table over the shared world. */
export class Session {
  readonly world: World
  readonly descriptors = new Descriptors()
  readonly mapHost = new SessionMapHost(this)
  readonly mappings = new SessionMappings(this)
  readonly watches = new SessionWatches(this)
  /** Where calls are made that name no namespace. */
  netns: Namespace
  /** Where its sockets are made. */
  cgroupId = 1n

  constructor(world: World) {
    this.world = world
    this.netns = world.network.init
    this.netns.references++
  }

  /** A descriptor for an object whose reference the caller hands over. */
  open(object: KernelObject, readable = true, writable = true): Fd {
    this.world.addUser(object)
    return this.descriptors.add({ object, readable, writable })
  }

  /** The same at a number of the caller's choice, which is free; takes a reference of its own. */
  openAt(fd: Fd, object: KernelObject): void {
    this.world.addUser(this.world.get(object))
    this.descriptors.addAt(fd, { object, readable: true, writable: true })
  }

  map(fd: Fd | number | undefined, syscall: string): MapObject {
    return this.descriptors.object(fd, 'map', syscall)
  }

  prog(fd: Fd | number | undefined, syscall: string): ProgObject {
    return this.descriptors.object(fd, 'prog', syscall)
  }

  isOpen(fd: number): boolean {
    return this.descriptors.has(fd)
  }

  close(fd: Fd): void {
    const { object } = this.descriptors.remove(fd, 'close')
    this.watches.closed(fd)
    this.drop(object)
  }

  dup(fd: Fd): Fd {
    const file = this.descriptors.file(fd, 'dup')
    this.hold(file.object)
    return this.descriptors.add(file)
  }

  /** Takes a reference to what a descriptor stands for. */
  hold(object: OpenFile['object']): void {
    if (object.kind === 'stats') this.world.statsUsers++
    else if (object.kind === 'perf_event') object.references++
    else if (object.kind === 'netns') object.netns.references++
    else if (object.kind === 'socket' || object.kind === 'tracepoint') object.references++
    else if (object.kind === 'xsk' || object.kind === 'cgroup' || object.kind === 'text') return
    else if (object.kind !== 'trace_pipe') this.world.addUser(this.world.get(object))
  }

  /** Gives a reference back. */
  drop(object: OpenFile['object']): void {
    if (object.kind === 'stats') this.world.statsUsers--
    else if (object.kind === 'perf_event') {
      object.references--
      if (object.references === 0) object.event.free()
    } else if (object.kind === 'netns') this.world.network.putNamespace(object.netns)
    else if (object.kind === 'socket') closeSocket(this.world, object)
    else if (object.kind === 'tracepoint') closeTracepoint(this.world, object)
    else if (object.kind === 'xsk' || object.kind === 'cgroup' || object.kind === 'text') return
    else if (object.kind !== 'trace_pipe') this.world.putUser(object)
  }

  closeAll(): void {
    this.mappings.releaseAll()
    for (const [fd] of [...this.descriptors.entries()]) this.close(fd)
    this.setNetns(this.world.network.init)
  }

  /** The namespace of a descriptor; without one the session's own. Throws KernelError EBADF, EINVAL. */
  netnsOf(fd: Fd | undefined, syscall: string): Namespace {
    if (fd === undefined) return this.netns
    const { object } = this.descriptors.file(fd, syscall)
    if (object.kind !== 'netns') throw new KernelError('EINVAL', syscall, { hint: `descriptor ${fd} is no namespace` })
    return object.netns
  }

  setNetns(netns: Namespace): void {
    const before = this.netns
    netns.references++
    this.netns = netns
    this.world.network.putNamespace(before)
  }

  /** A new descriptor of an object found by id; ENOENT without one. */
  openById(object: KernelObject | undefined, syscall: string, readable = true, writable = true): Fd {
    if (object === undefined) throw new KernelError('ENOENT', syscall)
    return this.open(this.world.get(object), readable, writable)
  }
}
