import { closeSync, readlinkSync } from 'node:fs'
import { KernelError, type Watch, type WatchOptions } from '../../kernel/index.js'
import { NR } from '../syscall-numbers.js'
import { ownInWorker } from './own-in-worker.js'
import type { PollHandle, Sys } from './sys.js'

const F_DUPFD_CLOEXEC = 1030
const O_CLOEXEC = 0o2000000
const EPOLL_CTL_ADD = 1
const EPOLL_CTL_DEL = 2
const EPOLLIN = 0x001
const EPOLLOUT = 0x004
const EPOLLERR = 0x008
const EPOLLET = 0x8000_0000
/** struct epoll_event is packed on x86-64 only. */
const EVENT_SIZE = process.arch === 'x64' ? 12 : 16
const DATA = EVENT_SIZE - 8
const EVENTS = 64
/** How often descriptors are looked at whose poll does not tell when something comes, ms. */
const TICK = 20

interface Entry {
  readonly ready: () => void
  /** Our own duplicate: whatever happens to the watched descriptor, the number in the epoll set stays ours. */
  readonly fd: number
  /** Its readiness may have been consumed by asking for it, or is never told: call it without being told. */
  readonly unreliable: boolean
}

/**
 * Waits for descriptors: one epoll descriptor and one poll handle for all of them. Handlers run from setImmediate, so that what
 * they throw surfaces as an uncaught exception and does not stop the others; the process stays alive while there are watches.
 */
export class Poller {
  readonly #sys: Sys
  readonly #watches = new Map<number, Entry>()
  readonly #events = new Uint8Array(EVENTS * EVENT_SIZE)
  readonly #view = new DataView(this.#events.buffer)
  readonly #control = new Uint8Array(24)
  readonly #due = new Set<number>()
  #epoll = -1
  #handle: PollHandle | undefined
  #token = 0
  #references = 0
  #scheduled = false
  #ticker: NodeJS.Timeout | undefined
  #ticking = 0

  constructor(sys: Sys) {
    this.#sys = sys
  }

  /** Throws KernelError: EBADF, EPERM (a file that is always ready). */
  watch(fd: number, ready: () => void, options: WatchOptions): Watch {
    this.#open()
    const copy = this.#sys.syscall(NR.fcntl, fd, F_DUPFD_CLOEXEC, 3)
    if (copy < 0) throw new KernelError(this.#sys.errno(), 'watch')
    const own = ownInWorker(this.#sys, copy)
    const token = ++this.#token
    const kind = kindOf(own)
    try {
      if (kind === 'map' && this.#alwaysFails(own)) {
        throw new KernelError('EPERM', 'watch', { hint: 'of maps, only ring buffers can be waited for' })
      }
      this.#register(EPOLL_CTL_ADD, own, (options.writable === true ? EPOLLOUT : EPOLLIN) | EPOLLET, token)
    } catch (error) {
      closeSync(own)
      throw error
    }
    this.#watches.set(token, { ready, fd: own, unreliable: kind === 'perf' || kind === 'trace_pipe' })
    if (kind === 'trace_pipe') this.#tick(1)
    this.#schedule(token)
    let referenced = false
    const refer = (wanted: boolean): void => {
      if (wanted === referenced || !this.#watches.has(token)) return
      referenced = wanted
      this.#refer(wanted ? 1 : -1)
    }
    refer(true)
    return {
      ref: () => refer(true),
      unref: () => refer(false),
      [Symbol.dispose]: () => {
        const watch = this.#watches.get(token)
        if (watch === undefined) return
        refer(false)
        this.#watches.delete(token)
        this.#due.delete(token)
        if (kind === 'trace_pipe') this.#tick(-1)
        this.#register(EPOLL_CTL_DEL, watch.fd, 0, token)
        closeSync(watch.fd)
      },
    }
  }

  #refer(change: 1 | -1): void {
    this.#references += change
    if (this.#references === 0) {
      this.#handle?.unref()
      this.#ticker?.unref()
    } else if (this.#references === 1 && change === 1) {
      this.#handle?.ref()
      this.#ticker?.ref()
    }
  }

  #open(): void {
    if (this.#handle !== undefined) return
    const epoll = this.#sys.syscall(NR.epollCreate1, O_CLOEXEC, 0, 0)
    if (epoll < 0) throw new KernelError(this.#sys.errno(), 'epoll_create1')
    this.#epoll = ownInWorker(this.#sys, epoll)
    this.#handle = this.#sys.poll(this.#epoll, () => this.#collect())
    this.#handle.unref()
  }

  /** Maps that know no waiting answer every poll with an error. */
  #alwaysFails(fd: number): boolean {
    const view = new DataView(this.#control.buffer)
    view.setInt32(0, fd, true)
    view.setUint32(4, EPOLLIN | EPOLLOUT, true)
    // A null time would wait: the zeroes behind the pollfd are the time to wait.
    view.setBigUint64(8, 0n, true)
    view.setBigUint64(16, 0n, true)
    const address = this.#sys.address(this.#control)
    this.#sys.syscall6(NR.ppoll, address, 1, address + 8, 0, 0, 0)
    return (view.getUint16(6, true) & EPOLLERR) !== 0
  }

  #register(operation: number, fd: number, events: number, token: number): void {
    const view = new DataView(this.#control.buffer)
    view.setUint32(0, events >>> 0, true)
    view.setUint32(DATA, token, true)
    const result = this.#sys.syscall6(NR.epollCtl, this.#epoll, operation, fd, this.#sys.address(this.#control), 0, 0)
    if (result < 0 && operation === EPOLL_CTL_ADD) {
      throw new KernelError(this.#sys.errno(), 'watch', { hint: 'this descriptor cannot be waited for' })
    }
  }

  /** Runs in the poll handle's callback, where nothing may be thrown. */
  #collect(): void {
    const address = this.#sys.address(this.#events)
    const count = this.#sys.syscall6(NR.epollPwait, this.#epoll, address, EVENTS, 0, 0, 0)
    for (let i = 0; i < count; i++) this.#schedule(this.#view.getUint32(i * EVENT_SIZE + DATA, true))
    // Asking a perf event whether it is ready makes it forget, and the event loop has asked already.
    for (const [token, watch] of this.#watches) if (watch.unreliable) this.#schedule(token)
  }

  #schedule(token: number): void {
    this.#due.add(token)
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => this.#dispatch())
  }

  #dispatch(): void {
    this.#scheduled = false
    for (const token of this.#due) {
      this.#due.delete(token)
      const watch = this.#watches.get(token)
      if (watch === undefined) continue
      try {
        watch.ready()
      } catch (error) {
        // Its own macrotask: the error reaches 'uncaughtException', the others their turn.
        setImmediate(() => {
          throw error
        })
      }
    }
  }

  #tick(change: 1 | -1): void {
    this.#ticking += change
    if (this.#ticking === 0) {
      clearInterval(this.#ticker)
      this.#ticker = undefined
    } else if (this.#ticker === undefined) {
      this.#ticker = setInterval(() => {
        for (const [token, watch] of this.#watches) if (watch.unreliable) this.#schedule(token)
      }, TICK)
      if (this.#references === 0) this.#ticker.unref()
    }
  }
}

let shared: Poller | undefined

/** The poller of this thread. */
export function poller(sys: Sys): Poller {
  shared ??= new Poller(sys)
  return shared
}

function kindOf(fd: number): 'perf' | 'trace_pipe' | 'map' | 'other' {
  const target = readlinkSync(`/proc/self/fd/${fd}`)
  if (target === 'anon_inode:[perf_event]') return 'perf'
  if (target === 'anon_inode:bpf-map') return 'map'
  // Its poll waits until the buffer is half full (buffer_percent).
  return target.endsWith('/trace_pipe') ? 'trace_pipe' : 'other'
}
