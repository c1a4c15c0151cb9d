import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Fd } from '#src/kernel/index.js'
import { MAP_TYPE, type MappableRing, ringOfRecord } from '#src/maps/index.js'
import type { Machine, RingBuffer, UserRingBuffer } from '#src/vm/index.js'
import { linuxUnavailable, openLinux } from '../support/kernels.js'
import { Random } from '../support/random.js'
import { make, newMachine } from './support.js'

const PAGE = 4096
const BUSY = 0x8000_0000
const DISCARD = 0x4000_0000

function newRing(machine: Machine, size = PAGE): RingBuffer & MappableRing {
  return make(machine, { type: MAP_TYPE.RINGBUF, keySize: 0, valueSize: 0, maxEntries: size })
}

/** Reads as a consumer does that sees only the mapped region. */
class Consumer {
  readonly #machine: Machine
  readonly #ring: MappableRing

  constructor(machine: Machine, ring: MappableRing) {
    this.#machine = machine
    this.#ring = ring
  }

  /** The records committed so far, without the discarded ones. */
  read(): Uint8Array[] {
    const { memory } = this.#machine
    const { region, regionSize } = this.#ring
    const size = (regionSize - 2 * PAGE) / 2
    const records: Uint8Array[] = []
    for (;;) {
      const consumer = memory.u64(region)
      if (consumer >= memory.u64(region + PAGE)) return records
      const header = region + 2 * PAGE + Number(consumer % BigInt(size))
      const word = memory.u32[header >>> 2] as number
      if (word >= BUSY) return records
      const length = word % DISCARD
      if ((word & DISCARD) === 0) records.push(memory.read(header + 8, length))
      memory.setU64(region, consumer + BigInt(Math.ceil((length + 8) / 8) * 8))
    }
  }
}

test('records come out as they went in, over the end of the buffer, too', () => {
  const sizes = fc.array(fc.tuple(fc.integer({ min: 0, max: 700 }), fc.boolean(), fc.boolean()), { maxLength: 200 })
  fc.assert(
    fc.property(sizes, (steps) => {
      const machine = newMachine()
      const ring = newRing(machine)
      const consumer = new Consumer(machine, ring)
      const sent: Uint8Array[] = []
      const got: Uint8Array[] = []
      for (const [size, discard, consume] of steps) {
        const record = ring.reserve(size)
        if (record !== 0) {
          assert.equal(record % 8, 0)
          assert.equal(ringOfRecord(machine, record), ring.handle)
          const bytes = Uint8Array.from({ length: size }, (_, i) => (i * 31 + size) & 0xff)
          machine.memory.write(record, bytes)
          ring.commit(record, discard, 0)
          if (!discard) sent.push(bytes)
        }
        if (consume || record === 0) got.push(...consumer.read())
      }
      got.push(...consumer.read())
      assert.deepEqual(got, sent)
      assert.equal(ring.available(), 0)
    }),
    { numRuns: 60 },
  )
})

test('an open record holds back what was committed after it, and its room', () => {
  const machine = newMachine()
  const ring = newRing(machine)
  const consumer = new Consumer(machine, ring)
  const first = ring.reserve(100)
  const second = ring.reserve(200)
  ring.commit(second, false, 0)
  assert.deepEqual(consumer.read(), [])
  assert.equal(machine.memory.u32[(first - 8) >>> 2], BUSY + 100)
  ring.commit(first, false, 0)
  assert.deepEqual(
    consumer.read().map((bytes) => bytes.length),
    [100, 200],
  )
  assert.equal(ring.reserve(PAGE - 8), 0, 'one byte always stays free')
  assert.equal(ring.reserve(PAGE), 0)
  assert.notEqual(ring.reserve(PAGE - 16), 0)
  assert.equal(ring.reserve(0), 0, 'full')
})

test('who is woken when', () => {
  const machine = newMachine()
  const ring = newRing(machine)
  const consumer = new Consumer(machine, ring)
  let wakes = 0
  ring.wake = () => {
    wakes++
  }
  const send = (flags: number): number => {
    const before = wakes
    ring.commit(ring.reserve(8), false, flags)
    return wakes - before
  }
  assert.equal(send(0), 1, 'the reader had caught up')
  assert.equal(send(0), 0, 'it has not yet seen the first')
  assert.equal(send(2), 1, 'BPF_RB_FORCE_WAKEUP')
  consumer.read()
  assert.equal(send(1), 0, 'BPF_RB_NO_WAKEUP')
  consumer.read()
  assert.equal(send(0), 1)
})

test('positions that user space made up do no harm', () => {
  const garbage = fc.array(fc.tuple(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.integer({ min: 0, max: 5000 })), {
    maxLength: 20,
  })
  fc.assert(
    fc.property(garbage, fc.uint8Array({ minLength: 64, maxLength: 64 }), (steps, data) => {
      const machine = newMachine()
      const ring = newRing(machine)
      const user = make<UserRingBuffer & MappableRing>(machine, {
        type: MAP_TYPE.USER_RINGBUF,
        keySize: 0,
        valueSize: 0,
        maxEntries: PAGE,
      })
      machine.memory.write(user.region + 2 * PAGE, data)
      for (const [at, size] of steps) {
        machine.memory.setU64(ring.region, at)
        const record = ring.reserve(size)
        if (record !== 0) ring.commit(record, false, 0)
        for (let flag = 0; flag < 6; flag++) ring.query(flag)
        machine.memory.setU64(user.region + PAGE, at)
        const sample = user.peekSample()
        if (sample === 0) assert.ok(user.peekError < 0)
        else {
          assert.ok(sample >= user.region && sample + user.sampleSize <= user.region + user.regionSize)
          user.releaseSample()
        }
      }
    }),
    { numRuns: 100 },
  )
})

test('samples of user space: read, discarded, not ready, wrong', () => {
  const machine = newMachine()
  const ring = make<UserRingBuffer & MappableRing>(machine, {
    type: MAP_TYPE.USER_RINGBUF,
    keySize: 0,
    valueSize: 0,
    maxEntries: PAGE,
  })
  const { memory } = machine
  const data = ring.region + 2 * PAGE
  let producer = 0
  const put = (word: number): void => {
    memory.u32[(data + producer) >>> 2] = word
    producer += Math.ceil(((word % DISCARD) + 8) / 8) * 8
    memory.setU64(ring.region + PAGE, BigInt(producer))
  }
  assert.equal(ring.peekSample(), 0)
  assert.equal(ring.peekError, -61)
  put(12)
  put(DISCARD + 4)
  put(BUSY + 4)
  const sample = ring.peekSample()
  assert.deepEqual([sample, ring.sampleSize], [data + 8, 12])
  ring.releaseSample()
  assert.deepEqual([ring.peekSample(), ring.peekError], [0, -11])
  assert.deepEqual([ring.peekSample(), ring.peekError], [0, -61])
  memory.u32[(data + producer - 16) >>> 2] = 4000
  assert.deepEqual([ring.peekSample(), ring.peekError], [0, -22], 'longer than what was produced')
  memory.setU64(ring.region + PAGE, 3n)
  assert.deepEqual([ring.peekSample(), ring.peekError], [0, -22], 'a position that is no multiple of 8')
})

function insn(code: number, dst: number, src: number, off: number, imm: number): number[] {
  return [code, (src << 4) | dst, off & 0xff, (off >> 8) & 0xff, ...new Uint8Array(new Int32Array([imm]).buffer)]
}

/** A socket filter that calls a ring buffer helper: ringbuf_output of `size` zero bytes, or ringbuf_query. */
function ringProgram(mapFd: Fd, helper: 130 | 134, argument: number): Uint8Array {
  const zeroes = helper === 130 ? Array.from({ length: 64 }, (_, i) => insn(0x7a, 10, 0, -8 * (i + 1), 0)).flat() : []
  const call =
    helper === 130
      ? [
          ...insn(0xbf, 2, 10, 0, 0),
          ...insn(0x07, 2, 0, 0, -512),
          ...insn(0xb7, 3, 0, 0, argument),
          ...insn(0xb7, 4, 0, 0, 0),
        ]
      : insn(0xb7, 2, 0, 0, argument)
  return Uint8Array.from([
    ...zeroes,
    ...insn(0x18, 1, 1, 0, mapFd),
    ...insn(0, 0, 0, 0, 0),
    ...call,
    ...insn(0x85, 0, 0, 0, helper),
    ...insn(0x95, 0, 0, 0, 0),
  ])
}

test('the same records fit as on Linux, and the positions are the same', { skip: linuxUnavailable() }, () => {
  using linux = openLinux()
  const machine = newMachine()
  const ring = newRing(machine, 2 * PAGE)
  const mapFd = linux.call('map_create', { mapType: 27, keySize: 0, valueSize: 0, maxEntries: 2 * PAGE })
  const dataIn = new Uint8Array(64)
  const run = (helper: 130 | 134, argument: number): number => {
    const { fd } = linux.call('prog_load', { progType: 1, insns: ringProgram(mapFd, helper, argument), license: 'GPL' })
    const { retval } = linux.call('prog_test_run', { progFd: fd, dataIn, dataSizeOut: 0 })
    linux.call('close', { fd })
    return retval
  }
  const random = new Random(4)
  let refused = 0
  for (let i = 0; i < 60; i++) {
    const size = random.below(512)
    const record = ring.reserve(size)
    if (record !== 0) ring.commit(record, false, 0)
    else refused++
    assert.equal(run(130, size), record === 0 ? -11 >>> 0 : 0, `record ${i} of ${size} bytes`)
    if (i % 8 === 0) for (let flag = 0; flag < 5; flag++) assert.equal(run(134, flag), Number(ring.query(flag)))
  }
  assert.ok(refused > 5)
})
