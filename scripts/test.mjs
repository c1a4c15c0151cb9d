// Runs the compiled tests with Node's own runner. Arguments narrow the run: `npm test -- isa btf/c-printer`.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

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
const run = spawnSync(
  process.execPath,
  ['--test', '--test-reporter=spec', ...files.map((name) => join('build/test', name))],
  { cwd: root, stdio: 'inherit' },
)
process.exit(run.status ?? 1)
