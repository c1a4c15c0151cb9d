// A worker that opens, maps, reads and watches and ends as it is told to: on its own, by exit, by being terminated.
import { parentPort, workerData } from 'node:worker_threads'
import { linux } from '#src/linux/index.js'

const { ending, id } = workerData as { ending: 'return' | 'exit' | 'wait' | 'early'; id: number }
const kernel = linux()
const ringFd = kernel.call('map_create', { mapType: 27, keySize: 0, valueSize: 0, maxEntries: 4096 })
const perfFd = kernel.call('perf_event_open', {
  type: 1,
  config: 10n,
  sampleType: 1n << 10n,
  wakeupEvents: 1,
  pid: -1,
  cpu: 0,
})
const mapFd = kernel.call('map_get_fd_by_id', { id })
const memory = kernel.mmap(mapFd, 0, 4096, true)
const ring = kernel.mmap(ringFd, 4096, 4096 + 2 * 4096, false)
const perf = kernel.mmap(perfFd, 0, 8192, true)
const value = kernel.call('map_lookup_elem', { mapFd, key: Uint8Array.of(1, 0, 0, 0) })
const watches = [ringFd, perfFd].map((fd) => kernel.watch(fd, () => {}))
parentPort?.postMessage((value[0] ?? 0) + (memory[8] ?? 0) + (ring[0] ?? 0) + 0 * perf.length)
if (ending === 'exit') process.exit(0)
if (ending === 'return') {
  for (const watch of watches) watch[Symbol.dispose]()
}
