import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { readPackets } from '#src/packet/index.js'
import { root } from '../support/paths.js'
import { skep } from '../support/skep.js'

const HOOKS = 'test/fixtures/net/hooks.o'
const FLOW = ['--generate', 'udp 10.0.0.9:4000 > 10.0.0.1:53', '--address', '10.0.0.1/24']

test('skep trace tells each step of generated packets', () => {
  const { status, stdout } = skep('trace', HOOKS, '--prog', 'x_tx', ...FLOW, '--count', '2')
  assert.equal(status, 0)
  assert.equal(
    stdout,
    `#1  IP 10.0.0.9.4000 > 10.0.0.1.53: UDP, length 22
    eth0  driver receive
    eth0  xdp program x_tx (id 1) native XDP_TX changed 4: 00 to 99, 10: 99 to 00
    eth0  driver transmit
    eth0  port sent
#2  IP 10.0.0.9.4001 > 10.0.0.1.53: UDP, length 22
    eth0  driver receive
    eth0  xdp program x_tx (id 1) native XDP_TX changed 4: 00 to 99, 10: 99 to 00
    eth0  driver transmit
    eth0  port sent
2 packets, 8 steps
verdicts
  2  x_tx XDP_TX
`,
  )
})

test('skep trace: JSON, filters, drop reasons of tc and of a closed port', () => {
  const lines = (...args: string[]) =>
    skep('trace', HOOKS, ...FLOW, ...args, '--json')
      .stdout.trim()
      .split('\n')
      .map((line) => JSON.parse(line))
  const [dropped, end] = lines('--prog', 't_shot', '--filter', 'drop reason=TC_INGRESS')
  assert.equal(dropped.steps.at(-1).reason, 'SKB_DROP_REASON_TC_INGRESS')
  assert.deepEqual(end.counts.drops, { SKB_DROP_REASON_TC_INGRESS: 1 })
  const [first, ...rest] = lines('--prog', 't_ok')
  assert.equal(first.steps.at(-1).reason, 'SKB_DROP_REASON_NO_SOCKET')
  assert.ok(rest.some(({ summary }) => /IP 10\.0\.0\.1 > 10\.0\.0\.9: ICMP|ARP/.test(summary ?? '')))
  assert.equal(lines('--prog', 't_ok', '--filter', 'verdict=SHOT').length, 1)
  assert.equal(lines('--prog', 't_ok', '--filter', '!drop packet=1').length, 1)
})

test('skep trace runs a capture, and writes a pcapng with the ways as comments', () => {
  const folder = mkdtempSync(join(tmpdir(), 'skep-trace-'))
  const out = join(folder, 'out.pcapng')
  try {
    const capture = ['trace', 'examples/firewall/firewall.o', '--pcap', 'examples/firewall/traffic.pcap']
    const { status, stdout } = skep(...capture, '--filter', 'reason=XDP_DROP', '--out', out, '--counts')
    assert.equal(status, 0)
    assert.match(stdout, /155 {2}firewall XDP_DROP/)
    const packets = [...readPackets(new Uint8Array(readFileSync(out)))]
    assert.equal(packets.length, 155)
    assert.match(packets[0]?.comment ?? '', /^#\d+: eth0: driver receive; eth0: xdp program firewall .* XDP_DROP$/)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('skep trace says what is wrong', () => {
  const fails = (text: RegExp, ...args: string[]): void => {
    const { status, stderr } = skep('trace', ...args)
    assert.equal(status, 2)
    assert.match(stderr, text)
  }
  fails(/which packets/, HOOKS)
  fails(/at which device/, '--packet', '00'.repeat(60))
  fails(/knows no 'colour=red'/, HOOKS, ...FLOW, '--filter', 'colour=red')
  fails(/does not understand/, HOOKS, '--generate', 'nonsense')
  fails(/need a pcapng/, HOOKS, ...FLOW, '--out', 'x.pcap')
  fails(/is a socket_filter program/, HOOKS, '--prog', 's_short', ...FLOW)
})

test('trace and perf live in a kernel that stays', { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'skep-live-'))
  const env = { ...process.env, NO_COLOR: '1', SKEP_DIR: folder }
  const start = (...args: string[]) => {
    const child = spawn(process.execPath, [join(root, 'dist/cli/main.js'), ...args], { cwd: root, env })
    let text = ''
    child.stdout.on('data', (piece) => {
      text += piece
    })
    child.stderr.on('data', (piece) => {
      text += piece
    })
    return new Promise<string>((resolve) => child.on('exit', () => resolve(text)))
  }
  try {
    await start('up')
    const events = start('perf', 'script', '-e', 'bpf:*', '--count', '2')
    const journeys = start('trace', '--count', '1', '--json')
    await new Promise((resolve) => setTimeout(resolve, 1500))
    await start(
      'bpftool',
      'map',
      'create',
      '/sys/fs/bpf/m',
      'type',
      'array',
      'key',
      '4',
      'value',
      '8',
      'entries',
      '2',
      'name',
      'm',
    )
    await start('trace', '--ping', '127.0.0.1', '--counts')
    await start('bpftool', 'map', 'show')
    const printed = await events
    assert.match(printed, /bpf:bpf_map_create: map type=ARRAY ufd=\d+ key=4 val=8 max=2 flags=0/)
    assert.match(await journeys, /"hook":"icmp","what":"deliver"/)
  } finally {
    await start('down')
    rmSync(folder, { recursive: true, force: true })
  }
})
