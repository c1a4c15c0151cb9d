import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linuxUnavailable } from '../support/kernels.js'
import { randomFrame } from './support/frames.js'
import { loadPair, type Run } from './support/pair.js'
import { type Random, random } from './support/random.js'

const skip = linuxUnavailable()
const COMMANDS_AT = 64
const RUNS = 3000

function command(frame: Uint8Array, index: number, op: number, a: number, b: number, c: number): void {
  const view = new DataView(frame.buffer, frame.byteOffset)
  const at = COMMANDS_AT + index * 16
  view.setUint32(at, op, true)
  view.setInt32(at + 4, a, true)
  view.setUint32(at + 8, b, true)
  view.setUint32(at + 12, c, true)
}

/** Mostly small offsets around what fits, sometimes anything. */
function offset(r: Random, length: number): number {
  const kind = r.below(10)
  if (kind < 5) return r.below(80) - 40
  if (kind < 7) return r.below(2 * length) - length
  if (kind < 8) return r.pick([-256, -255, -216, 252, 256, -14, 0, 3520, -3520, 4096])
  if (kind < 9) return (r.below(64) - 40) * 4
  return r.u32() | 0
}

function fill(r: Random, frame: Uint8Array): void {
  for (let index = 0; index < 4; index++) {
    const b = r.chance(0.1) ? r.u32() : r.below(frame.length + 20)
    command(frame, index, r.below(12), offset(r, frame.length), b, r.chance(0.2) ? r.u32() : r.below(40))
  }
}

function xdpMd(data: number, dataEnd: number, ingress = 0, queue = 0): Uint8Array {
  const ctx = new Uint8Array(24)
  const view = new DataView(ctx.buffer)
  view.setUint32(0, data, true)
  view.setUint32(4, dataEnd, true)
  view.setUint32(12, ingress, true)
  view.setUint32(16, queue, true)
  return ctx
}

test('XDP helpers on random commands give what Linux gives', { skip }, () => {
  using pair = loadPair('helpers/xdp_ops.o', 'xdp_ops')
  const r = random()
  for (let run = 0; run < RUNS; run++) {
    // Commands are read from byte 64 of the packet, behind the metadata.
    const meta = r.chance(0.3) ? r.below(56) * 4 : 0
    const frame = randomFrame(r, 130, r.chance(0.2) ? 3300 : 700)
    fill(r, frame)
    const dataIn = new Uint8Array(meta + frame.length)
    dataIn.set(frame, meta)
    const request: Run = { dataIn, repeat: 1 }
    const withCtx = meta > 0 || r.chance(0.3) ? { ...request, ctxIn: xdpMd(meta, dataIn.length) } : request
    assert.deepEqual(pair.embedded(withCtx), pair.linux(withCtx), `seed ${r.seed} run ${run}`)
  }
})

test('XDP helpers on packets of several buffers', { skip }, () => {
  using pair = loadPair('helpers/xdp_ops.o', 'xdp_frags_ops')
  const r = random()
  for (let run = 0; run < RUNS / 3; run++) {
    const frame = randomFrame(r, 200, 12_000)
    fill(r, frame)
    const linear = r.chance(0.5) ? 128 + r.below(frame.length - 127) : frame.length
    const request: Run = { dataIn: frame, dataSizeOut: 80_000, ctxIn: xdpMd(0, linear) }
    assert.deepEqual(
      pair.embedded(request),
      pair.linux(request),
      `seed ${r.seed} run ${run} linear ${linear} of ${frame.length}`,
    )
  }
})

test('repeated runs work on the packet the run before left', { skip }, () => {
  using pair = loadPair('helpers/xdp_ops.o', 'xdp_ops')
  for (const step of [-16, 8, 40]) {
    const frame = new Uint8Array(500)
    for (let index = 0; index < 4; index++) command(frame, index, index < 2 ? 0 : 1, step, 0, 0)
    const request: Run = { dataIn: frame, repeat: 5 }
    assert.deepEqual(pair.embedded(request), pair.linux(request), `step ${step}`)
  }
})

test('check_mtu of XDP', { skip }, () => {
  using pair = loadPair('helpers/xdp_ops.o', 'xdp_check_mtu')
  for (const ifindex of [0, 1, 999]) {
    for (const length of [0, 1000, 65536, 65537, 70000, 0xffff_ffff]) {
      for (const difference of [0, 1, -20, 65000, 70000, -70000]) {
        for (const flags of [0, 1, 2]) {
          const frame = new Uint8Array(300)
          command(frame, 0, ifindex, difference, length, flags)
          const request: Run = { dataIn: frame }
          assert.deepEqual(pair.embedded(request), pair.linux(request), `${ifindex} ${length} ${difference} ${flags}`)
        }
      }
    }
  }
})

test('csum_diff of any sizes and seeds', { skip }, () => {
  using pair = loadPair('helpers/xdp_ops.o', 'xdp_csum_diff')
  const r = random()
  for (let run = 0; run < RUNS; run++) {
    const frame = r.bytes(300)
    if (r.chance(0.2)) frame.fill(r.pick([0, 0xff]), 96, 224)
    const size = (): number => (r.chance(0.9) ? r.below(17) * 4 : r.below(80))
    command(frame, 0, size(), 0, size(), r.pick([0, 0xffff_ffff, 0xffff, r.u32()]))
    const request: Run = { dataIn: frame }
    assert.deepEqual(pair.embedded(request), pair.linux(request), `seed ${r.seed} run ${run}`)
  }
})

test('requests that BPF_PROG_TEST_RUN refuses, and those it takes', { skip }, () => {
  using pair = loadPair('helpers/xdp_ops.o', 'xdp_ops')
  const data = (length: number): Uint8Array => new Uint8Array(length)
  const requests: Run[] = [
    {},
    { dataIn: data(13) },
    { dataIn: data(14) },
    { dataIn: data(3520) },
    { dataIn: data(3521) },
    { dataIn: data(4096) },
    { dataIn: data(73_000), dataSizeOut: 80_000 },
    { dataIn: data(3520 + 17 * 4096), dataSizeOut: 80_000 },
    { dataIn: data(3521 + 17 * 4096), dataSizeOut: 80_000 },
    { dataIn: data(100), flags: 1 },
    { dataIn: data(100), flags: 4 },
    { dataIn: data(100), batchSize: 1 },
    { dataIn: data(100), cpu: 1 },
    { dataIn: data(100), dataSizeOut: 50 },
    { dataIn: data(100), dataSizeOut: 0 },
    { dataIn: data(100), ctxIn: xdpMd(0, 100) },
    { dataIn: data(100), ctxIn: xdpMd(0, 0) },
    { dataIn: data(100), ctxIn: xdpMd(0, 99) },
    { dataIn: data(100), ctxIn: xdpMd(0, 101) },
    { dataIn: data(100), ctxIn: xdpMd(4, 100) },
    { dataIn: data(100), ctxIn: xdpMd(5, 100) },
    { dataIn: data(100), ctxIn: xdpMd(88, 100) },
    { dataIn: data(100), ctxIn: xdpMd(84, 100) },
    { dataIn: data(400), ctxIn: xdpMd(212, 400) },
    { dataIn: data(400), ctxIn: xdpMd(216, 400) },
    { dataIn: data(400), ctxIn: xdpMd(220, 400) },
    { dataIn: data(400), ctxIn: xdpMd(256, 400) },
    { dataIn: data(100), ctxIn: xdpMd(0, 100, 1, 0) },
    { dataIn: data(100), ctxIn: xdpMd(0, 100, 1, 1) },
    { dataIn: data(100), ctxIn: xdpMd(0, 100, 0, 1) },
    { dataIn: data(100), ctxIn: xdpMd(0, 100, 9999, 0) },
    { dataIn: data(100), ctxIn: xdpMd(0, 100), ctxSizeOut: 8 },
    { dataIn: data(100), ctxIn: xdpMd(0, 100), ctxSizeOut: 0 },
    { dataIn: data(100), ctxIn: xdpMd(0, 100).subarray(0, 8) },
    { dataIn: data(100), ctxIn: new Uint8Array([...xdpMd(0, 100), 0, 0, 0, 0]) },
    { dataIn: data(100), ctxIn: new Uint8Array([...xdpMd(0, 100), 1, 0, 0, 0]) },
    { dataIn: data(100), ctxIn: new Uint8Array([...xdpMd(0, 100), ...new Uint8Array(5000)]) },
    { dataIn: data(100), ctxSizeOut: 24 },
    { dataIn: data(100), ctxSizeOut: 24, ctxIn: new Uint8Array([...xdpMd(0, 100).subarray(0, 20), 1, 0, 0, 0]) },
  ]
  for (const [index, request] of requests.entries()) {
    assert.deepEqual(pair.embedded(request), pair.linux(request), `request ${index}`)
  }
})

test('csum_diff of more than a stack', { skip }, () => {
  using pair = loadPair('helpers/xdp_ops.o', 'xdp_csum_long')
  const r = random()
  for (let run = 0; run < 20; run++) {
    const request: Run = { dataIn: r.bytes(1500 + run) }
    assert.deepEqual(pair.embedded(request), pair.linux(request), `seed ${r.seed}`)
  }
})
