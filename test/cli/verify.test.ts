import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { linuxUnavailable } from '../support/kernels.js'
import { root } from '../support/paths.js'
import { skep } from '../support/skep.js'

const OBJECT = 'test/fixtures/verifier/refused.o'

/** Times differ from run to run, and columns with them. */
const steady = (text: string): string =>
  text
    .replace(/(?:\d+\.\d|…) ms/g, '… ms')
    .split('\n')
    .map((line) => line.replace(/ +/g, ' ').trimEnd())
    .join('\n')
    .trimEnd()

test("the guide's outputs are what the commands print", () => {
  const guide = readFileSync(join(root, 'docs/guide/verify.md'), 'utf8')
  const blocks = [...guide.matchAll(/^```console\n\$ skep ([^\n]*)\n(.*?)^```/gms)]
  assert.ok(blocks.length >= 9, `${blocks.length} blocks`)
  for (const [, command = '', output = ''] of blocks) {
    assert.equal(steady(skep(...command.split(' ')).stdout), steady(output), command)
  }
})

test('exit status: 0 all accepted, 1 some refused, 2 what cannot be read', () => {
  assert.equal(skep('verify', OBJECT, '--prog', 'fine').status, 0)
  assert.equal(skep('verify', OBJECT, '--prog', 'no_null_check').status, 1)
  const missing = skep('verify', 'no-such-file.o', OBJECT, '--prog', 'fine')
  assert.equal(missing.status, 2)
  assert.match(missing.stderr, /no-such-file\.o: no such file/)
  assert.match(missing.stdout, /fine .*accept/)
  assert.equal(skep('verify', 'package.json').status, 2)
  assert.equal(skep('verify', OBJECT, '--prog', 'absent').status, 2)
  assert.equal(skep('verify', OBJECT, '--log-level', '9').status, 2)
})

test('--json has the documented shape', () => {
  const { status, stdout } = skep('verify', OBJECT, '--prog', 'leaks_record', '--json')
  assert.equal(status, 1)
  const { programs, unread } = JSON.parse(stdout)
  assert.deepEqual(unread, [])
  const [program] = programs
  assert.deepEqual(Object.keys(program), [
    ...['file', 'name', 'section', 'type', 'insns', 'verdict', 'errno', 'message', 'unsupported', 'diagnostics'],
    ...['stats', 'timeMs'],
  ])
  assert.deepEqual(Object.keys(program.stats), ['insnsProcessed', 'totalStates', 'peakStates', 'maxStatesPerInsn'])
  assert.equal(program.verdict, 'reject')
  assert.equal(program.errno, 'EINVAL')
  const [diagnostic] = program.diagnostics
  assert.equal(diagnostic.ruleId, 'reference-leak')
  assert.deepEqual(
    diagnostic.steps.map(({ kind, source }: { kind: string; source: { line: number } }) => [kind, source.line]),
    [
      ['acquired', 79],
      ['branch', 81],
      ['branch', 83],
      ['fault', 88],
    ],
  )
  const accepted = JSON.parse(skep('verify', OBJECT, '--prog', 'fine', '--format', 'json', '--log-level', '4').stdout)
  assert.equal(accepted.programs[0].errno, null)
  assert.deepEqual(accepted.programs[0].diagnostics, [])
  assert.match(accepted.programs[0].log, /^processed 13 insns/m)
})

test('SARIF: version, rules, locations, flows', () => {
  const log = JSON.parse(skep('verify', OBJECT, '--format', 'sarif').stdout)
  assert.equal(log.version, '2.1.0')
  const [run] = log.runs
  assert.equal(run.results.length, 8)
  const ids = run.tool.driver.rules.map(({ id }: { id: string }) => id)
  for (const result of run.results) {
    assert.equal(ids[result.ruleIndex], result.ruleId)
    assert.ok(result.message.text.length > 20)
    const { artifactLocation, region } = result.locations[0].physicalLocation
    assert.match(artifactLocation.uri, /refused\.[co]$/)
    assert.ok(region.startLine >= 1 && region.startColumn >= 1)
  }
  assert.ok(run.results.filter(({ codeFlows }: { codeFlows?: unknown }) => codeFlows !== undefined).length >= 7)
})

test('GitHub annotations: a line for every refusal, values escaped', () => {
  const lines = skep('verify', OBJECT, '--format', 'github').stdout.trimEnd().split('\n')
  assert.equal(lines.length, 8)
  for (const line of lines) {
    assert.match(
      line,
      /^::error file=test\/fixtures\/verifier\/refused\.[co],line=\d+,col=\d+,title=verifier%3A [a-z-]+::/,
    )
  }
})

test('colours only where they are wanted', () => {
  assert.ok(!skep('verify', OBJECT, '--explain', '--prog', 'no_null_check').stdout.includes('\u001b'))
})

const noLinux = linuxUnavailable()

test('Linux gives the same verdicts and the same explanations', { skip: noLinux }, () => {
  const [ours, linux] = (['embedded', 'linux'] as const).map((kernel) => {
    const run = skep('verify', OBJECT, '--kernel', kernel, '--json')
    assert.equal(run.status, 1)
    return JSON.parse(run.stdout).programs.map(({ timeMs: _, ...rest }: { timeMs: number }) => rest)
  })
  assert.deepEqual(linux, ours)
})

test('explain-log: standard input, an object beside it, and a text that holds no log', () => {
  const dir = mkdtempSync(join(tmpdir(), 'skep-log-'))
  try {
    const { stdout } = skep('verify', OBJECT, '--prog', 'index_off_by_one', '--log-level', '1')
    const log = join(dir, 'log')
    writeFileSync(log, stdout.slice(stdout.indexOf('0: R1=ctx'), stdout.indexOf('index_off_by_one at ')))
    const alone = JSON.parse(skep('explain-log', log, '--json').stdout)
    assert.equal(alone.ruleId, 'out-of-bounds')
    assert.equal(alone.source.column, 0)
    const beside = JSON.parse(
      skep('explain-log', log, '--object', OBJECT, '--prog', 'index_off_by_one', '--json').stdout,
    )
    assert.ok(beside.source.column > 0)
    assert.deepEqual(
      beside.steps.map(({ pc }: { pc: number }) => pc),
      alone.steps.map(({ pc }: { pc: number }) => pc),
    )
    assert.equal(skep('explain-log', log, '--object', OBJECT).status, 2)
    assert.equal(skep('explain-log', 'package.json').status, 2)
  } finally {
    rmSync(dir, { recursive: true })
  }
})

test('parity: by type, by rule, by log level; as a table and as JSON', { skip: noLinux }, () => {
  const report = JSON.parse(skep('parity', OBJECT, '--log-level', '1,2', '--json').stdout)
  assert.equal(report.programs, 9)
  assert.equal(report.equal, 9)
  assert.equal(report.falseAccepts, 0)
  assert.deepEqual(report.sameLog, { 1: 9, 2: 9 })
  assert.equal(report.bothRefuse, 8)
  assert.equal(report.sameLastLine, 8)
  assert.equal(report.sameInsnsProcessed, report.bothAccept)
  assert.deepEqual(report.byType.map(({ type }: { type: string }) => type).sort(), ['cgroup_skb', 'sched_cls', 'xdp'])
  assert.equal(report.byRule.find(({ ruleId }: { ruleId: string }) => ruleId === 'null-dereference').programs, 2)
  assert.equal(report.all.length, 9)
  const table = skep('parity', OBJECT, '--log-level', '0', '--prog', 'no_null_check').stdout
  assert.match(table, /^TYPE +PROGRAMS +EQUAL +FALSE ACCEPT/)
  assert.match(table, /\nxdp +1 +1 +0 +0 +0 +100 %/)
  assert.equal(skep('parity', OBJECT, '--log-level', '3').status, 2)
})

test('programs that fill a program array are not taken for the one that uses it', () => {
  const file = 'test/fixtures/object/btf_maps.o'
  const { programs } = JSON.parse(skep('verify', file, '--json').stdout)
  const shown = JSON.parse(skep('object', 'show', file, '--json').stdout).programs
  assert.deepEqual(
    programs.map(({ name, insns }: { name: string; insns: number }) => [name, insns]),
    shown.map(({ name, insns }: { name: string; insns: number }) => [name, insns]),
  )
})
