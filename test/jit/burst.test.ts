// Packets in a burst, which one call of the compiled program runs, against the same packets one by one.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { embedded } from '#src/embedded/index.js'
import { assemble, seededRandom } from '#src/isa/index.js'
import { bpf_prog_type } from '#src/spec/index.js'
import { Jit, Machine, PacketBurst, PacketClock, rawImage, SeededRandom, XdpPacket } from '#src/vm/index.js'
import { testSeed } from '../support/seed.js'

const XDP = bpf_prog_type.BPF_PROG_TYPE_XDP

/** A result from all that a packet's run can see: its bytes and length, device, time, random numbers. */
const MIX = `
  r6 = r1
  r7 = *(u32 *)(r6 + 0)
  r8 = *(u32 *)(r6 + 4)
  r9 = r8
  r9 -= r7
  r1 = r7
  r1 += 14
  if r1 > r8 goto out
  r2 = *(u32 *)(r7 + 0)
  r9 ^= r2
  *(u32 *)(r7 + 4) = r9
  call bpf_ktime_get_ns
  r9 += r0
  call bpf_get_prandom_u32
  r9 ^= r0
  r1 = *(u32 *)(r6 + 12)
  r9 += r1
out:
  r0 = r9
  exit`

/** Redirects every third packet, by its first byte. */
const REDIRECT = `
  r7 = *(u32 *)(r1 + 0)
  r8 = *(u32 *)(r1 + 4)
  r0 = 2
  r2 = r7
  r2 += 14
  if r2 > r8 goto out
  r3 = *(u8 *)(r7 + 0)
  r3 %= 3
  if r3 != 0 goto out
  r1 = 5
  r2 = 0
  call bpf_redirect
out:
  exit`

function packets(count: number, lengthOf: (random: ReturnType<typeof seededRandom>) => number) {
  const random = seededRandom(testSeed)
  const lengths = Uint32Array.from({ length: count }, () => lengthOf(random))
  const offsets = new Uint32Array(count)
  let end = 0
  lengths.forEach((length, i) => {
    offsets[i] = end
    end += length + random.below(5)
  })
  const bytes = Uint8Array.from({ length: end }, () => random.below(256))
  // Time stamps mostly rise.
  const seconds = Float64Array.from({ length: count }, (_, i) => 1_700_000_000 + Math.floor(i / 10) - random.below(2))
  const nanoseconds = Uint32Array.from({ length: count }, () => random.below(1_000_000_000))
  return { bytes, count, offsets, lengths, seconds, nanoseconds }
}

function open(text: string) {
  const clock = new PacketClock()
  const kernel = embedded({ cpus: 1, clock, random: new SeededRandom(3) })
  const { fd } = kernel.call('prog_load', { progType: XDP, insns: assemble(text), license: 'GPL' })
  return { kernel, clock, runner: kernel.packetRunner(fd, { ifindex: 1 }) }
}

type Columns = ReturnType<typeof packets>

/** Results one by one; -1 for packets too short to run. */
function oneByOne(text: string, { bytes, count, offsets, lengths, seconds, nanoseconds }: Columns): number[] {
  const { clock, runner } = open(text)
  return Array.from({ length: count }, (_, i) => {
    clock.set(seconds[i] as number, nanoseconds[i] as number)
    return runner.run(bytes, offsets[i], lengths[i])
  })
}

/** Results in a burst, and packets behind which it stopped. */
function inBurst(text: string, columns: Columns, stop = 0): { results: number[]; stops: number[] } {
  const { clock, runner } = open(text)
  const { bytes, count, offsets, lengths, seconds, nanoseconds } = columns
  clock.begin(seconds[0] as number, nanoseconds[0] as number)
  assert.equal(runner.loadBurst(columns), true)
  const results: number[] = []
  const stops: number[] = []
  for (let i = 0; i < count; ) {
    const end = runner.runBurst(i, count, stop)
    results.push(...runner.burstResults().subarray(i, end))
    if (end < count && end > i) stops.push(end - 1)
    if (end === i) {
      clock.set(seconds[i] as number, nanoseconds[i] as number)
      results.push(runner.run(bytes, offsets[i], lengths[i]))
    }
    i = Math.max(end, i + 1)
  }
  return { results, stops }
}

test('a burst gives what the packets give one by one: bytes, time, random numbers, device', () => {
  const columns = packets(3000, (random) => (random.below(20) === 0 ? random.below(9000) : random.below(300)))
  assert.deepEqual(inBurst(MIX, columns).results, oneByOne(MIX, columns))
})

test('a burst stops behind a redirect, and behind results that are asked for', () => {
  const columns = packets(300, (random) => 14 + random.below(100))
  const { results, stops } = inBurst(REDIRECT, columns)
  assert.deepEqual(results, oneByOne(REDIRECT, columns))
  const redirected = results.flatMap((result, i) => (result === 4 && i < 299 ? [i] : []))
  assert.ok(redirected.length > 50)
  assert.deepEqual(stops, redirected)
  assert.equal(inBurst(REDIRECT, columns, 1 << 2).stops.length, 299)
})

test('a redirect that the program does not go through with is none of the next packet', () => {
  const text = 'r6 = r1\nr1 = 5\nr2 = 0\ncall bpf_redirect\nr0 = 2\nexit'
  const columns = packets(3, () => 60)
  const { runner } = open(text)
  runner.loadBurst(columns)
  assert.equal(runner.runBurst(0, 3), 1)
  assert.equal(runner.redirect.kind, 'ifindex')
})

test('a fault in a burst names the instruction, and leaves the machine as it was', () => {
  // No kernel would load this: it goes through NULL where a packet begins with 9.
  const insns = assemble(
    'r2 = 0\nr3 = *(u32 *)(r1 + 0)\nr3 = *(u8 *)(r3 + 0)\nr0 = 2\nif r3 != 9 goto out\nr0 = *(u64 *)(r2 + 8)\nout: exit',
  )
  const machine = new Machine({ cpus: 1 })
  machine.budget = 1000
  const { runner } = machine.install({ ...rawImage(machine, insns), type: XDP }, new Jit(machine))
  const columns = packets(5, () => 60)
  for (let i = 0; i < 5; i++) columns.bytes[columns.offsets[i] as number] = i === 3 ? 9 : 1
  const packet = new XdpPacket(machine.memory, machine.network)
  const burst = new PacketBurst(machine.memory)
  burst.load(columns)
  const { data, limit } = packet.beginBurst()
  burst.set('context', packet.ctx)
  burst.set('data', data)
  burst.set('limit', limit)
  assert.throws(() => runner.burst?.(burst.plan, 0, 5), { name: 'MemoryFault', pc: 5 })
  assert.deepEqual([...burst.results().subarray(0, 3)], [2, 2, 2])
  assert.equal(machine.image, undefined)
  assert.equal(runner.burst?.(burst.plan, 0, 3), 3)
  burst.free()
  packet.free()
})
