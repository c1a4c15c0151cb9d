import { ERRNO } from '../base/index.js'
import { callFunction } from './helpers/callback.js'
import type { Machine } from './machine.js'
import type { Addr, BpfMap, Status } from './types.js'

/** Clocks a timer may follow. */
const CLOCK_REALTIME = 0
const CLOCK_MONOTONIC = 1
const CLOCK_BOOTTIME = 7
const MAX_CLOCKS = 16

const F_TIMER_ABS = 1
const F_TIMER_CPU_PIN = 2

/** A bpf_timer or bpf_wq of a map value. Its number stands in the value's field. */
interface Timer {
  readonly field: Addr
  readonly map: BpfMap
  readonly value: Addr
  readonly clock: number
  /** Handle of the callback's function. */
  callback: Addr
  /** On its clock, ns; undefined: not started. */
  expires: bigint | undefined
  /** Order among timers that expire together. */
  order: number
  running: boolean
}

/** Timers and work queues of all maps. Nothing fires by itself: `run` calls what is due. */
export class Timers {
  readonly #machine: Machine
  readonly #timers: (Timer | undefined)[] = [undefined]
  readonly #free: number[] = []
  #order = 0
  #started = 0
  #index: Addr = 0

  constructor(machine: Machine) {
    this.#machine = machine
  }

  /** Number of timers that wait for their time: 0 spares a look at the clocks. */
  get started(): number {
    return this.#started
  }

  /** bpf_timer_init. -EINVAL unknown clock, -EBUSY initialised before. */
  init(field: Addr, mapHandle: Addr, flags: number): Status {
    const clock = flags & 0xf
    if (flags >= MAX_CLOCKS) return -ERRNO.EINVAL
    if (clock !== CLOCK_MONOTONIC && clock !== CLOCK_REALTIME && clock !== CLOCK_BOOTTIME) return -ERRNO.EINVAL
    return this.#create(field, mapHandle, clock, 'timer')
  }

  /** bpf_wq_init: work runs at the next `run`. */
  initWork(field: Addr, mapHandle: Addr): Status {
    return this.#create(field, mapHandle, CLOCK_MONOTONIC, 'workqueue')
  }

  setCallback(field: Addr, callback: Addr): Status {
    const timer = this.#at(field)
    if (timer === undefined) return -ERRNO.EINVAL
    timer.callback = callback
    return 0
  }

  /** bpf_timer_start. -EINVAL bad flags, not initialised or without a callback. */
  start(field: Addr, delay: bigint, flags: number): Status {
    const timer = this.#at(field)
    if ((flags & ~(F_TIMER_ABS | F_TIMER_CPU_PIN)) !== 0 || timer === undefined || timer.callback === 0) {
      return -ERRNO.EINVAL
    }
    const ns = BigInt.asUintN(64, delay)
    this.#machine.attend()
    this.#setExpiry(timer, (flags & F_TIMER_ABS) !== 0 ? ns : this.#now(timer.clock) + ns)
    timer.order = this.#order++
    return 0
  }

  /** bpf_timer_cancel. 1 was active, 0 was not, -EINVAL not initialised, -EDEADLK inside its own callback. */
  cancel(field: Addr): Status {
    const timer = this.#at(field)
    if (timer === undefined) return -ERRNO.EINVAL
    if (timer.running) return -ERRNO.EDEADLK
    const active = timer.expires !== undefined
    this.#setExpiry(timer, undefined)
    return active ? 1 : 0
  }

  /** Forgets the timer of a value that is going away. */
  release(field: Addr): void {
    const { u32 } = this.#machine.memory
    const number = u32[field >>> 2]!
    const timer = this.#at(field)
    if (timer === undefined) return
    this.#setExpiry(timer, undefined)
    this.#timers[number] = undefined
    this.#free.push(number)
    u32[field >>> 2] = 0
  }

  /** When the next timer is due, in ns of the monotonic clock; undefined: none is started. */
  next(): bigint | undefined {
    let soonest: bigint | undefined
    for (const timer of this.#timers) {
      if (timer?.expires === undefined) continue
      const at = timer.expires - this.#now(timer.clock) + this.#now(CLOCK_MONOTONIC)
      if (soonest === undefined || at < soonest) soonest = at
    }
    return soonest
  }

  /**
   * Calls the callbacks of all timers that are due, soonest first; the number of calls. Each has the machine's whole
   * budget, and what a callback throws goes on. What callbacks start waits for the next `run`. A host with a clock of its own sets it to `next()` and runs, until the time it wants to reach.
   */
  run(): number {
    const machine = this.#machine
    let calls = 0
    const limit = this.#order
    for (;;) {
      let due: Timer | undefined
      for (const timer of this.#timers) {
        if (timer?.expires === undefined || timer.order >= limit || timer.expires > this.#now(timer.clock)) continue
        if (due?.expires === undefined || isBefore(timer, due)) due = timer
      }
      if (due === undefined) return calls
      this.#setExpiry(due, undefined)
      due.running = true
      calls++
      const { budget } = machine
      try {
        callFunction(machine, due.callback, due.map.handle, this.#keyOf(due), due.value)
      } finally {
        due.running = false
        machine.budget = budget
      }
    }
  }

  #create(field: Addr, mapHandle: Addr, clock: number, kind: 'timer' | 'workqueue'): Status {
    const map = this.#machine.mapOf(mapHandle)
    const offset = map?.specialFields?.find((special) => special.kind === kind)?.offset
    if (map === undefined || offset === undefined) return -ERRNO.EINVAL
    const { u32 } = this.#machine.memory
    if (u32[field >>> 2] !== 0) return -ERRNO.EBUSY
    const number = this.#free.pop() ?? this.#timers.length
    this.#timers[number] = {
      field,
      map,
      value: field - offset,
      clock,
      callback: 0,
      expires: undefined,
      order: 0,
      running: false,
    }
    u32[field >>> 2] = number
    return 0
  }

  #setExpiry(timer: Timer, expires: bigint | undefined): void {
    this.#started += (expires === undefined ? 0 : 1) - (timer.expires === undefined ? 0 : 1)
    timer.expires = expires
  }

  /** The element's key; of an array, its index in a cell of ours. */
  #keyOf({ map, value }: Timer): Addr {
    if (map.keyOfValue !== undefined) return map.keyOfValue(value)
    const first = map.elementAt?.(0) ?? 0
    const stride = (map.elementAt?.(1) ?? 0) - first
    const { memory } = this.#machine
    if (this.#index === 0) this.#index = memory.alloc(4)
    memory.u32[this.#index >>> 2] = stride > 0 ? (value - first) / stride : 0
    return this.#index
  }

  #at(field: Addr): Timer | undefined {
    const timer = this.#timers[this.#machine.memory.u32[field >>> 2]!]
    return timer?.field === field ? timer : undefined
  }

  #now(clock: number): bigint {
    const source = this.#machine.clock
    return clock === CLOCK_BOOTTIME
      ? source.boottime()
      : clock === CLOCK_REALTIME
        ? source.realtime()
        : source.monotonic()
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  const left = a.expires ?? 0n
  const right = b.expires ?? 0n
  return left < right || (left === right && a.order < b.order)
}
