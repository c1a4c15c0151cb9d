import type { Kfunc } from '../calls.js'

/** Some kernel functions by name. */
export type KfuncFamily = Readonly<Record<string, Kfunc>>
