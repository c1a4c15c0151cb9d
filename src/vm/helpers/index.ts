import type { HelperName } from '../../spec/index.js'
import type { HelperFunction } from '../types.js'
import { loopHelpers } from './loop.js'
import { mapHelpers } from './maps.js'
import { memoryHelpers } from './memory.js'
import { networkHelpers } from './network.js'
import { stringHelpers } from './strings.js'
import { timeHelpers } from './time.js'

/** Helpers by name, all families. A helper that is not here is refused when a program that calls it is prepared. */
export const HELPERS_RUN: Partial<Record<HelperName, HelperFunction>> = {
  ...timeHelpers,
  ...mapHelpers,
  ...loopHelpers,
  ...memoryHelpers,
  ...stringHelpers,
  ...networkHelpers,
}
