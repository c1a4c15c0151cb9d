import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { embedded } from '#src/embedded/index.js'
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
