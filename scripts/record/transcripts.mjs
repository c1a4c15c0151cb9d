// Records test/cli/transcripts/recorded/*.txt: each `$ ` line is run with the machine's own tools, in namespaces of its own, and what
// it prints is put below it. Needs root, iproute2, bpftool. Usage: node scripts/record/transcripts.mjs [FILE…]
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const root = new URL('../..', import.meta.url).pathname
const folder = join(root, 'test/cli/transcripts/recorded')
const version = (tool) => spawnSync(tool, ['-V'], { encoding: 'utf8' }).stdout.trim()
const release = spawnSync('uname', ['-r'], { encoding: 'utf8' }).stdout.trim()
const files = process.argv.length > 2 ? process.argv.slice(2) : readdirSync(folder).map((name) => join(folder, name))

for (const file of files) {
  const lines = readFileSync(file, 'utf8').split('\n')
  const commands = lines.filter((line) => line.startsWith('$ '))
  const heading = lines.filter((line) => line.startsWith('# ') && !line.startsWith('# Recorded'))
  const script = [
    // Names of namespaces and what iproute2 mounts are this run's alone.
    'mount -t tmpfs none /run && mkdir -p /run/netns /run/bin',
    // Where the machine has no ping: echo requests, and iputils' line of counts.
    `command -v ping >/dev/null || { ln -s ${quote(join(root, 'scripts/record/ping.py'))} /run/bin/ping; PATH=$PATH:/run/bin; }`,
    ...commands.map((line) => `printf '%s\\n' ${quote(line)}; ${line.slice(2)}; s=$?; [ $s = 0 ] || echo "[$s]"`),
  ].join('\n')
  const run = spawnSync('unshare', ['-n', '-m', 'bash', '-c', `exec 2>&1\n${script}`], {
    cwd: join(root, 'test/fixtures/iproute2'),
    encoding: 'utf8',
  })
  if (run.status === null) throw run.error ?? new Error(run.stderr)
  const stamp = `# Recorded with ${version('ip')}; Linux ${release.replace(/^(\d+\.\d+).*/, '$1')}.`
  writeFileSync(file, `${[...heading, stamp].join('\n')}\n${run.stdout}`)
}

function quote(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
