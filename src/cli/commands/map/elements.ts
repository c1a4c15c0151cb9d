import { errorCode, type KernelError } from '../../../kernel/index.js'
import { attempt, statusOf } from '../../noun/command-error.js'
import { oneNamed } from '../../noun/objects.js'
import type { VerbContext } from '../../noun/verb.js'
import { hexList, printElements, readElement, spaced } from './bytes.js'

/** `map lookup MAP [key KEY]`, `map peek MAP` */
export function lookupElement(context: VerbContext): void {
  const { kernel } = context
  const { fd, info } = oneNamed(context, 'map')
  const { key } = readElement(context, info, { value: false })
  const request = { mapFd: fd, ...(key === undefined ? {} : { key }) }
  try {
    const value = kernel.call('map_lookup_elem', request)
    printElements(context, info, [{ key: key ?? new Uint8Array(), value }], false)
  } catch (error) {
    if (errorCode(error) === undefined) throw error
    const { errno } = error as KernelError
    if (errorCode(error) !== 'ENOENT') attempt('lookup failed', () => raise(error), 'errno')
    context.answer(null, `key:\n${spaced(key ?? new Uint8Array())}\n\nNot found`)
    context.exit(statusOf(errno))
  }
}

function raise(error: unknown): never {
  throw error
}

/** `map update MAP [key KEY] [value VALUE] [any | exist | noexist]`, `map push MAP value VALUE`, `map enqueue …` */
export function updateElement(context: VerbContext): void {
  const { kernel, words } = context
  const { fd, info } = oneNamed(context, 'map')
  const { key, value, flags } = readElement(context, info, { value: true })
  if (value === undefined) throw words.wrong('this map has no values')
  attempt(
    'update failed',
    () => kernel.call('map_update_elem', { mapFd: fd, value, flags, ...(key === undefined ? {} : { key }) }),
    'errno',
  )
  context.silent()
}

/** `map delete MAP key KEY` */
export function deleteElement(context: VerbContext): void {
  const { kernel } = context
  const { fd, info } = oneNamed(context, 'map')
  const { key } = readElement(context, info, { value: false })
  const request = { mapFd: fd, ...(key === undefined ? {} : { key }) }
  attempt('delete failed', () => kernel.call('map_delete_elem', request), 'errno')
  context.silent()
}

/** `map getnext MAP [key KEY]` */
export function nextKey(context: VerbContext): void {
  const { kernel, words } = context
  const { fd, info } = oneNamed(context, 'map')
  const { key } = words.done ? { key: undefined } : readElement(context, info, { value: false })
  const request = { mapFd: fd, ...(key === undefined ? {} : { key }) }
  const next = attempt("can't get next key", () => kernel.call('map_get_next_key', request), 'errno')
  context.answer(
    { key: key === undefined ? null : hexList(key), next_key: hexList(next) },
    `key:${key === undefined ? ' None' : `\n${spaced(key)}`}\nnext key:\n${spaced(next)}`,
  )
}

/** `map pop MAP`, `map dequeue MAP`: the next value of a queue or stack, which goes. */
export function popElement(context: VerbContext): void {
  const { kernel } = context
  const { fd, info } = oneNamed(context, 'map')
  const { key } = readElement(context, info, { value: false })
  try {
    const request = { mapFd: fd, ...(key === undefined ? {} : { key }) }
    const value = kernel.call('map_lookup_and_delete_elem', request)
    printElements(context, info, [{ key: key ?? new Uint8Array(), value }], false)
  } catch (error) {
    if (errorCode(error) === undefined) throw error
    const { errno } = error as KernelError
    if (errorCode(error) !== 'ENOENT') attempt('pop failed', () => raise(error), 'errno')
    context.answer(null, 'Error: empty map')
    context.exit(statusOf(errno))
  }
}
