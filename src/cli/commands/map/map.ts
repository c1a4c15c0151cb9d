import type { Command } from 'commander'
import type { CommandHost } from '../../host/host.js'
import { attempt } from '../../noun/command-error.js'
import { nounCommand } from '../../noun/noun-command.js'
import { oneNamed } from '../../noun/objects.js'
import { pinObject } from '../../noun/pin.js'
import type { Noun, VerbContext } from '../../noun/verb.js'
import { createMap } from './create.js'
import { dumpMap } from './dump.js'
import { deleteElement, lookupElement, nextKey, popElement, updateElement } from './elements.js'
import { eventPipe } from './event-pipe.js'
import { showMaps } from './show.js'

const MAP = '(id N | name S | pinned P)'
const BYTES = '([hex] BYTES | json VALUE)'

/** `map …`: bpftool's verbs, in bpftool's order, which decides what a word cut short means. */
// biome-ignore format: one row per line
export const MAP_NOUN: Noun = {
  name: 'map',
  summary: 'list, read and change maps',
  verbs: [
    { names: ['show', 'list'], words: `[${MAP}]`, summary: 'list maps, or show one', run: showMaps },
    { names: ['dump'], words: MAP, summary: 'print all elements', run: dumpMap },
    { names: ['update'], words: `${MAP} [key ${BYTES}] value (${BYTES} | MAP | PROG) [any | exist | noexist]`, summary: 'set an element', run: updateElement },
    { names: ['lookup'], words: `${MAP} [key ${BYTES}]`, summary: 'print one element', run: lookupElement },
    { names: ['getnext'], words: `${MAP} [key ${BYTES}]`, summary: 'print the key after a key, or the first', run: nextKey },
    { names: ['delete'], words: `${MAP} key ${BYTES}`, summary: 'delete an element', run: deleteElement },
    { names: ['pin'], words: `${MAP} PATH`, summary: 'give a map a name in bpffs', run: (context) => pinObject(context, 'map') },
    { names: ['event_pipe'], words: `${MAP} [cpu N index M]`, summary: 'print events of a perf event array as they come', run: eventPipe },
    { names: ['peek'], words: MAP, summary: 'print the next value of a queue or stack', run: lookupElement },
    { names: ['push'], words: `${MAP} value ${BYTES}`, summary: 'put a value onto a stack', run: updateElement },
    { names: ['enqueue'], words: `${MAP} value ${BYTES}`, summary: 'put a value into a queue', run: updateElement },
    { names: ['pop'], words: MAP, summary: 'take the next value off a stack', run: popElement },
    { names: ['dequeue'], words: MAP, summary: 'take the next value out of a queue', run: popElement },
    { names: ['create'], words: 'PATH type T key N value N entries N name S [flags N] [inner_map MAP] [dev NAME]', summary: 'make a map and pin it', run: createMap },
    { names: ['freeze'], words: MAP, summary: 'keep system calls from changing a map from now on', run: freeze },
  ],
}

function freeze(context: VerbContext): void {
  const { fd } = oneNamed(context, 'map')
  context.words.end()
  attempt('failed to freeze map', () => context.kernel.call('map_freeze', { mapFd: fd }))
  context.silent()
}

/** `skep map …` */
export function mapCommand(host: CommandHost): Command {
  return nounCommand(MAP_NOUN, host)
}
