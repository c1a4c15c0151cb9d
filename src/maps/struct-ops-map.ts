import type { Addr, BpfMap, Machine } from '../vm/index.js'
import { readIndex } from './array-map.js'
import { E2BIG, EBUSY, EINVAL, ENOENT } from './constants.js'
import { copyBytes } from './copy.js'
import { mapHeader } from './header.js'
import type { MapAttributes } from './types.js'

/** States of struct bpf_struct_ops_common_value. */
const INIT = 0
const READY = 3
const STATE = 4

/** STRUCT_OPS: holds the one value; what its functions mean is the embedded kernel's. Throws OutOfMemoryError. */
export function createStructOpsMap(machine: Machine, attr: MapAttributes): BpfMap & { readonly value: Addr } {
  const { memory } = machine
  const value = memory.alloc(attr.valueSize)
  const state = (value + STATE) >>> 2
  const map: BpfMap & { readonly value: Addr } = {
    ...mapHeader(machine, attr),
    value,
    lookup: (key) => (readIndex(machine, key) === 0 ? value : 0),
    update(key, from, flags) {
      if (flags !== 0) return EINVAL
      if (readIndex(machine, key) !== 0) return E2BIG
      if (memory.u32[state] !== INIT) return EBUSY
      copyBytes(memory, value, from, attr.valueSize)
      memory.u32[state] = READY
      return 0
    },
    delete() {
      if (memory.u32[state] === INIT) return ENOENT
      memory.u8.fill(0, value, value + attr.valueSize)
      return 0
    },
    nextKey(key, next) {
      if (key !== 0 && readIndex(machine, key) === 0) return ENOENT
      memory.view.setUint32(next >>> 0, 0, true)
      return 0
    },
    free() {
      memory.free(value)
      machine.freeHandle(map.handle)
    },
  }
  return map
}
