import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { testRun } from '#src/embedded/test-run/index.js'
import type { MachineOptions } from '#src/vm/index.js'
import { linuxUnavailable } from '../../support/kernels.js'
import { onLinuxInNamespace, type Work } from './in-namespace.js'
import { fixture, loadEmbedded, type Outcome, outcome } from './pair.js'

/** Why tests in a network namespace cannot run; false where they can. */
export function namespaceUnavailable(): string | false {
  const made = spawnSync('unshare', ['-n', 'ip', 'link'], { encoding: 'utf8' })
  return linuxUnavailable() || (made.status !== 0 && 'needs unshare -n and ip')
}

/** Runs the work on Linux in a namespace that `setup` made, and on a machine with the same network: all outcomes equal. */
export function compareInNamespace(setup: string, machine: MachineOptions, work: Work): void {
  const linux = onLinuxInNamespace(setup, work)
  const ours = loadEmbedded(fixture(work.path), work.program, machine)
  for (const [index, run] of work.runs.entries()) {
    const mine: Outcome = outcome(() => testRun(ours.machine, ours.program, { ...run, progFd: 0 as never }))
    assert.deepEqual(mine, linux[index], `${work.program} run ${index}`)
  }
}
