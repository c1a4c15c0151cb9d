import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { type CapturePacket, PcapngWriter, PcapWriter, readPackets } from '#src/packet/index.js'
import { captureFiles, hasTool } from './support.js'

// Other people's readers as oracles, where they are installed.

const files = captureFiles()
const noFiles = files.length === 0 && 'no captures here'

/** What tshark's fields print: stamp, captured and original length, digest of the bytes. */
function rows(packets: Iterable<CapturePacket>): string[] {
  const lines: string[] = []
  for (const { data, timestampNs, originalLength } of packets) {
    const seconds = timestampNs / 1_000_000_000n
    const stamp = `${seconds}.${String(timestampNs % 1_000_000_000n).padStart(9, '0')}`
    lines.push([stamp, data.length, originalLength, createHash('md5').update(data).digest('hex')].join('\t'))
  }
  return lines
}

function tshark(file: string): string[] {
  const fields = ['frame.time_epoch', 'frame.cap_len', 'frame.len', 'frame.md5_hash'].flatMap((name) => ['-e', name])
  const options = ['-n', '-r', file, '-o', 'frame.generate_md5_hash:TRUE', '-T', 'fields']
  const { stdout } = spawnSync('tshark', [...options, ...fields], { encoding: 'utf8', maxBuffer: 1 << 28 })
  return stdout.split('\n').filter((line) => line !== '')
}

test('capinfos counts the same packets and bytes in every capture', {
  skip: noFiles || (!hasTool('capinfos') && 'capinfos is not installed'),
}, () => {
  const { stdout } = spawnSync('capinfos', ['-T', '-M', '-r', '-c', '-d', ...files], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  const theirs = new Map(stdout.split('\n').map((line) => [line.split('\t')[0], line.split('\t').slice(1)]))
  const different: string[] = []
  let compared = 0
  for (const file of files) {
    // Link types that capinfos does not know are missing from its table.
    const row = theirs.get(file)
    if (row === undefined) continue
    compared++
    let count = 0
    let size = 0
    for (const packet of readPackets(new Uint8Array(readFileSync(file)))) {
      count++
      size += packet.originalLength
    }
    // ATM headers are no part of capinfos' sizes.
    const atm = /atm/.test(file)
    if (row[0] !== String(count) || (row[1] !== String(size) && !atm)) {
      different.push(`${basename(file)}: ${row.join(' ')}, here ${count} ${size}`)
    }
  }
  assert.deepEqual(different, [])
  assert.ok(compared > 500, `only ${compared} compared`)
})

test('tshark reads the same stamps, lengths and bytes', {
  skip: noFiles || (!hasTool('tshark') && 'tshark is not installed'),
}, () => {
  const sample = [
    'mixed/IPv4Frag.pcap',
    'mixed/QinQ_802.1_AD.pcapng',
    'protocols/time_2106_max.pcap',
    'protocols/time_2107.pcapng',
    'protocols/of13_ericsson.pcapng',
    'protocols/vsock-1.pcapng',
    'protocols/various_gre.pcap',
    'protocols/slip-compressed_sl_print-oobr.pcap',
  ]
  for (const name of sample) {
    const file = files.find((path) => path.endsWith(name))
    assert.ok(file !== undefined, name)
    assert.deepEqual(rows(readPackets(new Uint8Array(readFileSync(file)))), tshark(file), name)
  }
})

test('tshark reads what the writers write', { skip: !hasTool('tshark') && 'tshark is not installed' }, () => {
  const packets = [0, 1, 2].map((i) => ({
    data: new Uint8Array(60 + i).fill(i),
    timestampNs: 1_700_000_000_123_456_789n + BigInt(i) * 1_000_000_001n,
    originalLength: 100 + i,
  }))
  const path = join(tmpdir(), `skep-writers-${process.pid}.cap`)
  try {
    for (const littleEndian of [true, false]) {
      for (const nanoseconds of [true, false]) {
        const writer = new PcapWriter({ littleEndian, nanoseconds })
        for (const packet of packets) writer.write(packet)
        const bytes = writer.take().slice()
        writeFileSync(path, bytes)
        assert.deepEqual(tshark(path), rows(readPackets(bytes)))
      }
      const writer = new PcapngWriter({ littleEndian, comment: 'written by a test', hardware: 'none' })
      writer.addInterface({ linkType: 1, name: 'a', filter: 'ip', comment: 'x' })
      writer.addInterface({ linkType: 1, ticksPerSecond: 1n << 30n, offsetSeconds: 1000 })
      for (const [i, packet] of packets.entries())
        writer.write({ ...packet, interfaceId: i & 1, comment: `number ${i}` })
      writer.writeNames([{ address: new Uint8Array(16).fill(1), names: ['six'] }])
      writer.writeStatistics(0, 1n, { received: 3n })
      writer.writeSimple(new Uint8Array(70))
      const bytes = writer.take().slice()
      writeFileSync(path, bytes)
      // A simple packet has no stamp, which tshark shows as an empty field and the reader as 0.
      assert.deepEqual(
        tshark(path).map((line) => line.replace(/^\t/, '0.000000000\t')),
        rows(readPackets(bytes)),
      )
    }
  } finally {
    rmSync(path, { force: true })
  }
})

test('tcpdump counts the packets of a written capture', {
  skip: !hasTool('tcpdump') && 'tcpdump is not installed',
}, () => {
  const writer = new PcapWriter()
  for (let i = 0; i < 100; i++) writer.write({ data: new Uint8Array(60), timestampNs: BigInt(i) })
  const { stdout } = spawnSync('tcpdump', ['-n', '-tt', '--nano', '-r', '-'], {
    input: writer.take(),
    encoding: 'utf8',
  })
  const lines = stdout.trim().split('\n')
  assert.equal(lines.length, 100)
  assert.match(lines[99] as string, /^0\.000000099 /)
})
