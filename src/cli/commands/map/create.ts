import type { Fd, MapCreateRequest } from '../../../kernel/index.js'
import { mapTypeByName } from '../../../spec/index.js'
import { oneNamed } from '../../noun/objects.js'
import type { VerbContext } from '../../noun/verb.js'

/** Attributes of `map create` that are numbers. */
const NUMBERS = {
  key: 'keySize',
  value: 'valueSize',
  entries: 'maxEntries',
  flags: 'mapFlags',
  dev: 'mapIfindex',
} as const

/** `map create FILE type TYPE key N value N entries N name NAME [flags N] [inner_map MAP]`: made, then pinned. */
export function createMap(context: VerbContext): void {
  const { kernel, words } = context
  const pathname = words.next('path to pin at')
  let mapType: number | undefined
  let mapName: string | undefined
  let innerMapFd: Fd | undefined
  const numbers: Partial<Record<(typeof NUMBERS)[keyof typeof NUMBERS], number>> = {}
  while (!words.done) {
    const word = words.next('attribute')
    if (word === 'type') {
      const name = words.next('type')
      mapType = mapTypeByName(name)?.id
      if (mapType === undefined) throw words.wrong(`there is no map type '${name}'`)
    } else if (word === 'name') mapName = words.next('name')
    else if (word === 'inner_map') innerMapFd = oneNamed(context, 'map').fd
    else if (Object.hasOwn(NUMBERS, word)) numbers[NUMBERS[word as keyof typeof NUMBERS]] = words.number(word)
    else throw words.wrong(`'${word}' is no attribute of a map`)
  }
  if (mapType === undefined) throw words.wrong("'type' is missing")
  const request: MapCreateRequest = {
    keySize: 0,
    valueSize: 0,
    maxEntries: 0,
    ...numbers,
    mapType,
    ...(mapName === undefined ? {} : { mapName }),
    ...(innerMapFd === undefined ? {} : { innerMapFd }),
  }
  const bpfFd = kernel.call('map_create', request)
  kernel.call('obj_pin', { bpfFd, pathname })
  context.silent()
}
