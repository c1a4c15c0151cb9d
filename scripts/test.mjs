// Runs the compiled tests with Node's own runner, then says what was skipped and why. Arguments narrow the run:
// `npm test -- isa btf/c-printer`. A skip without a reason fails, and so does one for want of bpf(2) where bpf(2) works.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { summarizeSkips } from './skips.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const wanted = process.argv.slice(2)
const all = readdirSync(join(root, 'build/test'), { recursive: true })
  .filter((name) => name.endsWith('.test.js'))
  .sort()
const files = wanted.length === 0 ? all : all.filter((name) => wanted.some((part) => name.includes(part)))
if (files.length === 0) {
  console.error(`no test file matches ${wanted.join(' ')}`)
  process.exit(1)
}
// Fixed, so that what passed passes again. `SKEP_SEED=random` explores.
const seed = process.env.SKEP_SEED === 'random' ? Date.now() % 0x7fff_ffff : (process.env.SKEP_SEED ?? 20261121)
console.log(`seed ${seed}${process.env.SKEP_SEED === undefined ? ' (SKEP_SEED=random explores)' : ''}`)
const scratch = mkdtempSync(join(tmpdir(), 'skep-test-'))
const report = join(scratch, 'skips')
const run = spawnSync(
  process.execPath,
  [
    '--import',
    './build/test/support/setup.js',
    '--test',
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    '--test-reporter=./scripts/skip-reporter.mjs',
    `--test-reporter-destination=${report}`,
    ...files.map((name) => join('build/test', name)),
  ],
  { cwd: root, stdio: 'inherit', env: { ...process.env, SKEP_SEED: String(seed) } },
)
const skips = readFileSync(report, 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line))
rmSync(scratch, { recursive: true })

const { linuxUnavailable } = await import('../build/test/support/kernels.js')
const unavailable = linuxUnavailable()
const { lines, wrong } = summarizeSkips(skips, unavailable === false)
console.log(
  unavailable === false
    ? '\nThe running kernel was tested, too: bpf(2) works here.'
    : '\nThe running kernel was not tested.',
)
if (lines.length > 0) console.log(`${skips.length} skipped:\n${lines.join('\n')}`)
if (wrong.length > 0) {
  console.error('These may not be skipped here:')
  for (const { file, name, reason } of wrong) console.error(`  ${file}: ${name} (${reason || 'no reason given'})`)
}
process.exit(wrong.length > 0 ? 1 : (run.status ?? 1))
