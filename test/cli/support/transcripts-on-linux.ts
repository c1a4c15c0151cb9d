// Run in namespaces of its own: replays recorded transcripts with our ip and tc on the running kernel and prints what differs.
import { spawnSync } from 'node:child_process'
import { basename, join } from 'node:path'
import { linux } from '#src/linux/index.js'
import { root } from '../../support/paths.js'
import { normalise, readTranscript, runLine } from './transcript.js'

const place = {
  cwd: join(root, 'test/fixtures/iproute2'),
  env: { SKEP_KERNEL: 'linux' },
  openKernel: () => linux(),
  elsewhere(command: string, args: readonly string[]): string {
    const { stdout, stderr, status } = spawnSync(command, [...args], { encoding: 'utf8' })
    return `${stdout}${stderr}${status === 0 ? '' : `[${status}]\n`}`
  },
}
const differences: object[] = []
let compared = 0
for (const file of process.argv.slice(2)) {
  for (const { line, command, output } of readTranscript(file)) {
    const wait = /^sleep (\d+)/.exec(command)
    if (wait !== null) await new Promise((done) => setTimeout(done, Number(wait[1]) * 1000))
    const expected = normalise(output)
    let actual = normalise(await runLine(command, place))
    if (actual !== expected && /\bshow\b|^ip link$|^ip -\w+ link$/.test(command)) {
      // Linux tells of a carrier that comes or goes a moment later.
      await new Promise((done) => setTimeout(done, 1500))
      actual = normalise(await runLine(command, place))
    }
    compared++
    if (actual !== expected) differences.push({ file: basename(file), line, command, expected, actual })
  }
}
process.stdout.write(JSON.stringify({ compared, differences }))
