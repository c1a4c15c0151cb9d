import type { ErrnoName } from '../base/index.js'
import { KernelError } from './error.js'
import type { Kernel } from './kernel.js'
import type { OperationName } from './operations.js'

export type FaultPoint = OperationName | 'watch' | 'mmap'

/** Which calls fail, and how. */
export interface FaultPlan {
  /** Calls that count. Default: all but `close`, whose failure no caller can do anything about. */
  readonly operation?: FaultPoint | readonly FaultPoint[]
  /** The first call of those that fails, from 1. */
  readonly at: number
  /** How many fail from there on. Default 1. */
  readonly times?: number
  /** Default ENOMEM. */
  readonly code?: ErrnoName
}

/** A kernel some of whose calls fail. */
export type FaultyKernel<K extends Kernel> = K & {
  /** How many calls have counted, and how many of them failed. */
  readonly faults: { readonly counted: number; readonly failed: number }
}

/** The same kernel with planned failures: a failing call does nothing and throws KernelError. */
export function fault<K extends Kernel>(kernel: K, plan: FaultPlan): FaultyKernel<K> {
  const { operation, at, times = 1, code = 'ENOMEM' } = plan
  const points = operation === undefined ? undefined : new Set<string>([operation].flat())
  const faults = { counted: 0, failed: 0 }
  const step = (name: FaultPoint): void => {
    if (points === undefined ? name === 'close' : !points.has(name)) return
    faults.counted++
    if (faults.counted < at || faults.counted >= at + times) return
    faults.failed++
    throw new KernelError(code, name, { hint: `planned: call ${faults.counted}` })
  }
  const overrides: Pick<Kernel, 'call' | 'mapAccess' | 'watch' | 'mmap'> & { readonly faults: typeof faults } = {
    faults,
    // Every element goes through call(), to be counted.
    mapAccess: () => undefined,
    call(name, request) {
      step(name)
      return kernel.call(name, request)
    },
    watch(fd, ready, options) {
      step('watch')
      return kernel.watch(fd, ready, options)
    },
    mmap(fd, offset, length, writable) {
      step('mmap')
      return kernel.mmap(fd, offset, length, writable)
    },
  }
  return Object.assign(Object.create(kernel), overrides) as FaultyKernel<K>
}
