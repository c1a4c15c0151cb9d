// Ring buffer on the real kernel: ns per event when a full ring is drained, and from the commit to the handler when nothing was
// there, against libbpf in C. `node build/bench/events.js [rounds]`. Needs bpf(2).
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { linux } from '#src/linux/index.js'
import { load, RingBuffer, recordDecoder } from '#src/sdk/index.js'
import { buildPeers, merge, quantile, root, runPeer } from './peers.js'

const rounds = Number(process.argv[2] ?? 300)
const OBJECT = 'bench/programs/events.o'
const RECORDS = 4000

if (process.argv[3] === undefined) buildPeers()
const kernel = linux()
const collection = await load(`${root}/${OBJECT}`, { kernel, programs: ['ring_burst'] })
const ring = new RingBuffer(collection.map('ring'))
const decoded = new RingBuffer(collection.map('ring'), { decode: recordDecoder<bigint>(collection.spec, '__u64') })
const program = collection.program('ring_burst')
const dataIn = new Uint8Array(64)

function burst(records: number): void {
  new DataView(dataIn.buffer).setUint32(14, records, true)
  program.testRun({ dataIn })
}

let seen = 0
function drain(run: () => number | Promise<number>, count: number): Promise<number[]> {
  return (async () => {
    const times: number[] = []
    for (let i = 0; i < count; i++) {
      burst(RECORDS)
      const start = process.hrtime.bigint()
      const records = await run()
      times.push(Number(process.hrtime.bigint() - start) / records)
    }
    return times
  })()
}

const spans = ring.spans()
const ways: Record<string, () => number | Promise<number>> = {
  'drain(handler)': () =>
    ring.drain((record) => {
      seen += (record[0] as number) & 1
    }),
  'drainSpans(handler)': () =>
    ring.drainSpans((bytes, start) => {
      seen += (bytes[start] as number) & 1
    }),
  'read()': () => {
    const records = ring.read()
    for (const record of records) seen += (record[0] as number) & 1
    return records.length
  },
  'for await (spans)': async () => {
    let count = 0
    while (count < RECORDS) {
      const { value } = await spans.next()
      if (value === undefined) break
      for (let i = 0; i < value.count; i++) seen += (value.bytes[value.starts[i] as number] as number) & 1
      count += value.count
    }
    return count
  },
  'read(), decoded by BTF': () => {
    const records = decoded.read()
    for (const record of records) seen += Number(record & 1n)
    return records.length
  },
  'for await (batches)': async () => {
    let count = 0
    const stream = ring.batches()
    while (count < RECORDS) {
      const { value = [] } = await stream.next()
      for (const record of value) seen += (record[0] as number) & 1
      count += value.length
    }
    return count
  },
  'for await (records)': async () => {
    let count = 0
    for await (const record of ring) {
      seen += (record[0] as number) & 1
      if (++count === RECORDS) break
    }
    return count
  },
}

// Each way in a process of its own, as a program has it: loops that serve several handlers are slower.
const only = process.argv[3]
if (only !== undefined) {
  const run = ways[only] as () => number | Promise<number>
  await drain(run, 60)
  console.log(JSON.stringify(await drain(run, 60)))
  process.exit(0)
}
const drained = new Map<string, number[]>()
const c = new Map<string, number[]>()
for (let turn = 0; turn < 5; turn++) {
  merge(c, runPeer('ring-buffer-c', [OBJECT, 'drain', '60']))
  for (const name of Object.keys(ways)) {
    const { stdout } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), '0', name], { encoding: 'utf8' })
    merge(drained, new Map([[name, JSON.parse(stdout) as number[]]]))
  }
}
const perEvent = quantile(c.get('drain'), 0.5)
console.log(`events of 8 bytes, ${RECORDS} at once: ns each, median of the rounds`)
console.table(
  Object.fromEntries([
    ['libbpf (C)', { ns: perEvent, 'events/s': Math.round(1e9 / perEvent), ratio: 1 }],
    ...Object.keys(ways).map((name) => {
      const ns = quantile(drained.get(name), 0.5)
      return [
        name,
        {
          ns: Math.round(ns * 10) / 10,
          'events/s': Math.round(1e9 / ns),
          ratio: Math.round((ns / perEvent) * 10) / 10,
        },
      ]
    }),
  ]),
)

// Another thread fires while this one sleeps in its event loop. The record says when it was made, by the same clock.
const turn = new Int32Array(new SharedArrayBuffer(4))
const { id } = program.info()
const firing = new Worker(
  `const { workerData } = require('node:worker_threads')
   import(workerData.linux).then(({ linux }) => {
     const kernel = linux()
     const progFd = kernel.call('prog_get_fd_by_id', { id: workerData.id })
     const dataIn = new Uint8Array(64)
     dataIn[14] = 1
     for (;;) {
       Atomics.wait(workerData.turn, 0, 0)
       if (workerData.turn[0] === 2) break
       Atomics.wait(workerData.turn, 0, 1, 1)
       workerData.turn[0] = 0
       kernel.call('prog_test_run', { progFd, dataIn })
     }
   })`,
  { eval: true, workerData: { linux: `${root}/dist/linux/index.js`, id, turn } },
)
const latencies: number[] = []
const stream = ring.records()
for (let i = 0; i < rounds + 20; i++) {
  const next = stream.next()
  Atomics.store(turn, 0, 1)
  Atomics.notify(turn, 0)
  const { value } = await next
  const at = process.hrtime.bigint()
  const record = value as Uint8Array
  const made = new DataView(record.buffer, record.byteOffset).getBigUint64(0, true)
  if (i >= 20) latencies.push(Number(at - made))
}
await stream.return()
Atomics.store(turn, 0, 2)
Atomics.notify(turn, 0)
await firing.terminate()
const wake = runPeer('ring-buffer-c', [OBJECT, 'wake', String(rounds)])?.get('wake')
const micros = (values: readonly number[] | undefined, q: number): number => Math.round(quantile(values, q) / 100) / 10
console.log(`from the record to the handler, us, ${rounds} wake-ups`)
console.table({
  'libbpf (C)': { p50: micros(wake, 0.5), p99: micros(wake, 0.99) },
  'for await (records)': { p50: micros(latencies, 0.5), p99: micros(latencies, 0.99) },
})
ring.close()
collection.close()
kernel[Symbol.dispose]()
if (seen < 0) console.log(seen)
