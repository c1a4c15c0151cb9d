import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { FormatError, UsageError } from '#src/base/index.js'
import {
  CaptureReader,
  fromNanoseconds,
  type PcapngPacket,
  PcapngWriter,
  PcapWriter,
  readPackets,
} from '#src/packet/index.js'
import { captureFiles, readInPieces } from './support.js'

const anyPacket = fc.record({
  data: fc.uint8Array({ maxLength: 200 }),
  timestampNs: fc.bigInt({ min: 0n, max: 4294967295_999_999_999n }),
  extra: fc.nat({ max: 1000 }),
})

test('pcap: what is written is read again, in pieces of any size', () => {
  fc.assert(
    fc.property(fc.array(anyPacket), fc.boolean(), fc.integer({ min: 1, max: 300 }), (list, littleEndian, size) => {
      const writer = new PcapWriter({ littleEndian, linkType: 113 })
      for (const { data, timestampNs, extra } of list) {
        writer.write({ data, timestampNs, originalLength: data.length + extra })
      }
      const { packets, error } = readInPieces(writer.take().slice(), size)
      assert.equal(error, undefined)
      assert.deepEqual(
        packets,
        list.map(({ data, timestampNs, extra }) => ({
          data,
          timestampNs,
          linkType: 113,
          originalLength: data.length + extra,
          interfaceId: 0,
        })),
      )
    }),
  )
})

test('pcapng: every resolution keeps what it can hold', () => {
  const resolutions = [
    ...[0, 1, 3, 6, 7, 9, 10, 12, 15].map((n) => 10n ** BigInt(n)),
    ...[1, 10, 20, 23, 24, 30, 31, 32, 37, 38, 40].map((n) => 1n << BigInt(n)),
  ]
  fc.assert(
    fc.property(
      fc.constantFrom(...resolutions),
      fc.integer({ min: -2_000_000_000, max: 2_000_000_000 }),
      // 2^40 ticks a second fill 64 bits after 194 days.
      fc.bigInt({ min: 0n, max: 10_000n * 1_000_000_000n }),
      fc.boolean(),
      (ticksPerSecond, offsetSeconds, since, littleEndian) => {
        const timestampNs = since + BigInt(offsetSeconds) * 1_000_000_000n
        const writer = new PcapngWriter({ littleEndian })
        writer.addInterface({ linkType: 1, ticksPerSecond, offsetSeconds })
        writer.write({ data: new Uint8Array(1), timestampNs })
        const [packet] = [...readPackets(writer.take().slice())]
        const fine = ticksPerSecond >= 1_000_000_000n
        const read = packet?.timestampNs ?? 0n
        if (fine) assert.equal(read, timestampNs)
        else {
          const error = read - timestampNs
          const tick = 1_000_000_000n / ticksPerSecond + 1n
          assert.ok(error <= tick && error >= -tick, `${error} ns off at ${ticksPerSecond} ticks`)
        }
        // What was read is representable: writing it again changes nothing.
        const again = new PcapngWriter({ littleEndian })
        again.addInterface({ linkType: 1, ticksPerSecond, offsetSeconds })
        again.write({ data: new Uint8Array(1), timestampNs: read })
        assert.equal([...readPackets(again.take().slice())][0]?.timestampNs, read)
      },
    ),
  )
})

test('pcapng: 64-bit tick counts are split exactly', () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }),
      fc.constantFrom(0, 3, 6, 9, 11, 0x80 | 1, 0x80 | 20, 0x80 | 32, 0x80 | 37, 0x80 | 38, 18, 0x80 | 63),
      (ticks, resolution) => {
        const writer = new PcapngWriter()
        writer.addInterface({ linkType: 1, ticksPerSecond: 10n })
        writer.write({ data: new Uint8Array(0), timestampNs: 0n })
        const bytes = writer.take().slice()
        const view = new DataView(bytes.buffer)
        // Section 28 bytes; in the interface block the resolution option's value is at +20; the packet's stamp at +12.
        view.setUint8(28 + 20, resolution)
        const packetAt = 28 + view.getUint32(28 + 4, true)
        view.setUint32(packetAt + 12, Number(ticks >> 32n), true)
        view.setUint32(packetAt + 16, Number(ticks & 0xffffffffn), true)
        // Seconds are doubles: beyond 2^53 of them (285 million years) they are rounded.
        const perSecond = resolution & 0x80 ? 1n << BigInt(resolution & 0x7f) : 10n ** BigInt(resolution)
        fc.pre(ticks / perSecond < 2n ** 53n)
        assert.equal([...readPackets(bytes)][0]?.timestampNs, (ticks * 1_000_000_000n) / perSecond)
      },
    ),
    { numRuns: 500 },
  )
})

test('pcapng: what is written is read again', () => {
  const anyList = fc.array(
    fc.record({ packet: anyPacket, id: fc.nat({ max: 2 }), comment: fc.option(fc.string({ unit: 'grapheme' })) }),
  )
  fc.assert(
    fc.property(anyList, fc.boolean(), fc.integer({ min: 1, max: 300 }), (list, littleEndian, size) => {
      const writer = new PcapngWriter({ littleEndian })
      for (const linkType of [1, 101, 113]) writer.addInterface({ linkType })
      const expected: unknown[] = []
      for (const { packet, id, comment } of list) {
        // A reader drops NULs at the end of texts.
        const text = comment?.replace(/\0+$/, '')
        const originalLength = packet.data.length + packet.extra
        const wanted: PcapngPacket = {
          data: packet.data,
          timestampNs: packet.timestampNs,
          originalLength,
          interfaceId: id,
          ...(text === undefined ? {} : { comment: text }),
        }
        writer.write(wanted)
        expected.push({ ...wanted, linkType: [1, 101, 113][id] })
      }
      const { packets, error } = readInPieces(writer.take().slice(), size)
      assert.equal(error, undefined)
      assert.deepEqual(packets, expected)
    }),
  )
})

test('seconds and nanoseconds of a stamp', () => {
  assert.deepEqual(fromNanoseconds(-1n), { seconds: -1, nanoseconds: 999_999_999 })
  assert.deepEqual(fromNanoseconds(1_500_000_000n), { seconds: 1, nanoseconds: 500_000_000 })
})

test('writers refuse what their format cannot hold', () => {
  const data = new Uint8Array(4)
  assert.throws(() => new PcapWriter().write({ data, timestampNs: -1n }), UsageError)
  assert.throws(() => new PcapWriter().write({ data, timestampNs: 2n ** 32n * 1_000_000_000n }), UsageError)
  assert.throws(() => new PcapWriter({ linkType: 70_000 }), UsageError)
  assert.throws(() => new PcapngWriter().write({ data, timestampNs: 0n }), /no interface 0/)
  assert.throws(() => new PcapngWriter().addInterface({ linkType: 1, ticksPerSecond: 7n }), /power of ten or two/)
  const writer = new PcapngWriter()
  writer.addInterface({ linkType: 1, snapLength: 2 })
  assert.throws(() => writer.writeSimple(data), /holds 2 of them/)
  assert.throws(() => writer.write({ data, timestampNs: -1n }), /does not fit/)
})

const files = captureFiles()

test('every capture gives the same packets in pieces, and survives damage', {
  skip: files.length === 0 && 'no captures here',
}, () => {
  // Small files only: each is read some twenty times.
  const small = files.map((file) => new Uint8Array(readFileSync(file))).filter((bytes) => bytes.length < 20_000)
  const seed = 20_240_611
  const random = fc.sample(fc.nat({ max: 0xffff_ffff }), { numRuns: small.length * 8, seed })
  let next = 0
  const draw = (limit: number): number => (random[next++ % random.length] as number) % limit
  let damaged = 0
  for (const bytes of small) {
    const whole = readInPieces(bytes, bytes.length)
    const pieces = readInPieces(bytes, 1 + draw(200))
    assert.deepEqual(pieces.packets, whole.packets)
    assert.equal(String(pieces.error), String(whole.error))
    for (let round = 0; round < 3; round++) {
      const copy = bytes.slice(0, round === 2 ? draw(bytes.length) : bytes.length)
      if (copy.length > 0 && round < 2) copy[draw(Math.min(copy.length, 200))] = draw(256)
      const size = 1 + draw(100)
      const { packets, error } = readInPieces(copy, size)
      if (error !== undefined) {
        damaged++
        assert.ok(error instanceof FormatError, `seed ${seed}: ${String(error)}`)
        assert.ok(error.offset !== undefined && error.offset <= copy.length)
      }
      const again = readInPieces(copy, copy.length + 1)
      assert.equal(String(again.error), String(error), 'the verdict does not depend on the pieces')
      assert.equal(again.packets.length, packets.length)
    }
  }
  assert.ok(damaged > 50, `only ${damaged} damaged files were noticed`)
})

test('random bytes give a FormatError or packets, nothing else', () => {
  const start = fc.constantFrom([0xd4, 0xc3, 0xb2, 0xa1], [0x0a, 0x0d, 0x0d, 0x0a], [0xa1, 0xb2, 0xcd, 0x34], [])
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 50 }), (magic, rest, size) => {
      const { error } = readInPieces(Uint8Array.from([...magic, ...rest]), size)
      assert.ok(error === undefined || error instanceof FormatError, String(error))
    }),
    { numRuns: 1000 },
  )
})

test('an error of the visitor ends the reader', () => {
  const writer = new PcapWriter()
  writer.write({ data: new Uint8Array(1), timestampNs: 0n })
  const reader = new CaptureReader()
  const stop = (): never => {
    throw new Error('enough')
  }
  assert.throws(() => reader.push(writer.take(), stop), /enough/)
  assert.throws(() => reader.end(), /enough/)
})
