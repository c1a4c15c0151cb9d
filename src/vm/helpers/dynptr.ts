import { ERRNO } from '../../base/index.js'
import {
  clearDynptr,
  DYNPTR_LOCAL,
  DYNPTR_MAX_SIZE,
  DYNPTR_RINGBUF,
  dynptrKind,
  dynptrSlice,
  initDynptr,
  isReadOnlyDynptr,
  readDynptr,
  writeDynptr,
} from '../dynptr.js'
import type { HelperFamily } from './family.js'

export const dynptrHelpers = {
  dynptr_from_mem: (machine, data, size, flags, flagsHi, dynptr) => {
    clearDynptr(machine, dynptr >>> 0)
    if (size >>> 0 > DYNPTR_MAX_SIZE) return -ERRNO.E2BIG
    if (flags !== 0 || flagsHi !== 0) return -ERRNO.EINVAL
    initDynptr(machine, dynptr >>> 0, DYNPTR_LOCAL, data >>> 0, size >>> 0)
    return 0
  },
  dynptr_read: (machine, to, length, dynptr, offset, flags, flagsHi) => {
    if (flags !== 0 || flagsHi !== 0) return -ERRNO.EINVAL
    return readDynptr(machine, dynptr >>> 0, offset >>> 0, to >>> 0, length >>> 0)
  },
  dynptr_write: (machine, dynptr, offset, from, length, flags, flagsHi) =>
    writeDynptr(
      machine,
      dynptr >>> 0,
      offset >>> 0,
      from >>> 0,
      length >>> 0,
      flagsHi === 0 ? flags >>> 0 : 0xffff_ffff,
    ),
  dynptr_data: (machine, dynptr, offset, length) => {
    const at = dynptr >>> 0
    const kind = dynptrKind(machine, at)
    if (isReadOnlyDynptr(machine, at) || (kind !== DYNPTR_LOCAL && kind !== DYNPTR_RINGBUF)) return 0
    return dynptrSlice(machine, at, offset >>> 0, length >>> 0) | 0
  },
} satisfies HelperFamily
