import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { embedded } from '#src/embedded/index.js'
import { linuxUnavailable } from '../support/kernels.js'
import { root } from '../support/paths.js'
import { normalise, readTranscript, runLine } from './support/transcript.js'

const FOLDER = join(root, 'test/cli/transcripts')
const CWD = join(root, 'test/fixtures/iproute2')

for (const kind of ['recorded', 'guide']) {
  for (const name of readdirSync(join(FOLDER, kind))) {
    test(`${kind}/${name}: each command prints on the embedded kernel what the transcript says`, async () => {
      const steps = readTranscript(join(FOLDER, kind, name))
      assert.ok(steps.length > 3)
      using kernel = embedded({ cpus: 2 })
      const place = { cwd: CWD, openKernel: () => kernel.fork(), env: { SKEP_BPF_PINNING: join(CWD, 'bpf_pinning') } }
      const wrong: object[] = []
      for (const { line, command, output } of steps) {
        const actual = normalise(await runLine(command, place))
        const expected = normalise(output)
        if (actual !== expected) wrong.push({ line, command, expected, actual })
      }
      assert.deepEqual(wrong, [])
    })
  }
}

/** What differs on Linux, and why. */
const DIFFERENCES: Readonly<Record<string, string>> = {
  'ip link show r0': 'names of namespace ids need RTM_GETNSID, which the contract does not have',
  'ip netns': 'the same',
  'ip -n blue link show r0': 'the same',
}

test('our ip and tc say on Linux what iproute2 said when it was recorded', (t) => {
  const reason = linuxUnavailable()
  if (reason) return t.skip(reason)
  let compared = 0
  for (const name of ['link', 'route', 'netns', 'xdp', 'tc']) {
    // Everything stays in namespaces that end with the command.
    const script = 'mount -t tmpfs none /run && mkdir -p /run/netns && exec "$@"'
    const program = join(root, 'build/test/cli/support/transcripts-on-linux.js')
    const words = [
      '-n',
      '-m',
      'sh',
      '-c',
      script,
      'sh',
      process.execPath,
      program,
      join(FOLDER, 'recorded', `${name}.txt`),
    ]
    const run = spawnSync('unshare', words, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 })
    if (/unshare failed|Operation not permitted/.test(run.stderr)) return t.skip('no namespaces can be made here')
    assert.equal(run.status, 0, run.stderr)
    const told = JSON.parse(run.stdout) as { compared: number; differences: { command: string }[] }
    compared += told.compared
    assert.deepEqual(
      told.differences.filter(({ command }) => name !== 'netns' || DIFFERENCES[command] === undefined),
      [],
    )
  }
  assert.ok(compared > 240)
  return undefined
})
