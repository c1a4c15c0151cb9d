import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { errorCode, type Kernel, type Request } from '#src/kernel/index.js'
import { load, programStream } from '#src/sdk/index.js'
import { linuxUnavailable, openLinux } from '../support/kernels.js'
import { fixture } from '../support/paths.js'

const skip = linuxUnavailable()

test('arenas are mapped, written, given back and collected', { skip }, () => {
  using kernel = openLinux()
  const mapFd = kernel.call('map_create', { mapType: 33, keySize: 0, valueSize: 0, maxEntries: 4, mapFlags: 1 << 10 })
  const arena = kernel.mmap(mapFd, 0, 4 * 4096, true)
  arena[5000] = 7
  assert.equal(arena[5000], 7)
  kernel.munmap(arena)
  assert.equal(arena[5000], 0)
  kernel.munmap(arena)
})

test('an arena is where map_extra says, the same memory for all who map it', { skip }, () => {
  using kernel = openLinux()
  const place = 1n << 45n
  const create = (maxEntries: number) =>
    kernel.call('map_create', {
      mapType: 33,
      keySize: 0,
      valueSize: 0,
      maxEntries,
      mapFlags: 1 << 10,
      mapExtra: place,
    })
  const [mapFd, rival] = [create(4), create(8)]
  const [first, second] = [kernel.mmap(mapFd, 0, 4 * 4096, true), kernel.mmap(mapFd, 0, 4 * 4096, true)]
  assert.match(readFileSync('/proc/self/maps', 'utf8'), /^200000000000-200000004000 rw-s .*bpf-map/m)
  first[5000] = 7
  assert.equal(second[5000], 7)
  kernel.munmap(first)
  kernel.munmap(first)
  assert.equal(second[5000], 7)
  assert.throws(() => kernel.mmap(rival, 0, 8 * 4096, true), { code: 'EEXIST' })
  assert.throws(() => kernel.mmap(mapFd, 4096, 4096, true), { code: 'EINVAL' })
  assert.throws(() => kernel.mmap(mapFd, 0, 4096, true), { code: 'EINVAL' })
  kernel.munmap(second)
  assert.equal(second[5000], 0)
  const third = kernel.mmap(rival, 0, 8 * 4096, true)
  third[30_000] = 1
  assert.equal(third[30_000], 1)
  kernel.munmap(third)
})

test('an object with an arena: its variables are there before its programs run, and shared with them', {
  skip,
}, async () => {
  using kernel = openLinux()
  for (let round = 0; round < 2; round++) {
    using collection = await load(fixture('object/arena.o'), { kernel })
    const memory = kernel.mmap(collection.map('arena').fd, 0, 4 * 4096, true)
    const words = new Uint32Array(memory.buffer, memory.byteOffset, 2)
    assert.deepEqual([...words], [5, 0])
    assert.equal(collection.program('prog').testRun({}).retval, 0)
    assert.deepEqual([...words], [6, 6])
    kernel.munmap(memory)
  }
})

test('what was mapped stays readable after everything is closed', { skip }, () => {
  const kernel = openLinux()
  const mapFd = kernel.call('map_create', { mapType: 2, keySize: 4, valueSize: 8, maxEntries: 8, mapFlags: 1 << 10 })
  const [first, second] = [kernel.mmap(mapFd, 0, 4096, true), kernel.mmap(mapFd, 0, 4096, false)]
  first[3] = 9
  assert.equal(second[3], 9)
  kernel.call('close', { fd: mapFd })
  assert.equal(second[3], 9)
  // Such memory cannot be moved to another thread: what arrives there is a copy.
  const copy = structuredClone(first.buffer, { transfer: [first.buffer as ArrayBuffer] })
  assert.equal(first.length, 4096)
  assert.notEqual(copy, first.buffer)
  kernel[Symbol.dispose]()
  assert.deepEqual([first[3], second[3]], [0, 0])
  first[3] = 1
  second[3] = 1
  assert.throws(
    () => kernel.mmap(mapFd, 0, 4096, true),
    (error) => errorCode(error) === 'EBADF',
  )
})

test('a map larger than memory can be mapped says so', { skip }, () => {
  using kernel = openLinux()
  const mapFd = kernel.call('map_create', { mapType: 2, keySize: 4, valueSize: 8, maxEntries: 8, mapFlags: 1 << 10 })
  for (const length of [2 ** 33, 2 ** 45]) {
    assert.throws(
      () => kernel.mmap(mapFd, 0, length, true),
      (error) => ['ENOMEM', 'EINVAL'].includes(errorCode(error) ?? ''),
    )
  }
})

test('streams of programs: empty ones wait, text comes as it is read', { skip }, async () => {
  using kernel = openLinux()
  using collection = await load(fixture('events/streams.o'), { kernel })
  const program = collection.program('print_stream')
  const abort = new AbortController()
  const silent = programStream(program, 'stderr', { signal: abort.signal })
  setTimeout(() => abort.abort(), 50)
  assert.equal((await silent.next()).done, true)
  // Kernels that make their memory ready bit by bit (deferred_init=lazy) have none for streams, ever: -ENOMEM from
  // alloc_pages_nolock(). What a reader gets otherwise is put in here.
  const printed = program.testRun({ ctxIn: new Uint8Array(8) }).retval === 0
  const chunks = printed ? [] : ['stream says 0\n']
  const speaking: Kernel = Object.assign(Object.create(kernel), {
    call(name: 'prog_stream_read_by_fd', request: Request<'prog_stream_read_by_fd'>) {
      const chunk = name === 'prog_stream_read_by_fd' ? chunks.shift() : undefined
      return chunk === undefined ? kernel.call(name, request) : new TextEncoder().encode(chunk)
    },
  })
  using again = await load(fixture('events/streams.o'), { kernel: speaking })
  if (printed) again.program('print_stream').testRun({ ctxIn: new Uint8Array(8) })
  const stream = programStream(again.program('print_stream'), 'stdout')
  assert.deepEqual(await stream.next(), { value: 'stream says 0\n', done: false })
  await stream.return()
})
