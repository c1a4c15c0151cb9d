// Runs the compiled benchmarks, each in a process of its own: `npm run bench -- jit` those whose name has `jit` in it,
// with further arguments passed on.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const [wanted = '', ...rest] = process.argv.slice(2)
const dir = join(root, 'build/bench')
const files = readdirSync(dir)
  .filter((name) => name.endsWith('.js') && name.includes(wanted))
  .sort()
if (files.length === 0) {
  console.error(`no benchmark matches ${wanted}`)
  process.exit(1)
}
for (const file of files) {
  console.log(`\n# ${file.replace('.js', '')}`)
  const run = spawnSync(process.execPath, [join(dir, file), ...rest], { cwd: root, stdio: 'inherit' })
  if (run.status !== 0) process.exit(run.status ?? 1)
}
