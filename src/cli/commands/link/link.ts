import type { Command } from 'commander'
import { everyObject, named, oneNamed } from '../../noun/objects.js'
import { pinObject } from '../../noun/pin.js'
import { pinnedPaths } from '../../noun/surroundings.js'
import { nounCommand, type Verb, type VerbContext } from '../../noun/verb.js'
import { describeLink, formatLink } from './describe.js'

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
  for (const link of links) described.push(describeLink(kernel, link, paths))
  context.answer(one && described.length === 1 ? described[0] : described, described.map(formatLink).join('\n'))
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
