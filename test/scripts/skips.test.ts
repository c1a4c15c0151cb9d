import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { root } from '../support/paths.js'

interface Skip {
  readonly file: string
  readonly name: string
  readonly reason: string
}

const { summarizeSkips } = (await import(pathToFileURL(join(root, 'scripts/skips.mjs')).href)) as {
  summarizeSkips(skips: readonly Skip[], bpfWorks: boolean): { lines: string[]; wrong: Skip[] }
}

test('skips are counted by reason; for want of bpf(2) where it works, or without a reason, they are wrong', () => {
  const tool = { file: 'a.test.ts', name: 'one', reason: 'tshark is not installed' }
  const kernel = { file: 'b.test.ts', name: 'two', reason: 'bpf(2) does not work here: EPERM' }
  const silent = { file: 'c.test.ts', name: 'three', reason: '' }
  const skips = [tool, kernel, silent, ...Array.from({ length: 7 }, (_, i) => ({ ...tool, name: `more ${i}` }))]
  const { lines, wrong } = summarizeSkips(skips, false)
  assert.ok(lines.includes('  8 × tshark is not installed'))
  assert.ok(lines.includes('      and 3 more'))
  assert.ok(lines.includes('  1 × bpf(2) does not work here: EPERM'))
  assert.deepEqual(wrong, [silent])
  assert.deepEqual(summarizeSkips(skips, true).wrong, [kernel, silent])
})

test('the reporter writes a line for every skipped test and none for others', () => {
  const dir = mkdtempSync(join(tmpdir(), 'skep-skips-'))
  try {
    const file = join(dir, 'sample.test.mjs')
    writeFileSync(
      file,
      `import { test } from 'node:test'
       test('runs', () => {})
       test('said before', { skip: 'no tool' }, () => {})
       test('said inside', (t) => t.skip('no data'))
       test('never said', { skip: true }, () => {})`,
    )
    const out = join(dir, 'skips')
    const env = { ...process.env }
    delete env['NODE_TEST_CONTEXT']
    const reporter = pathToFileURL(join(root, 'scripts/skip-reporter.mjs')).href
    const run = spawnSync(
      process.execPath,
      ['--test', `--test-reporter=${reporter}`, `--test-reporter-destination=${out}`, file],
      { env, encoding: 'utf8' },
    )
    assert.equal(run.status, 0, run.stderr)
    const lines = readFileSync(out, 'utf8').trim().split('\n')
    assert.deepEqual(
      lines.map((line) => JSON.parse(line)).map(({ name, reason }: Skip) => [name, reason]),
      [
        ['said before', 'no tool'],
        ['said inside', 'no data'],
        ['never said', ''],
      ],
    )
  } finally {
    rmSync(dir, { recursive: true })
  }
})
