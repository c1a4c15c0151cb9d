import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type EmbeddedKernel, embedded } from '#src/embedded/index.js'
import { errorCode, type Kernel } from '#src/kernel/index.js'
import { type Collection, load } from '#src/sdk/index.js'
import { staticNetwork } from '#src/vm/index.js'
import { linuxUnavailable, openLinux } from '../support/kernels.js'
import { fixture } from './support/pair.js'

const skip = linuxUnavailable()

/** The same object in both kernels. */
async function both(
  path: string,
  network = staticNetwork(),
): Promise<readonly [EmbeddedKernel, Collection, Kernel, Collection]> {
  const ours = embedded({ network })
  const theirs = openLinux()
  return [ours, await load(fixture(path), { kernel: ours }), theirs, await load(fixture(path), { kernel: theirs })]
}

function u32(...words: number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(words).buffer)
}

/** What an update leads to: nothing or the errno. */
function attempt(run: () => void): string | undefined {
  try {
    run()
    return undefined
  } catch (error) {
    return errorCode(error)
  }
}

function packet(kind: number, key: bigint, flags: bigint): Uint8Array {
  const bytes = new Uint8Array(120)
  const view = new DataView(bytes.buffer)
  view.setUint32(64, kind, true)
  view.setBigUint64(72, key, true)
  view.setBigUint64(80, flags, true)
  return bytes
}

const ENTRIES = [
  ['devices', u32(2), u32(1, 0)],
  ['devices', u32(3), u32(9999, 0)],
  ['devices', u32(9), u32(1, 0)],
  ['device_hash', u32(77), u32(1, 0)],
  ['device_hash', u32(0xffff_fff0), u32(1, 0)],
  ['device_hash', u32(78), u32(0, 0)],
  ['cpus', u32(0), u32(192, 0)],
  ['cpus', u32(1), u32(100_000, 0)],
] as const

test('redirect_map: which targets exist, flags, and the verdict when there is none', { skip }, async () => {
  const [ours, mine, theirs, linux] = await both('helpers/redirect.o')
  for (const [map, key, value] of ENTRIES) {
    const run = (collection: Collection) => attempt(() => collection.map(map).setBytes(key, value))
    assert.equal(run(mine), run(linux), `${map} ${key} ${value}`)
  }
  for (let kind = 0; kind < 5; kind++) {
    for (const key of [0n, 1n, 2n, 3n, 4n, 8n, 77n, 78n, 0xffff_fff0n, 0x1_0000_0002n, 0xffff_ffffn]) {
      for (const flags of [0n, 1n, 2n, 3n, 4n, 8n, 9n, 16n, 24n, 32n, 1n << 32n]) {
        const dataIn = packet(kind, key, flags)
        const name = `kind ${kind} key ${key} flags ${flags}`
        assert.equal(
          mine.program('redirect').testRun({ dataIn }).retval,
          linux.program('redirect').testRun({ dataIn }).retval,
          name,
        )
      }
    }
  }
  const dataIn = packet(0, 0n, 0n)
  assert.equal(mine.program('entries').testRun({ dataIn }).retval, linux.program('entries').testRun({ dataIn }).retval)
  ours[Symbol.dispose]()
  theirs[Symbol.dispose]()
})

test('a packet runner tells where packets were redirected', async () => {
  const kernel = embedded({ network: staticNetwork({ anyDevice: true }) })
  const collection = await load(fixture('helpers/redirect.o'), { kernel })
  collection.map('devices').setBytes(u32(2), u32(42, 0))
  collection.map('cpus').setBytes(u32(1), u32(192, 0))
  using runner = kernel.packetRunner(collection.program('redirect').fd)
  assert.equal(runner.run(packet(0, 2n, 0n)), 4)
  const { kind, ifindex, key, map } = runner.redirect
  assert.deepEqual([kind, ifindex, key, map?.name], ['map', 42, 2, 'devices'])
  assert.equal(runner.run(packet(0, 3n, 2n)), 2)
  assert.equal(runner.redirect.kind, 'none')
  assert.equal(runner.run(packet(2, 1n, 0n)), 4)
  assert.deepEqual([runner.redirect.map?.name, runner.redirect.key], ['cpus', 1])
  assert.equal(runner.run(packet(0, 2n, 8n)), 4)
  assert.equal(runner.redirect.flags, 8)
  assert.equal(runner.run(packet(4, 7n, 0n)), 4)
  assert.deepEqual([runner.redirect.kind, runner.redirect.ifindex], ['ifindex', 7])
  assert.equal(runner.run(new Uint8Array(10)), -1)
  kernel[Symbol.dispose]()
})

test('socket storage lives as long as the socket of a test run', { skip }, async () => {
  const [ours, mine, theirs, linux] = await both('helpers/sk_storage.o')
  const dataIn = new Uint8Array(100)
  for (const repeat of [1, 1, 3, 7]) {
    assert.equal(
      mine.program('count').testRun({ dataIn, repeat }).retval,
      linux.program('count').testRun({ dataIn, repeat }).retval,
      `repeat ${repeat}`,
    )
  }
  for (const name of ['forget', 'under_cgroup']) {
    const run = (collection: Collection) => collection.program(name).testRun({ dataIn, repeat: 2 }).retval
    assert.equal(run(mine), run(linux), name)
  }
  using runner = ours.packetRunner(mine.program('count').fd)
  const verdicts = [runner.run(dataIn), runner.run(dataIn), runner.run(dataIn)]
  const once = linux.program('count').testRun({ dataIn }).retval
  assert.deepEqual(verdicts, [once, once, once])
  ours[Symbol.dispose]()
  theirs[Symbol.dispose]()
})
