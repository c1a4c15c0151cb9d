import type { Kernel } from '#src/kernel/index.js'
import { linux } from '#src/linux/index.js'

let reason: string | false | undefined

/** False where bpf(2) works; else the reason a test that needs it is skipped. */
export function linuxUnavailable(): string | false {
  if (reason === undefined) {
    try {
      using kernel = linux()
      kernel.call('map_create', { mapType: 2, keySize: 4, valueSize: 4, maxEntries: 1 })
      reason = false
    } catch (error) {
      reason = `bpf(2) does not work here: ${(error as Error).message}`
    }
  }
  return reason
}

/** A session on the real kernel; call only where linuxUnavailable() is false. */
export function openLinux(): Kernel {
  return linux()
}
