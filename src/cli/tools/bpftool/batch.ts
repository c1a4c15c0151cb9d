import { readFileSync } from 'node:fs'
import { errnoText } from '../../../base/index.js'
import type { CommandHost } from '../../host/host.js'
import { errorNumber } from '../../input/files.js'
import type { VerbOptions } from '../../noun/verb.js'
import { jsonText, RawJson } from '../../output/json-text.js'
import { runWords } from './bpftool.js'

const FAILED = 255

/** `bpftool batch file FILE`: a command a line, up to the first that fails. `#` begins a comment, a backslash at the end goes on. */
export async function runBatch(words: readonly string[], host: CommandHost, options: VerbOptions): Promise<number> {
  const [way, file] = words
  const wrong = (message: string): number => {
    if (options.json) host.out(`${jsonText({ error: message }, options.pretty)}\n`)
    else host.err(`Error: ${message}\n`)
    return FAILED
  }
  if (way === undefined || file === undefined) return wrong('too few parameters for batch')
  if (!'file'.startsWith(way)) return wrong(`expected 'file', got: ${way}`)
  if (words.length > 2) return wrong('too many parameters for batch')
  let text: string
  try {
    text = file === '-' ? new TextDecoder().decode(await host.stdin()) : readFileSync(host.resolve(file), 'utf8')
  } catch (error) {
    return wrong(`Can't open file (${file}): ${errnoText(errorNumber(error))}`)
  }
  const outputs: unknown[] = []
  let done = 0
  let status = 0
  for (const line of text.replace(/\\\n/g, ' ').split('\n')) {
    const command = splitLine(line.replace(/#.*$/, ''))
    if (command.length === 0) continue
    if (!options.json) status = await runWords(command, host, options)
    else {
      const heard: string[] = []
      status = await runWords(command, listening(host, heard), options)
      outputs.push({ command, output: new RawJson(heard.join('').trim() || 'null') })
    }
    if (status !== 0) break
    done++
  }
  if (options.json) host.out(`${jsonText(outputs, options.pretty)}\n`)
  else if (status === 0) host.out(`processed ${done} commands\n`)
  return status
}

/** Words of a line; quotes keep blanks in. */
function splitLine(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, bare]) => double ?? single ?? bare ?? '',
  )
}

/** The same host, whose standard output is kept. */
function listening(host: CommandHost, heard: string[]): CommandHost {
  return {
    cwd: host.cwd,
    env: host.env,
    terminal: host.terminal,
    signal: host.signal,
    stays: host.stays,
    exitStatus: 0,
    out: (data) => void heard.push(typeof data === 'string' ? data : new TextDecoder().decode(data)),
    err: (data) => host.err(data),
    stdin: () => host.stdin(),
    drained: () => host.drained(),
    wait: (promise) => host.wait(promise),
    resolve: (path) => host.resolve(path),
    elsewhere: (command, args) => host.elsewhere(command, args),
    openKernel: (name) => host.openKernel(name),
  }
}
