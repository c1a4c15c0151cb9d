import { readFileSync } from 'node:fs'
import type { Kernel } from '../../../kernel/index.js'
import type { CommandHost } from '../../host/host.js'
import { readOptions, type ToolContext } from '../iproute2/options.js'
import { ToolError } from '../iproute2/tool-error.js'
import { openToolKernel } from '../iproute2/tool-kernel.js'
import { begins, ToolWords } from '../iproute2/words.js'
import { tcExec } from './exec.js'
import { tcChain, tcFilter } from './filter.js'
import { tcQdisc } from './qdisc.js'

type Noun = (kernel: Kernel, words: ToolWords, context: ToolContext) => void | Promise<void>

const NOUNS: readonly (readonly [string, Noun])[] = [
  ['qdisc', tcQdisc],
  ['filter', tcFilter],
  ['chain', tcChain],
  ['exec', tcExec],
]

const USAGE = `Usage:	tc [ OPTIONS ] OBJECT { COMMAND | help }
	tc [-force] -batch filename
where  OBJECT := { qdisc | filter | chain | exec }
       OPTIONS := { -V[ersion] | -s[tatistics] | -d[etails] | -o[neline] | -j[son] | -p[retty] | -n[etns] name | -force }
`

/** `tc [OPTIONS] OBJECT {COMMAND | help}`, with iproute2's grammar, output and exit status, on a kernel of ours. */
export async function tc(args: readonly string[], host: CommandHost): Promise<number> {
  try {
    const { options, words } = readOptions('tc', args)
    if (options.version) {
      host.out('tc utility, iproute2-6.1.0\n')
      return 0
    }
    const context = { host, options }
    return options.batch === undefined ? await runWords(words, context) : await runBatch(options.batch, context)
  } catch (error) {
    return said(error, host)
  }
}

async function runWords(words: readonly string[], context: ToolContext): Promise<number> {
  const { host, options } = context
  const [first, ...rest] = words
  if (first === undefined || first === 'help' || rest[0] === 'help') {
    host.err(USAGE)
    return first === undefined ? 0 : 255
  }
  const noun = NOUNS.find(([name]) => begins(first, name))
  if (noun === undefined) throw new ToolError(`Object "${first}" is unknown, try "tc help".`)
  using kernel = openToolKernel(host, options.netns)
  await noun[1](kernel, new ToolWords(rest), context)
  return 0
}

async function runBatch(file: string, context: ToolContext): Promise<number> {
  let status = 0
  for (const [index, line] of readFileSync(context.host.resolve(file), 'utf8').split('\n').entries()) {
    const words = line.replace(/#.*/, '').split(/\s+/).filter(Boolean)
    if (words.length === 0) continue
    try {
      if ((await runWords(words, context)) === 0) continue
    } catch (error) {
      said(error, context.host)
    }
    context.host.err(`Command failed ${file}:${index + 1}\n`)
    status = 1
    if (!context.options.force) return status
  }
  return status
}

function said(error: unknown, host: CommandHost): number {
  if (!(error instanceof ToolError)) throw error
  host.err(`${error.message}\n`)
  return error.status
}
