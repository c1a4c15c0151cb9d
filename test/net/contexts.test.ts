import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { testRun } from '#src/embedded/test-run/index.js'
import type { Fd } from '#src/kernel/index.js'
import { structs } from '#src/spec/index.js'
import { linuxUnavailable } from '../support/kernels.js'
import { randomFrame } from './support/frames.js'
import { fixture, loadEmbedded, loadPair, outcome, type Run } from './support/pair.js'
import { random } from './support/random.js'

const skip = linuxUnavailable()
const OBJECT = 'helpers/contexts.o'

function words(...values: bigint[]): Uint8Array {
  return new Uint8Array(BigUint64Array.from(values).buffer)
}

function same(program: string, requests: readonly Run[]): void {
  using pair = loadPair(OBJECT, program)
  for (const [index, request] of requests.entries()) {
    assert.deepEqual(pair.embedded(request), pair.linux(request), `${program} request ${index}: ${inspect(request)}`)
  }
}

test('raw tracepoints by test run', { skip }, () => {
  const ctxIn = words(5n, 0x3_0000_0007n)
  same('raw_sum', [
    { ctxIn, ctxSizeOut: 0 },
    { ctxIn },
    { ctxIn: ctxIn.subarray(0, 8), ctxSizeOut: 0 },
    { ctxIn: new Uint8Array(96), ctxSizeOut: 0 },
    { ctxIn: new Uint8Array(97), ctxSizeOut: 0 },
    { ctxIn: new Uint8Array(0), ctxSizeOut: 0 },
    {},
    { ctxIn, ctxSizeOut: 0, repeat: 1 },
    { ctxIn, ctxSizeOut: 0, batchSize: 1 },
    { ctxIn, ctxSizeOut: 0, cpu: 1 },
    { ctxIn, ctxSizeOut: 0, dataIn: new Uint8Array(20) },
    { ctxIn, ctxSizeOut: 0, dataSizeOut: 20 },
  ])
  same('raw_cpu', [
    { flags: 1, cpu: 0 },
    { flags: 1, cpu: 1 },
    { flags: 1, cpu: 4096 },
  ])
})

test('SYSCALL programs', { skip }, () => {
  const ctxIn = words(0x7_0000_0006n, 0n)
  same('call', [
    { ctxIn },
    { ctxIn, ctxSizeOut: 0 },
    { ctxIn, ctxSizeOut: 16 },
    { ctxIn: ctxIn.subarray(0, 8), ctxSizeOut: 0 },
    { ctxIn, ctxSizeOut: 0, flags: 1 },
    { ctxIn, ctxSizeOut: 0, repeat: 2 },
    {},
  ])
  using pair = loadPair(OBJECT, 'call')
  const { ctxOut } = testRun(pair.machine, pair.program, { ctxIn, progFd: 0 as Fd })
  assert.deepEqual(ctxOut, words(0x7_0000_0006n, 42n))
})

test('a flow dissector gives its keys', { skip }, () => {
  const r = random()
  const keys = new Uint8Array(structs.bpf_flow_keys.size)
  keys[structs.bpf_flow_keys.fields.flags.offset] = 3
  const bad = Uint8Array.from(keys)
  bad[0] = 1
  const frames = Array.from({ length: 200 }, () => ({ dataIn: randomFrame(r, 14, 80), repeat: 1 + r.below(3) }))
  const frame = frames[0]!
  same('dissect', [
    ...frames,
    ...frames.slice(0, 30).map((one) => ({ ...one, ctxIn: keys })),
    { ...frame, ctxIn: bad },
    { ...frame, flags: 1 },
    { ...frame, dataSizeOut: 10 },
    { dataIn: new Uint8Array(13) },
    { dataIn: new Uint8Array(4096) },
    { dataIn: new Uint8Array(4097) },
    {},
  ])
})

test('sk_lookup programs', { skip }, () => {
  const r = random()
  const { fields, size } = structs.bpf_sk_lookup
  const runs = Array.from({ length: 300 }, (): Run => {
    const ctxIn = r.bytes(size)
    const view = new DataView(ctxIn.buffer)
    if (r.chance(0.95)) view.setBigUint64(0, 0n)
    view.setUint16(fields.family.offset, r.pick([2, 2, 10, 10, 1]), true)
    if (r.chance(0.95)) view.setUint32(fields.local_port.offset, r.below(70_000), true)
    if (r.chance(0.95)) view.setUint32(fields.ingress_ifindex.offset, 0)
    if (r.chance(0.95)) view.setUint32(fields.ingress_ifindex.offset + 4, 0)
    return { ctxIn, repeat: r.below(3) }
  })
  const good = runs[0]!
  same('look_up', [...runs, {}, { ctxSizeOut: 72 }, { ...good, flags: 1 }, { ...good, dataIn: new Uint8Array(20) }])
})

test('event programs run on a context here, and only on their events on Linux', { skip }, () => {
  const ctxIn = words(1n, 20n, 22n)
  for (const [program, retval] of [
    ['event', 42],
    ['sample', 0],
  ] as const) {
    using pair = loadPair(OBJECT, program)
    const context = program === 'event' ? ctxIn : new Uint8Array(256)
    assert.equal(pair.embedded({ ctxIn: context }).retval, retval)
    assert.deepEqual(pair.linux({ ctxIn: context }), { error: 'ENOTSUPP' })
    assert.deepEqual(pair.embedded({}), { error: 'ENOTSUPP' })
    assert.deepEqual(pair.embedded({ ctxIn: ctxIn.subarray(0, 4) }), { error: 'EINVAL' })
  }
})

test('types without a test run', () => {
  const { machine, program } = loadEmbedded(fixture(OBJECT), 'event')
  const image = { ...program.image, type: 15 }
  assert.deepEqual(
    outcome(() => testRun(machine, { ...program, image }, { progFd: 0 as Fd, dataIn: new Uint8Array(64) })),
    { error: 'ENOTSUPP' },
  )
})
