import type { CommandHost } from '../../host/host.js'
import { ToolError } from './tool-error.js'

/** What the options before the object say. */
export interface ToolOptions {
  readonly json: boolean
  readonly pretty: boolean
  readonly details: boolean
  /** How often -s was said. */
  readonly stats: number
  readonly oneline: boolean
  readonly brief: boolean
  readonly force: boolean
  readonly all: boolean
  /** AF_INET 4, AF_INET6 6; undefined: both. */
  readonly family: 4 | 6 | undefined
  readonly netns: string | undefined
  readonly batch: string | undefined
  readonly version: boolean
  readonly numeric: boolean
}

const BOTH: readonly [string, string][] = [
  ['json', 'json'],
  ['pretty', 'pretty'],
  ['details', 'details'],
  ['oneline', 'oneline'],
  ['force', 'force'],
  ['numeric', 'numeric'],
]

/** Reads the options of ip or tc: long names may be cut short. The rest are words. */
export function readOptions(
  tool: 'ip' | 'tc',
  args: readonly string[],
): { readonly options: ToolOptions; readonly words: readonly string[] } {
  const set = new Set<string>()
  let stats = 0
  let family: 4 | 6 | undefined
  let netns: string | undefined
  let batch: string | undefined
  let at = 0
  const value = (): string => {
    const word = args[++at]
    if (word === undefined) throw new ToolError('Command line is not complete. Try option "help"')
    return word
  }
  for (; at < args.length; at++) {
    const arg = args[at] as string
    if (arg === '--') {
      at++
      break
    }
    if (!arg.startsWith('-') || arg === '-') break
    const name = arg.replace(/^--?/, '')
    const is = (long: string, least = 1): boolean => name.length >= least && long.startsWith(name)
    if (name === '4' || name === '6') family = name === '4' ? 4 : 6
    else if (tool === 'ip' && name === 'br') set.add('brief')
    else if (is('json')) set.add('json')
    else if (is('stats') || name === 'ss' || (name !== '' && 'statistics'.startsWith(name)))
      stats += name === 'ss' ? 2 : 1
    else if (name === 'Version' || name === 'V') set.add('version')
    else if (name === 'n' || name === 'net' || name === 'netns') netns = value()
    else if (tool === 'ip' && (is('all') || name === 'a')) set.add('all')
    else if (tool === 'ip' && is('brief', 2)) set.add('brief')
    else if (is('batch', 1)) batch = value()
    else if (tool === 'ip' && is('family', 3)) family = value() === 'inet6' ? 6 : 4
    else if (is('color')) continue
    else if (/^c(olor)?=/.test(name)) continue
    else if (
      name === 'i' ||
      name === 'iec' ||
      is('timestamp') ||
      is('resolve') ||
      is('raw') ||
      name === 'N' ||
      name === 'Numeric'
    )
      set.add('numeric')
    else {
      const known = BOTH.find(([long]) => long.startsWith(name) && name !== '')
      if (known === undefined) {
        throw new ToolError(`Option "${arg}" is unknown, try "${tool} -help".`)
      }
      set.add(known[1])
    }
  }
  return {
    options: {
      json: set.has('json'),
      pretty: set.has('pretty'),
      details: set.has('details'),
      stats,
      oneline: set.has('oneline'),
      brief: set.has('brief'),
      force: set.has('force'),
      all: set.has('all'),
      version: set.has('version'),
      numeric: set.has('numeric'),
      family,
      netns,
      batch,
    },
    words: args.slice(at),
  }
}

/** What a command of ip or tc has around it. */
export interface ToolContext {
  readonly host: CommandHost
  readonly options: ToolOptions
}
