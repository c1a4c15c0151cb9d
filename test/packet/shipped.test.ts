import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parsePacket, readPackets } from '#src/packet/index.js'
import { fixture, root } from '../support/paths.js'
import { hasTool } from './support.js'

const traffic = join(root, 'examples/firewall/traffic.pcap')

function generate(...args: readonly string[]): Uint8Array {
  const directory = mkdtempSync(join(tmpdir(), 'skep-make-'))
  try {
    const path = join(directory, 'out.pcap')
    const run = spawnSync(process.execPath, [join(root, 'scripts/make-capture.mjs'), path, ...args], {
      encoding: 'utf8',
    })
    assert.equal(run.status, 0, run.stderr)
    return new Uint8Array(readFileSync(path))
  } finally {
    rmSync(directory, { recursive: true })
  }
}

test('the example capture is what the generator makes', () => {
  const bytes = new Uint8Array(readFileSync(traffic))
  assert.ok(bytes.length < 100_000)
  assert.deepEqual(generate('--kind', 'firewall', '--packets', '500'), bytes)
  const packets = [...readPackets(bytes)]
  assert.equal(packets.length, 500)
  assert.ok(packets.some(({ data }) => parsePacket(data).malformed !== undefined))
})

test('mixed captures differ by seed only', () => {
  const first = generate('--packets', '2000', '--seed', '7')
  assert.deepEqual(generate('--packets', '2000', '--seed', '7'), first)
  assert.notDeepEqual(generate('--packets', '2000', '--seed', '8'), first)
  const kinds = new Set(
    [...readPackets(first)].flatMap(({ data }) => parsePacket(data).layers.map((layer) => layer.kind)),
  )
  for (const kind of ['tcp', 'udp', 'icmp', 'icmpv6', 'ipv4', 'ipv6', 'vlan', 'vxlan', 'gre', 'mpls', 'arp'] as const) {
    assert.ok(kinds.has(kind), kind)
  }
})

const objects = [
  join(root, 'examples/firewall/firewall.o'),
  ...readdirSync(fixture('net'))
    .filter((name) => name.endsWith('.o'))
    .map((name) => fixture(join('net', name))),
]

test('Linux accepts the example and every network fixture', {
  skip:
    (process.getuid?.() !== 0 && 'needs root') ||
    (!hasTool('bpftool') && 'bpftool is not installed') ||
    (spawnSync('unshare', ['-m', 'true']).status !== 0 && 'needs a mount namespace'),
}, () => {
  const directory = mkdtempSync(join(tmpdir(), 'skep-pins-'))
  try {
    // The file system is mounted in a namespace of its own and goes with it.
    const script = `mount -t bpf bpf "$0" && n=0 && for object; do
      n=$((n + 1)); bpftool prog loadall "$object" "$0/$n" 2>&1 || { echo "refused: $object"; exit 1; }; done`
    const run = spawnSync('unshare', ['-m', 'bash', '-c', script, directory, ...objects], { encoding: 'utf8' })
    assert.equal(run.status, 0, run.stdout.slice(-4000) + run.stderr)
  } finally {
    rmSync(directory, { recursive: true })
  }
})
