import { type Fd, KernelError, type MapCreateRequest } from '../../../kernel/index.js'
import { mapTypeByName } from '../../../spec/index.js'
import { attempt, CommandError } from '../../noun/command-error.js'
import { oneNamed } from '../../noun/objects.js'
import type { VerbContext } from '../../noun/verb.js'

/** Attributes of `map create` that are numbers: the request's field, bpftool's name for it. */
const NUMBERS = {
  key: ['keySize', 'key size'],
  value: ['valueSize', 'value size'],
  entries: ['maxEntries', 'max entries'],
  flags: ['mapFlags', 'flags'],
} as const
const NUMBER_WORDS = Object.keys(NUMBERS) as (keyof typeof NUMBERS)[]

/** `map create FILE type TYPE key N value N entries N name NAME [flags N] [inner_map MAP] [dev NAME]`: made, then pinned. */
export function createMap(context: VerbContext): void {
  const { kernel, words } = context
  words.need(7)
  const pathname = words.next('path to pin at')
  let mapType: number | undefined
  let mapName: string | undefined
  let innerMapFd: Fd | undefined
  let mapIfindex: number | undefined
  const numbers: Partial<Record<(typeof NUMBERS)[keyof typeof NUMBERS][0], number>> = {}
  while (!words.done) {
    if (words.left < 2) throw words.usage('each attribute has a value')
    const number = NUMBER_WORDS.find((word) => words.is(word))
    if (words.take('type')) {
      if (mapType !== undefined) throw words.wrong('map type already specified')
      const name = words.next('type')
      mapType = mapTypeByName(name)?.id
      if (mapType === undefined) throw words.wrong(`unrecognized map type: ${name}`)
    } else if (words.take('name')) mapName = words.next('name')
    else if (number !== undefined) {
      const [field, title] = NUMBERS[number]
      words.next(number)
      if (numbers[field]) throw words.wrong(`${title} already specified`)
      numbers[field] = words.number(title)
    } else if (words.take('dev')) {
      if (mapIfindex !== undefined) throw words.wrong('offload device already specified')
      mapIfindex = deviceIndex(context, words.next('device'))
    } else if (words.take('inner_map')) innerMapFd = oneNamed(context, 'map').fd
    else throw words.wrong(`unknown arg ${words.peek()}`)
  }
  if (mapName === undefined) throw words.wrong('map name not specified')
  const request: MapCreateRequest = {
    keySize: 0,
    valueSize: 0,
    maxEntries: 0,
    ...numbers,
    mapType: mapType ?? 0,
    mapName: mapName.slice(0, 15),
    ...(innerMapFd === undefined ? {} : { innerMapFd }),
    ...(mapIfindex === undefined ? {} : { mapIfindex }),
  }
  const bpfFd = attempt('map create failed', () => kernel.call('map_create', request))
  attempt(`can't pin the object (${pathname})`, () => kernel.call('obj_pin', { bpfFd, pathname }), 'errno')
  context.silent()
}

/** Number of a device in the caller's network namespace. */
export function deviceIndex({ kernel }: Pick<VerbContext, 'kernel'>, name: string): number {
  try {
    return kernel.call('rtm_getlink', { name }).ifindex
  } catch (error) {
    if (!(error instanceof KernelError)) throw error
    throw new CommandError(`unrecognized netdevice '${name}': No such device`, { kind: 'words', cause: error })
  }
}
