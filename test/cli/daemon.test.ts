import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { root } from '../support/paths.js'

const MAIN = join(root, 'dist/cli/main.js')
const OBJECT = join(root, 'test/fixtures/net/xdp_count.o')

interface Ran {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A folder for a kernel's state, and the command line that works on it. */
function house(t: TestContext) {
  const folder = join(mkdtempSync(join(tmpdir(), 'skep-test-')), 'state')
  const env = { ...process.env, SKEP_DIR: folder, NO_COLOR: '1' }
  t.after(() => {
    spawnSync(process.execPath, [MAIN, 'down'], { env })
    rmSync(join(folder, '..'), { recursive: true, force: true })
  })
  return {
    folder,
    env,
    skep(args: readonly string[], options: { cwd?: string; input?: string } = {}): Ran {
      return spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8', env, cwd: root, ...options })
    },
    start(args: readonly string[]): ChildProcess {
      return spawn(process.execPath, [MAIN, ...args], { env, cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    },
  }
}

function ok({ status, stdout, stderr }: Ran): string {
  assert.equal(status, 0, stderr)
  return stdout
}

function heard(child: ChildProcess, pattern: RegExp): Promise<string> {
  return new Promise((done) => {
    let text = ''
    child.stdout?.on('data', (piece: Buffer) => {
      text += piece.toString()
      if (pattern.test(text)) done(text)
    })
  })
}

test('a kernel stays: what one command loads and pins the next one finds', (t) => {
  const { skep, folder } = house(t)
  assert.equal(skep(['status']).status, 3)
  assert.match(ok(skep(['up'])), /a kernel is up/)
  assert.equal(statSync(folder).mode & 0o777, 0o700)
  assert.equal(statSync(join(folder, 'kernel.sock')).mode & 0o777, 0o600)
  assert.match(skep(['up']).stderr, /a kernel is up already/)

  ok(skep(['bpftool', 'prog', 'load', OBJECT, '/sys/fs/bpf/p', 'pinmaps', '/sys/fs/bpf/maps']))
  assert.match(ok(skep(['bpftool', 'prog'])), /^\d+: xdp {2}name count_packets {2}tag [0-9a-f]{16} {2}gpl\n/)
  ok(
    skep([
      'map',
      'update',
      'pinned',
      '/sys/fs/bpf/maps/kinds',
      'key',
      '1',
      '0',
      '0',
      '0',
      'value',
      'json',
      '{"packets":7,"bytes":9}',
    ]),
  )
  const [entry] = JSON.parse(ok(skep(['--as', 'bpftool', '-j', 'map', 'dump', 'name', 'kinds']))).filter(
    (each: { formatted: { key: number } }) => each.formatted.key === 1,
  )
  assert.deepEqual(entry.formatted.value, { packets: 7, bytes: 9 })
  const status = JSON.parse(ok(skep(['status', '--json'])))
  assert.deepEqual([status.programs, status.maps, status.pins], [1, 4, 5])
  // A fresh kernel is another one.
  assert.equal(ok(skep(['--kernel', 'fresh', 'bpftool', 'prog'])), '')

  ok(skep(['down']))
  assert.equal(skep(['status']).status, 3)
  assert.equal(ok(skep(['bpftool', 'prog'])), '')
})

test('files are read and written where the command was typed, standard input is read when asked for', (t) => {
  const { skep, folder } = house(t)
  ok(skep(['up', '--cpus', '1']))
  const work = join(folder, '..', 'work')
  mkdirSync(work)
  writeFileSync(join(work, 'prog.o'), readFileSync(OBJECT))
  ok(skep(['bpftool', 'prog', 'load', 'prog.o', '/sys/fs/bpf/p'], { cwd: work }))
  const run = ['bpftool', 'prog', 'run', 'pinned', '/sys/fs/bpf/p', 'data_in', '-', 'data_out', 'out', 'repeat', '1']
  assert.match(ok(skep(run, { cwd: work, input: 'x'.repeat(100) })), /^Return value: 2, duration: \d+ns\n$/)
  assert.equal(readFileSync(join(work, 'out'), 'utf8'), 'x'.repeat(100))
})

test('a command that fails says so with its exit status, and leaves nothing', (t) => {
  const { skep } = house(t)
  ok(skep(['up']))
  const refused = skep(['bpftool', 'prog', 'show', 'id', '99'])
  assert.deepEqual(
    [refused.status, refused.stdout, refused.stderr],
    [255, '', 'Error: get by id (99): No such file or directory\n'],
  )
  assert.equal(skep(['map', 'show', 'id', '99']).status, 1)
  assert.equal(skep(['prog', 'load', OBJECT, '/nowhere/p']).status, 1)
  assert.equal(JSON.parse(ok(skep(['status', '--json']))).programs, 0)
})

test('a command that waits lets others have their turn, and ends with Ctrl-C', async (t) => {
  const { skep, start } = house(t)
  ok(skep(['up']))
  ok(skep(['bpftool', 'prog', 'load', join(root, 'examples/firewall/firewall.o'), '/sys/fs/bpf/f']))
  const log = start(['bpftool', 'prog', 'tracelog'])
  const ended = new Promise<number | null>((done) => void log.once('exit', done))
  // Others work meanwhile.
  assert.match(ok(skep(['bpftool', 'prog'])), /firewall/)
  log.kill('SIGINT')
  assert.ok([0, 130].includes((await ended) ?? -1))
})

test('a client that is killed in the middle takes nothing along', async (t) => {
  const { skep, start } = house(t)
  ok(skep(['up']))
  ok(
    skep([
      'bpftool',
      'map',
      'create',
      '/sys/fs/bpf/pe',
      'type',
      'perf_event_array',
      'key',
      '4',
      'value',
      '4',
      'entries',
      '2',
      'name',
      'pe',
    ]),
  )
  const pipe = start(['bpftool', '-j', 'map', 'event_pipe', 'pinned', '/sys/fs/bpf/pe'])
  await heard(pipe, /\[/)
  const before = ok(skep(['bpftool', 'map']))
  pipe.kill('SIGKILL')
  await new Promise((done) => void pipe.once('exit', done))
  assert.equal(ok(skep(['bpftool', 'map'])), before)
})

test('many commands at once come one after the other', async (t) => {
  const { skep, start } = house(t)
  ok(skep(['up']))
  ok(
    skep([
      'bpftool',
      'map',
      'create',
      '/sys/fs/bpf/q',
      'type',
      'queue',
      'key',
      '0',
      'value',
      '4',
      'entries',
      '100',
      'name',
      'q',
    ]),
  )
  const statuses = await Promise.all(
    Array.from({ length: 12 }, (_, i) => {
      const child = start(['bpftool', 'map', 'push', 'pinned', '/sys/fs/bpf/q', 'value', String(i), '0', '0', '0'])
      return new Promise<number | null>((done) => void child.once('exit', done))
    }),
  )
  assert.deepEqual(new Set(statuses), new Set([0]))
  const seen = new Set<string>()
  for (let i = 0; i < 12; i++) seen.add(ok(skep(['bpftool', 'map', 'pop', 'pinned', '/sys/fs/bpf/q'])))
  assert.equal(seen.size, 12)
  assert.equal(skep(['bpftool', 'map', 'pop', 'pinned', '/sys/fs/bpf/q']).status, 254)
})

test('nonsense on the socket ends that connection and nothing else', async (t) => {
  const { skep, folder } = house(t)
  ok(skep(['up']))
  const say = (bytes: Uint8Array): Promise<void> =>
    new Promise((done) => {
      const socket = createConnection(join(folder, 'kernel.sock'), () => socket.write(bytes))
      socket.on('close', () => done())
      socket.on('error', () => undefined)
    })
  const frame = (kind: string, payload: string): Uint8Array => {
    const body = Buffer.from(kind + payload)
    const head = Buffer.alloc(4)
    head.writeUInt32BE(body.length)
    return Buffer.concat([head, body])
  }
  await say(Uint8Array.of(255, 255, 255, 255, 1, 2, 3))
  await say(Uint8Array.of(0, 0, 0, 0))
  await say(frame('R', '{"ask":"run"}'))
  await say(frame('R', '{'))
  await say(frame('?', ''))
  await say(frame('R', '{"ask":"run","args":[1],"cwd":"/","env":{},"terminal":{}}'))
  assert.equal(ok(skep(['bpftool', 'prog'])), '')
})

test('a folder that others can write to, or that is somebody else’s, is refused', (t) => {
  const { skep, folder } = house(t)
  ok(skep(['up']))
  chmodSync(folder, 0o777)
  const open = skep(['bpftool', 'prog'])
  assert.match(open.stderr, /open to others/)
  chmodSync(folder, 0o700)
  assert.equal(skep(['bpftool', 'prog']).stderr, '')
  const file = join(folder, '..', 'file')
  writeFileSync(file, '')
  const refused = spawnSync(process.execPath, [MAIN, 'up'], {
    encoding: 'utf8',
    env: { ...process.env, SKEP_DIR: file },
  })
  assert.equal(refused.status, 2)
})

test('skep sh: tools under their own names; without a kernel up it has one of its own', (t) => {
  const { skep } = house(t)
  const script = `bpftool prog load ${OBJECT} /sys/fs/bpf/p && bpftool -j prog | grep -c count_packets; exit 7`
  const alone = skep(['sh', '-c', script])
  assert.deepEqual([alone.status, alone.stdout], [7, '1\n'], alone.stderr)
  assert.equal(skep(['status']).status, 3)
  ok(skep(['up']))
  assert.equal(skep(['sh', '-c', script]).stdout, '1\n')
  assert.match(ok(skep(['bpftool', 'prog'])), /count_packets/)
})

test('a snapshot: another kernel goes on from there', (t) => {
  const first = house(t)
  const second = house(t)
  ok(first.skep(['up']))
  ok(first.skep(['bpftool', 'prog', 'load', OBJECT, '/sys/fs/bpf/p', 'pinmaps', '/sys/fs/bpf/maps']))
  const kinds = ['bpftool', 'map', 'update', 'pinned', '/sys/fs/bpf/maps/kinds', 'key', '1', '0', '0', '0', 'value']
  ok(first.skep([...kinds, ...Array(16).fill('7')]))
  const file = join(first.folder, 'state.skep')
  ok(first.skep(['snapshot', file]))
  assert.equal(statSync(file).mode & 0o777, 0o600)
  const shown = [
    ['bpftool', '-f', 'prog'],
    ['bpftool', '-f', '-j', 'map'],
    ['bpftool', 'map', 'dump', 'name', 'kinds'],
  ]
  // Two clocks are asked when a program was loaded.
  const show = ({ skep }: typeof first): string[] => shown.map((words) => ok(skep(words)).replace(/loaded_at \S+/, ''))
  const before = show(first)
  ok(first.skep([...kinds, ...Array(16).fill('9')]))
  ok(second.skep(['up', '--restore', file]))
  assert.deepEqual(show(second), before)
  writeFileSync(join(first.folder, 'broken'), 'nothing')
  const third = house(t)
  const refused = third.skep(['up', '--restore', join(first.folder, 'broken')])
  assert.equal(refused.status, 1)
  assert.match(refused.stderr, /snapshot: it cannot be unpacked/)
})
