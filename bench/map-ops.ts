// Map operations on the real kernel: ours (the contract, and typed through the SDK) against the same loops in C and in Go with
// cilium/ebpf, in turns. ns per element, the best round of each, shorter than a time slice (a busy machine slows rounds, never speeds them up), ratios. `node build/bench/map-ops.js [turns] [keys]`. Needs bpf(2).
import { linux } from '#src/linux/index.js'
import { BpfMap, int64Codec, intCodec } from '#src/sdk/index.js'
import { add, buildPeers, merge, quantile, runPeer } from './peers.js'

const turns = Number(process.argv[2] ?? 15)
const keys = Number(process.argv[3] ?? 1000)
// next_key: going through all keys. The SDK reads hashes by batches.
const rows = ['update', 'lookup', 'miss', 'next_key', 'delete', 'update_batch', 'lookup_batch', 'delete_batch']

const kernel = linux()
const mapFd = kernel.call('map_create', { mapType: 1, keySize: 4, valueSize: 8, maxEntries: keys })
const typed = BpfMap.fromFd(kernel, kernel.call('dup', { fd: mapFd })).withCodecs(intCodec(4), int64Codec())

const key = new Uint8Array(4)
const keyView = new DataView(key.buffer)
const value = new Uint8Array(8)
const batchKeys = new Uint8Array(Uint32Array.from({ length: keys }, (_, i) => i).buffer)
const batchValues = new Uint8Array(8 * keys)
const typedKeys = Uint32Array.from({ length: keys }, (_, i) => i)
const typedValues = new BigUint64Array(keys)
const foundKeys = new Uint32Array(keys)
const foundValues = new BigUint64Array(keys)

function measure(results: Map<string, number[]>, name: string, run: () => void): void {
  const start = process.hrtime.bigint()
  run()
  add(results, name, Number(process.hrtime.bigint() - start) / keys)
}

function each(from: number, run: () => void): void {
  for (let i = from; i < from + keys; i++) {
    keyView.setUint32(0, i, true)
    run()
  }
}

function contract(results: Map<string, number[]>): void {
  measure(results, 'update', () => each(0, () => kernel.call('map_update_elem', { mapFd, key, value })))
  measure(results, 'lookup', () => each(0, () => void kernel.call('map_lookup_elem', { mapFd, key })))
  measure(results, 'miss', () =>
    each(keys, () => {
      try {
        kernel.call('map_lookup_elem', { mapFd, key })
      } catch {
        // ENOENT is what is measured.
      }
    }),
  )
  measure(results, 'next_key', () => {
    let next: Uint8Array | undefined
    try {
      for (;;) next = kernel.call('map_get_next_key', next === undefined ? { mapFd } : { mapFd, key: next })
    } catch {
      // The end.
    }
  })
  measure(results, 'delete', () => each(0, () => kernel.call('map_delete_elem', { mapFd, key })))
  batches(results)
}

function batches(results: Map<string, number[]>): void {
  measure(results, 'update_batch', () => {
    kernel.call('map_update_batch', { mapFd, keys: batchKeys, values: batchValues, count: keys })
  })
  measure(results, 'lookup_batch', () => void kernel.call('map_lookup_batch', { mapFd, count: keys }))
  measure(results, 'delete_batch', () => void kernel.call('map_delete_batch', { mapFd, keys: batchKeys, count: keys }))
}

function sdk(results: Map<string, number[]>): void {
  measure(results, 'update', () => {
    for (let i = 0; i < keys; i++) typed.set(i, 1n)
  })
  measure(results, 'lookup', () => {
    for (let i = 0; i < keys; i++) typed.get(i)
  })
  measure(results, 'miss', () => {
    for (let i = keys; i < 2 * keys; i++) typed.get(i)
  })
  measure(results, 'next_key', () => {
    for (const _ of typed.keys()) {
      // Going through them is what is measured.
    }
  })
  measure(results, 'delete', () => {
    for (let i = 0; i < keys; i++) typed.delete(i)
  })
  measure(results, 'update_batch', () => typed.updateBatch(typedKeys, typedValues))
  measure(results, 'lookup_batch', () => typed.lookupBatch(keys, { keys: foundKeys, values: foundValues }))
  measure(results, 'delete_batch', () => typed.deleteBatch(typedKeys))
}

buildPeers()
const sides = { c: new Map<string, number[]>(), ours: new Map(), typed: new Map(), go: new Map() }
// A batch is one call: without these rounds its code would still be cold when it is measured.
for (let round = 0; round < 20; round++) {
  contract(new Map())
  sdk(new Map())
}
for (let turn = 0; turn < turns; turn++) {
  merge(sides.c, runPeer('map-ops-c', [String(keys), '3']))
  for (let round = 0; round < 3; round++) contract(sides.ours)
  for (let round = 0; round < 3; round++) sdk(sides.typed)
  merge(sides.go, runPeer('map-ops-go', [String(keys), '3']))
}
console.log(`ns per element, best of ${3 * turns} rounds of ${keys} keys`)
console.table(
  Object.fromEntries(
    rows.map((row) => {
      const [c, ours, sdkTime, go] = [sides.c, sides.ours, sides.typed, sides.go].map((side) =>
        quantile(side.get(row), 0),
      )
      const ratio = (a = 0, b = 0): number => Math.round((a / b) * 100) / 100
      return [
        row,
        {
          C: c,
          contract: ours,
          sdk: sdkTime,
          Go: go,
          'contract / C': ratio(ours, c),
          'sdk / C': ratio(sdkTime, c),
          'Go / C': ratio(go, c),
        },
      ]
    }),
  ),
)
kernel[Symbol.dispose]()
