import type { Addr, Machine, PerfEventArray } from '../vm/index.js'
import { nextIndex, readIndex } from './array-map.js'
import { E2BIG, EINVAL, ENOENT, EOPNOTSUPP } from './constants.js'
import { mapHeader } from './header.js'
import type { PerfBuffer } from './perf-buffer.js'
import type { MapAttributes } from './types.js'

/** PERF_EVENT_ARRAY with the events user space put in. */
export interface PerfEvents extends PerfEventArray {
  /** Flags and index, before the event is looked up. */
  checkSet(key: Addr, flags: number): number
  /** Puts an event (which stays its owner's), or takes one out. -E2BIG beyond the end, -EINVAL for flags. */
  setEvent(key: Addr, event: PerfBuffer | undefined, flags: number): number
  eventAt(index: number): PerfBuffer | undefined
}

/** PERF_EVENT_ARRAY: samples go to the event at an index, if it is of the CPU that runs. */
export function createPerfEventArray(machine: Machine, attr: MapAttributes): PerfEvents {
  const { maxEntries } = attr
  // Events are objects of the host: their buffers lie in memory, who listens to them does not.
  const events = new Map<number, PerfBuffer>()
  const find = (index: number, cpu: number): PerfBuffer | number => {
    if (index >>> 0 >= maxEntries) return E2BIG
    const event = events.get(index >>> 0)
    if (event === undefined) return ENOENT
    return !event.enabled || (event.cpu !== -1 && event.cpu !== cpu) ? EOPNOTSUPP : event
  }

  const map: PerfEvents = {
    ...mapHeader(machine, attr),
    lookup: () => 0,
    update: () => EINVAL,
    checkSet(key, flags) {
      if (flags !== 0) return EINVAL
      return readIndex(machine, key) >= maxEntries ? E2BIG : 0
    },
    setEvent(key, event, flags) {
      const status = map.checkSet(key, flags)
      if (status !== 0) return status
      const index = readIndex(machine, key)
      if (event === undefined) events.delete(index)
      else events.set(index, event)
      return 0
    },
    eventAt: (index) => events.get(index),
    delete(key) {
      const index = readIndex(machine, key)
      if (index >= maxEntries) return E2BIG
      return events.delete(index) ? 0 : ENOENT
    },
    nextKey: (key, next) => nextIndex(machine, maxEntries, key, next),
    output(index, cpu, data) {
      const event = find(index, cpu)
      return typeof event === 'number' ? event : event.output(data)
    },
    read(index, cpu) {
      const event = find(index, cpu)
      if (typeof event === 'number') return event
      // An event that takes samples counts nothing: Linux refuses to read it.
      return EINVAL
    },
    free() {
      events.clear()
      machine.freeHandle(map.handle)
    },
  }
  return map
}
