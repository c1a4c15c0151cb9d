// A thread that cannot go back to its network namespace would address other devices than it means: the process ends.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readlinkSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { loadSys } from '#src/linux/ffi/sys.js'
import { withNetns } from '#src/linux/index.js'
import { linuxUnavailable } from '../support/kernels.js'

/** Gives up every capability of this thread, among them the one that setns(2) asks for. */
function dropCapabilities(): void {
  const NR_CAPSET = process.arch === 'arm64' ? 91 : 126
  const sys = loadSys()
  // _LINUX_CAPABILITY_VERSION_3, this thread; then two times effective, permitted, inheritable.
  const header = new Uint8Array(Uint32Array.of(0x2008_0522, 0).buffer)
  const none = new Uint8Array(24)
  assert.equal(sys.syscall(NR_CAPSET, sys.address(header), sys.address(none), 0), 0)
}

if (process.argv[2] === 'child') {
  withNetns('/proc/self/ns/net', () => {
    if (process.argv[3] === 'drop') dropCapabilities()
    else throw new Error('mine')
  })
  console.log('still here')
} else {
  const self = fileURLToPath(import.meta.url)
  const run = (mode: string) => {
    const script = 'ulimit -c 0; exec "$0" "$@"'
    return spawnSync('sh', ['-c', script, process.execPath, self, 'child', mode], { encoding: 'utf8', timeout: 30_000 })
  }

  test('a process that cannot return to its namespace ends at once', { skip: linuxUnavailable() }, () => {
    const { signal, stdout, stderr } = run('drop')
    assert.equal(signal, 'SIGABRT', stderr)
    assert.match(stderr, /cannot return to the network namespace, errno 1/)
    assert.equal(stdout, '')
  })

  test('what the work throws comes out, in the namespace of before', { skip: linuxUnavailable() }, () => {
    const { status, signal, stderr } = run('throw')
    assert.deepEqual([status, signal], [1, null])
    assert.match(stderr, /Error: mine/)
    const before = readlinkSync('/proc/thread-self/ns/net')
    assert.throws(
      () =>
        withNetns('/proc/self/ns/net', () => {
          throw new Error('mine')
        }),
      /mine/,
    )
    assert.throws(() => withNetns('/dev/null', () => {}), { code: 'EINVAL' })
    assert.equal(readlinkSync('/proc/thread-self/ns/net'), before)
  })
}
