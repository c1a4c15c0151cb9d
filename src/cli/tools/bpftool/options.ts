import type { VerbOptions } from '../../noun/verb.js'

type Flag =
  | 'json'
  | 'pretty'
  | 'bpffs'
  | 'mapcompat'
  | 'nomount'
  | 'debug'
  | 'use-loader'
  | 'base-btf'
  | 'legacy'
  | 'help'
  | 'version'

const SHORT: Readonly<Record<string, Flag>> = {
  V: 'version',
  h: 'help',
  p: 'pretty',
  j: 'json',
  f: 'bpffs',
  m: 'mapcompat',
  n: 'nomount',
  d: 'debug',
  L: 'use-loader',
  B: 'base-btf',
  l: 'legacy',
}
const LONG: readonly Flag[] = Object.values(SHORT)

export interface ReadOptions {
  readonly options: VerbOptions
  readonly words: readonly string[]
  readonly help: boolean
  readonly version: boolean
}

/**
 * bpftool's options, which may stand anywhere before `--`; short ones together, long ones cut short. `wrong`: one that there is not.
 * -m and -L are taken and change nothing: there is one way to load here.
 */
export function readOptions(args: readonly string[]): ReadOptions | { readonly wrong: string } {
  const flags = new Set<Flag>()
  const words: string[] = []
  let baseBtf: string | undefined
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] as string
    if (arg === '--') {
      words.push(...args.slice(at + 1))
      break
    }
    if (!arg.startsWith('-') || arg === '-') {
      words.push(arg)
      continue
    }
    let value: string | undefined
    const found: Flag[] = []
    if (arg.startsWith('--')) {
      const [name = '', given] = arg.slice(2).split('=', 2)
      const fits = LONG.filter((flag) => flag.startsWith(name))
      const flag = fits.find((each) => each === name) ?? fits[0]
      if (flag === undefined || (fits.length > 1 && flag !== name)) return { wrong: `unrecognized option '${arg}'` }
      value = given
      found.push(flag)
    } else {
      for (const [index, letter] of [...arg.slice(1)].entries()) {
        const flag = SHORT[letter]
        if (flag === undefined) return { wrong: `unrecognized option '${arg}'` }
        found.push(flag)
        if (flag !== 'base-btf') continue
        value = arg.slice(index + 2) || undefined
        break
      }
    }
    for (const flag of found) flags.add(flag)
    if (found.includes('base-btf')) {
      baseBtf = value ?? args[++at]
      if (baseBtf === undefined) return { wrong: `unrecognized option '${arg}'` }
    }
  }
  const options: VerbOptions = {
    json: flags.has('json') || flags.has('pretty'),
    pretty: flags.has('pretty'),
    bpffs: flags.has('bpffs'),
    debug: flags.has('debug'),
    nomount: flags.has('nomount'),
    legacy: flags.has('legacy'),
    strict: true,
    baseBtf,
  }
  return { options, words, help: flags.has('help'), version: flags.has('version') }
}
