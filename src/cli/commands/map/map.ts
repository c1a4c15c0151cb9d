import type { Command } from 'commander'
import { oneNamed } from '../../noun/objects.js'
import { pinObject } from '../../noun/pin.js'
import { nounCommand, type Verb, type VerbContext } from '../../noun/verb.js'
import { createMap } from './create.js'
import { dumpMap } from './dump.js'
import { deleteElement, lookupElement, nextElement, nextKey, pushElement, updateElement } from './elements.js'
import { showMaps } from './show.js'

const MAP = '(id N | name S | pinned P)'
const BYTES = '([hex] BYTES | json VALUE)'

const peek = (context: VerbContext): void => nextElement(context, 'map_lookup_elem')
const pop = (context: VerbContext): void => nextElement(context, 'map_lookup_and_delete_elem')

// biome-ignore format: one row per line
const VERBS: readonly Verb[] = [
  { names: ['show', 'list'], words: `[${MAP}]`, summary: 'list maps, or show one', run: showMaps },
  { names: ['create'], words: 'PATH type T key N value N entries N [name S] [flags N] [inner_map MAP]', summary: 'make a map and pin it', run: createMap },
  { names: ['dump'], words: MAP, summary: 'print all elements', run: dumpMap },
  { names: ['update'], words: `${MAP} [key ${BYTES}] value (${BYTES} | MAP | PROG) [any | exist | noexist]`, summary: 'set an element', run: updateElement },
  { names: ['lookup'], words: `${MAP} key ${BYTES}`, summary: 'print one element', run: lookupElement },
  { names: ['getnext'], words: `${MAP} [key ${BYTES}]`, summary: 'print the key after a key, or the first', run: nextKey },
  { names: ['delete'], words: `${MAP} key ${BYTES}`, summary: 'delete an element', run: deleteElement },
  { names: ['pin'], words: `${MAP} PATH`, summary: 'give a map a name in bpffs', run: (context) => pinObject(context, 'map') },
  { names: ['peek'], words: MAP, summary: 'print the next value of a queue or stack', run: peek },
  { names: ['push', 'enqueue'], words: `${MAP} value ${BYTES}`, summary: 'put a value into a queue or stack', run: pushElement },
  { names: ['pop', 'dequeue'], words: MAP, summary: 'take the next value of a queue or stack', run: pop },
  { names: ['freeze'], words: MAP, summary: 'keep system calls from changing a map from now on', run: freeze },
]

function freeze(context: VerbContext): void {
  const { fd } = oneNamed(context, 'map')
  context.words.end()
  context.kernel.call('map_freeze', { mapFd: fd })
  context.silent()
}

/** `skep map …` */
export function mapCommand(): Command {
  return nounCommand('map', 'list, read and change maps', VERBS)
}
