import { readFileSync } from 'node:fs'
import { SingleBar } from 'cli-progress'
import { Command, Option } from 'commander'
import pc from 'picocolors'
import { FormatError, UsageError } from '../../base/index.js'
import { ObjectError } from '../../object/index.js'
import type { CommandHost } from '../host/host.js'
import { toJson } from '../output/json.js'
import { EXIT } from '../output/report-error.js'
import { formatTable, grouped } from '../output/table.js'
import { renderFrame, wrap } from '../verify/render-frame.js'
import { githubAnnotations, sarifReport } from '../verify/render-reports.js'
import { ObjectVerifier, type ProgramVerdict, type Unread } from '../verify/verify-object.js'
import { VERSION } from '../version.js'

interface Options {
  readonly prog?: string
  readonly kernel: 'embedded' | 'linux'
  readonly logLevel: string
  readonly json?: boolean
  readonly explain?: boolean
  readonly format: 'text' | 'json' | 'github' | 'sarif'
}

/** Columns of text. */
const WIDTH = 100

/** `skep verify FILE...` */
export function verifyCommand(host: CommandHost): Command {
  return new Command('verify')
    .description("the verifier's verdict on every program of object files, and what stands in the way")
    .argument('<files...>', 'object files')
    .option('--prog <name>', 'only this program')
    .addOption(
      new Option('--kernel <name>', "whose verifier: Skep's own, or the running kernel's (root)")
        .choices(['embedded', 'linux'])
        .default(host.env.SKEP_KERNEL === 'linux' ? 'linux' : 'embedded'),
    )
    .option('--log-level <n>', "print the verifier's log: 1 the failing path, 2 everything, 4 statistics (bits)", '0')
    .option('--explain', 'why a program is refused: where the value came from, what is missing, what helps')
    .addOption(
      new Option('--format <format>', 'github: workflow annotations; sarif: a SARIF 2.1.0 log')
        .choices(['text', 'json', 'github', 'sarif'])
        .default('text'),
    )
    .option('--json', 'same as --format json')
    .action((files: string[], options: Options) => run(host, files, options))
}

function run(host: CommandHost, files: readonly string[], options: Options): void {
  const logLevel = Number(options.logLevel)
  if (!Number.isInteger(logLevel) || logLevel < 0 || logLevel > 7) {
    throw new UsageError(`--log-level ${options.logLevel} is none`, 'a sum of 1, 2 and 4; 0 for none')
  }
  const unread: Unread[] = []
  const verdicts: ProgramVerdict[] = []
  using verifier = new ObjectVerifier(host.openKernel(options.kernel === 'linux' ? 'linux' : 'fresh'), {
    kernel: options.kernel,
    prog: options.prog,
    logLevel,
  })
  const bar = progress(host, files.length)
  for (const file of files) {
    try {
      const bytes = new Uint8Array(readFileSync(host.resolve(file)))
      verdicts.push(...verifier.verifyObject(file, bytes, (what) => unread.push(what)))
    } catch (error) {
      unread.push({ file, name: '', reason: unreadable(error) })
    }
    bar?.increment()
  }
  bar?.stop()
  if (options.prog !== undefined && verdicts.length === 0 && unread.length === 0) {
    throw new UsageError(`no program is called '${options.prog}'`, '`skep object FILE` lists them')
  }
  const format = options.json === true ? 'json' : options.format
  if (format === 'json') host.out(`${toJson(json(verdicts, unread, logLevel), 2)}\n`)
  else if (format === 'sarif') host.out(`${toJson(sarifReport(verdicts, VERSION), 2)}\n`)
  else if (format === 'github') host.out(githubAnnotations(verdicts))
  else host.out(text(host, verdicts, options, logLevel, files.length > 1))
  if (format !== 'json') for (const { file, name, reason } of unread) complain(host, file, name, reason)
  if (unread.length > 0) host.exitStatus = EXIT.usage
  else if (verdicts.some(({ verdict }) => verdict === 'reject')) host.exitStatus = EXIT.failed
}

/** The message of an error that means the file is not what it should be; others are ours and go up. */
function unreadable(error: unknown): string {
  if (error instanceof FormatError || error instanceof ObjectError || error instanceof UsageError) return error.message
  const system = error as NodeJS.ErrnoException
  if (system.code !== undefined && system.syscall !== undefined) {
    return system.code === 'ENOENT' ? 'no such file' : system.message
  }
  throw error
}

function complain(host: CommandHost, file: string, name: string, reason: string): void {
  const color = pc.createColors(host.terminal.stderr)
  host.err(`${color.red('skep:')} ${file}${name === '' ? '' : ` (${name})`}: ${reason}\n`)
}

function progress(host: CommandHost, files: number): SingleBar | undefined {
  if (files < 4 || !host.terminal.stderr) return undefined
  const bar = new SingleBar({
    format: 'verifying {bar} {value}/{total} files',
    clearOnComplete: true,
    hideCursor: true,
  })
  bar.start(files, 0)
  return bar
}

function json(verdicts: readonly ProgramVerdict[], unread: readonly Unread[], logLevel: number): object {
  return {
    programs: verdicts.map(({ log, timeMs, ...rest }) => ({
      ...rest,
      timeMs: Math.round(timeMs * 1000) / 1000,
      ...(logLevel > 0 ? { log } : {}),
    })),
    unread,
  }
}

function text(
  host: CommandHost,
  verdicts: readonly ProgramVerdict[],
  options: Options,
  logLevel: number,
  many: boolean,
): string {
  const color = pc.createColors(host.terminal.stdout)
  const right = 'right' as const
  const said = ({ verdict, unsupported }: ProgramVerdict): string =>
    verdict === 'accept' ? color.green('accept') : unsupported ? color.yellow('no verdict') : color.red('reject')
  const rows = verdicts.map((each) => [
    ...(many ? [each.file] : []),
    ...[each.name, each.section, each.type, grouped(each.insns), said(each), grouped(each.stats.insnsProcessed)],
    ...[grouped(each.stats.peakStates), `${each.timeMs.toFixed(1)} ms`],
  ])
  let out =
    verdicts.length === 0
      ? ''
      : `${formatTable(
          [
            ...(many ? [{ head: 'FILE' }] : []),
            ...[{ head: 'PROGRAM' }, { head: 'SECTION' }, { head: 'TYPE' }, { head: 'INSNS', align: right }],
            ...[{ head: 'VERDICT' }, { head: 'PROCESSED', align: right }, { head: 'STATES', align: right }],
            { head: 'TIME', align: right },
          ],
          rows,
        )}\n`
  for (const each of verdicts) {
    if (logLevel > 0) out += `\n${color.bold(`-- log of ${each.name}`)}\n${each.log.trimEnd()}\n`
    const [diagnostic] = each.diagnostics
    if (diagnostic === undefined) continue
    if (options.explain === true) {
      const title = { file: each.file, program: each.name, type: each.type }
      out += `\n${renderFrame(diagnostic, title, color, WIDTH)}\n`
      continue
    }
    const { source, ruleId, hint } = diagnostic
    const where =
      source === undefined || source.line === 0 ? '' : ` at ${source.file.replace(/^\.\//, '')}:${source.line}`
    out += `\n${color.bold(each.name)}${where}: ${each.message}${ruleId === undefined ? '' : color.dim(` [${ruleId}]`)}\n`
    if (hint !== undefined)
      out += `${wrap(hint, 96)
        .map((line) => `  ${line}\n`)
        .join('')}`
  }
  const refused = verdicts.filter(({ verdict }) => verdict === 'reject').length
  if (refused > 0 && options.explain !== true) out += `\n${color.dim('--explain shows where the value came from')}\n`
  return out
}
