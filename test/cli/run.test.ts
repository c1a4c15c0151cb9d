import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { readPackets } from '#src/packet/index.js'
import { linuxUnavailable } from '../support/kernels.js'
import { type Json, skep, skepJson } from '../support/skep.js'

const FIREWALL = 'examples/firewall/firewall.o'
const TRAFFIC = 'examples/firewall/traffic.pcap'
const VERDICTS = { XDP_PASS: 324, XDP_DROP: 155, XDP_TX: 21 }
const PING =
  '001122334455 66778899aabb 0800 45000054000040004001 0000 0a000001 0a000002 0800 f7ff 0000 0000' + '00'.repeat(56)

test('the example: verdicts, printk and maps of a capture', () => {
  const run = skepJson('run', FIREWALL, '--pcap', TRAFFIC)
  assert.equal(run.kernel, 'embedded')
  assert.deepEqual(run.program, { name: 'firewall', type: 'xdp' })
  assert.equal(run.packets, 500)
  assert.deepEqual(run.verdicts, VERDICTS)
  assert.equal(run.results.length, 500)
  assert.equal(run.printk.length, 5)
  const verdicts = run.maps.find((map: Json) => map.name === 'verdicts')
  const packets = verdicts.entries.reduce((sum: number, entry: Json) => sum + entry.values[0].packets, 0)
  assert.equal(packets, 500)
  const text = skep('run', FIREWALL, '--pcap', TRAFFIC)
  assert.equal(text.status, 0)
  assert.match(text.stdout, /XDP_DROP +155 +[\d,]+ +31\.0 %/)
  assert.match(text.stdout, /flows \(lru_hash/)
})

test('the same run on Linux gives the same verdicts', { skip: linuxUnavailable() }, () => {
  assert.deepEqual(skepJson('run', FIREWALL, '--pcap', TRAFFIC, '--kernel', 'linux').verdicts, VERDICTS)
})

test('a run over a capture repeats exactly, on either engine', () => {
  const runs = ['jit', 'jit', 'interpreter'].map((engine) => {
    const { engine: ran, timing, ...rest } = skepJson('run', FIREWALL, '--pcap', TRAFFIC, '--engine', engine)
    assert.equal(ran, engine)
    // Where the time went is the one thing that differs from run to run.
    assert.deepEqual(Object.keys(timing.shares), ['reading', 'copying', 'running', 'counting'])
    return rest
  })
  assert.deepEqual(runs[1], runs[0])
  assert.deepEqual(runs[2], runs[0])
  const other = skepJson('run', FIREWALL, '--pcap', TRAFFIC, '--seed', '2')
  assert.deepEqual(other.verdicts, VERDICTS)
})

test('a packet given as hex: result, output bytes, repeat', () => {
  const run = skepJson('run', FIREWALL, '--packet', PING)
  assert.deepEqual(run.verdicts, { XDP_TX: 1 })
  const [result] = run.results
  assert.equal(result.retval, 3)
  assert.equal(result.verdict, 'XDP_TX')
  assert.equal(result.data.length, 98 * 2)
  // Linux repeats on the same buffer: the second run sees the answer of the first.
  const repeated = skepJson('run', FIREWALL, '--packet', PING, '--repeat', '10')
  assert.equal(typeof repeated.nsPerRun, 'number')
  assert.deepEqual(repeated.verdicts, { XDP_PASS: 1 })
  assert.equal(skepJson('run', FIREWALL, '--packet', PING, '--packet', PING).results.length, 2)
})

test('variables and maps are set before the run', () => {
  const quiet = skepJson('run', FIREWALL, '--packet', PING, '--set', 'answer_pings=0')
  assert.deepEqual(quiet.verdicts, { XDP_PASS: 1 })
  const blocked = skepJson('run', FIREWALL, '--packet', PING, '--map', 'blocked=[{"key":"0a000001","value":0}]')
  assert.deepEqual(blocked.verdicts, { XDP_DROP: 1 })
  assert.deepEqual(blocked.maps.find((map: Json) => map.name === 'blocked').entries.length, 1)
})

test('--out writes what was let through, stamps kept', () => {
  const dir = mkdtempSync(join(tmpdir(), 'skep-run-'))
  try {
    for (const name of ['passed.pcap', 'passed.pcapng']) {
      const out = join(dir, name)
      skepJson('run', FIREWALL, '--pcap', TRAFFIC, '--out', out)
      const written = [...readPackets(new Uint8Array(readFileSync(out)))]
      const read = [...readPackets(new Uint8Array(readFileSync(TRAFFIC)))]
      assert.equal(written.length, VERDICTS.XDP_PASS + VERDICTS.XDP_TX)
      const stamps = new Set(read.map((packet) => packet.timestampNs))
      assert.ok(written.every((packet) => stamps.has(packet.timestampNs)))
    }
    assert.match(skep('run', FIREWALL, '--pcap', TRAFFIC, '--out', TRAFFIC).stderr, /overwrite/)
  } finally {
    rmSync(dir, { recursive: true })
  }
})

test('a capture that breaks off: its packets are reported, then the error', () => {
  const dir = mkdtempSync(join(tmpdir(), 'skep-run-'))
  try {
    const cut = join(dir, 'cut.pcap')
    writeFileSync(cut, readFileSync(TRAFFIC))
    truncateSync(cut, 20_001)
    const { status, stdout, stderr } = skep('run', FIREWALL, '--pcap', cut, '--json')
    assert.equal(status, 2)
    const run = JSON.parse(stdout)
    assert.ok(run.packets > 100 && run.packets < 500)
    assert.match(run.error, /cut\.pcap/)
    assert.match(stderr, /^skep: .*cut\.pcap.*ends inside a packet record/m)
  } finally {
    rmSync(dir, { recursive: true })
  }
})

test('wrong use is one clear line and exit status 2', () => {
  const cases: [string[], RegExp][] = [
    [['run', FIREWALL], /what shall firewall run on\?/],
    [['run', FIREWALL, '--prog', 'nope', '--packet', PING], /no program 'nope'/],
    [['run', FIREWALL, '--packet', 'xyz'], /not a hexadecimal digit/],
    [['run', 'no-such-file.o', '--packet', PING], /no such file/],
    [['run', 'package.json', '--packet', PING], /package\.json/],
    [['run', FIREWALL, '--pcap', 'package.json'], /package\.json/],
    [['run', FIREWALL, '--packet', PING, '--set', 'nope=1'], /no global variable 'nope'/],
    [['run', FIREWALL, '--packet', PING, '--map', 'nope=[]'], /no map named 'nope'/],
    [['run', FIREWALL, '--packet', PING, '--cpus', '0'], /--cpus/],
    [['frobnicate'], /unknown command/],
  ]
  for (const [args, message] of cases) {
    const { status, stdout, stderr } = skep(...args)
    assert.equal(status, 2, args.join(' '))
    assert.equal(stdout, '', args.join(' '))
    assert.match(stderr, message)
    assert.doesNotMatch(stderr, /internal error|\n\s+at /)
  }
})

test('output to a perf event array is shown', () => {
  const packet = `${'ff'.repeat(12)}0800${'45'.repeat(50)}`
  const run = skepJson(
    'run',
    'test/fixtures/events/events.o',
    '--prog',
    'perf_output',
    '--packet',
    packet,
    '--packet',
    packet,
  )
  const perf = run.maps.find((map: { name: string }) => map.name === 'perf')
  assert.equal(perf.entries.length, 2)
  assert.deepEqual(
    perf.entries.map((entry: { key: number }) => entry.key),
    [0, 0],
  )
  assert.ok(perf.entries[0].value.length > 0)
})
