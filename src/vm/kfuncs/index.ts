import type { Kfunc } from '../calls.js'

/** Kernel functions by name, all families. */
export const KFUNCS_RUN: Readonly<Record<string, Kfunc>> = {}
