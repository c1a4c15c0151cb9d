import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Kernel } from '#src/kernel/index.js'
import {
  type BpfProgram,
  type Collection,
  load,
  MappedArray,
  PerfBuffer,
  Printk,
  RingBuffer,
  recordDecoder,
  UserRingBuffer,
} from '#src/sdk/index.js'
import { fixture } from '../support/paths.js'

const OBJECT = fixture('events/events.o')

function packet(first: number): Uint8Array {
  const bytes = new Uint8Array(64)
  // Socket filters see the packet behind its Ethernet header.
  new DataView(bytes.buffer).setUint32(14, first, true)
  return bytes
}

function run(program: BpfProgram, first = 0): number {
  return program.testRun({ dataIn: packet(first) }).retval
}

function u32(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true)
}

async function withEvents(
  open: () => Kernel,
  programs: readonly string[],
  body: (collection: Collection, kernel: Kernel) => Promise<void> | void,
): Promise<void> {
  using kernel = open()
  using collection = await load(OBJECT, { kernel, programs })
  await body(collection, kernel)
}

/** Events through the contract, the same on every kernel. */
export function eventsSuite(name: string, open: () => Kernel, skip: string | false): void {
  const on = (what: string, body: () => Promise<void>): void => {
    test(`${name}: ${what}`, { skip }, body)
  }

  on('ring buffer: records come in order, of all sizes, over the end of the ring', () =>
    withEvents(open, ['ring_output'], (collection) => {
      using ring = new RingBuffer(collection.map('ring'))
      const program = collection.program('ring_output')
      assert.equal(
        ring.drain(() => assert.fail('nothing was written')),
        0,
      )
      let expected = 0
      for (let round = 0; round < 40; round++) {
        const sizes = Array.from({ length: 20 }, (_, i) => 4 + ((round * 97 + i * 131) % 1021))
        for (const size of sizes) assert.equal(run(program, size), 0)
        const seen: number[] = []
        ring.drain((record) => {
          assert.equal(u32(record), expected++)
          seen.push(record.length)
        })
        assert.deepEqual(seen, sizes)
        assert.equal(ring.pending, 0)
      }
    }),
  )

  on('ring buffer: an async iterable that waits, and ends with its signal', () =>
    withEvents(open, ['ring_output'], async (collection) => {
      using ring = new RingBuffer(collection.map('ring'))
      const program = collection.program('ring_output')
      const abort = new AbortController()
      const seen: number[] = []
      run(program, 8)
      const timer = setInterval(() => run(program, 8), 1)
      for await (const record of ring.records({ signal: abort.signal })) {
        seen.push(u32(record))
        if (seen.length === 20) abort.abort()
      }
      clearInterval(timer)
      assert.deepEqual(
        seen,
        Array.from({ length: 20 }, (_, i) => i),
      )
    }),
  )

  on('ring buffer: typed records, discarded ones counted, losses told by the program', () =>
    withEvents(open, ['ring_typed', 'ring_burst'], async (collection) => {
      interface Event {
        sequence: number
        size: number
        stamp: bigint
        name: string
      }
      const lostBy = (): number => collection.map<number, { lost: number }>('events.bss').get(0)?.lost ?? 0
      using ring = new RingBuffer<Event>(collection.map('ring'), {
        decode: recordDecoder<Event>(collection.spec, 'event'),
        countLost: lostBy,
      })
      const program = collection.program('ring_typed')
      for (let i = 0; i < 9; i++) run(program)
      const events = ring.read()
      assert.deepEqual(
        events.map(({ sequence }) => sequence),
        [0, 1, 3, 4, 6, 7],
      )
      assert.equal(events[0]?.stamp, 0x1122334455667788n)
      assert.equal(events[0]?.size, 50)
      assert.equal(ring.discarded, 3)
      // 4096 records of 16 bytes: one never fits, a ring keeps a byte free.
      assert.ok(ring.lost <= 9)
      run(collection.program('ring_burst'), 4096)
      run(collection.program('ring_burst'), 1000)
      assert.equal(ring.pending, 65_520)
      assert.ok(ring.lost >= 1001)
      assert.equal(
        ring.drain(() => {}),
        4095,
      )
    }),
  )

  on('ring buffer: batches, back-pressure, several readers of one stream, limits', () =>
    withEvents(open, ['ring_burst'], async (collection) => {
      using ring = new RingBuffer(collection.map('ring'))
      const program = collection.program('ring_burst')
      run(program, 3000)
      // Nobody asks: everything stays in the ring.
      const stream = ring.batches()
      assert.equal(ring.pending, 48_000)
      const first = await stream.next()
      assert.ok(first.done !== true && first.value.length > 0 && first.value.length < 3000)
      assert.equal(ring.pending, 48_000 - 16 * first.value.length)
      assert.equal(ring.read(10).length, 10)
      assert.equal(
        ring.drain(() => {}, 10),
        10,
      )
      ring.drain(() => {})
      await stream.return()
      assert.deepEqual(await stream.next(), { value: undefined, done: true })
      // Concurrent next() calls are answered in order.
      const records = ring.records()
      const waiting = [records.next(), records.next(), records.next()]
      setTimeout(() => run(program, 3), 5)
      const values = (await Promise.all(waiting)).map((result) => (result.done === true ? -1 : u32(result.value)))
      assert.deepEqual(values, [3000, 3001, 3002])
      await records.return()
    }),
  )

  on('ring buffer: spans are the records, portion by portion', () =>
    withEvents(open, ['ring_burst'], async (collection) => {
      using ring = new RingBuffer(collection.map('ring'))
      run(collection.program('ring_burst'), 3000)
      const seen: number[] = []
      for await (const { bytes, starts, ends, count } of ring.spans()) {
        for (let i = 0; i < count; i++) seen.push(u32(bytes.subarray(starts[i], ends[i])))
        if (seen.length === 3000) break
      }
      assert.deepEqual(
        seen,
        Array.from({ length: 3000 }, (_, i) => i),
      )
      assert.equal(ring.pending, 0)
      const aborted = new AbortController()
      aborted.abort()
      for await (const _ of ring.spans({ signal: aborted.signal })) assert.fail('it was aborted')
      const ends = ring.spans()
      const next = ends.next()
      ring.close()
      assert.deepEqual(await next, { value: undefined, done: true })
    }),
  )

  on('a perf event in a map lives as long as somebody can read it', () =>
    withEvents(open, ['perf_output'], (collection, kernel) => {
      const program = collection.program('perf_output')
      const { fd: mapFd } = collection.map('perf')
      const output = () => run(program)
      assert.notEqual(output(), 0)
      const buffers: Uint8Array[] = []
      for (let cpu = 0; cpu < kernel.possibleCpus; cpu++) {
        const request = { type: 1, config: 10n, sampleType: 1n << 10n, samplePeriod: 1n, wakeupEvents: 1, pid: -1, cpu }
        const fd = kernel.call('perf_event_open', request)
        buffers.push(kernel.mmap(fd, 0, 8192, true))
        kernel.call('map_update_elem', { mapFd, key: Uint8Array.of(cpu, 0, 0, 0), value: Uint8Array.of(fd, 0, 0, 0) })
        // The map and the mapping hold it.
        kernel.call('close', { fd })
      }
      const written = () =>
        buffers.reduce((sum, { buffer, byteOffset }) => sum + new DataView(buffer, byteOffset).getUint32(1024, true), 0)
      assert.equal(output(), 0)
      const first = written()
      assert.ok(first > 0)
      assert.equal(output(), 0)
      assert.equal(written(), 2 * first)
      assert.throws(() => kernel.call('map_lookup_elem', { mapFd, key: new Uint8Array(4) }), { code: 'ENOTSUPP' })
      for (const bytes of buffers) kernel.munmap(bytes)
      assert.notEqual(output(), 0)
    }),
  )

  on('ring buffer: what a handler throws, closes or asks does no harm', () =>
    withEvents(open, ['ring_burst'], async (collection) => {
      const ring = new RingBuffer(collection.map('ring'))
      const program = collection.program('ring_burst')
      run(program, 5)
      assert.throws(
        () =>
          ring.drain((record) => {
            if (u32(record) === 2) throw new Error('mine')
          }),
        /mine/,
      )
      assert.deepEqual(ring.read().map(u32), [3, 4])
      run(program, 2)
      assert.throws(() => ring.drain(() => ring.read()), /being drained/)
      run(program, 3)
      let seen = 0
      ring.drain((record) => {
        record.fill(0xff)
        seen++
        if (seen === 2) ring.close()
      })
      assert.equal(ring.closed, true)
      ring.close()
      assert.throws(() => ring.read(), /was closed/)
      assert.deepEqual(await ring.records().next(), { value: undefined, done: true })
      await assert.rejects(async () => {
        for await (const _ of new RingBuffer(collection.map('ring'))) throw new Error('in the loop')
      }, /in the loop/)
      assert.throws(() => new RingBuffer(collection.map('perf')), /not a ring buffer/)
    }),
  )

  on('ring buffer: closing it, the map or the session ends who waits', async () => {
    const endings: ((ring: RingBuffer, collection: Collection, kernel: Kernel) => void)[] = [
      (ring) => ring.close(),
      (_, __, kernel) => kernel[Symbol.dispose](),
    ]
    for (const end of endings) {
      using kernel = open()
      using collection = await load(OBJECT, { kernel, programs: ['ring_burst'] })
      using ring = new RingBuffer(collection.map('ring'))
      // The ring has a descriptor of its own: the map may go first.
      collection.map('ring').close()
      run(collection.program('ring_burst'), 1)
      const stream = ring.records()
      assert.equal((await stream.next()).done, false)
      const last = stream.next()
      setTimeout(() => end(ring, collection, kernel), 5)
      assert.equal((await last).done, true)
      assert.equal(ring.closed, true)
    }
  })

  on('perf buffer: samples with their CPU, losses counted', () =>
    withEvents(open, ['perf_output'], async (collection) => {
      using perf = new PerfBuffer(collection.map('perf'), { pages: 1 })
      assert.ok(perf.cpus.length > 0)
      const program = collection.program('perf_output')
      for (let i = 0; i < 5; i++) assert.equal(run(program), 0)
      const samples = perf.read()
      assert.deepEqual(
        samples.map(({ data }) => u32(data)).sort((a, b) => a - b),
        [0, 1, 2, 3, 4],
      )
      assert.ok(samples.every(({ cpu, data }) => perf.cpus.includes(cpu) && data.length >= 32 && data.length < 40))
      let refused = 0
      for (let i = 0; i < 400; i++) refused += run(program)
      assert.ok(refused > 100)
      let seen = perf.read().length
      // The loss is told with the next sample of that CPU, on which this thread may be again much later.
      for (const end = performance.now() + 3000; perf.lost < refused && performance.now() < end; ) {
        refused += run(program)
        seen += perf.read().length
        await new Promise((resolve) => setTimeout(resolve, 1))
      }
      assert.ok(perf.lost > 100 && perf.lost <= refused)
      if (perf.cpus.length === 1) assert.equal(perf.lost, refused)
      assert.ok(seen > 50)
    }),
  )

  on('perf buffer: an async iterable over many laps, closed from within', () =>
    withEvents(open, ['perf_output'], async (collection) => {
      const perf = new PerfBuffer(collection.map('perf'), {
        pages: 1,
        decode: recordDecoder<{ sequence: number; name: string }>(collection.spec, 'event'),
      })
      const program = collection.program('perf_output')
      const timer = setInterval(() => {
        for (let i = 0; i < 20; i++) run(program)
      }, 1)
      let seen = 0
      for await (const { data } of perf) {
        assert.equal(typeof data.sequence, 'number')
        if (++seen === 500) perf.close()
      }
      clearInterval(timer)
      assert.equal(seen, 500)
      perf.close()
      assert.equal(run(program), 1)
    }),
  )

  on('user ring buffer: samples reach the program; waiting for room', () =>
    withEvents(open, ['user_drain'], async (collection) => {
      using ring = new UserRingBuffer(collection.map('user'))
      const program = collection.program('user_drain')
      const sample = new Uint8Array(100)
      const view = new DataView(sample.buffer)
      let total = 0
      for (let round = 0; round < 20; round++) {
        for (let i = 0; i < 30; i++) {
          view.setBigUint64(0, BigInt(round * i), true)
          total += round * i
          assert.equal(ring.write(sample.subarray(0, 8 + i)), true)
        }
        assert.equal(run(program), 30)
        assert.equal(ring.pending, 0)
      }
      let written = 0
      while (ring.write(sample)) written++
      assert.equal(written, Math.floor(4096 / 112))
      assert.throws(() => ring.write(new Uint8Array(4096)), /does not fit/)
      setTimeout(() => run(program), 5)
      assert.equal(await ring.send(sample), true)
      const abort = new AbortController()
      while (ring.write(sample)) {}
      setTimeout(() => abort.abort(), 5)
      assert.equal(await ring.send(sample, { signal: abort.signal }), false)
      assert.ok(total > 0)
    }),
  )

  on('printk: lines with task and CPU', () =>
    withEvents(open, ['print'], async (collection, kernel) => {
      using pipe = new Printk(kernel, { turnOn: true })
      pipe.read()
      const program = collection.program('print')
      const ours = (text: string): boolean => text.startsWith('skep says')
      run(program)
      run(program)
      const abort = new AbortController()
      const timer = setTimeout(() => run(program), 30)
      const texts: string[] = []
      for await (const line of pipe.lines({ signal: abort.signal })) {
        if (!ours(line.text)) continue
        texts.push(line.text)
        assert.ok(line.cpu >= 0 && line.pid >= 0 && line.time > 0 && line.task.length > 0)
        if (texts.length === 3) abort.abort()
      }
      clearTimeout(timer)
      assert.deepEqual(texts, ['skep says 0 of 50', 'skep says 1 of 50', 'skep says 2 of 50'])
    }),
  )

  on('arrays as memory: both sides see each write; rights', () =>
    withEvents(open, ['count'], (collection, kernel) => {
      const map = collection.map<number, bigint>('counters')
      using memory = map.mmap()
      memory.set(3, 100n)
      run(collection.program('count'))
      assert.equal(memory.get(3), 150n)
      assert.equal(map.get(3), 150n)
      assert.equal(memory.addU64(24, 5n), 150n)
      assert.equal(memory.readU64(24), 155n)
      assert.deepEqual([...memory].slice(2, 5), [0n, 155n, 0n])
      memory.writeBytes(0, Uint8Array.of(1, 2, 3))
      assert.deepEqual(memory.readBytes(0, 4), Uint8Array.of(1, 2, 3, 0))
      assert.throws(() => memory.get(16), /outside/)
      assert.throws(() => memory.writeBytes(127, Uint8Array.of(1, 2)), /outside/)
      // A writable mapping keeps the map from being frozen; afterwards there are only reading ones.
      assert.throws(() => map.freeze(), /EBUSY/)
      memory.close()
      memory.close()
      assert.throws(() => memory.get(0), /was closed/)
      map.freeze()
      assert.throws(() => map.mmap(), /EPERM/)
      using reading = map.mmap({ writable: false })
      assert.equal(reading.get(3), 155n)
      assert.throws(() => reading.set(3, 1n), /for reading/)
      run(collection.program('count'))
      assert.equal(reading.get(3), 205n)
      assert.throws(() => new MappedArray(collection.map('perf'), undefined as never), /not an array/)
      const fd = kernel.call('map_create', { mapType: 2, keySize: 4, valueSize: 8, maxEntries: 4 })
      assert.throws(() => kernel.mmap(fd, 0, 4096, true), /EINVAL/)
      const hash = kernel.call('map_create', { mapType: 1, keySize: 4, valueSize: 8, maxEntries: 4 })
      assert.throws(() => kernel.mmap(hash, 0, 4096, true), /ENOTSUPP/)
      assert.throws(() => kernel.mmap(map.fd, 1, 4096, false), /EINVAL/)
      assert.throws(() => kernel.mmap(map.fd, 0, 8192, false), /EINVAL/)
      assert.throws(() => kernel.mmap(map.fd, 0, 0, false), /EINVAL/)
    }),
  )

  on('what cannot be waited for says so', () =>
    withEvents(open, ['count'], (collection, kernel) => {
      assert.throws(() => kernel.watch(collection.map('counters').fd, () => {}), /EPERM/)
      assert.throws(() => kernel.watch(999 as never, () => {}), /EBADF/)
      const fd = kernel.call('dup', { fd: collection.map('ring').fd })
      const watch = kernel.watch(fd, () => {})
      watch[Symbol.dispose]()
      watch[Symbol.dispose]()
      watch.ref()
      watch.unref()
      kernel.call('close', { fd })
      assert.throws(() => kernel.watch(fd, () => {}), /EBADF/)
    }),
  )
}
