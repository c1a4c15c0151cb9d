import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { UsageError } from '../../base/index.js'
import { linux } from '../../linux/index.js'
import { tellingLine } from '../../spec/index.js'
import { toJson } from '../output/json.js'
import { type Judgement, judgeObject } from '../parity/judge.js'

interface Options {
  readonly prog?: string
  readonly logLevel: string
  readonly json?: boolean
  readonly list?: boolean
  readonly diff?: boolean
  readonly timeout: string
}

/** `skep parity FILE...` */
export function parityCommand(): Command {
  return new Command('parity')
    .description(
      'load every program on the running kernel and judge it with the embedded verifier; show where they differ',
    )
    .argument('<files...>', 'object files or directories of them')
    .option('--prog <name>', 'only this program')
    .option('--log-level <n>', 'compare logs at this level (0: verdicts and last lines only)', '2')
    .option('--list', 'a line for every program')
    .option('--diff', 'the first line in which the logs differ')
    .option('--timeout <insns>', 'instructions our verifier looks at before it gives up', '1000000')
    .option('--json', 'as JSON')
    .action((files: string[], options: Options) => run(files, options))
}

function objectsIn(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path]
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.o'))
    .sort()
    .map((name) => join(path, name))
}

type Agreement = 'equal' | 'false accept' | 'false refusal' | 'unsupported'

function agreement({ linux: theirs, ours }: Judgement): Agreement {
  if (theirs.ok === ours.ok) return 'equal'
  if (ours.ok) return 'false accept'
  return ours.diagnostics[0]?.unsupported ? 'unsupported' : 'false refusal'
}

const withoutNumbers = (text: string): string => text.replace(/0x[0-9a-f]+|-?\d+/g, 'N')

/** What of two logs is compared: all but the time and the marks Linux no longer keeps. */
const comparable = (log: string): string[] =>
  log
    .trimEnd()
    .split('\n')
    .filter((line) => !/^(verification time|stack depth)/.test(line))
    // Addresses of maps and functions are the kernel's own.
    .map((line) => line.replace(/\(18\) r(\d) = 0x[0-9a-f]+/, '(18) r$1 = …').replace(/(\(18\) r\d = …) +;/, '$1 ;'))

function run(files: string[], options: Options): void {
  const paths = files.flatMap(objectsIn)
  if (paths.length === 0) throw new UsageError('no object files there')
  const kernel = linux()
  const logLevel = Number(options.logLevel)
  const judgements: Judgement[] = []
  const skipped: { file: string; program: string; reason: string }[] = []
  for (const file of paths) {
    try {
      const found = judgeObject(
        kernel,
        file,
        new Uint8Array(readFileSync(file)),
        { logLevel, only: options.prog, maxInsns: Number(options.timeout) },
        (program, reason) => skipped.push({ file, program, reason }),
      )
      for (const each of found) {
        report(each, options)
        // Logs are large; what is said of them is said now.
        judgements.push(summary(each))
      }
    } catch (error) {
      skipped.push({ file, program: '', reason: error instanceof Error ? error.message : String(error) })
    }
  }
  kernel[Symbol.dispose]()
  totals(judgements, skipped, options)
}

const sameLogs = new WeakSet<Judgement>()
const sameLast = new WeakSet<Judgement>()
const sameStats = new WeakSet<Judgement>()

function processed(log: string): string {
  return /processed (\d+) insns/.exec(log)?.[1] ?? ''
}

function summary(each: Judgement): Judgement {
  const made: Judgement = {
    ...each,
    linux: { ...each.linux, log: '' },
    ours: { ...each.ours, log: '' },
  }
  if (comparable(each.linux.log).join('\n') === comparable(each.ours.log).join('\n')) sameLogs.add(made)
  if (each.linux.message === tellingLine(each.ours.log)) sameLast.add(made)
  if (processed(each.linux.log) === processed(each.ours.log)) sameStats.add(made)
  return made
}

function report(each: Judgement, options: Options): void {
  const { file, program, type, linux: theirs, ours } = each
  const said = (ok: boolean, message: string) => (ok ? 'accepts' : `refuses: ${message}`)
  if (options.list === true) {
    const message = ours.diagnostics[0]?.message ?? ''
    process.stdout.write(
      `${agreement(each)}\t${file}\t${program}\t${type}\tlinux ${said(theirs.ok, theirs.message)}\tours ${said(ours.ok, message)}\n`,
    )
  }
  if (options.diff !== true) return
  const left = comparable(theirs.log)
  const right = comparable(ours.log)
  const at = left.findIndex((line, i) => line !== right[i])
  if (at < 0 && left.length === right.length) return
  const line = at < 0 ? left.length : at
  process.stdout.write(`${file} ${program}: logs differ at line ${line + 1}\n`)
  for (let i = Math.max(0, line - 2); i < line; i++) process.stdout.write(`    ${left[i]}\n`)
  process.stdout.write(`  - ${left[line] ?? '(end)'}\n  + ${right[line] ?? '(end)'}\n`)
}

function totals(
  judgements: readonly Judgement[],
  skipped: readonly { file: string; program: string; reason: string }[],
  options: Options,
): void {
  const groups = new Map<string, { count: number; names: string[] }>()
  const counts: Record<Agreement, number> = { equal: 0, 'false accept': 0, 'false refusal': 0, unsupported: 0 }
  for (const each of judgements) {
    const how = agreement(each)
    counts[how]++
    if (how === 'equal') continue
    const message = how === 'false accept' ? each.linux.message : (each.ours.diagnostics[0]?.message ?? '')
    const key = `${how}: ${withoutNumbers(message)}`
    const group = groups.get(key) ?? { count: 0, names: [] }
    group.count++
    group.names.push(`${each.file.slice(each.file.lastIndexOf('/') + 1)}:${each.program}`)
    groups.set(key, group)
  }
  const accepted = judgements.filter(({ linux: theirs, ours }) => theirs.ok && ours.ok)
  const refused = judgements.filter(({ linux: theirs, ours }) => !theirs.ok && !ours.ok)
  const sum = (of: (each: Judgement) => number) => judgements.reduce((total, each) => total + of(each), 0)
  const result = {
    programs: judgements.length,
    ...counts,
    skipped: skipped.length,
    sameLog: judgements.filter((each) => sameLogs.has(each)).length,
    bothAccept: accepted.length,
    sameInsnsProcessed: accepted.filter((each) => sameStats.has(each)).length,
    bothRefuse: refused.length,
    sameLastLine: refused.filter((each) => sameLast.has(each)).length,
    linuxMs: Math.round(sum(({ linux: theirs }) => theirs.ms)),
    ourMs: Math.round(sum(({ ours }) => ours.ms)),
    groups: [...groups].sort((a, b) => b[1].count - a[1].count).map(([message, group]) => ({ message, ...group })),
  }
  if (options.json === true) {
    process.stdout.write(toJson(result) + '\n')
    return
  }
  for (const { message, count, names } of result.groups) {
    process.stdout.write(
      `${String(count).padStart(5)}  ${message}\n         ${names.slice(0, 4).join(' ')}${count > 4 ? ' …' : ''}\n`,
    )
  }
  const percent = (part: number, whole: number) => (whole === 0 ? '-' : `${((100 * part) / whole).toFixed(1)} %`)
  process.stdout.write(
    [
      `${result.programs} programs: ${counts.equal} equal (${percent(counts.equal, result.programs)}), ` +
        `${counts['false accept']} false accepts, ${counts['false refusal']} false refusals, ${counts.unsupported} not modelled; ${skipped.length} skipped`,
      `same log: ${result.sameLog} (${percent(result.sameLog, result.programs)}); both accept: ${accepted.length}, ` +
        `same instructions processed ${result.sameInsnsProcessed} (${percent(result.sameInsnsProcessed, accepted.length)}); ` +
        `both refuse: ${refused.length}, same last line ${result.sameLastLine} (${percent(result.sameLastLine, refused.length)})`,
      `time: Linux ${result.linuxMs} ms (with the system call), ours ${result.ourMs} ms`,
      '',
    ].join('\n'),
  )
}
