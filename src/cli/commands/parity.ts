import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { UsageError } from '../../base/index.js'
import type { CommandHost } from '../host/host.js'
import { toJson } from '../output/json.js'
import { EXIT } from '../output/report-error.js'
import { type Judgement, judgeObject } from '../parity/judge.js'
import { agreementOf, comparableLog, type ProgramSummary, summaryOf } from '../parity/summary.js'
import { renderReport, reportOf } from '../parity/tables.js'

interface Options {
  readonly prog?: string
  readonly logLevel: string
  readonly json?: boolean
  readonly list?: boolean
  readonly diff?: boolean
  readonly timeout: string
}

/** `skep parity FILE|DIR...` */
export function parityCommand(host: CommandHost): Command {
  return new Command('parity')
    .description(
      'load every program on the running kernel and judge it with the embedded verifier; show where they differ',
    )
    .argument('<files...>', 'object files or directories of them')
    .option('--prog <name>', 'only this program')
    .option('--log-level <n>', 'compare logs at these levels: 1, 2 or 1,2 (0: verdicts and last lines only)', '2')
    .option('--list', 'a line for every program')
    .option('--diff', 'the first line in which the logs differ')
    .option('--timeout <insns>', 'instructions our verifier looks at before it gives up', '1000000')
    .option('--json', 'as JSON')
    .action((files: string[], options: Options) => run(host, files, options))
}

function objectsIn(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path]
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.o'))
    .sort()
    .map((name) => join(path, name))
}

function levelsOf(text: string): number[] {
  const levels = text.split(',').map(Number)
  if (!levels.every((level) => level === 0 || level === 1 || level === 2)) {
    throw new UsageError(`--log-level ${text} is none`, '1, 2 or 1,2; 0 for no logs')
  }
  return levels.filter((level) => level > 0).sort((a, b) => b - a)
}

function run(host: CommandHost, files: readonly string[], options: Options): void {
  const paths = files.map((file) => host.resolve(file)).flatMap(objectsIn)
  if (paths.length === 0) throw new UsageError('no object files there')
  const levels = levelsOf(options.logLevel)
  const [logLevel = 0, ...otherLevels] = levels
  const summaries: ProgramSummary[] = []
  const skipped: { file: string; program: string; reason: string }[] = []
  const question = { logLevel, otherLevels, only: options.prog, maxInsns: Number(options.timeout) }
  using kernel = host.openKernel('linux')
  for (const file of paths) {
    try {
      const bytes = new Uint8Array(readFileSync(file))
      const found = judgeObject(kernel, file, bytes, question, (program, reason) =>
        skipped.push({ file, program, reason }),
      )
      for (const each of found) {
        describe(host, each, options)
        summaries.push(summaryOf(each, logLevel))
      }
    } catch (error) {
      skipped.push({ file, program: '', reason: error instanceof Error ? error.message : String(error) })
    }
  }
  const report = reportOf(summaries, skipped.length, levels)
  if (options.json === true) host.out(`${toJson({ ...report, all: summaries, skippedPrograms: skipped })}\n`)
  else host.out(renderReport(report, levels))
  if (report.falseAccepts > 0) host.exitStatus = EXIT.failed
}

/** `--list` and `--diff`. */
function describe(host: CommandHost, each: Judgement, options: Options): void {
  const { file, program, type, linux: theirs, ours } = each
  const said = (ok: boolean, message: string) => (ok ? 'accepts' : `refuses: ${message}`)
  if (options.list === true) {
    const message = ours.diagnostics[0]?.message ?? ''
    host.out(
      `${agreementOf(each)}\t${file}\t${program}\t${type}\tlinux ${said(theirs.ok, theirs.message)}\tours ${said(ours.ok, message)}\n`,
    )
  }
  if (options.diff !== true) return
  const left = comparableLog(theirs.log)
  const right = comparableLog(ours.log)
  const at = left.findIndex((line, i) => line !== right[i])
  if (at < 0 && left.length === right.length) return
  const line = at < 0 ? left.length : at
  host.out(`${file} ${program}: logs differ at line ${line + 1}\n`)
  for (let i = Math.max(0, line - 2); i < line; i++) host.out(`    ${left[i]}\n`)
  host.out(`  - ${left[line] ?? '(end)'}\n  + ${right[line] ?? '(end)'}\n`)
}
