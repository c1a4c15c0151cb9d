import type { Command } from 'commander'
import type { LinkDetails } from '../../../kernel/index.js'
import { linkTypeName } from '../../../spec/index.js'
import { everyObject, named, type Opened, oneNamed } from '../../noun/objects.js'
import { pinObject } from '../../noun/pin.js'
import { pathsOf, pinnedPaths } from '../../noun/surroundings.js'
import { nounCommand, type Verb, type VerbContext } from '../../noun/verb.js'

const LINK = '(id N | pinned P)'

// biome-ignore format: one row per line
const VERBS: readonly Verb[] = [
  { names: ['show', 'list'], words: `[${LINK}]`, summary: 'list links, or show one', run: showLinks },
  { names: ['pin'], words: `${LINK} PATH`, summary: 'give a link a name in bpffs', run: (context) => pinObject(context, 'link') },
  { names: ['detach'], words: LINK, summary: 'take the program off; the link stays, without effect', run: detach },
]

function showLinks(context: VerbContext): void {
  const { kernel, words } = context
  const one = !words.done
  const links = one ? named(context, 'link') : everyObject(kernel, 'link')
  words.end()
  const paths = context.bpffs ? pinnedPaths(kernel) : undefined
  const described = []
  for (const link of links) described.push(describeLink(link, paths))
  context.answer(one && described.length === 1 ? described[0] : described, described.map(formatLink).join('\n'))
}

function describeLink({ info }: Opened<'link'>, paths: ReturnType<typeof pinnedPaths> | undefined) {
  return {
    id: info.id,
    type: linkTypeName(info.type) ?? `type ${info.type}`,
    prog_id: info.progId,
    ...snakeCase(info.details),
    ...(paths === undefined ? {} : { pinned: pathsOf(paths, 'link', info.id) }),
  }
}

/** The type's own fields under Linux's names. */
function snakeCase(details: LinkDetails): Record<string, unknown> {
  const shown = Object.entries(details).filter(([name]) => name !== 'raw')
  return Object.fromEntries(
    shown.map(([name, value]) => [name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), value]),
  )
}

function formatLink(link: ReturnType<typeof describeLink>): string {
  const { id, type, prog_id: progId, pinned, ...fields } = link
  const lines = [`${id}: ${type}  prog ${progId}  `.trimEnd()]
  const words = Object.entries(fields).map(([name, value]) => `${name} ${String(value)}`)
  if (words.length > 0) lines.push(`\t${words.join('  ')}`)
  for (const path of pinned ?? []) lines.push(`\tpinned ${path}`)
  return lines.join('\n')
}

function detach(context: VerbContext): void {
  const { fd } = oneNamed(context, 'link')
  context.words.end()
  context.kernel.call('link_detach', { linkFd: fd })
  context.silent()
}

/** `skep link …` */
export function linkCommand(): Command {
  return nounCommand('link', 'list and detach links', VERBS)
}
