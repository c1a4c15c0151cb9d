import { test } from 'node:test'
import { embedded } from '#src/embedded/index.js'
import type { Kernel } from '#src/kernel/index.js'
import { linuxUnavailable, openLinux } from './kernels.js'

/** One test for each kernel; the one on Linux is skipped with its reason where bpf(2) does not work. */
export function testOnBoth(name: string, run: (kernel: Kernel) => void | Promise<void>): void {
  test(`${name} (embedded)`, async () => {
    using kernel = embedded()
    await run(kernel)
  })
  test(`${name} (linux)`, { skip: linuxUnavailable() }, async () => {
    using kernel = openLinux()
    await run(kernel)
  })
}
