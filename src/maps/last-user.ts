import { type BpfMap, type Machine, releaseFields } from '../vm/index.js'
import { MAP_TYPE } from './map-type.js'
import type { HandleMap } from './types.js'

const RUNNING: ReadonlySet<string> = new Set(['timer', 'workqueue', 'task_work'])

/**
 * What happens to a map when its last descriptor and pin are gone while programs still use it: a program array is emptied
 * (it may hold the very programs that hold it), timers and work of its elements are cancelled.
 */
export function lastUserGone(machine: Machine, map: BpfMap): void {
  if (map.type === MAP_TYPE.PROG_ARRAY) (map as HandleMap).clear()
  const running = map.specialFields?.filter((field) => RUNNING.has(field.kind)) ?? []
  if (running.length === 0) return
  const cancel = (_key: number, value: number): number => {
    releaseFields(machine, running, value)
    return 0
  }
  map.forEach?.(cancel)
}
