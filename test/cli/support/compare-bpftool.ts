// Run in namespaces of its own: makes objects on Linux, then gives the same words to bpftool and to ours, and prints what differs. With a
// third file, what bpftool printed is recorded there, for the embedded kernel to be compared with.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { linux } from '#src/linux/index.js'
import { captured, LEFT_OUT, type Outcome, withoutIds, withoutMoment, withoutUsage, wordsOf } from './captured.js'

const D = mkdtempSync(join(tmpdir(), 'skep-compare-'))
const B = join(D, 'bpf')
mkdirSync(B)
// A cgroup of our own, below the machine's.
const [, cgroups = '/sys/fs/cgroup'] = /^\S+ (\S+) cgroup2 /m.exec(readFileSync('/proc/self/mounts', 'utf8')) ?? []
const C = join(cgroups, `skep-compare-${process.pid}`)
must('mount', ['-t', 'bpf', 'bpf', B])
writeFileSync(join(D, 'frame'), new Uint8Array(64).fill(7))
writeFileSync(join(D, 'batch'), `map show pinned ${B}/h\n# a comment\nprog show pinned ${B}/p\n`)
writeFileSync(join(D, 'broken'), `map show pinned ${B}/h\nprog pin\nmap show pinned ${B}/h\n`)
mkdirSync(join(D, 'out'))

function must(command: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, [...args], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`)
}

function theirs(words: readonly string[]): Outcome {
  const { stdout, stderr, status } = spawnSync('bpftool', [...words], { encoding: 'utf8', maxBuffer: 1 << 28 })
  return { stdout, stderr, status: status ?? -1 }
}

function ours(words: readonly string[]): Promise<Outcome> {
  return captured(['bpftool', ...words], () => linux(), 'linux')
}

function differencesOf(actual: Outcome, expected: Outcome): Record<string, unknown> {
  const different: Record<string, unknown> = {}
  if (withoutMoment(actual.stdout) !== withoutMoment(expected.stdout))
    different.stdout = [actual.stdout, expected.stdout]
  if (actual.status !== expected.status) different.status = [actual.status, expected.status]
  if (withoutUsage(actual.stderr) !== withoutUsage(expected.stderr)) different.stderr = [actual.stderr, expected.stderr]
  return different
}

const OF_ALL = /^(-. )?(perf|struct_ops( show| dump)?)$/
const [setupFile = '', casesFile = '', recordFile] = process.argv.slice(2)
// A name that nobody else's objects have.
const N = `skep_${process.pid}`
const read = (file: string): string[][] => wordsOf(readFileSync(file, 'utf8'), { B, C, D, N })

const differences: object[] = []
const recorded: Record<string, Outcome> = {}
let compared = 0
try {
  for (const words of read(setupFile)) must(words[0] as string, words.slice(1))
  const names = wordsOf(readFileSync(casesFile, 'utf8'), {}).map((words) => words.join(' '))
  for (const [index, words] of read(casesFile).entries()) {
    const name = names[index] as string
    const expected = theirs(words)
    if (recordFile !== undefined) {
      if (LEFT_OUT.some(([pattern]) => pattern.test(name))) continue
      const plain = (text: string): string =>
        withoutIds(text, name).replaceAll(B, '$B').replaceAll(C, '$C').replaceAll(N, '$N').replaceAll(D, '$D')
      const { stdout, stderr, status } = expected
      recorded[name] = { stdout: plain(stdout), stderr: plain(withoutUsage(stderr)), status }
      continue
    }
    compared++
    let different = differencesOf(await ours(words), expected)
    // Lists of the whole machine's: others come and go between the two looks.
    for (let again = 0; again < 5 && Object.keys(different).length > 0 && OF_ALL.test(name); again++)
      different = differencesOf(await ours(words), theirs(words))
    if (Object.keys(different).length > 0) differences.push({ words: name, ...different })
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
  rmSync(D, { recursive: true, force: true })
}
if (recordFile !== undefined) writeFileSync(recordFile, `${JSON.stringify(recorded, undefined, 2)}\n`)
process.stdout.write(JSON.stringify({ compared, differences }, undefined, 1))
