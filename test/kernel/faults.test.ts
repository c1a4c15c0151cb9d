import { readdirSync } from 'node:fs'
import { embedded } from '#src/embedded/index.js'
import type { Kernel } from '#src/kernel/index.js'
import { linuxUnavailable, openLinux } from '../support/kernels.js'
import { faultsSuite } from './faults.suite.js'

faultsSuite(
  'embedded',
  () => embedded(),
  (kernel) => {
    // The lowest free number tells how many are open: they are handed out without gaps when none leaks.
    const fd = kernel.call('map_create', { mapType: 2, keySize: 4, valueSize: 4, maxEntries: 1 })
    kernel.call('close', { fd })
    return fd
  },
  false,
  (kernel) => below(kernel, '/sys/fs/bpf'),
)
faultsSuite(
  'linux',
  openLinux,
  () => readdirSync('/proc/self/fd').length,
  linuxUnavailable(),
  // A BPF file system that is mounted nowhere: it goes with its descriptor.
  (kernel) => below(kernel, `/proc/self/fd/${kernel.call('fsmount', { fsName: 'bpf' })}`),
)

function below(kernel: Kernel, mount: string): string {
  const path = `${mount}/skep-faults`
  kernel.call('mkdir', { path })
  return path
}
