import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { KernelError } from '#src/kernel/index.js'
import { attachCgroup, attachCgroupProg, UsageError } from '#src/sdk/index.js'
import { linuxUnavailable, openLinux } from '../support/kernels.js'
import { hits, loadFixture } from '../support/net.js'

const roots = ['/sys/fs/cgroup/unified', '/sys/fs/cgroup']
const mount = roots.find((path) => existsSync(join(path, 'cgroup.procs')))
const skip = linuxUnavailable() || (mount === undefined ? 'no cgroup2 file system is mounted' : false)

/** A cgroup of the test's own, and shell commands that run in it. */
function childCgroup(): Disposable & { readonly path: string; run(script: string): void } {
  const path = join(mount as string, `skep-test-${process.pid}`)
  mkdirSync(path)
  return {
    path,
    run: (script) => {
      execFileSync('bash', ['-c', `echo $$ >${path}/cgroup.procs && ${script}`], { stdio: 'pipe' })
    },
    [Symbol.dispose]: () => rmdirSync(path),
  }
}

const fails = (code: string, text?: RegExp) => (error: unknown) => {
  assert.ok(error instanceof KernelError, String(error))
  assert.equal(error.code, code)
  if (text !== undefined) assert.match(error.hint ?? '', text)
  return true
}

test('links to a cgroup run for the processes in it and go with their detachment', { skip }, async () => {
  using kernel = openLinux()
  using cgroup = childCgroup()
  using programs = await loadFixture(kernel, 'attach/net.o', 'cg_egress', 'cg_connect4', 'cg_sock', 'cg_sysctl')
  const links = ['cg_egress', 'cg_connect4', 'cg_sock', 'cg_sysctl'].map((name) =>
    attachCgroup(programs.program(name), cgroup.path),
  )
  assert.equal(links[1]?.info().details.attachType, 10)
  assert.equal(links[0]?.kind, 'cgroup')
  cgroup.run('echo x >/dev/udp/127.0.0.1/9; cat /proc/sys/kernel/ostype')
  for (const number of [7, 8, 9, 11]) assert.ok(hits(programs, number) >= 1, `program ${number} ran`)
  for (const link of links) link.detach()
  const before = [7, 8, 9, 11].map((number) => hits(programs, number))
  cgroup.run('echo x >/dev/udp/127.0.0.1/9')
  assert.deepEqual(
    [7, 8, 9, 11].map((number) => hits(programs, number)),
    before,
  )
})

test('programs attached without a link: modes, order, replacement, query, detach', { skip }, async () => {
  using kernel = openLinux()
  using cgroup = childCgroup()
  using programs = await loadFixture(kernel, 'attach/net.o', 'cg_connect4', 'cg_sock_ops', 'cg_device')
  using others = await loadFixture(kernel, 'attach/net.o', 'cg_connect4')
  const [one, two] = [programs.program('cg_connect4'), others.program('cg_connect4')]
  const targetFd = kernel.call('open', { path: cgroup.path })
  const ids = () => kernel.call('prog_query', { targetFd, attachType: 10 }).progIds
  const exclusive = attachCgroupProg(one, cgroup.path, { mode: 'exclusive' })
  assert.throws(() => attachCgroup(two, cgroup.path), fails('EPERM', /allows no others/))
  exclusive.detach()
  exclusive.detach()
  const first = attachCgroupProg(one, { fd: targetFd })
  assert.deepEqual(ids(), [one.info().id])
  const replaced = attachCgroupProg(two, cgroup.path, { replace: one })
  assert.deepEqual(ids(), [two.info().id])
  // Its program was replaced: there is nothing of it to take off, and the other one stays.
  first.detach()
  assert.deepEqual(ids(), [two.info().id])
  replaced.detach()
  assert.deepEqual(ids(), [])
  using ops = attachCgroup(programs.program('cg_sock_ops'), cgroup.path)
  using device = attachCgroup(programs.program('cg_device'), cgroup.path)
  assert.ok(ops.id !== device.id)
  // Nobody listens: connecting is tried all the same.
  cgroup.run('echo x >/dev/tcp/127.0.0.1/9 || cat /dev/null')
  assert.ok(hits(programs, 10) >= 1, 'sockops ran')
  assert.ok(hits(programs, 22) >= 1, 'the device program ran')
  assert.throws(() => attachCgroup(one, '/proc'), fails('EBADF', /cgroup2/))
  assert.throws(() => attachCgroup(one, cgroup.path, { attachType: 'xdp' }), UsageError)
  kernel.call('close', { fd: targetFd })
})
