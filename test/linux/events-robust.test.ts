import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { errorCode } from '#src/kernel/index.js'
import { BpfLink, BpfMap, RingBuffer } from '#src/sdk/index.js'
import { linuxUnavailable, openLinux } from '../support/kernels.js'

const skip = linuxUnavailable()
const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const child = here('./events-child.js')

function run(mode: string) {
  return spawnSync(process.execPath, [child, mode], { encoding: 'utf8', timeout: 20_000 })
}

test('a process ends when nobody waits, stays while somebody does', { skip }, () => {
  const idle = run('idle')
  assert.deepEqual([idle.status, idle.signal, idle.stdout], [0, null, 'idle\n'], idle.stderr)
  const wait = run('wait')
  assert.deepEqual([wait.status, wait.signal, wait.stdout], [0, null, 'woken\n'], wait.stderr)
})

test('what handlers throw surfaces, and the others go on', { skip }, () => {
  const { status, signal, stdout, stderr } = run('throw')
  assert.deepEqual([status, signal], [0, null], stderr)
  assert.deepEqual(JSON.parse(stdout), { errors: ['first', 'third'], again: true, more: true })
})

test('a watched descriptor that is closed and reused by others does no harm', { skip }, () => {
  const { status, signal, stdout, stderr } = run('stolen')
  assert.deepEqual([status, signal, stdout], [0, null, 'false true\n'], stderr)
})

test('one hundred workers that open, read and die leave nothing in the process', { skip }, async () => {
  using kernel = openLinux()
  const mapFd = kernel.call('map_create', { mapType: 2, keySize: 4, valueSize: 8, maxEntries: 4, mapFlags: 1024 })
  const info = kernel.call('obj_get_info_by_fd', { fd: mapFd })
  assert.ok(info.kind === 'map')
  kernel.call('map_update_elem', { mapFd, key: Uint8Array.of(1, 0, 0, 0), value: new Uint8Array(8).fill(21) })
  const left = (): string[] =>
    [
      ...(readFileSync('/proc/self/maps', 'utf8').match(/anon_inode:.*/g) ?? []),
      ...readdirSync('/proc/self/fd')
        .map((fd) => linkOf(fd))
        .filter((link) => /bpf|perf_event|eventpoll|null/.test(link)),
    ].sort()
  const one = async (ending: 'return' | 'exit' | 'wait' | 'early'): Promise<void> => {
    const worker = new Worker(here('./events-worker.js'), { workerData: { ending, id: info.id } })
    const exited = once(worker, 'exit')
    if (ending === 'early') await new Promise((resolve) => setTimeout(resolve, 30 + 60 * Math.random()))
    else assert.deepEqual(await once(worker, 'message'), [42])
    if (ending === 'early' || ending === 'wait') await worker.terminate()
    await exited
  }
  // The first worker makes what Node keeps.
  await one('exit')
  const before = left()
  const endings = ['exit', 'wait', 'return', 'early', 'wait'] as const
  for (let i = 0; i < 25; i++) await Promise.all([0, 1, 2, 3].map((j) => one(endings[(i + j) % 5] ?? 'exit')))
  // Memory of a worker that was terminated is given back by another thread.
  for (let i = 0; i < 100 && left().join() !== before.join(); i++)
    await new Promise((resolve) => setTimeout(resolve, 20))
  assert.deepEqual(left(), before)
})

function linkOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return ''
  }
}

function childrenOf(parent: number | undefined): number[] {
  try {
    const text = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim()
    return text === '' ? [] : text.split(' ').map(Number)
  } catch {
    return []
  }
}

test('kill -9 leaves what was pinned and nothing else', { skip }, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'skep-'))
  // The mount is the child's own: it ends with the last process of its namespace.
  const script = `mount -t bpf bpf "$1" && "$2" "$3" hold "$1"; ls "$1"; rm -f "$1"/*`
  const shell = spawn('unshare', ['-m', 'sh', '-c', script, 'sh', dir, process.execPath, child])
  t.after(() => {
    // Where the test failed before it killed them, nothing else would end them.
    for (const pid of childrenOf(shell.pid)) process.kill(pid, 'SIGKILL')
    rmSync(dir, { recursive: true, force: true })
  })
  let output = ''
  shell.stdout.on('data', (data: Buffer) => {
    output += data.toString()
  })
  while (!output.includes('\n')) {
    assert.equal(shell.exitCode, null, 'the child did not start')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  const ids = JSON.parse(output.split('\n')[0] ?? '') as {
    ring: number
    counters: number
    program: number
    links: [number, number, number]
  }
  using kernel = openLinux()
  const exists = (id: number, kind: 'map' | 'prog' | 'link' = 'map'): boolean => {
    try {
      kernel.call('close', { fd: kernel.call(`${kind}_get_fd_by_id`, { id }) })
      return true
    } catch (error) {
      assert.equal(errorCode(error), 'ENOENT')
      return false
    }
  }
  assert.ok(exists(ids.ring) && exists(ids.counters) && exists(ids.program, 'prog'))
  assert.ok(ids.links.every((id) => exists(id, 'link')))
  const [pid] = childrenOf(shell.pid)
  assert.ok(pid !== undefined)
  using pinned = BpfMap.fromFd(kernel, kernel.call('map_get_fd_by_id', { id: ids.counters }))
  // The pinned link lives as long as its file; the others go with the process.
  using held = BpfLink.byId(kernel, ids.links[0])
  process.kill(pid, 'SIGKILL')
  await once(shell, 'close')
  assert.equal(held.kind, 'raw_tracepoint')
  held.close()
  assert.match(output, /^counters\nlink$/m)
  assert.equal(pinned.name, 'counters')
  // Kernels free with a delay.
  const remains = (): string[] => [
    ...(exists(ids.ring) ? ['ring'] : []),
    ...(exists(ids.program, 'prog') ? ['program'] : []),
    ...ids.links.filter((id) => exists(id, 'link')).map((id) => `link ${ids.links.indexOf(id)}`),
  ]
  for (let i = 0; i < 500 && remains().length > 0; i++) await new Promise((resolve) => setTimeout(resolve, 10))
  assert.deepEqual(remains(), [])
  rmdirSync(dir)
})

test('many operations need no more memory and no more descriptors', { skip }, () => {
  // SKEP_LONG=1: a million.
  const operations = process.env.SKEP_LONG === undefined ? 100_000 : 1_000_000
  using kernel = openLinux()
  using map = BpfMap.fromFd<Uint8Array, Uint8Array>(
    kernel,
    kernel.call('map_create', { mapType: 1, keySize: 4, valueSize: 32, maxEntries: 1024 }),
  )
  const key = new Uint8Array(4)
  const keyView = new DataView(key.buffer)
  const value = new Uint8Array(32)
  const work = (count: number): void => {
    for (let i = 0; i < count; i += 4) {
      keyView.setUint32(0, i & 1023, true)
      map.set(key, value)
      map.get(key)
      map.get(key)
      map.delete(key)
    }
  }
  work(20_000)
  const rss = process.memoryUsage.rss()
  const fds = readdirSync('/proc/self/fd').length
  work(operations)
  assert.equal(readdirSync('/proc/self/fd').length, fds)
  const grown = process.memoryUsage.rss() - rss
  assert.ok(grown < 96 << 20, `${grown >> 20} MiB more after ${operations} operations`)
})

test('rings opened and closed again and again give everything back', { skip }, () => {
  using kernel = openLinux()
  const rings = process.env.SKEP_LONG === undefined ? 500 : 20_000
  const mappings = (): number => readFileSync('/proc/self/maps', 'utf8').split('bpf-map').length
  const [fds, maps] = [readdirSync('/proc/self/fd').length, mappings()]
  for (let i = 0; i < rings; i++) {
    using map = BpfMap.fromFd(
      kernel,
      kernel.call('map_create', { mapType: 27, keySize: 0, valueSize: 0, maxEntries: 4096 }),
    )
    using ring = new RingBuffer(map)
    assert.equal(ring.pending, 0)
  }
  assert.deepEqual([readdirSync('/proc/self/fd').length, mappings()], [fds, maps])
})
