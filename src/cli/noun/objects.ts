import { toHex, UsageError } from '../../base/index.js'
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
  if (info.kind !== kind) throw new UsageError(`this is a ${info.kind}, not a ${NAMES[kind]}`)
  return info as Infos[K]
}

/** What a handle may say after its first word; BTF and links have no names. */
const WAYS: Readonly<Record<Kind, readonly string[]>> = {
  map: ['id', 'name', 'pinned'],
  prog: ['id', 'tag', 'name', 'pinned'],
  link: ['id', 'pinned'],
  btf: ['id'],
}

/**
 * The objects that `id N | tag T | name S | pinned P` means: several may have the same name or tag. Throws UsageError
 * for other words, and where nothing is meant; KernelError as the kernel says.
 */
export function named<K extends Kind>(
  { kernel, words, collection }: VerbContext,
  kind: K,
  details = false,
): Opened<K>[] {
  const way = words.next(`${WAYS[kind].join(' or ')}`)
  if (!WAYS[kind].includes(way))
    throw words.wrong(`a ${NAMES[kind]} is named by ${WAYS[kind].join(', ')}, not '${way}'`)
  if (way === 'id') {
    const fd = kernel.call(`${kind}_get_fd_by_id`, { id: words.number('id') })
    return [{ fd, info: infoOf(kernel, kind, fd, details) }]
  }
  const text = words.next(way)
  if (way === 'pinned') {
    const fd = kernel.call('obj_get', { pathname: text })
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
    throw new UsageError(
      `no ${NAMES[kind]} has the ${way} '${text}'`,
      kernel.name === 'embedded' && collection === undefined
        ? 'an embedded kernel begins empty: --load FILE puts an object into it, --kernel linux asks Linux'
        : undefined,
    )
  }
  return found
}

/** The one object that a handle means; UsageError where several have the name. */
export function oneNamed<K extends Kind>(context: VerbContext, kind: K, details = false): Opened<K> {
  const found = named(context, kind, details)
  const [first] = found
  if (first === undefined || found.length > 1) {
    throw new UsageError(
      `${found.length} ${NAMES[kind]}s have that name`,
      `take one by its id: ${found.map(({ info }) => info.id).join(', ')}`,
    )
  }
  return first
}
