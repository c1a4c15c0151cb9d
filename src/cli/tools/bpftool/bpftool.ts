import type { CommandHost, KernelName } from '../../host/host.js'
import { runVerb, type VerbOptions } from '../../noun/verb.js'
import { Words } from '../../noun/words.js'
import { jsonText } from '../../output/json-text.js'
import { runBatch } from './batch.js'
import { errorOf } from './errors.js'
import { NOUNS } from './nouns.js'
import { readOptions } from './options.js'
import { mainUsage, nounUsage } from './usage.js'
import { versionJson, versionText } from './version.js'

const FAILED = 255

/** `bpftool [OPTIONS] OBJECT { COMMAND | help }`, as the tool of that name takes it. */
export async function bpftool(args: readonly string[], host: CommandHost): Promise<number> {
  const read = readOptions(args)
  if ('wrong' in read) {
    host.err(`Error: ${read.wrong}\n${mainUsage()}`)
    return FAILED
  }
  const { options, words } = read
  if (read.version) return showVersion(host, options)
  if (read.help) return showUsage(host, options, mainUsage(), 0)
  return runWords(words, host, options)
}

/** Runs one command: the words behind the options, or a line of a batch file. */
export async function runWords(words: readonly string[], host: CommandHost, options: VerbOptions): Promise<number> {
  const [first, ...rest] = words
  if (first === undefined || 'help'.startsWith(first)) return showUsage(host, options, mainUsage(), 0)
  if ('batch'.startsWith(first)) return runBatch(rest, host, options)
  const noun = NOUNS.find(({ name }) => name.startsWith(first))
  if (noun === undefined) {
    if ('version'.startsWith(first)) return showVersion(host, options)
    return showUsage(host, options, mainUsage(), FAILED)
  }
  const usage = nounUsage(noun.name)
  const [name, ...verbWords] = rest
  if (name === undefined && noun.usageFirst === true) return showUsage(host, options, usage, 0)
  // Names in the order of the table: the first that begins so is meant, as in bpftool.
  const verb =
    name === undefined ? noun.verbs[0] : noun.verbs.find(({ names }) => names.some((each) => each.startsWith(name)))
  if (name !== undefined && (verb === undefined || 'help'.startsWith(name))) {
    return showUsage(host, options, usage, 'help'.startsWith(name) ? 0 : FAILED)
  }
  if (verb === undefined) return showUsage(host, options, usage, FAILED)
  try {
    using kernel = host.openKernel((host.env.SKEP_KERNEL ?? 'embedded') as KernelName)
    return await runVerb(verb, {
      ...options,
      host,
      kernel,
      words: new Words(
        [name ?? noun.name, ...verbWords],
        `bpftool ${noun.name} ${verb.names[0]} ${verb.words}`.trimEnd(),
      ),
    })
  } catch (error) {
    return showError(host, options, error, usage)
  }
}

function showUsage(host: CommandHost, { json }: VerbOptions, text: string, status: number): number {
  if (json) host.out('null\n')
  else host.err(text)
  return status
}

function showVersion(host: CommandHost, { json, pretty }: VerbOptions): number {
  host.out(json ? `${jsonText(versionJson(), pretty)}\n` : versionText())
  return 0
}

function showError(host: CommandHost, options: VerbOptions, error: unknown, usage: string): number {
  const known = errorOf(error)
  if (known === undefined) throw error
  const { message, before, after, status, kind, hint } = known
  if (before !== undefined) host.err(before)
  if (kind === 'usage') return showUsage(host, options, usage, status)
  if (kind === 'quiet') {
    if (options.json) host.out('\n')
    return status
  }
  if (options.json) host.out(`${jsonText({ error: message }, options.pretty)}\n`)
  else host.err(`Error: ${message}\n${after === 'usage' ? usage : (after ?? '')}`)
  if (!options.json && host.env.SKEP_HINTS !== undefined && hint !== undefined) host.err(`hint: ${hint}\n`)
  return status
}
