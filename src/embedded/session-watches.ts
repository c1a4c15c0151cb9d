import { type Fd, KernelError, type Watch, type WatchOptions } from '../kernel/index.js'
import { MAP_TYPE, type MappableRing } from '../maps/index.js'
import type { Session } from './session.js'

interface Source {
  wake: (() => void) | undefined
}

/** Listeners of each source: its one `wake` calls them all. */
const listenersOf = new WeakMap<Source, Set<() => void>>()

function listen(source: Source, listener: () => void): Disposable {
  let listeners = listenersOf.get(source)
  if (listeners === undefined) {
    const all = new Set<() => void>()
    listenersOf.set(source, all)
    source.wake = () => {
      for (const each of all) each()
    }
    listeners = all
  }
  listeners.add(listener)
  return { [Symbol.dispose]: () => void listeners.delete(listener) }
}

/** What a session waits for. Programs wake in the middle of a run: handlers are called afterwards, once for many events. */
export class SessionWatches {
  readonly #session: Session
  readonly #gone = new Map<number, Set<() => void>>()

  constructor(session: Session) {
    this.#session = session
  }

  /** Throws KernelError: EBADF, EPERM for what cannot be waited for. */
  add(fd: Fd, ready: () => void, options: WatchOptions): Watch {
    let scheduled = false
    let active = true
    const wake = (): void => {
      if (scheduled) return
      scheduled = true
      queueMicrotask(() => {
        scheduled = false
        if (active) ready()
      })
    }
    const source = this.#listen(fd, wake)
    const stop = (): void => {
      active = false
      source[Symbol.dispose]()
    }
    const closed = (): void => {
      stop()
      if (options.gone !== undefined) queueMicrotask(options.gone)
    }
    const gone = this.#gone.get(fd) ?? new Set()
    this.#gone.set(fd, gone.add(closed))
    wake()
    // Events come from this thread alone: nothing here could keep a process alive with reason.
    return {
      ref() {},
      unref() {},
      [Symbol.dispose]() {
        gone.delete(closed)
        stop()
      },
    }
  }

  /** A descriptor was closed: tells who watched it. */
  closed(fd: Fd): void {
    const gone = this.#gone.get(fd)
    this.#gone.delete(fd)
    for (const tell of gone ?? []) tell()
  }

  #listen(fd: Fd, wake: () => void): Disposable {
    const { object } = this.#session.descriptors.file(fd, 'watch')
    if (object.kind === 'perf_event') return listen(object.event, wake)
    if (object.kind === 'trace_pipe') return this.#session.world.trace.listen(wake)
    if (object.kind === 'map' && (object.map.type === MAP_TYPE.RINGBUF || object.map.type === MAP_TYPE.USER_RINGBUF)) {
      return listen(object.map as unknown as MappableRing, wake)
    }
    throw new KernelError('EPERM', 'watch', { hint: `a ${object.kind} like this cannot be waited for` })
  }
}
