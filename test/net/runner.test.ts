import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UsageError } from '#src/base/index.js'
import { PacketRunner } from '#src/embedded/test-run/index.js'
import { buildPacket, type Layer } from '#src/packet/index.js'
import { structs } from '#src/spec/index.js'
import { type NetworkOptions, staticNetwork } from '#src/vm/index.js'
import { linuxUnavailable } from '../support/kernels.js'
import { fixture, loadEmbedded, loadPair } from './support/pair.js'

const skip = linuxUnavailable()

function runner(name: string, network: NetworkOptions = {}, path = 'helpers/hash.o'): PacketRunner {
  const { machine, program } = loadEmbedded(fixture(path), name, { network: staticNetwork(network) })
  return new PacketRunner(machine, program, { atIngress: name === 'assign' })
}

function tcp(source: string, destination: string, sourcePort: number, destinationPort: number): Uint8Array {
  const layers: Layer[] = [
    { kind: 'ethernet' },
    { kind: 'ipv4', source, destination },
    { kind: 'tcp', sourcePort, destinationPort },
    { kind: 'payload', data: new Uint8Array(20) },
  ]
  return buildPacket(layers)
}

test('the flow hash is the same for both directions, other for other flows, and can be set and cleared', {
  skip,
}, () => {
  using run = runner('hash')
  const one = run.run(tcp('10.0.0.1', '10.0.0.2', 1000, 80))
  assert.notEqual(one, 0)
  assert.equal(run.run(tcp('10.0.0.2', '10.0.0.1', 80, 1000)), one)
  const others = new Set([1001, 1002, 1003, 1004, 1005].map((port) => run.run(tcp('10.0.0.1', '10.0.0.2', port, 80))))
  assert.equal(others.size, 5)
  assert.ok(!others.has(one))
  // The values differ from Linux's, whose key is random; what becomes of the field does not.
  using pair = loadPair('helpers/hash.o', 'hash')
  const request = { dataIn: tcp('10.0.0.1', '10.0.0.2', 1, 2), ctxIn: new Uint8Array(structs.__sk_buff.size) }
  assert.equal(pair.embedded(request).ctx, pair.linux(request).ctx)
})

test('redirects to neighbours, peers, ingress; clones as they were sent', () => {
  using run = runner('neighbour', {
    devices: [9, 10].map((ifindex) => ({ ifindex })),
  })
  const frame = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => index)
  assert.equal(run.run(frame(60)), 7)
  assert.deepEqual([run.redirect.kind, run.redirect.ifindex], ['neigh', 5])
  assert.deepEqual(run.redirect.nextHop, Uint8Array.of(10, 0, 0, 2))
  assert.equal(run.run(frame(61)), 7)
  assert.deepEqual([run.redirect.kind, run.redirect.ifindex, run.redirect.nextHop], ['neigh', 6, undefined])
  run.run(frame(62))
  assert.deepEqual([run.redirect.kind, run.redirect.ifindex], ['peer', 7])
  run.run(frame(63))
  assert.deepEqual([run.redirect.kind, run.redirect.ifindex, run.redirect.flags], ['ifindex', 8, 1])
  assert.equal(run.run(frame(70)) | 0, -22)
  assert.equal(run.redirect.kind, 'none')
  assert.deepEqual(
    run.clones.map(({ ifindex, flags, data }) => [ifindex, flags, data.length]),
    [
      [9, 0, 74],
      [10, 1, 74],
    ],
  )
  assert.deepEqual(run.clones[0]?.data.subarray(4), frame(70))
  assert.equal(run.outputLength, 74)
  assert.deepEqual(run.outputView().subarray(4), frame(70))
  run.run(frame(60))
  assert.equal(run.clones.length, 0)
})

test('sockets are assigned at ingress', () => {
  using run = runner('assign', { sockets: [{ protocol: 'tcp', local: '10.0.0.2:80', uid: 1234 }] })
  assert.equal(run.run(tcp('10.0.0.1', '10.0.0.2', 5, 6)), 1234)
  assert.equal(run.run(tcp('10.0.0.1', '10.0.0.3', 5, 6)) | 0, -2)
})

test('frames of any length run, and too short ones do not', () => {
  using run = runner('bounce')
  assert.equal(run.run(new Uint8Array(13)), -1)
  assert.equal(run.run(new Uint8Array(17)), 0)
  for (const length of [18, 60, 1514, 3520, 3521, 9000, 65_535, 262_144, 60]) {
    const bytes = new Uint8Array(length + 10).fill(7, 5, length + 5)
    assert.equal(run.run(bytes, 5, length), 3)
    assert.equal(run.outputLength, length - 4)
    assert.ok(run.outputView().every((byte) => byte === 7))
  }
})

test('live frames each start from the packet given', { skip }, () => {
  using pair = loadPair('helpers/hash.o', 'bounce')
  const dataIn = new Uint8Array(200)
  const ctxIn = new Uint8Array(24)
  new DataView(ctxIn.buffer).setUint32(4, 200, true)
  assert.deepEqual(pair.embedded({ dataIn, flags: 2, repeat: 3 }), { retval: 0, data: '00'.repeat(200), ctx: '' })
  // Refusals only: frames of Linux would leave for its loopback device.
  for (const request of [
    { dataIn, flags: 2, batchSize: 257 },
    { dataIn, flags: 2, ctxIn },
    { dataIn: new Uint8Array(13), flags: 2 },
    { dataIn: new Uint8Array(4000), flags: 2 },
  ]) {
    assert.deepEqual(pair.embedded(request), pair.linux(request))
  }
})

test('programs that do not run on packets', () => {
  const { machine, program } = loadEmbedded(fixture('helpers/contexts.o'), 'call')
  assert.throws(() => new PacketRunner(machine, program), UsageError)
})

test('tables of a network say what is wrong with them', () => {
  assert.throws(() => staticNetwork({ routes: [{ to: 'default' }] }), UsageError)
  assert.throws(() => staticNetwork({ routes: [{ to: '10.0.0.0/33' }] }), UsageError)
  assert.throws(() => staticNetwork({ sockets: [{ protocol: 'tcp', local: '10.0.0.1' }] }), UsageError)
  const network = staticNetwork({ routes: [{ to: 'default', family: 6, via: 'fe80::1', ifindex: 3 }] })
  const query = { destination: new Uint8Array(16), source: new Uint8Array(16), ifindex: 1, output: false, mark: 0 }
  assert.equal(network.route({ ...query, family: 6, table: undefined })?.ifindex, 3)
  assert.equal(network.route({ ...query, family: 4, table: undefined }), undefined)
})
