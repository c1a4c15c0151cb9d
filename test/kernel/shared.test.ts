import { embedded } from '#src/embedded/index.js'
import type { Kernel } from '#src/kernel/index.js'
import { linuxUnavailable, openLinux } from '../support/kernels.js'
import { mapCases } from './maps.suite.js'
import { networkCases } from './network.suite.js'
import { objectCases } from './objects.suite.js'
import { programCases } from './programs.suite.js'
import { runSuite, type Subject } from './suite.js'

/** A directory of the suite's own: a fresh BPF file system on Linux has iterators of its own at the top. */
function below(kernel: Kernel, mount: string): string {
  const path = `${mount}/suite`
  kernel.call('mkdir', { path })
  return path
}

const subjects: readonly Subject[] = [
  { name: 'embedded', skip: false, open: () => embedded(), pinDirectory: (kernel) => below(kernel, '/sys/fs/bpf') },
  {
    name: 'linux',
    skip: linuxUnavailable(),
    open: openLinux,
    pinDirectory: (kernel) => below(kernel, `/proc/self/fd/${kernel.call('fsmount', { fsName: 'bpf' })}`),
  },
]

for (const subject of subjects) {
  runSuite('maps', mapCases, subject)
  runSuite('programs', programCases, subject)
  runSuite('objects', objectCases, subject)
  runSuite('network', networkCases, subject)
}
