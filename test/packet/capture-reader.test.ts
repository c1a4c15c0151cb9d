import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FormatError } from '#src/base/index.js'
import {
  type CaptureBlock,
  CaptureReader,
  LINK_TYPE,
  PcapngWriter,
  PcapWriter,
  readPackets,
} from '#src/packet/index.js'
import { readInPieces } from './support.js'

function fileHeader(magic: number, little: boolean, network = 1, major = 2, minor = 4, extra = 0): Uint8Array {
  const bytes = new Uint8Array(24 + extra)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, magic, little)
  view.setUint16(4, major, little)
  view.setUint16(6, minor, little)
  view.setUint32(16, 65535, little)
  view.setUint32(20, network, little)
  return bytes
}

function record(little: boolean, words: readonly number[], data: Uint8Array, extra = 0): Uint8Array {
  const bytes = new Uint8Array(16 + extra + data.length)
  const view = new DataView(bytes.buffer)
  for (const [index, word] of words.entries()) view.setUint32(4 * index, word, little)
  bytes.set(data, 16 + extra)
  return bytes
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

const three = Uint8Array.of(1, 2, 3)

test('each pcap magic, in both byte orders', () => {
  for (const little of [true, false]) {
    for (const [magic, factor, recordExtra, headerExtra] of [
      [0xa1b2c3d4, 1000n, 0, 0],
      [0xa1b23c4d, 1n, 0, 0],
      [0xa1b2cd34, 1000n, 8, 0],
      [0x1c0001ac, 1000n, 0, 4],
      [0x1c0001ab, 1000n, 0, 4],
    ] as const) {
      const bytes = join(
        fileHeader(magic, little, 1, 2, 4, headerExtra),
        record(little, [1000, 7, 3, 60], three, recordExtra),
        record(little, [1001, 8, 0, 60], new Uint8Array(0), recordExtra),
      )
      const [first, second, ...more] = [...readPackets(bytes)]
      assert.equal(more.length, 0)
      assert.deepEqual(first, {
        data: three,
        timestampNs: 1000_000_000_000n + 7n * factor,
        linkType: 1,
        originalLength: 60,
        interfaceId: 0,
      })
      assert.equal(second?.timestampNs, 1001_000_000_000n + 8n * factor)
      assert.equal(second?.data.length, 0)
    }
  }
})

test('variants that are not read are named', () => {
  for (const [magic, words] of [
    [0xa1b234cd, /Mesquita/],
    [0xa12b3c4d, /Navtel/],
    [0xa1b2c3cb, /filter program/],
  ] as const) {
    for (const little of [true, false]) {
      assert.throws(() => [...readPackets(fileHeader(magic, little))], words)
    }
  }
  assert.throws(() => [...readPackets(fileHeader(0xa1b2c3d4, true, 1, 1, 0))], /version 1\.0 of the format is not read/)
})

test('what is no capture is named where it is known', () => {
  for (const [start, words] of [
    [[0x1f, 0x8b, 8, 0], /gzip/],
    [[0x28, 0xb5, 0x2f, 0xfd], /zstd/],
    [[0x7f, 0x45, 0x4c, 0x46], /an ELF file/],
    [[0x23, 0x21, 0x2f, 0x62], /not a capture: it starts with 23212f62/],
    [[], /empty/],
    [[0xd4], /header is cut: 1 bytes of 4/],
    [[0xd4, 0xc3, 0xb2, 0xa1, 2], /header is cut: 5 bytes of 24/],
  ] as const) {
    assert.throws(() => [...readPackets(Uint8Array.from(start))], words)
  }
})

test('lengths of old files stand in the other order', () => {
  const old = join(fileHeader(0xa1b2c3d4, true, 1, 2, 2), record(true, [1, 0, 60, 3], three))
  assert.equal([...readPackets(old)][0]?.originalLength, 60)
  const either = join(
    fileHeader(0xa1b2c3d4, false, 1, 2, 3),
    record(false, [1, 0, 60, 3], three),
    record(false, [1, 0, 3, 60], three),
  )
  assert.deepEqual(
    [...readPackets(either)].map((packet) => [packet.data.length, packet.originalLength]),
    [
      [3, 60],
      [3, 60],
    ],
  )
})

test('the link type field also tells the frame check sequence', () => {
  const reader = new CaptureReader()
  reader.push(fileHeader(0xa1b2c3d4, true, 0x24000001), () => {})
  assert.deepEqual([reader.interfaces[0]?.linkType, reader.interfaces[0]?.fcsLength], [LINK_TYPE.ETHERNET, 4])
  // Without the bit that says so the upper bits mean nothing.
  const other = new CaptureReader()
  other.push(fileHeader(0xa1b2c3d4, true, 0x30000065), () => {})
  assert.deepEqual([other.interfaces[0]?.linkType, other.interfaces[0]?.fcsLength], [LINK_TYPE.RAW, undefined])
})

test('a stamp with more than a second of microseconds carries over', () => {
  const bytes = join(fileHeader(0xa1b2c3d4, true), record(true, [10, 2_500_000, 0, 0], new Uint8Array(0)))
  assert.equal([...readPackets(bytes)][0]?.timestampNs, 12_500_000_000n)
})

test('a damaged record ends the capture after the packets before it', () => {
  const good = record(true, [1, 0, 3, 3], three)
  const bytes = join(fileHeader(0xa1b2c3d4, true), good, good, record(true, [1, 0, 0xffffffff, 3], three))
  for (const size of [1, 5, 24, 1000]) {
    const { packets, error } = readInPieces(bytes, size)
    assert.equal(packets.length, 2)
    assert.ok(error instanceof FormatError)
    assert.match(error.message, /packet 3 claims 4294967295 captured bytes/)
    assert.equal(error.offset, 24 + 2 * 19 + 8)
  }
  const reader = new CaptureReader()
  assert.throws(() => reader.push(bytes, () => {}), FormatError)
  assert.throws(() => reader.push(good, () => {}), FormatError, 'it stays failed')
  assert.throws(() => reader.end(), FormatError)
})

test('a cut file says where and what is missing', () => {
  const bytes = join(fileHeader(0xa1b2c3d4, true), record(true, [1, 0, 3, 3], three), record(true, [1, 0, 3, 3], three))
  const { packets, error } = readInPieces(bytes.subarray(0, bytes.length - 2), 7)
  assert.equal(packets.length, 1)
  assert.match(String(error), /ends inside a packet record, after 1 packet: 17 bytes of at least 19 \(at offset 43\)/)
})

test('pcapng: sections in both orders, interfaces, blocks and comments', () => {
  const parts: Uint8Array[] = []
  for (const littleEndian of [true, false]) {
    const writer = new PcapngWriter({ littleEndian, comment: 'first\nsecond', os: 'Linux', application: 'test' })
    writer.addInterface({ linkType: 1, name: 'eth0', description: 'up', filter: 'tcp', fcsLength: 4, comment: 'c' })
    writer.addInterface({ linkType: LINK_TYPE.RAW, snapLength: 2, ticksPerSecond: 1_000_000n, offsetSeconds: -5 })
    writer.write({ data: three, timestampNs: 1_700_000_000_123_456_789n, comment: 'look' })
    writer.write({ data: three, timestampNs: 1_700_000_000_123_456_789n, interfaceId: 1, originalLength: 9 })
    writer.writeNames([{ address: Uint8Array.of(10, 0, 0, 1), names: ['a', 'a.example'] }])
    writer.writeObsolete({ data: three, timestampNs: 4n, comment: 'old' }, 3)
    writer.writeStatistics(1, 2_000_000_000n, { received: 5n, dropped: 1n }, 'done')
    writer.writeSimple(three)
    parts.push(writer.take().slice())
  }
  const bytes = join(...parts)
  for (const size of [1, 3, 64, bytes.length]) {
    const blocks: CaptureBlock[] = []
    const reader = new CaptureReader({ onBlock: (block) => blocks.push(block) })
    const seen: unknown[] = []
    for (let at = 0; at < bytes.length; at += size) {
      reader.push(bytes.subarray(at, at + size), (packet) =>
        seen.push([packet.timestampNs, packet.linkType, packet.interfaceId, packet.originalLength, packet.comment]),
      )
    }
    reader.end()
    const section = (first: number): unknown[] => [
      [1_700_000_000_123_456_789n, 1, first, 3, 'look'],
      [1_700_000_000_123_456_000n, LINK_TYPE.RAW, first + 1, 9, undefined],
      [4n, 1, first, 3, 'old'],
      [0n, 1, first, 3, undefined],
    ]
    assert.deepEqual(seen, [...section(0), ...section(2)])
    assert.deepEqual(blocks[0], {
      kind: 'section',
      littleEndian: true,
      majorVersion: 1,
      minorVersion: 0,
      comment: 'first\nsecond',
      os: 'Linux',
      application: 'test',
    })
    assert.deepEqual(
      blocks.map((block) => block.kind),
      [...Array(2)].flatMap(() => ['section', 'interface', 'interface', 'names', 'statistics']),
    )
    assert.deepEqual(blocks[3], {
      kind: 'names',
      records: [{ address: Uint8Array.of(10, 0, 0, 1), names: ['a', 'a.example'] }],
    })
    assert.deepEqual(blocks[9], {
      kind: 'statistics',
      interfaceId: 3,
      timestampNs: 2_000_000_000n,
      comment: 'done',
      counters: { received: 5n, dropped: 1n },
    })
    assert.deepEqual(reader.interfaces[2], {
      id: 2,
      linkType: 1,
      snapLength: 0,
      ticksPerSecond: 1_000_000_000n,
      offsetSeconds: 0,
      name: 'eth0',
      description: 'up',
      filter: 'tcp',
      fcsLength: 4,
      comment: 'c',
    })
    assert.equal(reader.interfaces[3]?.offsetSeconds, -5)
    assert.equal(reader.packets, 8)
  }
})

function block(
  type: number,
  body: readonly number[] | Uint8Array,
  length = body.length + 12,
  trailer = length,
): Uint8Array {
  const bytes = new Uint8Array(body.length + 12)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, type, true)
  view.setUint32(4, length, true)
  bytes.set(body, 8)
  view.setUint32(bytes.length - 4, trailer, true)
  return bytes
}

const section = block(0x0a0d0d0a, [0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255])
const ethernet = block(1, [1, 0, 0, 0, 0, 0, 0, 0])

test('pcapng: damage is told with its place', () => {
  const packet = (words: readonly number[], tail: readonly number[] = []): Uint8Array =>
    new Uint8Array(Buffer.concat([new Uint8Array(Uint32Array.from(words).buffer), Uint8Array.from(tail)]))
  for (const [bytes, words] of [
    [block(0x0a0d0d0a, [1, 2, 3, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), /byte-order magic 0x4030201/],
    [block(0x0a0d0d0a, [0x4d, 0x3c, 0x2b, 0x1a]), /section header block is cut/],
    [block(0x0a0d0d0a, [0x4d, 0x3c, 0x2b, 0x1a, 9, 0, 0, 0, ...new Array(8).fill(0)]), /version 9\.0/],
    [join(section, block(1, [1, 0])), /impossible length 14/],
    [join(section, block(1, [1, 0, 0, 0])), /interface description block is cut/],
    [join(section, block(1, [], 8)), /impossible length 8/],
    [join(section, block(6, [], 0xfffffffc)), /claims 4294967292 bytes/],
    [join(section, block(1, [], 0xfffffffc)), /claims 4294967292 bytes/],
    [join(section, ethernet, block(6, packet([0, 0, 0, 0, 0]), 32, 36)), /repeats its length as 36 \(at offset 76\)/],
    [join(section, ethernet, block(6, packet([1, 0, 0, 0, 0]))), /packet 1 names interface 1, the section describes 1/],
    [
      join(section, ethernet, block(6, packet([0, 0, 0, 5, 5], [1, 2, 3, 4]))),
      /claims 5 captured bytes, its block holds 4/,
    ],
    [join(section, ethernet, block(6, packet([0, 0, 0]))), /shorter than its header/],
    [join(section, ethernet, block(6, packet([0, 0, 0, 0, 0], [1, 0, 9, 0]))), /option 1 of 9 bytes leaves its block/],
    [join(section, block(3, packet([3], [1, 2, 3, 0]))), /names interface 0, the section describes 0/],
    [
      join(section, ethernet, block(3, packet([9], [1, 2, 3, 0]))),
      /simple packet 1 is 9 bytes long, its block holds 4/,
    ],
    [join(section, block(1, [1, 0, 0, 0, 0, 0, 0, 0, 14, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 64])), /time offset/],
    [join(section, ethernet, block(0x99, [1, 2, 3, 4]).subarray(0, 14)), /ends inside a block, after 0 packets/],
  ] as const) {
    for (const size of [1, 11, 1000]) {
      const { error } = readInPieces(bytes, size)
      assert.ok(error instanceof FormatError, String(error))
      assert.match(error.message, words)
    }
  }
})

test('pcapng: blocks of unknown type are passed over without being kept', () => {
  const reader = new CaptureReader()
  reader.push(section, () => {})
  const length = 0x4000_0000
  const start = new Uint8Array(8)
  new DataView(start.buffer).setUint32(0, 0x0bad, true)
  new DataView(start.buffer).setUint32(4, length, true)
  reader.push(start, () => {})
  const chunk = new Uint8Array(0x100_0000)
  for (let left = length - 12; left > 0; left -= chunk.length) {
    reader.push(chunk.subarray(0, Math.min(left, chunk.length)), () => {})
  }
  assert.throws(() => new CaptureReader().end(), /empty/)
  reader.push(start.subarray(4), () => {})
  reader.push(ethernet, () => {})
  reader.end()
  assert.equal(reader.interfaces.length, 1)
  assert.equal(reader.position, section.length + length + ethernet.length)
})

test('a length field allocates nothing', () => {
  const reader = new CaptureReader({ maxPacketLength: 0xffff_ffff })
  reader.push(join(fileHeader(0xa1b2c3d4, true), record(true, [1, 0, 0xffff_fff0, 0], three)), () => {})
  const before = process.memoryUsage().arrayBuffers
  for (let i = 0; i < 10; i++) reader.push(new Uint8Array(1000), () => {})
  assert.ok(process.memoryUsage().arrayBuffers - before < 1_000_000)
  assert.throws(() => reader.end(), /10019 bytes of at least 4294967296/)
})

test('packets that lie in one chunk are views of it, the others copies', () => {
  const writer = new PcapWriter()
  for (let i = 0; i < 4; i++) writer.write({ data: new Uint8Array(50).fill(i), timestampNs: BigInt(i) })
  const bytes = writer.take()
  const reader = new CaptureReader()
  const packets: Uint8Array[] = []
  const first = bytes.slice(0, 100)
  const second = bytes.slice(100)
  reader.push(first, (packet) => packets.push(packet.data))
  reader.push(second, (packet) => packets.push(packet.data))
  assert.deepEqual(
    packets.map((data) => data.buffer === first.buffer || data.buffer === second.buffer),
    [true, false, true, true],
  )
  assert.deepEqual(
    packets.map((data) => [...new Set(data)]),
    [[0], [1], [2], [3]],
  )
})
