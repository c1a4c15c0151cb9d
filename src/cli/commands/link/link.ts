import type { Command } from 'commander'
import type { CommandHost } from '../../host/host.js'
import { attempt, CommandError } from '../../noun/command-error.js'
import { nounCommand } from '../../noun/noun-command.js'
import { everyObject, type Opened, oneNamed, shown } from '../../noun/objects.js'
import { pinObject } from '../../noun/pin.js'
import { pinnedPaths } from '../../noun/surroundings.js'
import type { Noun, VerbContext } from '../../noun/verb.js'
import { describeLink, formatLink } from './describe.js'

const LINK = '(id N | pinned P)'

/** `link …`: bpftool's verbs. */
// biome-ignore format: one row per line
export const LINK_NOUN: Noun = {
  name: 'link',
  summary: 'list and detach links',
  verbs: [
    { names: ['show', 'list'], words: `[${LINK}]`, summary: 'list links, or show one', run: showLinks },
    { names: ['pin'], words: `${LINK} PATH`, summary: 'give a link a name in bpffs', run: (context) => pinObject(context, 'link') },
    { names: ['detach'], words: LINK, summary: 'take the program off; the link stays, without effect', run: detach },
  ],
}

function showLinks(context: VerbContext): void {
  const { kernel } = context
  const one = shown(context, 'link')
  const paths = context.bpffs ? pinnedPaths(kernel) : undefined
  const described = []
  for (const link of one ?? everyObject(kernel, 'link')) described.push(describeLink(kernel, link, paths))
  context.answer(one === undefined ? described : described[0], described.map(formatLink).join('\n'))
}

function detach(context: VerbContext): void {
  const { fd } = namedOrOne(context)
  context.words.end()
  attempt('failed link detach', () => context.kernel.call('link_detach', { linkFd: fd }), 1)
  context.silent()
}

/** bpftool ends with 1 here, whatever was wrong. */
function namedOrOne(context: VerbContext): Opened<'link'> {
  try {
    return oneNamed(context, 'link')
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    const { message, kind, hint, cause } = error
    throw new CommandError(message, { kind, hint, cause, status: 1 })
  }
}

/** `skep link …` */
export function linkCommand(host: CommandHost): Command {
  return nounCommand(LINK_NOUN, host)
}
