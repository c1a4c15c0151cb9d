import type { HelperName } from '../../spec/index.js'
import type { HelperFunction } from '../types.js'

/** Some helpers by name. */
export type HelperFamily = Partial<Record<HelperName, HelperFunction>>
