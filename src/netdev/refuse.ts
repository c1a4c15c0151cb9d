import { type ErrnoName, KernelError } from '../kernel/index.js'

/** Refuses a request; `detail` is what Linux says in its extended acknowledgement. */
export function refuse(code: ErrnoName, syscall: string, detail?: string, hint?: string): never {
  throw new KernelError(code, syscall, {
    ...(detail === undefined ? {} : { detail }),
    ...(hint === undefined ? {} : { hint }),
  })
}
