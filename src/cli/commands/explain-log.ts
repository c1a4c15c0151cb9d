import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import pc from 'picocolors'
import { decodeText, UsageError } from '../../base/index.js'
import { explainLog } from '../../verifier/index.js'
import type { CommandHost } from '../host/host.js'
import { toJson } from '../output/json.js'
import { programForLog } from '../verify/program-for-log.js'
import { renderFrame } from '../verify/render-frame.js'

interface Options {
  readonly object?: string
  readonly prog?: string
  readonly json?: boolean
}

/** `skep explain-log FILE|-` */
export function explainLogCommand(host: CommandHost): Command {
  return new Command('explain-log')
    .description(
      'explain a verifier log that Linux printed, old or new: what was refused, how the value got there, what helps',
    )
    .argument('<file>', "the log, '-' for standard input; text around it does not matter")
    .option('--object <file>', 'the object that was loaded: columns, and what other branches would have done')
    .option('--prog <name>', 'its program; needed where it has more than one')
    .option('--json', 'as JSON')
    .action((file: string, options: Options) => run(host, file, options))
}

async function run(host: CommandHost, file: string, options: Options): Promise<void> {
  const text = file === '-' ? decodeText(await host.stdin()) : readFileSync(host.resolve(file), 'utf8')
  const program = options.object === undefined ? undefined : programForLog(host, options.object, options.prog)
  const explanation = explainLog(text, program === undefined ? {} : program)
  if (options.json === true) {
    host.out(`${toJson(explanation, 2)}\n`)
    return
  }
  if (explanation.ruleId === undefined && explanation.steps.length === 0) {
    throw new UsageError(
      `${file}: no refusal of the verifier in this text`,
      'paste the log from its first line to its last',
    )
  }
  // The report of libbpf names the program.
  const named = /prog '([^'\n]+)': BPF program load failed/.exec(text)?.[1]
  const color = pc.createColors(host.terminal.stdout)
  const title = {
    file: options.object ?? file,
    program: program?.name ?? named ?? 'unknown',
    type: program?.type ?? 'BPF',
  }
  host.out(`${renderFrame(explanation, title, color)}\n`)
}
