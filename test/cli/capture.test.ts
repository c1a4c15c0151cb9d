import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { FormatError, UsageError } from '#src/base/index.js'
import { CaptureWriter } from '#src/cli/capture/capture-writer.js'
import { type ReadCaptureOptions, readCapture } from '#src/cli/capture/read-capture.js'
import { type CapturePacket, PcapWriter, readPackets } from '#src/packet/index.js'
import { root } from '../support/paths.js'

const directory = mkdtempSync(join(tmpdir(), 'skep-capture-'))
after(() => rmSync(directory, { recursive: true }))

async function all(path: string, options?: ReadCaptureOptions): Promise<{ packets: CapturePacket[]; bursts: number }> {
  const source = await readCapture(path, options)
  const packets: CapturePacket[] = []
  let bursts = 0
  for await (const burst of source) {
    bursts++
    for (let i = 0; i < burst.count; i++) {
      const packet = burst.packet(i, source.linkTypeOf(burst.interfaceIds[i] as number))
      packets.push({ ...packet, data: packet.data.slice() })
    }
  }
  assert.equal(source.packets, packets.length)
  if (source.size !== undefined) assert.equal(source.position, source.size)
  return { packets, bursts }
}

function sample(count: number): Uint8Array {
  const writer = new PcapWriter()
  for (let i = 0; i < count; i++) {
    writer.write({ data: new Uint8Array(i % 97).fill(i), timestampNs: BigInt(i) * 1_000_000_007n, originalLength: 100 })
  }
  return writer.take()
}

function file(name: string, bytes: Uint8Array): string {
  const path = join(directory, name)
  writeFileSync(path, bytes)
  return path
}

const bytes = sample(1000)
const expected = [...readPackets(bytes)]

test('a file comes in bursts of the chunk size, each packet once', async () => {
  const path = file('plain.pcap', bytes)
  for (const chunkSize of [64, 100, 4096, 1 << 20]) {
    const { packets, bursts } = await all(path, { chunkSize })
    assert.deepEqual(packets, expected)
    assert.ok(bursts <= bytes.length / (chunkSize / 2) + 1)
    if (chunkSize === 4096) assert.ok(bursts >= 15)
  }
})

test('gzip is recognised by its magic, in one member or several, also with a wrong name', async () => {
  const half = 5000
  const members = Buffer.concat([gzipSync(bytes.subarray(0, half)), gzipSync(bytes.subarray(half))])
  for (const path of [file('a.pcap.gz', gzipSync(bytes)), file('b.pcap', gzipSync(bytes)), file('c.gz', members)]) {
    assert.deepEqual((await all(path, { chunkSize: 1000 })).packets, expected)
  }
  await assert.rejects(
    all(file('cut.pcap.gz', gzipSync(bytes).subarray(0, 700))),
    (error) =>
      error instanceof FormatError &&
      error.file?.endsWith('cut.pcap.gz') === true &&
      /gzip data is damaged/.test(error.message),
  )
})

test('standard input, plain and compressed, in small pieces', async () => {
  const script = `
    import { readCapture } from ${JSON.stringify(join(root, 'dist/cli/capture/read-capture.js'))}
    let packets = 0, length = 0
    const source = await readCapture('-')
    for await (const burst of source) for (let i = 0; i < burst.count; i++) { packets++; length += burst.lengths[i] }
    console.log(packets, length, source.size, source.position, source.compressed)`
  const total = expected.reduce((sum, packet) => sum + packet.data.length, 0)
  for (const [input, compressed] of [
    [Buffer.from(bytes), false],
    [gzipSync(bytes), true],
  ] as const) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.on('data', (chunk) => (output += chunk))
    child.stdin.write(input.subarray(0, 1))
    await new Promise((done) => setTimeout(done, 20))
    child.stdin.write(input.subarray(1, 3000))
    child.stdin.end(input.subarray(3000))
    assert.equal(await new Promise((done) => child.on('exit', done)), 0)
    assert.equal(output.trim(), `1000 ${total} undefined ${input.length} ${compressed}`)
  }
})

test('a named pipe is read like standard input', {
  skip: process.platform === 'win32' && 'no named pipes',
}, async () => {
  const path = join(directory, 'pipe')
  assert.equal(spawnSync('mkfifo', [path]).status, 0)
  const child = spawn(process.execPath, ['-e', `fs.writeFileSync(${JSON.stringify(path)}, fs.readFileSync(0))`], {
    stdio: ['pipe', 'inherit', 'inherit'],
  })
  child.stdin.end(Buffer.from(bytes))
  assert.deepEqual((await all(path)).packets, expected)
})

test('damage gives the packets before it, then the error with the name of the file', async () => {
  const path = file('cut.pcap', bytes.subarray(0, 20_000))
  const source = await readCapture(path, { chunkSize: 1000 })
  let packets = 0
  const read = async (): Promise<void> => {
    for await (const burst of source) packets += burst.count
  }
  await assert.rejects(
    read(),
    (error) => error instanceof FormatError && error.file === path && /ends inside/.test(error.message),
  )
  assert.equal(packets, source.packets)
  assert.ok(packets > 200)
  await assert.rejects(all(file('empty.pcap', new Uint8Array(0))), /empty\.pcap: pcap: the file is empty/)
})

test('a packet longer than the chunk makes the buffer grow', async () => {
  const writer = new PcapWriter()
  writer.write({ data: new Uint8Array(100_000).fill(7), timestampNs: 1n })
  writer.write({ data: new Uint8Array(10), timestampNs: 2n })
  const path = file('long.pcap', writer.take())
  const { packets } = await all(path, { chunkSize: 100 })
  assert.deepEqual(
    packets.map((packet) => packet.data.length),
    [100_000, 10],
  )
})

test('what cannot be opened is said', async () => {
  await assert.rejects(
    readCapture(join(directory, 'absent')),
    (error) => error instanceof UsageError && /no such file/.test(error.message),
  )
  await assert.rejects(readCapture(directory), /is a directory/)
})

test('a source that is not read can be closed, and closed again', async () => {
  for (const name of ['plain.pcap', 'a.pcap.gz']) {
    const source = await readCapture(join(directory, name))
    await source.close()
    await source.close()
  }
})

test('a signal ends the reading', async () => {
  const controller = new AbortController()
  const source = await readCapture(file('plain.pcap', bytes), { chunkSize: 1000, signal: controller.signal })
  let bursts = 0
  const read = async (): Promise<void> => {
    for await (const _burst of source) if (++bursts === 2) controller.abort()
  }
  await assert.rejects(read(), { name: 'AbortError' })
  assert.equal(bursts, 2)
})

test('writers choose the format by the name and keep nanoseconds', () => {
  for (const name of ['out.pcap', 'out.pcapng', 'out.cap']) {
    const path = join(directory, name)
    {
      using writer = new CaptureWriter(path)
      assert.equal(writer.format, name.endsWith('ng') ? 'pcapng' : 'pcap')
      for (let i = 0; i < 30_000; i++)
        writer.write(bytes, 0, 60, 1_700_000_000 + i, 123_456_789, 99, 0, i === 5 ? 'here' : undefined)
      assert.equal(writer.packets, 30_000)
    }
    const packets = [...readPackets(new Uint8Array(readFileSync(path)))]
    assert.equal(packets.length, 30_000)
    assert.deepEqual(packets[5], {
      data: bytes.slice(0, 60),
      timestampNs: 1_700_000_005_123_456_789n,
      linkType: 1,
      originalLength: 99,
      interfaceId: 0,
      ...(name.endsWith('ng') ? { comment: 'here' } : {}),
    })
  }
})

test('writers refuse what they cannot write', () => {
  assert.throws(() => new CaptureWriter(join(directory, 'x.pcap.gz')), UsageError)
  assert.throws(() => new CaptureWriter(join(directory, 'absent', 'x.pcap')), /cannot create/)
  const writer = new CaptureWriter(join(directory, 'links.pcap'))
  assert.equal(writer.addInterface({ linkType: 1 }), 1)
  assert.throws(() => writer.addInterface({ linkType: 101 }), /cannot hold packets of ETHERNET and RAW/)
  writer.close()
  writer.close()
  assert.throws(() => writer.flush(), /is closed/)
})
