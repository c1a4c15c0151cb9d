import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { embedded } from '#src/embedded/index.js'
import { assemble } from '#src/isa/index.js'
import { errorCode } from '#src/kernel/index.js'
import { setVariable } from '#src/object/index.js'
import { BpfMap, load, loadCollection, openObject, RingBuffer, VerifierError } from '#src/sdk/index.js'
import { testOnBoth } from '../support/both-kernels.js'
import { fixture } from '../support/paths.js'

const PACKET = new Uint8Array(64).fill(1)
const specOf = (name: string) => openObject(new Uint8Array(readFileSync(fixture(name))), { file: name })

/** Key and value of the map `flows`; what is left out is written as 0. */
type Flow = Partial<Record<'source' | 'target' | 'source_port' | 'target_port', number>>
type Count = Partial<Record<'packets' | 'bytes', number | bigint>>

testOnBoth('typed maps: get, set, iterate, delete, modes', async (kernel) => {
  const spec = specOf('object/btf_maps.o')
  for (const map of spec.maps) map.pinning = 'none'
  using collection = loadCollection(spec, { kernel })
  const program = collection.program('count')
  for (let i = 0; i < 3; i++) program.testRun({ dataIn: PACKET })
  const flows = collection.map<Flow, Count>('flows')
  const entries = [...flows.entries()]
  assert.equal(entries.length, 1)
  assert.deepEqual(entries[0]?.[1], { packets: 3n, bytes: 192n })
  const key = { source: 9, target: 8, source_port: 7, target_port: 6 }
  assert.equal(flows.get(key), undefined)
  flows.set(key, { packets: 1n, bytes: 2n }, { mode: 'create' })
  assert.throws(
    () => flows.set(key, { packets: 1n, bytes: 2n }, { mode: 'create' }),
    (error) => errorCode(error) === 'EEXIST',
  )
  assert.deepEqual(flows.get(key), { packets: 1n, bytes: 2n })
  assert.deepEqual(flows.take(key), { packets: 1n, bytes: 2n })
  assert.equal(flows.delete(key), false)
  assert.throws(
    () => flows.set(key, { packets: 1n, bytes: 2n }, { mode: 'replace' }),
    (error) => errorCode(error) === 'ENOENT',
  )
  assert.equal(flows.setMany([1, 2, 3].map((source) => [{ source }, { packets: 5 }])), 3)
  assert.equal([...flows.keys()].length, 4)
  assert.equal(flows.clear(), 4)
})

testOnBoth('maps of maps and program arrays are filled from the object', async (kernel) => {
  const spec = specOf('object/btf_maps.o')
  for (const map of spec.maps) map.pinning = 'none'
  using collection = loadCollection(spec, { kernel })
  for (let i = 0; i < 2; i++) collection.program('count').testRun({ dataIn: PACKET })
  assert.equal(collection.map<number, bigint>('inner_a').get(0), 2n)
  const outer = collection.map<number, unknown>('outer')
  outer.set(0, collection.map('inner_b'))
  collection.program('count').testRun({ dataIn: PACKET })
  assert.equal(collection.map<number, bigint>('inner_b').get(0), 1n)
  assert.equal(collection.map<number, bigint>('inner_a').get(0), 2n)
})

testOnBoth('global data: set before loading, read while it runs', async (kernel) => {
  const spec = specOf('object/globals.o')
  setVariable(spec, 'mode', 'MODE_MIRROR')
  using collection = loadCollection(spec, { kernel })
  const { retval } = collection.program('prog').testRun({ dataIn: PACKET })
  assert.equal(retval, 3)
  const bss = collection.map<number, Pick<Count, 'packets'>>('globals.bss').get(0)
  assert.equal(bss?.packets, 1n)
  assert.throws(
    () => collection.map('globals.rodata').set(0, new Uint8Array(collection.map('globals.rodata').valueSize)),
    (error) => errorCode(error) === 'EPERM',
  )
})

testOnBoth('a refused program: reason, program counter, log', async (kernel) => {
  const spec = specOf('object/btf_maps.o')
  for (const map of spec.maps) map.pinning = 'none'
  spec.license = 'Proprietary'
  const program = spec.programs.find((each) => each.name === 'count')
  assert.ok(program !== undefined)
  // An instruction stream that ends without exit.
  const broken = {
    ...spec,
    functions: spec.functions.map((each) =>
      each.name === 'count' ? { ...each, insns: each.insns.slice(0, 8) } : each,
    ),
  }
  assert.throws(
    () => loadCollection(broken, { kernel, programs: ['count'] }),
    (error: unknown) =>
      error instanceof VerifierError && error.program === 'count' && error.code === 'EINVAL' && error.log !== '',
  )
})

testOnBoth('closing a collection closes everything it opened', async (kernel) => {
  const spec = specOf('object/globals.o')
  const before = kernel.call('dup', {
    fd: kernel.call('map_create', { mapType: 2, keySize: 4, valueSize: 4, maxEntries: 1 }),
  })
  const collection = await load(spec, { kernel })
  const program = collection.program('prog')
  collection.close()
  assert.throws(
    () => program.testRun({ dataIn: PACKET }),
    (error) => errorCode(error) === 'EBADF',
  )
  const after = kernel.call('dup', { fd: before })
  assert.equal(after, before + 1)
})

test('pinned maps are reused, and an incompatible one is refused with its differences', () => {
  using kernel = embedded()
  const first = loadCollection(specOf('object/btf_maps.o'), { kernel })
  first.program('count').testRun({ dataIn: PACKET })
  first.close()
  {
    using again = loadCollection(specOf('object/btf_maps.o'), { kernel })
    assert.deepEqual([...again.map<Flow, Count>('flows').values()], [{ packets: 1n, bytes: 64n }])
  }
  const other = specOf('object/btf_maps.o')
  const flows = other.maps.find((map) => map.name === 'flows')
  assert.ok(flows !== undefined)
  flows.maxEntries = 7
  assert.throws(
    () => loadCollection(other, { kernel }),
    /couldn't reuse pinned map at '\/sys\/fs\/bpf\/flows'.*max_entries 1024, the object has 7/,
  )
})

test('ring buffer: drained, awaited, aborted', async () => {
  using kernel = embedded()
  const mapFd = kernel.call('map_create', { mapType: 27, keySize: 0, valueSize: 0, maxEntries: 4096 })
  const text = `
    r1 = 0 ll
    r2 = 16
    r3 = 0
    call bpf_ringbuf_reserve
    if r0 == 0 goto out
    r1 = 0x1122334455667788 ll
    *(u64 *)(r0 + 0) = r1
    *(u64 *)(r0 + 8) = r1
    r1 = r0
    r2 = 0
    call bpf_ringbuf_submit
    out:
    r0 = 2
    exit`
  const code = assemble(text)
  code[1] = 0x11
  new DataView(code.buffer, code.byteOffset).setInt32(4, mapFd, true)
  const { fd: progFd } = kernel.call('prog_load', { progType: 6, insns: code, license: 'GPL' })
  using map = BpfMap.fromFd(kernel, mapFd)
  using ring = new RingBuffer(map)
  const run = (times: number) => kernel.call('prog_test_run', { progFd, dataIn: PACKET, repeat: times })
  run(3)
  let seen = 0
  assert.equal(
    ring.drain((record) => {
      seen += record.length
    }),
    3,
  )
  assert.equal(seen, 48)
  const controller = new AbortController()
  const received: Uint8Array[] = []
  const reading = (async () => {
    for await (const record of ring.records({ signal: controller.signal })) {
      received.push(record)
      if (received.length === 5) controller.abort()
    }
  })()
  await new Promise((resolve) => setImmediate(resolve))
  run(2)
  await new Promise((resolve) => setImmediate(resolve))
  run(3)
  await reading
  assert.equal(received.length, 5)
  assert.equal(received[0]?.[0], 0x88)
  // Many rounds: positions wrap around the buffer.
  for (let round = 0; round < 500; round++) {
    run(100)
    assert.equal(
      ring.drain((record) => assert.equal(record[15], 0x11)),
      100,
    )
  }
})
