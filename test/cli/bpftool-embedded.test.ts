import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type EmbeddedKernel, embedded } from '#src/embedded/index.js'
import { root } from '../support/paths.js'
import { captured, LEFT_OUT, type Outcome, withoutIds, withoutUsage, wordsOf } from './support/captured.js'

/** What `ip` and `tc` do in the setup. */
function makeDevices(kernel: EmbeddedKernel): void {
  kernel.call('rtm_newlink', { name: 'v0', kind: 'veth', peer: { name: 'v1' } })
  for (const name of ['v0', 'v1']) kernel.call('rtm_setlink', { name, up: true })
  const { ifindex: v0 } = kernel.call('rtm_getlink', { name: 'v0' })
  const { ifindex: v1 } = kernel.call('rtm_getlink', { name: 'v1' })
  const handle = 0xffff_0000
  const parent = 0xffff_fff1
  kernel.call('rtm_newqdisc', { ifindex: v0, kind: 'clsact', handle, parent })
  kernel.call('rtm_newqdisc', { ifindex: v1, kind: 'ingress', handle, parent })
}

function addFilter(kernel: EmbeddedKernel, device: string, side: string, pathname: string, direct: boolean): void {
  const { ifindex } = kernel.call('rtm_getlink', { name: device })
  const parent = side === 'egress' ? 0xffff_fff3 : device === 'v1' ? 0xffff_0000 : 0xffff_fff2
  const progFd = kernel.call('obj_get', { pathname })
  kernel.call('rtm_newtfilter', {
    ifindex,
    parent,
    protocol: 3,
    progFd,
    name: 't:[*fsobj]',
    flags: direct ? 1 : 0,
    mode: 'create',
  })
  kernel.call('close', { fd: progFd })
}

test('the embedded kernel answers what Linux answered: output, errors, exit status', async (t) => {
  const D = mkdtempSync(join(tmpdir(), 'skep-embedded-'))
  t.after(() => rmSync(D, { recursive: true, force: true }))
  const B = '/sys/fs/bpf/test'
  writeFileSync(join(D, 'frame'), new Uint8Array(64).fill(7))
  writeFileSync(join(D, 'batch'), `map show pinned ${B}/h\n# a comment\nprog show pinned ${B}/p\n`)
  writeFileSync(join(D, 'broken'), `map show pinned ${B}/h\nprog pin\nmap show pinned ${B}/h\n`)
  mkdirSync(join(D, 'out'))
  process.chdir(root)
  using kernel = embedded({ cpus: 2 })
  kernel.call('mkdir', { path: B })
  const run = (words: readonly string[]): Promise<Outcome> => captured(['bpftool', ...words], () => kernel.fork())

  const text = (name: string): string => readFileSync(join(root, 'test/cli', name), 'utf8')
  makeDevices(kernel)
  for (const words of wordsOf(text('bpftool.setup'), { B, D, N: 'skep_same' })) {
    const [tool = '', ...rest] = words
    if (tool === 'tc' && rest[0] === 'filter')
      addFilter(kernel, rest[3] as string, rest[4] as string, rest.at(-1) as string, rest.includes('da'))
    if (tool !== 'bpftool' || rest[0] === 'cgroup' || rest[0] === 'iter') continue
    const { status, stderr } = await run(rest)
    assert.equal(status, 0, `${words.join(' ')}: ${stderr}`)
  }
  const recorded = JSON.parse(text('bpftool.recorded.json')) as Record<string, Outcome>
  const names = wordsOf(text('bpftool.cases'), {}).map((words) => words.join(' '))
  let compared = 0
  const differences: unknown[] = []
  for (const [index, words] of wordsOf(text('bpftool.cases'), { B, D, N: 'skep_same' }).entries()) {
    const name = names[index] as string
    const outcome = await run(words)
    if (LEFT_OUT.some(([pattern]) => pattern.test(name))) continue
    const plain = (output: string): string =>
      withoutIds(output, name).replaceAll(B, '$B').replaceAll('skep_same', '$N').replaceAll(D, '$D')
    const actual = {
      stdout: plain(outcome.stdout),
      stderr: plain(withoutUsage(outcome.stderr)),
      status: outcome.status,
    }
    const expected = recorded[name]
    compared++
    if (JSON.stringify(actual) !== JSON.stringify(expected)) differences.push({ name, actual, expected })
  }
  assert.deepEqual(differences, [])
  assert.ok(compared > 200, `${compared} compared`)
})
