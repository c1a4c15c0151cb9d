import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect, isDeepStrictEqual } from 'node:util'
import { bpf_test_run_flags, structs } from '#src/spec/index.js'
import { linuxUnavailable } from '../support/kernels.js'
import { randomFrame } from './support/frames.js'
import { loadPair, type Pair, type Run } from './support/pair.js'
import { type Random, random } from './support/random.js'

const skip = linuxUnavailable()
const COMMANDS_AT = 128
const RUNS = 4000
const F = structs.__sk_buff.fields

interface Command {
  readonly op: number
  readonly a: number
  readonly b: number
  readonly c: number
  readonly flags: bigint
}

function command(frame: Uint8Array, at: number, index: number, { op, a, b, c, flags }: Command): void {
  const view = new DataView(frame.buffer, frame.byteOffset + at + index * 24)
  view.setUint32(0, op, true)
  view.setInt32(4, a, true)
  view.setUint32(8, b, true)
  view.setUint32(12, c, true)
  view.setBigUint64(16, flags, true)
}

const ADJUST_FLAGS = [1, 2, 4, 8, 16, 32, 64, 128, 256]

/** A command whose arguments are mostly good ones for its helper. */
function randomCommand(r: Random, length: number, checksum: boolean): Command {
  // Linux 6.18 runs into BUG() when a packet with a complete checksum ends before its network header: never cut one.
  const drawn = r.below(27)
  const op = checksum && (drawn === 4 || drawn === 5) ? 16 : drawn
  const wild = r.chance(0.08)
  let a = r.u32() | 0
  let b = wild ? r.u32() : r.below(length + 20)
  let c = wild ? r.u32() : r.below(40)
  let flags = wild ? BigInt(r.u32()) << BigInt(r.below(33)) : r.chance(0.7) ? 0n : BigInt(r.below(4))
  switch (op) {
    case 2:
      a = wild ? a : r.below(3)
      break
    case 4:
      b = wild ? b : r.pick([length - 10, length + 30, r.below(length), 14, 13, 34, 16064, 16065, 3000])
      break
    case 5:
      b = wild ? b : r.pick([0, 1, 14, 100, 4000, 16000, 16100])
      break
    case 6:
      b = r.pick([0x0008, 0xdd86, 0xdd86, 0x0008, 0x0800, b])
      break
    case 7:
      b = r.below(6)
      break
    case 8:
      a = wild ? a : r.pick([8, 20, 40, 54, -8, -20, -40, -1, 0, 4095, 4096, -100, r.below(200) - 100])
      b = r.below(wild ? 4 : 2)
      flags = r.chance(0.4) ? 0n : BigInt(r.pick(ADJUST_FLAGS) | (r.chance(0.6) ? r.pick(ADJUST_FLAGS) : 0))
      if (r.chance(0.2)) flags |= BigInt(r.pick([14, 18, 200, 4])) << 56n
      break
    case 9:
      b = r.pick([0x0081, 0xa888, 0x8100, r.u32()])
      c = r.chance(0.5) ? r.below(4096) : r.u32()
      break
    case 11:
    case 12:
      b = wild ? b : r.pick([24, 26, 50, 40, 56, 60, r.below(80)])
      flags = BigInt(r.pick([0, 2, 4, 2, 4, 3])) | (op === 12 ? BigInt(r.below(16)) << 4n : 0n)
      if (r.chance(0.2)) a = 0
      c = r.u32()
      break
    case 14:
      flags = BigInt(r.below(5))
      break
    case 18:
      b = r.below(4)
      flags = r.chance(0.5) ? 0n : BigInt(r.u32())
      break
    case 21:
    case 22:
    case 23:
      flags = BigInt(r.below(3))
      break
    case 26:
      b = r.pick([0, 0, 100, 65536, 70000])
      a = r.pick([0, 10, 70000, -70000])
      flags = BigInt(r.below(3))
      break
  }
  return { op, a, b, c, flags }
}

/**
 * adjust_room and change_proto move whole headers, also of packets that were cut within them: Linux then moves whatever
 * lies behind the packet. With these two, packets are not cut.
 */
function withinData(commands: readonly Command[], r: Random, length: number): readonly Command[] {
  if (!commands.some(({ op }) => op === 6 || op === 8)) return commands
  return commands.map((one) => {
    if (one.op === 4) return { ...one, b: length + 600 + r.below(2000) }
    return one.op === 5 ? { ...one, b: r.below(101) } : one
  })
}

function randomContext(r: Random, length: number): Uint8Array | undefined {
  if (r.chance(0.4)) return undefined
  const ctx = new Uint8Array(structs.__sk_buff.size)
  const view = new DataView(ctx.buffer)
  const set = (field: { offset: number }, value: number): void => {
    if (r.chance(0.5)) view.setUint32(field.offset, value, true)
  }
  set(F.mark, r.u32())
  set(F.priority, r.u32())
  set(F.ingress_ifindex, r.below(10))
  set(F.ifindex, r.below(2))
  for (let word = 0; word < 5; word++) set({ offset: F.cb.offset + word * 4 }, r.u32())
  set(F.tstamp, r.u32())
  set(F.hwtstamp, r.u32())
  set(F.wire_len, length + r.below(100))
  if (r.chance(0.3)) {
    set(F.gso_size, r.pick([0, 100, 1000, 0xffff]))
    set(F.gso_segs, r.below(20))
  }
  return ctx
}

function fuzz(pair: Pair, layer2: boolean, checksum: boolean): void {
  const r = random()
  for (let run = 0; run < RUNS; run++) {
    const frame = randomFrame(r, 260, r.chance(0.1) ? 3700 : 600)
    const at = (layer2 ? 0 : 14) + COMMANDS_AT
    const commands = withinData(
      Array.from({ length: 4 }, () => randomCommand(r, frame.length, checksum)),
      r,
      frame.length,
    )
    commands.forEach((one, index) => {
      command(frame, at, index, one)
    })
    const ctxIn = randomContext(r, frame.length)
    const request: Run = {
      dataIn: frame,
      dataSizeOut: 40_000,
      ...(ctxIn === undefined ? {} : { ctxIn }),
      ...(checksum ? { flags: bpf_test_run_flags.BPF_F_TEST_SKB_CHECKSUM_COMPLETE } : {}),
    }
    const ours = pair.embedded(request)
    const theirs = pair.linux(request)
    if (isDeepStrictEqual(ours, theirs)) continue
    const first = firstDifference(pair, request, at, commands)
    assert.deepEqual(ours, theirs, `seed ${r.seed} run ${run}, first at command ${first}: ${inspect(commands)}`)
  }
}

/** Index of the command without which, and without those behind it, both kernels agree. */
function firstDifference(pair: Pair, request: Run, at: number, commands: readonly Command[]): number {
  const nothing: Command = { op: 31, a: 0, b: 0, c: 0, flags: 0n }
  for (let count = 0; count <= commands.length; count++) {
    const frame = Uint8Array.from(request.dataIn ?? [])
    for (let index = count; index < commands.length; index++) command(frame, at, index, nothing)
    const shorter = { ...request, dataIn: frame }
    if (!isDeepStrictEqual(pair.embedded(shorter), pair.linux(shorter))) return count - 1
  }
  return -1
}

for (const [name, layer2] of [
  ['tc_ops', true],
  ['act_ops', true],
  ['socket_readers', false],
  ['cgroup_readers', false],
  ['lwt_in_readers', false],
  ['lwt_out_readers', false],
  ['lwt_xmit_ops', false],
] as const) {
  test(`${name} on random commands gives what Linux gives`, { skip }, () => {
    using pair = loadPair('helpers/tc_ops.o', name)
    fuzz(pair, layer2, false)
  })
}

test('tc_ops keeps a complete checksum as Linux does', { skip }, () => {
  using pair = loadPair('helpers/tc_ops.o', 'tc_ops')
  fuzz(pair, true, true)
})

test('the socket of a test run, field by field', { skip }, () => {
  using pair = loadPair('helpers/tc_ops.o', 'tc_socket')
  using fields = loadPair('helpers/tc_ops.o', 'cgroup_fields')
  const r = random()
  for (let run = 0; run < 200; run++) {
    const dataIn = randomFrame(r, 220, 300)
    assert.deepEqual(pair.embedded({ dataIn }), pair.linux({ dataIn }), `seed ${r.seed} run ${run}`)
    const withCtx: Run = { dataIn, ctxIn: new Uint8Array(structs.__sk_buff.size) }
    assert.deepEqual(fields.embedded(withCtx), fields.linux(withCtx), `seed ${r.seed} run ${run}`)
  }
})

test('tunnel keys and options of all layouts', { skip }, () => {
  using pair = loadPair('helpers/tc_ops.o', 'tc_tunnel')
  const r = random()
  for (let run = 0; run < RUNS; run++) {
    const frame = randomFrame(r, 260, 300)
    const flags = r.below(32)
    if (r.chance(0.8)) {
      // Label and extension must be zero for IPv4 keys.
      frame.fill(0, 160 + 22, 160 + 24)
      if ((flags & 1) === 0) frame.fill(0, 160 + 24, 160 + 28)
    }
    const sizes = [44, 44, 44, 28, 24, 22, 8, 40, 1]
    const back = r.chance(0.8) ? flags & 1 : r.below(32)
    command(frame, COMMANDS_AT, 0, {
      op: r.u32() & 63,
      a: r.pick(sizes),
      b: r.pick(sizes),
      c: back | (r.chance(0.5) ? 16 : 0),
      flags: BigInt(r.chance(0.9) ? flags : r.u32()),
    })
    assert.deepEqual(pair.embedded({ dataIn: frame }), pair.linux({ dataIn: frame }), `seed ${r.seed} run ${run}`)
  }
})

test('what packets of a test run do not have', { skip }, () => {
  using pair = loadPair('helpers/tc_ops.o', 'tc_nothing')
  const dataIn = new Uint8Array(60)
  assert.deepEqual(pair.embedded({ dataIn }), pair.linux({ dataIn }))
})

function skb(fields: Readonly<Record<string, number>>, extra = 0): Uint8Array {
  const ctx = new Uint8Array(structs.__sk_buff.size + extra)
  const view = new DataView(ctx.buffer)
  const layout = structs.__sk_buff.fields as Readonly<Record<string, { offset: number }>>
  for (const [name, value] of Object.entries(fields)) view.setUint32(layout[name]?.offset ?? 0, value, true)
  return ctx
}

test('requests on socket buffers that are refused, and those that are taken', { skip }, () => {
  const frame = (type: number, length: number): Uint8Array => {
    const bytes = new Uint8Array(length)
    if (length > 13) new DataView(bytes.buffer).setUint16(12, type)
    return bytes
  }
  const dataIn = frame(0x0800, 300)
  const requests: Run[] = [
    {},
    ...[0, 13, 14, 33, 34, 53, 54, 3712, 3713, 4096].flatMap((length) =>
      [0x0800, 0x86dd, 0x0806].map((type) => ({ dataIn: frame(type, length) })),
    ),
    ...[1, 2, 4, 8].map((flags) => ({ dataIn, flags })),
    { dataIn, cpu: 1 },
    { dataIn, batchSize: 1 },
    { dataIn, dataSizeOut: 299 },
    { dataIn, dataSizeOut: 300 },
    { dataIn, dataSizeOut: 0 },
    { dataIn, ctxSizeOut: 192 },
    { dataIn, ctxSizeOut: 100 },
    { dataIn, ctxIn: skb({}), ctxSizeOut: 100 },
    { dataIn, ctxIn: skb({}), ctxSizeOut: 0 },
    { dataIn, ctxIn: skb({}, 8) },
    { dataIn, ctxIn: skb({}, 5000) },
    { dataIn, ctxIn: Uint8Array.from([...skb({}), 1]) },
    { dataIn, ctxIn: skb({ mark: 7 }).subarray(0, 12) },
    { dataIn, ctxIn: skb({ ifindex: 9999 }) },
    { dataIn, ctxIn: skb({ ifindex: 1 }) },
    { dataIn, ctxIn: skb({ ingress_ifindex: 9999 }) },
    { dataIn, ctxIn: skb({ wire_len: 299 }) },
    { dataIn, ctxIn: skb({ wire_len: 300 }) },
    { dataIn, ctxIn: skb({ wire_len: 65536 }) },
    { dataIn, ctxIn: skb({ wire_len: 65537 }) },
    { dataIn, ctxIn: skb({ gso_segs: 65535 }) },
    { dataIn, ctxIn: skb({ gso_segs: 65536 }) },
    { dataIn, ctxIn: skb({ gso_size: 65536 }) },
    ...Object.keys(structs.__sk_buff.fields).map((name) => ({ dataIn, ctxIn: skb({ [name]: 1 }) })),
  ]
  for (const [name, length] of [
    ['tc_ops', 0],
    ['socket_readers', 14],
    ['cgroup_readers', 14],
    ['lwt_xmit_ops', 14],
  ] as const) {
    using pair = loadPair('helpers/tc_ops.o', name)
    for (const [index, request] of requests.entries()) {
      const shown = `${name} ${length} request ${index}: ${inspect({ ...request, dataIn: request.dataIn?.length })}`
      assert.deepEqual(pair.embedded(request), pair.linux(request), shown)
    }
  }
})

test('headers pushed by light-weight tunnels', { skip }, () => {
  for (const name of ['push_in', 'push_xmit']) {
    using pair = loadPair('helpers/lwt.o', name)
    const r = random()
    for (let run = 0; run < 800; run++) {
      const frame = randomFrame(r, 180, 400)
      const view = new DataView(frame.buffer)
      const header = 14 + 64
      const v6 = r.chance(0.4)
      view.setUint32(14 + 60, r.pick([0, 0, 4, 8, 12, 20, 28, r.below(32)]), true)
      frame[header] = r.chance(0.95) ? (v6 ? 0x60 : 0x40 | r.pick([5, 5, 6, 15])) : r.below(256)
      frame[header + (v6 ? 6 : 9)] = r.pick([17, 47, 4, 41, 6])
      if (!v6 && r.chance(0.5)) view.setUint16(header + 10, 0)
      const ctxIn = randomContext(r, frame.length)
      const request: Run = { dataIn: frame, ...(ctxIn === undefined ? {} : { ctxIn }) }
      assert.deepEqual(pair.embedded(request), pair.linux(request), `${name} seed ${r.seed} run ${run}`)
    }
  }
})
