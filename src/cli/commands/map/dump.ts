import { KernelError } from '../../../kernel/index.js'
import { BpfMap } from '../../../sdk/index.js'
import { bpf_map_type, mapTypeById, mapTypeName } from '../../../spec/index.js'
import { named, type Opened } from '../../noun/objects.js'
import type { VerbContext } from '../../noun/verb.js'
import { type Element, printElements } from './bytes.js'

/** `map dump MAP`: every element, or the elements of every map of that name. */
export function dumpMap(context: VerbContext): void {
  const maps = named(context, 'map')
  context.words.end()
  for (const map of maps) printElements(context, map.info, elementsOf(context, map), true)
}

function elementsOf({ kernel }: VerbContext, { fd, info }: Opened<'map'>): Element[] {
  const row = mapTypeById(info.type)
  const commands: readonly string[] = row?.commands ?? []
  if (!commands.includes('next') || info.type === bpf_map_type.BPF_MAP_TYPE_STRUCT_OPS) {
    throw new KernelError('EOPNOTSUPP', 'map_get_next_key', {
      hint: `elements of a ${mapTypeName(info.type) ?? 'map of this type'} cannot be listed${row?.commands.includes('lookup') ? '; peek and pop read queues and stacks' : ''}`,
    })
  }
  return [...BpfMap.fromFd(kernel, fd).rawEntries()].map(([key, value]) => ({ key, value }))
}
