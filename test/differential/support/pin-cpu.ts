import { createRequire } from 'node:module'

/**
 * Keeps this thread on CPU 0, so that per-CPU values and the CPU's number are the same on both kernels. Throws where the
 * machine does not allow it.
 */
export function pinToFirstCpu(): void {
  const koffi = createRequire(import.meta.url)('koffi')
  const setAffinity = koffi.load(null).func('int sched_setaffinity(int pid, size_t size, uint8_t *mask)')
  if (setAffinity(0, 8, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0)) !== 0) throw new Error('sched_setaffinity failed')
}
