import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { linuxUnavailable } from '../support/kernels.js'
import { root } from '../support/paths.js'

function unavailable(): string | undefined {
  const reason = linuxUnavailable()
  if (reason) return reason
  if (spawnSync('bpftool', ['version']).error !== undefined) return 'bpftool is not installed'
  return spawnSync('unshare', ['-m', '-n', 'true']).status === 0 ? undefined : 'no namespaces can be made here'
}

test('our bpftool says on Linux what bpftool says: output, errors, exit status', (t) => {
  const reason = unavailable()
  if (reason !== undefined) return t.skip(reason)
  const files = ['bpftool.setup', 'bpftool.cases'].map((name) => join(root, 'test/cli', name))
  const program = join(root, 'build/test/cli/support/compare-bpftool.js')
  const run = spawnSync('unshare', ['-m', '-n', process.execPath, program, ...files], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
  assert.equal(run.status, 0, run.stderr)
  const { compared, differences } = JSON.parse(run.stdout) as { compared: number; differences: object[] }
  assert.deepEqual(differences, [])
  assert.ok(compared > 200)
  return undefined
})
