import { ERRNO } from '../../../base/index.js'
import { KernelError } from '../../../kernel/index.js'
import { bpf_map_type, mapTypeById } from '../../../spec/index.js'
import { statusOf } from '../../noun/command-error.js'
import { named, type Opened } from '../../noun/objects.js'
import type { VerbContext } from '../../noun/verb.js'
import { type Element, elementsText, printElements, type Unread } from './bytes.js'
import { describeMap, formatMapHead } from './show.js'

/** Types whose empty slots a dump leaves out. */
const LEFT_OUT: ReadonlySet<number> = new Set([
  bpf_map_type.BPF_MAP_TYPE_PROG_ARRAY,
  bpf_map_type.BPF_MAP_TYPE_ARRAY_OF_MAPS,
  bpf_map_type.BPF_MAP_TYPE_HASH_OF_MAPS,
  bpf_map_type.BPF_MAP_TYPE_CGROUP_ARRAY,
])

/** `map dump MAP`: every element, or the elements of every map of that name. */
export function dumpMap(context: VerbContext): void {
  if (context.words.left !== 2) throw context.words.usage('one map is dumped')
  const maps = named(context, 'map')
  if (maps.length === 1) {
    const [map] = maps as [Opened<'map'>]
    const { elements, errno } = elementsOf(context, map)
    printElements(context, map.info, elements, true)
    if (errno !== 0) context.exit(statusOf(errno))
    return
  }
  const jsons: unknown[] = []
  const texts: string[] = []
  for (const map of maps) {
    const { json, text } = elementsText(context, map.info, elementsOf(context, map).elements, true)
    jsons.push({ ...describeHead(context, map), elements: json })
    texts.push(formatMapHead(describeMap(context, map)), text)
  }
  context.answer(jsons, texts.join('\n'))
}

function describeHead(context: VerbContext, map: Opened<'map'>) {
  const { id, type, name, flags } = describeMap(context, map)
  return { id, type, name, flags }
}

/** What can be read, and the errno of what ended it (0: the end). */
function elementsOf({ kernel }: VerbContext, { fd, info }: Opened<'map'>) {
  const elements: (Element | Unread)[] = []
  let key: Uint8Array | undefined
  for (;;) {
    try {
      key = kernel.call('map_get_next_key', { mapFd: fd, ...(key === undefined ? {} : { key }) })
    } catch (error) {
      if (!(error instanceof KernelError)) throw error
      return { elements, errno: error.code === 'ENOENT' ? 0 : error.errno }
    }
    try {
      elements.push({ key, value: kernel.call('map_lookup_elem', { mapFd: fd, key }) })
    } catch (error) {
      if (!(error instanceof KernelError)) throw error
      if (error.errno === ERRNO.ENOENT && (LEFT_OUT.has(info.type) || !isArrayLike(info.type))) continue
      elements.push({ key, errno: error.errno })
    }
  }
}

/** Keys of other types may go away between being listed and being read. */
function isArrayLike(type: number): boolean {
  return (
    mapTypeById(type)?.name.endsWith('array') === true ||
    /^(devmap|cpumap|xskmap|sockmap)$/.test(mapTypeById(type)?.name ?? '')
  )
}
