import type { Kfunc } from '../calls.js'
import { controlKfuncs } from './control.js'
import { cpumaskKfuncs } from './cpumask.js'
import { dynptrKfuncs } from './dynptr.js'
import { iteratorKfuncs } from './iterators.js'
import { networkKfuncs } from './network.js'
import { objectKfuncs } from './objects.js'
import { stringKfuncs } from './strings.js'

/** Kernel functions by name, all families. A program that calls another is refused when it is prepared. */
export const KFUNCS_RUN: Readonly<Record<string, Kfunc>> = {
  ...controlKfuncs,
  ...cpumaskKfuncs,
  ...dynptrKfuncs,
  ...iteratorKfuncs,
  ...networkKfuncs,
  ...objectKfuncs,
  ...stringKfuncs,
}
