// Who may read and write a map: creation flags, descriptors opened by id with fewer rights, freezing. The embedded kernel
// answers every call as Linux does.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { embedded } from '#src/embedded/index.js'
import type { Fd, Kernel } from '#src/kernel/index.js'
import { linuxUnavailable, openLinux } from '../support/kernels.js'
import { outcome } from '../support/map-kernel.js'

const RDONLY = 8
const WRONLY = 16
const RDONLY_PROG = 128
const WRONLY_PROG = 256

const TYPES = [
  { mapType: 1, keySize: 4, valueSize: 4, maxEntries: 4 },
  { mapType: 2, keySize: 4, valueSize: 4, maxEntries: 4 },
  { mapType: 5, keySize: 4, valueSize: 8, maxEntries: 4 },
  { mapType: 11, keySize: 8, valueSize: 4, maxEntries: 4, mapFlags: 1 },
  { mapType: 22, keySize: 0, valueSize: 4, maxEntries: 4 },
]

function everyCall(kernel: Kernel, mapFd: Fd, keySize: number): unknown[] {
  const key = keySize === 0 ? {} : { key: new Uint8Array(keySize) }
  const value = new Uint8Array(8 * kernel.possibleCpus)
  const keys = new Uint8Array(keySize)
  return [
    () => kernel.call('map_update_elem', { mapFd, ...key, value }),
    () => kernel.call('map_lookup_elem', { mapFd, ...key }),
    () => kernel.call('map_get_next_key', { mapFd }),
    () => kernel.call('map_lookup_batch', { mapFd, count: 2 }).count,
    () => kernel.call('map_update_batch', { mapFd, keys, values: value, count: 1 }),
    () => kernel.call('map_delete_elem', { mapFd, ...key }),
    () => kernel.call('map_update_elem', { mapFd, ...key, value }),
    () => kernel.call('map_lookup_and_delete_elem', { mapFd, ...key }),
    () => kernel.call('map_lookup_and_delete_batch', { mapFd, count: 2 }).count,
    () => kernel.call('map_delete_batch', { mapFd, keys, count: 1 }),
    () => kernel.call('map_update_elem', { mapFd, ...key, value, flags: 4n }),
    () => kernel.call('map_lookup_elem', { mapFd, ...key, flags: 8n }),
  ].map((call) => outcome(call) ?? 'ok')
}

function rightsOf(kernel: Kernel): unknown[] {
  const seen: unknown[] = []
  for (const shape of TYPES) {
    for (const flags of [0, RDONLY, WRONLY, RDONLY_PROG, WRONLY_PROG]) {
      const request = { ...shape, mapFlags: (shape.mapFlags ?? 0) | flags }
      const mapFd = outcome(() => kernel.call('map_create', request))
      if (typeof mapFd === 'string') {
        seen.push([shape.mapType, flags, mapFd])
        continue
      }
      seen.push([shape.mapType, flags, everyCall(kernel, mapFd, shape.keySize)])
      const info = kernel.call('obj_get_info_by_fd', { fd: mapFd })
      for (const openFlags of [0, RDONLY, WRONLY, RDONLY | WRONLY, RDONLY_PROG]) {
        const other = outcome(() => kernel.call('map_get_fd_by_id', { id: info.id, openFlags }))
        seen.push([openFlags, typeof other === 'string' ? other : everyCall(kernel, other, shape.keySize)])
        if (openFlags !== RDONLY || typeof other === 'string') continue
        seen.push(['freeze read-only', outcome(() => kernel.call('map_freeze', { mapFd: other }))])
      }
      seen.push(['freeze', outcome(() => kernel.call('map_freeze', { mapFd }))])
      seen.push(['frozen', everyCall(kernel, mapFd, shape.keySize)])
      seen.push(['freeze again', outcome(() => kernel.call('map_freeze', { mapFd }))])
    }
  }
  return seen
}

test('rights of descriptors, flags and frozen maps are as on Linux', { skip: linuxUnavailable() }, () => {
  using linux = openLinux()
  using ours = embedded({ cpus: linux.possibleCpus })
  assert.deepEqual(rightsOf(ours), rightsOf(linux))
})

test('descriptors of something else, and of nothing', { skip: linuxUnavailable() }, () => {
  using linux = openLinux()
  using ours = embedded({ cpus: linux.possibleCpus })
  const results = [linux, ours].map((kernel) => {
    const insns = Uint8Array.of(0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0)
    const { fd } = kernel.call('prog_load', { progType: 1, insns, license: 'GPL' })
    const key = new Uint8Array(4)
    return [fd, 9999 as Fd].map((mapFd) => [
      outcome(() => kernel.call('map_delete_elem', { mapFd, key })),
      outcome(() => kernel.call('map_get_next_key', { mapFd, key })),
      outcome(() => kernel.call('map_lookup_elem', { mapFd, key })),
      outcome(() => kernel.call('map_freeze', { mapFd })),
      outcome(() => kernel.call('map_lookup_batch', { mapFd, count: 1 })),
    ])
  })
  assert.deepEqual(results[1], results[0])
})
