// Run in a mount namespace of its own: makes objects on Linux, then gives the same words to bpftool and to ours, and prints what differs.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { runCli } from '#src/cli/program.js'
import { linux } from '#src/linux/index.js'

interface Outcome {
  readonly stdout: string
  readonly stderr: string
  readonly status: number
}

const folder = mkdtempSync(join(tmpdir(), 'skep-compare-'))
const B = join(folder, 'bpf')
mkdirSync(B)
// A cgroup of our own, below the machine's.
const [, cgroups = '/sys/fs/cgroup'] = /^\S+ (\S+) cgroup2 /m.exec(readFileSync('/proc/self/mounts', 'utf8')) ?? []
const C = join(cgroups, `skep-compare-${process.pid}`)
must('mount', ['-t', 'bpf', 'bpf', B])
writeFileSync(join(folder, 'frame'), new Uint8Array(64).fill(7))
writeFileSync(join(folder, 'batch'), `map show pinned ${B}/h\n# a comment\nprog show pinned ${B}/p\n`)
writeFileSync(join(folder, 'broken'), `map show pinned ${B}/h\nprog pin\nmap show pinned ${B}/h\n`)
mkdirSync(join(folder, 'out'))

function must(command: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, [...args], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`)
}

function theirs(words: readonly string[]): Outcome {
  const { stdout, stderr, status } = spawnSync('bpftool', [...words], { encoding: 'utf8', maxBuffer: 1 << 28 })
  return { stdout, stderr, status: status ?? -1 }
}

async function ours(words: readonly string[]): Promise<Outcome> {
  let stdout = ''
  let stderr = ''
  const decode = (data: string | Uint8Array): string =>
    typeof data === 'string' ? data : new TextDecoder().decode(data)
  const status = await runCli(['bpftool', ...words], {
    cwd: process.cwd(),
    env: { SKEP_KERNEL: 'linux', NO_COLOR: '1' },
    terminal: { stdout: false, stderr: false },
    signal: new AbortController().signal,
    stays: false,
    exitStatus: 0,
    out: (data) => {
      stdout += decode(data)
    },
    err: (data) => {
      stderr += data
    },
    stdin: async () => new Uint8Array(),
    drained: async () => undefined,
    wait: (promise) => promise,
    resolve: (path) => resolve(path),
    elsewhere: () => 127,
    openKernel: () => linux(),
  })
  return { stdout, stderr, status }
}

/** What depends on the moment. */
function normalise(text: string): string {
  // Text of Linux after 6.7, which bpftool 7.1 does not know: a per-CPU address.
  return text
    .replace(/\\?&\(void __percpu \*\)\((r\d)\)/g, '$1')
    .replace(/loaded_at \S+/g, 'loaded_at T')
    .replace(/"loaded_at": ?\d+/g, '"loaded_at":0')
    .replace(/duration( \(average\))?: \d+ns/g, 'duration$1: Nns')
    .replace(/"duration": ?\d+/g, '"duration":0')
}

const [setupFile = '', casesFile = ''] = process.argv.slice(2)
const lines = (file: string): string[][] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.replaceAll('$B', B).replaceAll('$C', C).replaceAll('$D', folder).split(/ +/))

const differences: object[] = []
let compared = 0
try {
  for (const words of lines(setupFile)) must(words[0] as string, words.slice(1))
  for (const words of lines(casesFile)) {
    const expected = theirs(words)
    const actual = await ours(words)
    compared++
    const different: Record<string, unknown> = {}
    if (normalise(actual.stdout) !== normalise(expected.stdout)) different.stdout = [actual.stdout, expected.stdout]
    if (actual.status !== expected.status) different.status = [actual.status, expected.status]
    // Usage texts are our own; what else is said must be the same.
    const said = (text: string): string => text.replace(/^Usage:[\s\S]*/m, 'Usage')
    if (said(actual.stderr) !== said(expected.stderr)) different.stderr = [actual.stderr, expected.stderr]
    if (Object.keys(different).length > 0)
      differences.push({ words: words.join(' ').replaceAll(folder, '$D'), ...different })
  }
} finally {
  for (const path of [join(C, 'inner'), C]) {
    try {
      rmdirSync(path)
    } catch {
      // It was not made.
    }
  }
  spawnSync('umount', ['-l', B])
  rmSync(folder, { recursive: true, force: true })
}
process.stdout.write(JSON.stringify({ compared, differences }, undefined, 1))
