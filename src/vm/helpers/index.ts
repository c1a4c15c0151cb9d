import type { HelperName } from '../../spec/index.js'
import type { HelperFunction } from '../types.js'
import { dynptrHelpers } from './dynptr.js'
import { lockHelpers } from './locks.js'
import { loopHelpers } from './loop.js'
import { mapHelpers } from './maps.js'
import { memoryHelpers } from './memory.js'
import { networkHelpers } from './network.js'
import { objectHelpers } from './objects.js'
import { perfHelpers } from './perf.js'
import { printHelpers } from './print.js'
import { ringbufHelpers } from './ringbuf.js'
import { storageHelpers } from './storage.js'
import { stringHelpers } from './strings.js'
import { syscallHelpers } from './syscall.js'
import { taskHelpers } from './task.js'
import { timeHelpers } from './time.js'
import { timerHelpers } from './timer.js'
import { traceHelpers } from './trace.js'

/** Helpers by name, all families. A helper that is not here is refused when a program that calls it is prepared. */
export const HELPERS_RUN: Partial<Record<HelperName, HelperFunction>> = {
  ...dynptrHelpers,
  ...lockHelpers,
  ...loopHelpers,
  ...mapHelpers,
  ...memoryHelpers,
  ...objectHelpers,
  ...perfHelpers,
  ...printHelpers,
  ...ringbufHelpers,
  ...storageHelpers,
  ...stringHelpers,
  ...networkHelpers,
  ...syscallHelpers,
  ...taskHelpers,
  ...timeHelpers,
  ...timerHelpers,
  ...traceHelpers,
}
