import { UsageError } from '../../../base/index.js'
import { errorCode, KernelError } from '../../../kernel/index.js'
import { oneNamed } from '../../noun/objects.js'
import type { VerbContext } from '../../noun/verb.js'
import { hexList, printElements, readBytes, readValue, spaced } from './bytes.js'

/** `map lookup MAP key KEY` */
export function lookupElement(context: VerbContext): void {
  const { kernel, words } = context
  const { fd, info } = oneNamed(context, 'map')
  words.expect('key')
  const key = readBytes(context, info, 'key')
  words.end()
  try {
    const value = kernel.call('map_lookup_elem', { mapFd: fd, key })
    printElements(context, info, [{ key, value }], false)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
    context.answer(null, `key:\n${spaced(key)}\n\nNot found`)
    process.exitCode = 1
  }
}

const FLAGS = { any: 0n, noexist: 1n, exist: 2n } as const

/** `map update MAP [key KEY] [value VALUE] [any | exist | noexist]` */
export function updateElement(context: VerbContext): void {
  const { kernel, words } = context
  const { fd, info } = oneNamed(context, 'map')
  const key = words.take('key') ? readBytes(context, info, 'key') : undefined
  if (key === undefined && info.keySize > 0) throw words.wrong("'key' expected")
  words.expect('value')
  const value = readValue(context, info)
  const flag = words.done ? 'any' : words.next('flag')
  if (!Object.hasOwn(FLAGS, flag)) throw words.wrong(`'${flag}' is none of any, exist, noexist`)
  words.end()
  const flags = FLAGS[flag as keyof typeof FLAGS]
  kernel.call('map_update_elem', { mapFd: fd, value, flags, ...(key === undefined ? {} : { key }) })
  context.silent()
}

/** `map delete MAP key KEY` */
export function deleteElement(context: VerbContext): void {
  const { kernel, words } = context
  const { fd, info } = oneNamed(context, 'map')
  words.expect('key')
  const key = readBytes(context, info, 'key')
  words.end()
  kernel.call('map_delete_elem', { mapFd: fd, key })
  context.silent()
}

/** `map getnext MAP [key KEY]` */
export function nextKey(context: VerbContext): void {
  const { kernel, words } = context
  const { fd, info } = oneNamed(context, 'map')
  const key = words.take('key') ? readBytes(context, info, 'key') : undefined
  words.end()
  const next = kernel.call('map_get_next_key', { mapFd: fd, ...(key === undefined ? {} : { key }) })
  context.answer(
    { key: key === undefined ? null : hexList(key), next_key: hexList(next) },
    `key:${key === undefined ? ' None' : `\n${spaced(key)}`}\nnext key:\n${spaced(next)}`,
  )
}

/** `map push MAP value VALUE`, `map enqueue …` */
export function pushElement(context: VerbContext): void {
  const { kernel, words } = context
  const { fd, info } = oneNamed(context, 'map')
  words.expect('value')
  const value = readValue(context, info)
  words.end()
  kernel.call('map_update_elem', { mapFd: fd, value })
  context.silent()
}

/** `map peek MAP` and `map pop MAP`: the next value of a queue or stack, which stays or goes. */
export function nextElement(context: VerbContext, command: 'map_lookup_elem' | 'map_lookup_and_delete_elem'): void {
  const { kernel, words } = context
  const { fd, info } = oneNamed(context, 'map')
  words.end()
  if (info.keySize !== 0) throw new UsageError('only queues and stacks have a next element', 'lookup takes a key')
  try {
    const value = kernel.call(command, { mapFd: fd })
    context.answer({ key: [], value: hexList(value) }, `value: ${spaced(value)}`)
  } catch (error) {
    if (!(error instanceof KernelError) || error.code !== 'ENOENT') throw error
    context.answer(null, 'Error: empty map')
  }
}
