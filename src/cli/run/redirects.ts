import type { Collection } from '../../sdk/index.js'
import { bpf_map_type } from '../../spec/index.js'
import type { Redirect } from '../../vm/index.js'

/** The result by which each program type asks for a redirect. */
export const REDIRECT_VERDICTS: ReadonlyMap<string, number> = new Map([
  ['xdp', 4],
  ['sched_cls', 7],
  ['sched_act', 7],
  ['lwt_in', 7],
  ['lwt_out', 7],
  ['lwt_xmit', 7],
])

const TARGETS: ReadonlyMap<number, string> = new Map([
  [bpf_map_type.BPF_MAP_TYPE_DEVMAP, 'ifindex'],
  [bpf_map_type.BPF_MAP_TYPE_DEVMAP_HASH, 'ifindex'],
  [bpf_map_type.BPF_MAP_TYPE_CPUMAP, 'cpu'],
  [bpf_map_type.BPF_MAP_TYPE_XSKMAP, 'socket of queue'],
])

/** Says a redirect in words, with the maps' names of the object: `tx_ports[2] -> ifindex 7`. */
export function describeRedirect(collection: Collection): (redirect: Redirect) => string {
  // Kernel names end after 15 characters: the object's own are better.
  const names = new Map([...collection.maps].map(([name, map]) => [map.name, name]))
  return ({ kind, ifindex, map, key }) => {
    switch (kind) {
      case 'none':
        return 'nowhere (no redirect helper was called, or it failed)'
      case 'map': {
        if (map === undefined) return `ifindex ${ifindex}`
        return `${names.get(map.name) ?? map.name}[${key}] -> ${TARGETS.get(map.type) ?? 'target'} ${ifindex}`
      }
      case 'peer':
        return `peer of ifindex ${ifindex}`
      case 'neigh':
        return `neighbour by ifindex ${ifindex}`
      case 'ifindex':
        return `ifindex ${ifindex}`
    }
  }
}
