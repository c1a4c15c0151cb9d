import { toHex } from '../../base/index.js'
import {
  type BtfInfo,
  errorCode,
  type Fd,
  type Kernel,
  type LinkInfo,
  type MapInfo,
  type ProgInfo,
} from '../../kernel/index.js'
import { kernelName } from '../../object/index.js'
import { attempt, CommandError } from './command-error.js'
import type { VerbContext } from './verb.js'

interface Infos {
  map: MapInfo
  prog: ProgInfo
  link: LinkInfo
  btf: BtfInfo
}
export type Kind = keyof Infos

/** An open object of the kernel. The session closes the descriptor. */
export interface Opened<K extends Kind> {
  readonly fd: Fd
  readonly info: Infos[K]
}

const NAMES: Readonly<Record<Kind, string>> = { map: 'map', prog: 'program', link: 'link', btf: 'BTF object' }

/** All objects of a kind, by id. One that goes away meanwhile is left out. */
export function* everyObject<K extends Kind>(kernel: Kernel, kind: K, details = false): Generator<Opened<K>> {
  for (let id = nextId(kernel, kind, 0); id !== undefined; id = nextId(kernel, kind, id)) {
    let fd: Fd
    try {
      fd = kernel.call(`${kind}_get_fd_by_id`, { id })
    } catch (error) {
      if (errorCode(error) === 'ENOENT') continue
      throw error
    }
    try {
      yield { fd, info: infoOf(kernel, kind, fd, details) }
    } finally {
      kernel.call('close', { fd })
    }
  }
}

function nextId(kernel: Kernel, kind: Kind, startId: number): number | undefined {
  try {
    return kernel.call(`${kind}_get_next_id`, { startId })
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

function infoOf<K extends Kind>(kernel: Kernel, kind: K, fd: Fd, details: boolean): Infos[K] {
  const info = kernel.call('obj_get_info_by_fd', { fd, ...(details ? { details } : {}) })
  if (info.kind !== kind) throw new CommandError(`incorrect object type: ${info.kind}`)
  return info as Infos[K]
}

/** What a handle may say after its first word; BTF and links have no names. */
const WAYS: Readonly<Record<Kind, readonly string[]>> = {
  map: ['id', 'name', 'pinned'],
  prog: ['id', 'tag', 'name', 'pinned'],
  link: ['id', 'pinned'],
  btf: ['id'],
}

/** What bpftool says where an id is nobody's. */
function openById(kernel: Kernel, kind: Kind, id: number): Fd {
  const open = (): Fd => kernel.call(`${kind}_get_fd_by_id`, { id })
  switch (kind) {
    case 'prog':
      return attempt(`get by id (${id})`, open)
    case 'map':
      return attempt(`get map by id (${id})`, open)
    case 'link':
      return attempt(`failed to get link with ID ${id}`, open, 'errno')
    case 'btf':
      return attempt(`can't get BTF object by id (${id})`, open)
  }
}

/**
 * The objects that `id N | tag T | name S | pinned P` means: several may have the same name or tag. Throws CommandError
 * for other words, and where nothing is meant.
 */
export function named<K extends Kind>(
  { kernel, words, collection }: VerbContext,
  kind: K,
  details = false,
): Opened<K>[] {
  const way = WAYS[kind].find((each) => words.take(each))
  if (way === undefined) {
    const ways = WAYS[kind].map((each) => `'${each}'`)
    const list = [ways.slice(0, -1).join(', '), ...ways.slice(-1)].filter((part) => part !== '').join(' or ')
    if (words.done) throw words.usage(`a ${NAMES[kind]} is named by ${list}`)
    throw words.wrong(`expected ${list}, got: '${words.peek()}'?`)
  }
  if (words.done) throw words.wrong(`${way} is missing`)
  if (way === 'id') {
    const fd = openById(kernel, kind, words.number('ID'))
    return [{ fd, info: infoOf(kernel, kind, fd, details) }]
  }
  const text = words.next(way)
  if (way === 'pinned') {
    const fd = attempt(`bpf obj get (${text})`, () => kernel.call('obj_get', { pathname: text }))
    return [{ fd, info: infoOf(kernel, kind, fd, details) }]
  }
  const fits = ({ info }: Opened<Kind>): boolean => {
    if (way === 'tag') return info.kind === 'prog' && toHex(info.tag) === text
    return 'name' in info && info.name === kernelName(text)
  }
  const found: Opened<K>[] = []
  for (const { info } of everyObject(kernel, kind)) {
    if (!fits({ info } as Opened<Kind>)) continue
    const fd = kernel.call(`${kind}_get_fd_by_id`, { id: info.id })
    found.push({ fd, info: infoOf(kernel, kind, fd, details) })
  }
  if (found.length === 0) {
    throw new CommandError(`no ${NAMES[kind]} has the ${way} '${text}'`, {
      kind: 'quiet',
      hint:
        kernel.name === 'embedded' && collection === undefined
          ? "a fresh embedded kernel is empty: --load FILE puts an object into it, 'skep up' starts one that stays, --kernel linux asks Linux"
          : undefined,
    })
  }
  return found
}

/** The one object that a handle means; CommandError where several have the name. */
export function oneNamed<K extends Kind>(context: VerbContext, kind: K, details = false): Opened<K> {
  const found = named(context, kind, details)
  const [first] = found
  if (first === undefined || found.length > 1) {
    throw new CommandError(`several ${NAMES[kind]}s match this handle`, {
      hint: `take one by its id: ${found.map(({ info }) => info.id).join(', ')}`,
    })
  }
  return first
}

/** `show`'s words: nothing, or one handle. Undefined: all. */
export function shown<K extends Kind>(context: VerbContext, kind: K): Opened<K>[] | undefined {
  const { words } = context
  if (words.done) return undefined
  if (words.left !== 2) words.end()
  return named(context, kind)
}
