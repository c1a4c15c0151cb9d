// Namespaces belong to threads: workers and the main thread come and go in theirs at once, and each stays where it was.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readlinkSync } from 'node:fs'
import { test } from 'node:test'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { NetNamespace } from '#src/sdk/index.js'
import { linuxUnavailable, openLinux } from '../support/kernels.js'

const whereNow = (): string => readlinkSync('/proc/thread-self/ns/net')

/** Makes namespaces and looks into them; true if the thread stayed where it was, and each namespace was its own. */
function roam(rounds: number): boolean {
  const home = whereNow()
  for (let round = 0; round < rounds; round++) {
    using kernel = openLinux()
    using netns = NetNamespace.create(kernel)
    netns.createVeth('one', 'two')
    const names = netns.devices().map((device) => device.name)
    if (whereNow() !== home || names.sort().join() !== 'lo,one,two') return false
  }
  return true
}

if (isMainThread) {
  test('threads enter namespaces at the same time', { skip: linuxUnavailable() }, async () => {
    const warnings: Error[] = []
    const warned = (warning: Error): void => void warnings.push(warning)
    process.on('warning', warned)
    const workers = Array.from({ length: 4 }, () => new Worker(new URL(import.meta.url)))
    const answers = workers.map((worker) => once(worker, 'message'))
    const exits = workers.map((worker) => once(worker, 'exit'))
    assert.ok(roam(60))
    for (const answer of answers) assert.deepEqual(await answer, [true])
    await Promise.all(exits)
    process.off('warning', warned)
    // Node warns where a descriptor that it counts as a worker's was closed by other means.
    assert.deepEqual(warnings, [])
  })
} else {
  parentPort?.postMessage(roam(25))
}
