import { ATTACH_TYPES, HELPERS, LINK_TYPES, MAP_TYPES, PROG_TYPE_NAMES } from '../../../spec/index.js'
import type { VerbContext } from '../../noun/verb.js'

const GROUPS = {
  prog_types: () => PROG_TYPE_NAMES,
  map_types: () => MAP_TYPES.map(({ name }) => name),
  attach_types: () => ATTACH_TYPES.map(({ name }) => name),
  link_types: () => LINK_TYPES.map(({ name }) => name),
  helpers: () => HELPERS.map(({ name }) => `bpf_${name}`),
} as const
const NAMES = Object.keys(GROUPS) as (keyof typeof GROUPS)[]

/** `feature list_builtins GROUP`: names a line each. */
export function listBuiltins(context: VerbContext): void {
  const { words } = context
  if (words.done) throw words.usage('which names?')
  const group = NAMES.find((name) => words.is(name))
  if (group === undefined) {
    const list = `${NAMES.slice(0, -1)
      .map((name) => `'${name}'`)
      .join(', ')} or 'helpers'`
    throw words.wrong(`expected ${list}, got: ${words.peek()}`)
  }
  words.next(group)
  words.end()
  const names = GROUPS[group]()
  context.answer(names, names.join('\n'))
}
