import { mapTypeName, progTypeName } from '../../../spec/index.js'
import { everyObject, type Opened, shown } from '../../noun/objects.js'
import { fdInfo, memlock, pinnedField, pinnedPaths } from '../../noun/surroundings.js'
import type { VerbContext } from '../../noun/verb.js'

/** `map show [MAP]`, as bpftool prints it. */
export function showMaps(context: VerbContext): void {
  const { kernel } = context
  const one = shown(context, 'map')
  const paths = context.bpffs ? pinnedPaths(kernel) : undefined
  const described = []
  for (const map of one ?? everyObject(kernel, 'map')) described.push(describeMap(context, map, paths))
  context.answer(one?.length === 1 ? described[0] : described, described.map(formatMapInfo).join('\n'))
}

/** One map with bpftool's keys. */
export function describeMap(context: VerbContext, { fd, info }: Opened<'map'>, paths?: ReturnType<typeof pinnedPaths>) {
  const proc = fdInfo(context.kernel, fd)
  const bytes = memlock(proc)
  const owner = proc.get('owner_prog_type')
  const frozen = proc.get('frozen')
  return {
    id: info.id,
    type: mapTypeName(info.type) ?? `type ${info.type}`,
    ...(info.name === '' ? {} : { name: info.name }),
    flags: info.mapFlags,
    bytes_key: info.keySize,
    bytes_value: info.valueSize,
    max_entries: info.maxEntries,
    ...(bytes === undefined ? {} : { bytes_memlock: bytes }),
    ...(owner === undefined
      ? {}
      : {
          owner_prog_type: progTypeName(Number(owner)) ?? `type ${owner}`,
          owner_jited: proc.get('owner_jited') === '1',
        }),
    ...(frozen === undefined ? {} : { frozen: Number(frozen) }),
    ...(info.btfId === 0 ? {} : { btf_id: info.btfId }),
    ...pinnedField(paths, 'map', info.id),
  }
}

type Described = ReturnType<typeof describeMap>

export function formatMapHead(map: Described): string {
  return `${map.id}: ${map.type}${map.name === undefined ? '' : `  name ${map.name}`}  flags 0x${map.flags.toString(16)}`
}

function formatMapInfo(map: Described): string {
  const lines = [formatMapHead(map)]
  const memory = map.bytes_memlock === undefined ? '' : `  memlock ${map.bytes_memlock}B`
  lines.push(`\tkey ${map.bytes_key}B  value ${map.bytes_value}B  max_entries ${map.max_entries}${memory}`)
  if (map.owner_prog_type !== undefined)
    lines.push(`\towner_prog_type ${map.owner_prog_type}  owner${map.owner_jited ? '' : ' not'} jited`)
  for (const path of map.pinned ?? []) lines.push(`\tpinned ${path}`)
  if (map.btf_id !== undefined) lines.push(`\tbtf_id ${map.btf_id}`)
  if (map.frozen === 1) lines.push('\tfrozen')
  return lines.join('\n')
}
