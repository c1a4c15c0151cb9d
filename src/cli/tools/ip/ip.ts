import { readFileSync } from 'node:fs'
import type { Kernel } from '../../../kernel/index.js'
import type { CommandHost } from '../../host/host.js'
import { readOptions, type ToolContext } from '../iproute2/options.js'
import { ToolError } from '../iproute2/tool-error.js'
import { openToolKernel } from '../iproute2/tool-kernel.js'
import { begins, ToolWords } from '../iproute2/words.js'
import { ipAddress } from './address.js'
import { addLink, deleteLink, setLink } from './link-change.js'
import { showLinks } from './link-show.js'
import { ipNeighbour } from './neighbour.js'
import { ipNetns } from './netns.js'
import { ipRoute } from './route.js'

type Noun = (kernel: Kernel, words: ToolWords, context: ToolContext) => number

/** A noun that ends well where it does not throw. */
function always(run: (kernel: Kernel, words: ToolWords, context: ToolContext) => void): Noun {
  return (kernel, words, context) => {
    run(kernel, words, context)
    return 0
  }
}

/** In iproute2's order: a noun may be cut short, and the first that begins so is meant. */
const NOUNS: readonly (readonly [string, Noun])[] = [
  ['address', always(ipAddress)],
  ['route', always(ipRoute)],
  ['link', always(ipLink)],
  ['neighbor', always(ipNeighbour)],
  ['neighbour', always(ipNeighbour)],
  ['netns', ipNetns],
]

const USAGE = `Usage: ip [ OPTIONS ] OBJECT { COMMAND | help }
       ip [ -force ] -batch filename
where  OBJECT := { address | link | neighbor | netns | route }
       OPTIONS := { -V[ersion] | -s[tatistics] | -d[etails] | -f[amily] { inet | inet6 } | -4 | -6 | -o[neline] |
                    -br[ief] | -j[son] | -p[retty] | -n[etns] name | -a[ll] | -force }
`

/** `ip [OPTIONS] OBJECT {COMMAND | help}`, with iproute2's grammar, output and exit status, on a kernel of ours. */
export function ip(args: readonly string[], host: CommandHost): number {
  try {
    const { options, words } = readOptions('ip', args)
    if (options.version) {
      host.out('ip utility, iproute2-6.1.0\n')
      return 0
    }
    if (options.batch !== undefined) return runBatch(options.batch, { host, options })
    return runWords(words, { host, options })
  } catch (error) {
    return said(error, host)
  }
}

function runWords(words: readonly string[], context: ToolContext): number {
  const { host, options } = context
  const [first, ...rest] = words
  if (first === undefined || first === 'help') {
    host.err(USAGE)
    return 255
  }
  const noun = NOUNS.find(([name]) => begins(first, name))
  if (noun === undefined) throw new ToolError(`Object "${first}" is unknown, try "ip help".`, 1)
  if (rest[0] === 'help') {
    host.err(USAGE)
    return 255
  }
  using kernel = openToolKernel(host, options.netns)
  return noun[1](kernel, new ToolWords(rest), context)
}

function runBatch(file: string, context: ToolContext): number {
  let status = 0
  for (const [index, line] of readFileSync(context.host.resolve(file), 'utf8').split('\n').entries()) {
    const words = line.replace(/#.*/, '').split(/\s+/).filter(Boolean)
    if (words.length === 0) continue
    try {
      if (runWords(words, context) === 0) continue
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

function ipLink(kernel: Kernel, words: ToolWords, context: ToolContext): void {
  const verb = words.peek()
  if (verb === undefined || begins(verb, 'show') || begins(verb, 'list') || verb === 'lst') {
    words.take()
    showLinks(kernel, words, context)
    return
  }
  words.take()
  if (begins(verb, 'add')) addLink(kernel, words)
  else if (begins(verb, 'set') || begins(verb, 'change')) setLink(kernel, words, context)
  else if (begins(verb, 'delete')) deleteLink(kernel, words)
  else throw new ToolError(`Command "${verb}" is unknown, try "ip link help".`)
}
