// Perf buffers, stacks, storages and maps of objects: what system calls alone do not show.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type CgroupStorage,
  type HandleMap,
  MAP_TYPE,
  type OwnedStorage,
  PerfBuffer,
  type PerfEvents,
  programFits,
  type StackTraces,
} from '#src/maps/index.js'
import type { Machine, ProgramImage } from '#src/vm/index.js'
import { make, newMachine, place, u32 } from './support.js'

interface PerfRecord {
  readonly type: number
  readonly bytes: Uint8Array
}

/** Reads records as a user of perf_event_open's mapping does. */
function readPerf(machine: Machine, buffer: PerfBuffer): PerfRecord[] {
  const { memory } = machine
  const head = Number(memory.u64(buffer.region + 1024))
  let tail = Number(memory.u64(buffer.region + 1032))
  const data = buffer.region + Number(memory.u64(buffer.region + 1040))
  const size = Number(memory.u64(buffer.region + 1048))
  const records: PerfRecord[] = []
  while (tail < head) {
    const byte = (i: number): number => memory.u8[data + ((tail + i) % size)] as number
    const length = byte(6) | (byte(7) << 8)
    records.push({ type: byte(0), bytes: Uint8Array.from({ length: length - 8 }, (_, i) => byte(8 + i)) })
    tail += length
  }
  memory.setU64(buffer.region + 1032, BigInt(tail))
  return records
}

test('perf samples: raw size, padding, wrapping, losses told with the next sample', () => {
  const machine = newMachine()
  const map = make<PerfEvents>(machine, { type: MAP_TYPE.PERF_EVENT_ARRAY, keySize: 4, valueSize: 4, maxEntries: 2 })
  const buffer = new PerfBuffer(machine, { cpu: 0, pages: 1, id: 42n })
  let wakes = 0
  buffer.wake = () => {
    wakes++
  }
  assert.equal(map.output(0, 0, u32(1)), -2)
  assert.equal(map.output(2, 0, u32(1)), -7)
  assert.equal(map.setEvent(place(machine, u32(0)), buffer, 0), 0)
  assert.equal(map.output(0, 1, u32(1)), -95)
  assert.equal(map.output(0, 0, u32(7)), 0)
  assert.equal(map.output(0, 0, Uint8Array.of(1, 2, 3, 4, 5)), 0)
  assert.deepEqual(readPerf(machine, buffer), [
    { type: 9, bytes: Uint8Array.from([...u32(4), ...u32(7)]) },
    { type: 9, bytes: Uint8Array.from([...u32(12), 1, 2, 3, 4, 5, 0, 0, 0, 0, 0, 0, 0]) },
  ])
  assert.equal(wakes, 2)
  let sent = 0
  while (map.output(0, 0, new Uint8Array(100).fill(sent)) === 0) sent++
  assert.equal(map.output(0, 0, new Uint8Array(100)), -28)
  assert.equal(buffer.lost, 2n)
  assert.equal(readPerf(machine, buffer).length, sent)
  map.output(0, 0, u32(9))
  const [lost, sample] = readPerf(machine, buffer)
  assert.equal(lost?.type, 2)
  assert.deepEqual([...new BigUint64Array(lost?.bytes.buffer as ArrayBuffer)], [42n, 2n])
  assert.deepEqual(sample?.bytes, Uint8Array.from([...u32(4), ...u32(9)]))
  assert.equal(map.delete(place(machine, u32(0))), 0)
  assert.equal(map.output(0, 0, u32(1)), -2)
})

test('stacks: the same one has the same id, another in its bucket is refused or replaces it', () => {
  const machine = newMachine()
  const map = make<StackTraces>(machine, { type: MAP_TYPE.STACK_TRACE, keySize: 4, valueSize: 64, maxEntries: 1 })
  const value = machine.memory.alloc(64)
  const key = place(machine, u32(0))
  assert.equal(map.storeStack([1n, 2n, 0xffff_ffff_8100_0000n], 0), 0)
  assert.equal(map.storeStack([1n, 2n, 0xffff_ffff_8100_0000n], 0), 0)
  assert.equal(map.storeStack([1n, 3n], 0), -17)
  assert.equal(map.copyStack(key, value, false), 0)
  assert.deepEqual(
    [...new BigUint64Array(machine.memory.read(value, 64).buffer)],
    [1n, 2n, 0xffff_ffff_8100_0000n, 0n, 0n, 0n, 0n, 0n],
  )
  assert.equal(map.storeStack([1n, 3n], 1 << 10), 0, 'BPF_F_REUSE_STACKID')
  assert.equal(map.copyStack(key, value, true), 0)
  assert.equal(machine.memory.u64(value + 8), 3n)
  assert.equal(map.copyStack(key, value, false), -2)
  assert.equal(map.nextKey(0, value), -2)
  const deep = Array.from({ length: 20 }, (_, i) => BigInt(i + 1))
  assert.equal(map.storeStack(deep, 0), 0)
  map.copyStack(key, value, false)
  assert.equal(machine.memory.u64(value + 56), 8n, 'cut to what the value holds')
})

test('storages of objects', () => {
  const machine = newMachine()
  const attr = { type: MAP_TYPE.TASK_STORAGE, keySize: 4, valueSize: 8, maxEntries: 0, flags: 1 }
  const map = make<OwnedStorage>(machine, { ...attr, btfKeyTypeId: 1, btfValueTypeId: 2 })
  const value = place(machine, u32(5, 6))
  assert.equal(map.storageOf(1n), 0)
  assert.equal(map.updateStorage(1n, value, 2), -2)
  const made = map.createStorage(1n, 0)
  assert.equal(machine.memory.u64(made), 0n)
  assert.equal(map.storageOf(1n), made)
  assert.equal(map.updateStorage(1n, value, 1), -17)
  assert.equal(map.updateStorage(1n, value, 0), 0)
  assert.equal(machine.memory.u32[map.storageOf(1n) >>> 2], 5)
  for (let owner = 2n; owner < 3000n; owner++) assert.notEqual(map.createStorage(owner, value), 0)
  assert.equal(map.deleteStorage(2000n), 0)
  assert.equal(map.deleteStorage(2000n), -2)
  assert.equal(map.storageOf(2000n), 0)
  assert.notEqual(map.storageOf(2001n), 0)
})

test('storage of cgroups: where a program is attached, and of its own in a test run', () => {
  const machine = newMachine()
  const map = make<CgroupStorage>(machine, { type: MAP_TYPE.CGROUP_STORAGE, keySize: 16, valueSize: 8, maxEntries: 0 })
  assert.equal(map.attach(77n, 1), 0)
  map.enter(77n, 1)
  machine.memory.setU64(map.currentStorage(), 123n)
  const key = place(machine, new Uint8Array(new BigUint64Array([77n, 1n]).buffer))
  assert.equal(machine.memory.u64(map.lookup(key)), 123n)
  map.enter(undefined, 0)
  assert.equal(machine.memory.u64(map.currentStorage()), 0n)
  machine.memory.setU64(map.currentStorage(), 9n)
  map.enter(undefined, 0)
  assert.equal(machine.memory.u64(map.currentStorage()), 0n)
  map.enter(77n, 1)
  assert.equal(machine.memory.u64(map.currentStorage()), 123n)
  map.detach(77n, 1)
  assert.equal(map.lookup(key), 0)
})

test('elements let go of what they held when they are replaced, deleted, cleared or freed', () => {
  for (const type of [MAP_TYPE.PROG_ARRAY, MAP_TYPE.XSKMAP, MAP_TYPE.SOCKHASH, MAP_TYPE.SOCKMAP]) {
    const machine = newMachine()
    const released: number[] = []
    const release = (handle: number): void => void released.push(handle)
    const map = make<HandleMap>(machine, { type, keySize: 4, valueSize: 4, maxEntries: 4, release })
    const key = (n: number): number => place(machine, u32(n))
    assert.equal(map.setHandle(key(0), 100, 0), 0)
    assert.equal(map.setHandle(key(1), 101, 0), 0)
    assert.equal(map.setHandle(key(2), 102, 0), 0)
    assert.equal(map.setHandle(key(1), 111, 0), 0)
    assert.equal(map.delete(key(2)), 0)
    assert.deepEqual(released, [101, 102])
    assert.equal(map.handleOf(key(1)), 111)
    map.clear()
    assert.deepEqual(released.sort(), [100, 101, 102, 111])
    map.setHandle(key(3), 103, 0)
    map.free()
    assert.deepEqual(released.at(-1), 103)
  }
})

test('the first program of an array decides what the others must be', () => {
  const machine = newMachine()
  const map = make(machine, { type: MAP_TYPE.PROG_ARRAY, keySize: 4, valueSize: 4, maxEntries: 4 })
  const image = (type: number, hasFrags: boolean, expectedAttachType: number): ProgramImage => ({
    name: '',
    type,
    expectedAttachType,
    insns: new Uint8Array(8),
    refs: new Map(),
    handle: 0,
    hasFrags,
    sleepable: false,
  })
  assert.ok(programFits(map, image(6, false, 0)))
  assert.ok(programFits(map, image(6, false, 0)))
  assert.ok(!programFits(map, image(6, true, 0)))
  assert.ok(!programFits(map, image(3, false, 0)))
  assert.ok(!programFits(map, image(6, false, 37)))
})
