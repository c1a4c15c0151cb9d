import { UsageError } from '../../base/index.js'
import { Device, Namespace } from '../../netdev/index.js'
import type { KernelObject, MapObject, ProgObject } from '../state/objects.js'
import type { World } from '../world.js'
import { writeGraph } from './graph.js'
import type { SavedPin, SavedState } from './state.js'

/** Classes whose objects a snapshot holds. */
export const CLASSES: ReadonlyMap<unknown, string> = new Map<unknown, string>([
  [Namespace, 'Namespace'],
  [Device, 'Device'],
])

/** What belongs to a process, or to a moment: sockets, frames that wait, receivers outside. */
const OMITTED: ReadonlySet<string> = new Set([
  'sockets',
  'waiting',
  'receiver',
  'boundTo',
  'ring',
  'fragments',
  'listening',
])

/** The kernel's state as bytes. Throws UsageError where an object was made before its making was noted. */
export function saveWorld(world: World, release: string): Uint8Array {
  const { machine } = world
  // Nothing is allocated from here on: the memory and its tables are of one moment.
  const state: SavedState = {
    release,
    cpus: machine.cpus,
    empty: world.empty,
    memory: { image: machine.memory.image(), tables: machine.memory.tables() },
    time: machine.clock.boottime(),
    date: machine.clock.realtime(),
    sysctls: world.sysctls.all(),
    lastIds: { map: world.maps.last, prog: world.progs.last, btf: world.btfs.last, link: world.links.last },
    btfs: byId(world.btfs.values()).map(({ id, bytes }) => ({ id, bytes })),
    maps: byId(world.maps.values()).map(savedMap),
    progs: byId(world.progs.values()).map(savedProg),
    links: byId(world.links.values()),
    mounts: world.bpffs.mounts,
    pins: [...world.bpffs.entries()].map((entry): SavedPin => {
      if (entry.kind !== 'object') return entry
      const { kind, id } = entry.object
      return { path: entry.path, kind: 'object', objectKind: kind, id }
    }),
    namespaces: [...world.network.namespaces.values()],
    namespaceCounters: world.network.counters,
    netnsNames: world.netnsNames,
    cgroups: world.cgroups.list(),
    log: world.log,
  }
  return writeGraph(state, {
    classes: CLASSES,
    external(value) {
      const { kind, id } = value as Partial<KernelObject>
      if (kind === 'prog' && id !== undefined && world.progs.get(id) === value) return { kind, id }
      return undefined
    },
    omit: (_, name) => OMITTED.has(name),
  })
}

function byId<T extends { readonly id: number }>(objects: Iterable<T>): T[] {
  return [...objects].sort((a, b) => a.id - b.id)
}

function originOf<T>(origin: T | undefined, what: string): T {
  if (origin === undefined) throw new UsageError(`it is not known how ${what} was made`)
  return origin
}

function savedMap(object: MapObject) {
  const { id, map, frozen, btf } = object
  return { id, origin: originOf(object.origin, `map ${id}`), handle: map.handle, frozen, btfId: btf?.id ?? 0 }
}

function savedProg(object: ProgObject) {
  const { id, program, loadTime, runCount, runTimeNs } = object
  return {
    id,
    origin: originOf(object.origin, `program ${id}`),
    handle: program.image.handle,
    compiled: program.runner.image?.() !== undefined,
    loadTime,
    runCount,
    runTimeNs,
  }
}
