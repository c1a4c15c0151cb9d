// Arrays and hashes of maps under random system calls, on the embedded kernel and on Linux. Values read are ids, which are
// compared as places in the list of inner maps.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { embedded } from '#src/embedded/index.js'
import type { Fd, Kernel, MapCreateRequest } from '#src/kernel/index.js'
import { linuxUnavailable, openLinux } from '../support/kernels.js'
import { outcome } from '../support/map-kernel.js'
import { Random } from '../support/random.js'

const ZERO_SEED = 64

function u32(...values: number[]): Uint8Array {
  return new Uint8Array(new Uint32Array(values).buffer)
}

const INNER: readonly MapCreateRequest[] = [
  { mapType: 1, keySize: 4, valueSize: 4, maxEntries: 4 },
  { mapType: 1, keySize: 4, valueSize: 4, maxEntries: 8 },
  { mapType: 1, keySize: 4, valueSize: 8, maxEntries: 4 },
  { mapType: 2, keySize: 4, valueSize: 4, maxEntries: 4 },
  { mapType: 1, keySize: 4, valueSize: 4, maxEntries: 9 },
]

interface Side {
  readonly kernel: Kernel
  readonly outer: Fd
  readonly inner: readonly Fd[]
  readonly ids: readonly number[]
}

function open(kernel: Kernel, mapType: number): Side {
  const inner = INNER.map((request) => kernel.call('map_create', request))
  const outer = kernel.call('map_create', {
    mapType,
    keySize: 4,
    valueSize: 4,
    maxEntries: 6,
    mapFlags: mapType === 13 ? ZERO_SEED : 0,
    innerMapFd: inner[0] as Fd,
  })
  const ids = inner.map((fd) => kernel.call('obj_get_info_by_fd', { fd }).id)
  return { kernel, outer, inner, ids }
}

/** Ids in values as places in the list. */
function places(side: Side, values: Uint8Array): number[] {
  const view = new DataView(values.buffer, values.byteOffset, values.length)
  return Array.from({ length: values.length / 4 }, (_, i) => side.ids.indexOf(view.getUint32(4 * i, true)))
}

for (const mapType of [12, 13]) {
  test(`type ${mapType} as on Linux`, { skip: linuxUnavailable() }, () => {
    for (let seed = 1; seed <= 2; seed++) {
      using linux = openLinux()
      using ours = embedded({ cpus: linux.possibleCpus })
      const sides = [open(linux, mapType), open(ours, mapType)]
      const random = new Random(seed * 31)
      for (let step = 0; step < 150; step++) {
        const key = u32(random.below(9))
        const pick = random.below(INNER.length + 1)
        const flags = random.once(3) ? BigInt(random.below(5)) : 0n
        const choice = random.below(8)
        const count = random.below(5)
        const results = sides.map((side) => {
          const { kernel, outer: mapFd } = side
          return outcome(() => {
            switch (choice) {
              case 0:
              case 1:
              case 2:
                return kernel.call('map_update_elem', { mapFd, key, value: u32(side.inner[pick] ?? 9999), flags })
              case 3:
                return places(side, kernel.call('map_lookup_elem', { mapFd, key }))
              case 4:
                return kernel.call('map_delete_elem', { mapFd, key })
              case 5:
                return kernel.call('map_get_next_key', { mapFd, key })
              case 6: {
                const batch = kernel.call('map_lookup_batch', { mapFd, count: 6 })
                return [batch.keys, places(side, batch.values), batch.count, batch.outBatch === undefined]
              }
              default: {
                const fds = Array.from({ length: count }, (_, i) => side.inner[(pick + i) % 2] as Fd)
                const keys = u32(...fds.map((_, i) => (pick + i) % 7))
                return kernel.call('map_update_batch', { mapFd, keys, values: u32(...fds), count })
              }
            }
          })
        })
        assert.deepEqual(results[1], results[0], `type ${mapType}, seed ${seed}, step ${step}, choice ${choice}`)
      }
    }
  })
}

test('an inner map lives as long as an element holds it', () => {
  using kernel = embedded()
  const side = open(kernel, 12)
  const mapFd = side.outer
  const inner = side.inner[1] as Fd
  const id = side.ids[1] as number
  kernel.call('map_update_elem', { mapFd, key: u32(2), value: u32(inner) })
  kernel.call('close', { fd: inner })
  assert.equal(new DataView(kernel.call('map_lookup_elem', { mapFd, key: u32(2) }).buffer).getUint32(0, true), id)
  const again = kernel.call('map_get_fd_by_id', { id })
  kernel.call('close', { fd: again })
  kernel.call('map_delete_elem', { mapFd, key: u32(2) })
  assert.equal(
    outcome(() => kernel.call('map_get_fd_by_id', { id })),
    'ENOENT',
  )
})
