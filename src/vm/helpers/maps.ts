import { ERRNO } from '../../base/index.js'
import type { Addr } from '../types.js'
import { callFunction } from './callback.js'
import type { HelperFamily } from './family.js'
import { unsignedNumber } from './time.js'

/** Map elements. The verifier checks that the map's type has the operation; without it the answer is -EOPNOTSUPP. */
export const mapHelpers = {
  map_lookup_elem: (machine, handle, key) => {
    const map = machine.mapOf(handle)
    return map === undefined ? 0 : map.lookup(key >>> 0) | 0
  },
  map_update_elem: (machine, handle, key, value, flags, flagsHi) => {
    const map = machine.mapOf(handle)
    if (map === undefined || flagsHi !== 0) return -ERRNO.EINVAL
    return map.update(key >>> 0, value >>> 0, flags >>> 0)
  },
  map_delete_elem: (machine, handle, key) => machine.mapOf(handle)?.delete(key >>> 0) ?? -ERRNO.EINVAL,
  map_push_elem: (machine, handle, value, flags, flagsHi) => {
    const map = machine.mapOf(handle)
    if (map?.push === undefined) return -ERRNO.EOPNOTSUPP
    return map.push(value >>> 0, unsignedNumber(flags, flagsHi))
  },
  map_pop_elem: (machine, handle, value) => machine.mapOf(handle)?.pop?.(value >>> 0) ?? -ERRNO.EOPNOTSUPP,
  map_peek_elem: (machine, handle, value) => machine.mapOf(handle)?.peek?.(value >>> 0) ?? -ERRNO.EOPNOTSUPP,
  map_lookup_percpu_elem: (machine, handle, key, cpu) => {
    const map = machine.mapOf(handle)
    if (map?.lookupCpu === undefined || cpu >>> 0 >= machine.cpus) return 0
    return map.lookupCpu(key >>> 0, cpu)
  },
  for_each_map_elem: (machine, handle, callback, ctx, flags, flagsHi) => {
    const map = machine.mapOf(handle)
    if (map?.forEach === undefined || flags !== 0 || flagsHi !== 0) return -ERRNO.EINVAL
    const visit = (key: Addr, value: Addr): number => {
      callFunction(machine, callback, handle, key, value, ctx)
      return machine.r0lo
    }
    return map.forEach(visit)
  },
} satisfies HelperFamily
