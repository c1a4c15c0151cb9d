import type { Addr, BpfMap, Machine } from '../vm/index.js'
import { BPF_EXIST, BPF_NOEXIST, E2BIG, EINVAL, ENOENT } from './constants.js'
import { copyBytes, roundUp8 } from './copy.js'
import { mapHeader } from './header.js'
import type { MapAttributes } from './types.js'

const QUEUE = 22

/**
 * QUEUE and STACK: a ring of max_entries + 1 values (one slot always empty). In memory: u32 head (next slot to write),
 * u32 tail (oldest value), 8 bytes unused, then the slots, each padded to 8. Throws OutOfMemoryError.
 */
export function createQueueStackMap(machine: Machine, attr: MapAttributes): BpfMap {
  const { memory } = machine
  const { valueSize } = attr
  const slots = attr.maxEntries + 1
  const stride = roundUp8(valueSize)
  const ring = memory.alloc(16 + slots * stride)
  const head = ring >>> 2
  const tail = head + 1
  const get = (word: number): number => memory.u32[word] as number
  const slotAt = (index: number): Addr => ring + 16 + index * stride
  const after = (index: number): number => (index + 1 === slots ? 0 : index + 1)

  /** Slot of the value to give next, -1 when empty. */
  const nextSlot = (): number => {
    if (get(head) === get(tail)) return -1
    if (attr.type === QUEUE) return get(tail)
    return (get(head) === 0 ? slots : get(head)) - 1
  }

  const map: Required<Pick<BpfMap, 'push' | 'pop' | 'peek'>> & BpfMap = {
    ...mapHeader(machine, attr),
    lookup: () => 0,
    update: () => EINVAL,
    delete: () => EINVAL,
    nextKey: () => EINVAL,
    push(value, flags) {
      if ((flags & BPF_NOEXIST) !== 0 || flags < 0 || flags > BPF_EXIST) return EINVAL
      if (after(get(head)) === get(tail)) {
        // BPF_EXIST: the oldest value makes room.
        if ((flags & BPF_EXIST) === 0) return E2BIG
        memory.u32[tail] = after(get(tail))
      }
      copyBytes(memory, slotAt(get(head)), value, valueSize)
      memory.u32[head] = after(get(head))
      return 0
    },
    pop(value) {
      const status = map.peek(value)
      if (status !== 0) return status
      if (attr.type === QUEUE) memory.u32[tail] = after(get(tail))
      else memory.u32[head] = nextSlot()
      return 0
    },
    peek(value) {
      const slot = nextSlot()
      if (slot < 0) {
        memory.u8.fill(0, value >>> 0, (value >>> 0) + valueSize)
        return ENOENT
      }
      copyBytes(memory, value, slotAt(slot), valueSize)
      return 0
    },
    free() {
      memory.free(ring)
      machine.freeHandle(map.handle)
    },
  }
  return map
}
