import { ERRNO, fromHalves } from '../../base/index.js'
import type { HelperFamily } from './family.js'

export const timerHelpers = {
  timer_init: (machine, timer, map, flags, flagsHi) =>
    flagsHi === 0 ? machine.timers.init(timer >>> 0, map, flags >>> 0) : -ERRNO.EINVAL,
  timer_set_callback: (machine, timer, callback) => machine.timers.setCallback(timer >>> 0, callback >>> 0),
  timer_start: (machine, timer, delay, delayHi, flags, flagsHi) =>
    flagsHi === 0 ? machine.timers.start(timer >>> 0, fromHalves(delay, delayHi), flags) : -ERRNO.EINVAL,
  timer_cancel: (machine, timer) => machine.timers.cancel(timer >>> 0),
} satisfies HelperFamily
