import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errorCode } from '#src/kernel/index.js'
import { linuxUnavailable, openLinux } from '../support/kernels.js'

const skip = linuxUnavailable()

test('a map on the real kernel: create, update, look up, iterate, delete', { skip }, () => {
  using kernel = openLinux()
  const mapFd = kernel.call('map_create', { mapType: 1, keySize: 4, valueSize: 8, maxEntries: 4, mapName: 'basics' })
  const key = Uint8Array.of(1, 0, 0, 0)
  kernel.call('map_update_elem', { mapFd, key, value: new Uint8Array(8).fill(7) })
  assert.deepEqual(kernel.call('map_lookup_elem', { mapFd, key }), new Uint8Array(8).fill(7))
  assert.deepEqual(kernel.call('map_get_next_key', { mapFd }), key)
  const batch = kernel.call('map_lookup_batch', { mapFd, count: 4 })
  assert.equal(batch.count, 1)
  assert.equal(batch.outBatch, undefined)
  kernel.call('map_delete_elem', { mapFd, key })
  assert.throws(
    () => kernel.call('map_lookup_elem', { mapFd, key }),
    (error) => errorCode(error) === 'ENOENT',
  )
  const info = kernel.call('obj_get_info_by_fd', { fd: mapFd })
  assert.ok(info.kind === 'map' && info.name === 'basics' && info.maxEntries === 4)
  kernel.call('close', { fd: mapFd })
  assert.throws(() => kernel.call('map_freeze', { mapFd }))
})

test('a program on the real kernel: load, run, info, log of a refusal', { skip }, () => {
  using kernel = openLinux()
  const insns = Uint8Array.of(0xb7, 0, 0, 0, 2, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0)
  const { fd } = kernel.call('prog_load', { progType: 6, insns, license: 'GPL', progName: 'two' })
  const run = kernel.call('prog_test_run', { progFd: fd, dataIn: new Uint8Array(64).fill(3) })
  assert.equal(run.retval, 2)
  assert.deepEqual(run.dataOut, new Uint8Array(64).fill(3))
  const info = kernel.call('obj_get_info_by_fd', { fd, details: true })
  assert.ok(info.kind === 'prog' && info.name === 'two')
  assert.deepEqual(info.xlatedProgInsns, insns)
  assert.throws(
    () => kernel.call('prog_load', { progType: 6, insns: insns.subarray(8), license: 'GPL', logLevel: 1 }),
    (error) => errorCode(error) === 'EACCES' && /R0 !read_ok/.test((error as { log?: string }).log ?? ''),
  )
})
