import { errorCode, type Fd, type Kernel, KernelError, type ProgLoadRequest } from '../../kernel/index.js'

/**
 * What a kernel answered to a probe. `denied`: it knows the feature or might, but does not let this process use it (EPERM).
 */
export type Availability = 'available' | 'missing' | 'denied'

/** A probe's answer by errno: never by what a log says. */
export type Answer = { readonly fd: Fd; readonly code: undefined } | { readonly fd: undefined; readonly code: string }

/** Makes an object, for the caller to close; or the errno's name. Anything but a KernelError goes on. */
export function attempt(make: () => Fd): Answer {
  try {
    return { fd: make(), code: undefined }
  } catch (error) {
    if (error instanceof KernelError) return { fd: undefined, code: error.code }
    throw error
  }
}

/** Makes an object and closes it at once: undefined when that worked, else the errno's name. */
export function tryOut(kernel: Kernel, make: () => Fd): string | undefined {
  const { fd, code } = attempt(make)
  if (fd !== undefined) kernel.call('close', { fd })
  return code
}

/** Loads a program without keeping it. */
export function tryLoad(kernel: Kernel, request: ProgLoadRequest): string | undefined {
  return tryOut(kernel, () => kernel.call('prog_load', request).fd)
}

/** The errno of a call whose result does not matter; undefined when it worked. */
export function errnoOf(run: () => unknown): string | undefined {
  try {
    run()
    return undefined
  } catch (error) {
    const code = errorCode(error)
    if (code === undefined) throw error
    return code
  }
}

/** `alsoFine`: errnos that come only from a kernel that has the feature. */
export function availability(code: string | undefined, alsoFine: readonly string[] = []): Availability {
  if (code === undefined || alsoFine.includes(code)) return 'available'
  return code === 'EPERM' ? 'denied' : 'missing'
}
