import { FormatError } from '../../base/index.js'
import type { Fd } from '../../kernel/index.js'
import { MAP_TYPE, programFits } from '../../maps/index.js'
import { Device, Namespace } from '../../netdev/index.js'
import type { BpfMap } from '../../vm/index.js'
import { Session } from '../session.js'
import type { KernelObject, LinkObject, MapObject, ProgObject } from '../state/objects.js'
import { btfLoad } from '../syscalls/btf.js'
import { createMapObject } from '../syscalls/map.js'
import { progLoad } from '../syscalls/prog-load.js'
import { listenAt } from '../syscalls/tracepoint-event.js'
import type { World } from '../world.js'
import { repeatCreation } from './creation.js'
import { type ReadRules, readGraph } from './graph.js'
import type { SavedMap, SavedProg, SavedState } from './state.js'

const JIT_ENABLE = 'net.core.bpf_jit_enable'
/** Maps whose elements are objects of processes, which are gone. */
const OF_PROCESSES: ReadonlySet<number> = new Set([
  MAP_TYPE.PERF_EVENT_ARRAY,
  MAP_TYPE.XSKMAP,
  MAP_TYPE.SOCKMAP,
  MAP_TYPE.REUSEPORT_SOCKARRAY,
  MAP_TYPE.CGROUP_ARRAY,
])
const OF_OBJECTS: ReadonlySet<number> = new Set([MAP_TYPE.PROG_ARRAY, MAP_TYPE.ARRAY_OF_MAPS, MAP_TYPE.HASH_OF_MAPS])

const TEMPORARY_ID = 0x7fff_0000

type HandleReader = BpfMap & { handleOf(key: number): number }
type DeviceReader = BpfMap & { programOf(value: number): number }

/**
 * Puts a state that `saveWorld` wrote into a kernel in which nothing has happened. Objects are made again by the calls that made them, at
 * the addresses they had; then the memory is what it was. Throws FormatError.
 */
export function restoreWorld(world: World, bytes: Uint8Array): void {
  const { machine } = world
  const programs = new Map<number, ProgObject>()
  // Programs are there before the tables that name them: what names them is read twice, first without.
  const first = readState(bytes, { make: () => ({}), external: () => undefined })
  check(world, first)
  const { result, allocations } = machine.memory.watch(() => {
    const session = new Session(world)
    machine.memory.putBack(first.memory.image, first.memory.tables)
    for (const { id, bytes: btf } of first.btfs) {
      world.btfs.goOnAt(id)
      btfLoad(session, { btf })
    }
    return session
  })
  const session = result
  const maps = machine.memory.watch(() => {
    for (const map of first.maps) restoreMap(session, map)
  })
  machine.memory.settle([...allocations, ...maps.allocations], false)
  const progs = machine.memory.watch(() => {
    for (const prog of first.progs) programs.set(prog.id, restoreProg(session, prog))
  })
  machine.memory.settle([...allocations, ...maps.allocations, ...progs.allocations], true)
  machine.settleHandles()
  for (const [name, value] of Object.entries(first.sysctls)) world.sysctls.put(name, value)

  const { init } = world.network
  const { references } = init
  const state = readState(bytes, {
    make: (className, fields) => makeNetworkObject(init, className, fields),
    external: ({ id }) => programs.get(id),
  })
  init.references = references
  restoreNetwork(world, state)
  for (const link of state.links) restoreLink(world, link)
  for (const object of world.maps.values()) restoreElements(world, object)
  restoreFiles(world, state)
  for (const [kind, last] of Object.entries(state.lastIds)) {
    const table = { map: world.maps, prog: world.progs, btf: world.btfs, link: world.links }[kind]
    table?.goOnAt(last + 1)
  }
  for (const link of [...world.links.values()]) world.put(link)
  world.log.push(...state.log)
  goOnFrom(world, state)
  session.closeAll()
}

function readState(bytes: Uint8Array, rules: ReadRules): SavedState {
  return readGraph(bytes, rules) as SavedState
}

function makeNetworkObject(init: Namespace, className: string, fields: ReadonlyMap<string, unknown>): object {
  if (className === 'Device') return Object.create(Device.prototype) as object
  const inode = Number(fields.get('inode'))
  // The first namespace is known to many: it stays, and takes what is new.
  return inode === init.inode ? init : new Namespace(inode, fields.get('cookie') as bigint)
}

function check(world: World, state: SavedState): void {
  const wrong = (reason: string): never => {
    throw new FormatError('snapshot', reason)
  }
  if (state.cpus !== world.machine.cpus)
    wrong(`it is of a kernel with ${state.cpus} CPUs, this one has ${world.machine.cpus}`)
  if (
    JSON.stringify(state.empty.freeCells) !== JSON.stringify(world.empty.freeCells) ||
    state.empty.fresh !== world.empty.fresh
  )
    wrong('it was written by another version of Skep, whose memory is laid out differently')
}

function restoreMap(session: Session, saved: SavedMap): void {
  const { world } = session
  const { request, inner } = saved.origin
  const btf = saved.btfId === 0 ? undefined : world.btfs.get(saved.btfId)
  const btfFd = btf === undefined ? undefined : session.open(world.get(btf))
  // The template of a map of maps may be gone long since: one is made for the moment, under an id that is nobody's.
  world.maps.goOnAt(TEMPORARY_ID)
  const innerMapFd = inner === undefined ? undefined : createMapObject(session, withoutBtf(inner))
  world.maps.goOnAt(saved.id)
  const fd = repeatCreation(world.machine, saved.origin, () =>
    createMapObject(session, {
      ...request,
      ...(btfFd === undefined ? {} : { btfFd }),
      ...(innerMapFd === undefined ? {} : { innerMapFd }),
    }),
  )
  if (innerMapFd !== undefined) session.close(innerMapFd)
  const object = session.map(fd, 'map_create')
  if (object.map.handle !== saved.handle)
    throw new FormatError('snapshot', `map ${saved.id} does not come back to its place`)
  object.frozen = saved.frozen
  object.origin = saved.origin
}

function withoutBtf<T extends { readonly btfKeyTypeId?: number; readonly btfValueTypeId?: number }>(request: T): T {
  return { ...request, btfKeyTypeId: 0, btfValueTypeId: 0 }
}

function restoreProg(session: Session, saved: SavedProg): ProgObject {
  const { world } = session
  // A process whose descriptors have the numbers that the program's instructions were loaded with.
  const loader = new Session(world)
  try {
    for (const { fd, kind, id } of saved.origin.descriptors) {
      const object: KernelObject | undefined = { map: world.maps, prog: world.progs, btf: world.btfs }[kind].get(id)
      if (object !== undefined) loader.openAt(fd as Fd, object)
    }
    world.progs.goOnAt(saved.id)
    world.sysctls.put(JIT_ENABLE, saved.compiled ? 1 : 0)
    const { fd } = repeatCreation(world.machine, saved.origin, () => progLoad(loader, saved.origin.request))
    const object = loader.prog(fd, 'prog_load')
    if (object.program.image.handle !== saved.handle)
      throw new FormatError('snapshot', `program ${saved.id} does not come back to its place`)
    object.runCount = saved.runCount
    object.runTimeNs = saved.runTimeNs
    object.origin = saved.origin
    ;(object as { loadTime: bigint }).loadTime = saved.loadTime
    session.open(world.get(object))
    return object
  } finally {
    loader.closeAll()
  }
}

/** Namespaces and devices; each hook holds its program. */
function restoreNetwork(world: World, state: SavedState): void {
  const { network } = world
  const names = [...state.netnsNames]
  for (const netns of state.namespaces) {
    const devices = [...netns.devices.values()]
    for (const device of devices) netns.add(device)
    const own = names.filter(([, named]) => named === netns).length
    netns.references = netns === network.init ? netns.references : own
    ;(netns as { sockets: unknown[] }).sockets = []
    for (const neighbour of netns.neighbours.values()) (neighbour as { waiting: unknown[] }).waiting = []
    ;(netns as { fragments: unknown }).fragments = new Map()
    for (const device of devices) {
      ;(device as { ring: unknown[] }).ring = []
      holdPrograms(world, device)
    }
    for (const { programs } of netns.routes)
      for (const program of [programs?.in, programs?.out, programs?.xmit]) if (program) world.get(program as ProgObject)
  }
  network.putBack(state.namespaces, state.namespaceCounters)
  world.cgroups.putBack(state.cgroups)
  for (const { ingress, egress } of state.cgroups) {
    for (const { program, link } of [...ingress, ...egress]) if (link === undefined) world.get(program)
  }
  for (const [path, netns] of names) world.netnsNames.set(path, netns)
}

function holdPrograms(world: World, { xdp, tcx, filterQdisc }: Device): void {
  const hold = (entries: Iterable<{ readonly program: unknown; readonly link?: unknown } | undefined>): void => {
    for (const entry of entries)
      if (entry !== undefined && entry.link === undefined) world.get(entry.program as ProgObject)
  }
  hold([xdp.driver, xdp.generic, xdp.hardware])
  hold(tcx.ingress.entries)
  hold(tcx.egress.entries)
  for (const classifiers of [filterQdisc?.ingress, filterQdisc?.egress])
    for (const { filters } of classifiers ?? []) hold(filters)
}

/** A link; until its pins are there it is held once more. */
function restoreLink(world: World, link: LinkObject): void {
  link.references = 1
  if (link.prog !== undefined) world.get(link.prog)
  world.links.add(link.id, link)
  const { place, prog } = link
  if (place?.kind !== 'tracepoint' || prog === undefined) return
  const file = { kind: 'tracepoint', name: place.name, enabled: true, references: 1, attached: undefined } as const
  link.place = { ...place, listening: listenAt(world, file, prog, place.cookie, 'restore') }
}

/** What the elements of a map hold. */
function restoreElements(world: World, { map }: MapObject): void {
  const { memory } = world.machine
  const hold = (handle: number): void => {
    const object = handle === 0 ? undefined : world.byHandle(handle)
    if (object === undefined) return
    world.get(object)
    if (object.kind === 'prog') programFits(map, object.program.image)
  }
  const eachKey = (visit: (key: number) => void): void => {
    const key = memory.alloc(Math.max(8, map.keySize))
    const next = memory.alloc(Math.max(8, map.keySize))
    let status = map.nextKey(0, next)
    while (status === 0) {
      memory.u8.copyWithin(key, next, next + map.keySize)
      visit(key)
      status = map.nextKey(key, next)
    }
    memory.free(key)
    memory.free(next)
  }
  if (OF_OBJECTS.has(map.type)) eachKey((key) => hold((map as HandleReader).handleOf(key)))
  else if (OF_PROCESSES.has(map.type)) {
    for (let i = 0; i < map.maxEntries; i++) {
      const slot = map.elementAt?.(i) ?? 0
      if (slot !== 0) memory.u32[slot >>> 2] = 0
    }
  } else if (map.type === MAP_TYPE.DEVMAP || map.type === MAP_TYPE.DEVMAP_HASH || map.type === MAP_TYPE.CPUMAP) {
    eachKey((key) => {
      const value = map.lookup(key)
      if (value !== 0) hold((map as DeviceReader).programOf(value))
    })
  }
}

function restoreFiles(world: World, state: SavedState): void {
  const { bpffs } = world
  for (const { path, source } of state.mounts.slice(1)) if (source === undefined) bpffs.mount(path)
  for (const pin of state.pins) {
    if (pin.kind === 'directory') bpffs.mkdir(pin.path, pin.mode)
    else if (pin.kind === 'symlink') bpffs.symlink(pin.target, pin.path)
    else {
      const tables = { map: world.maps, prog: world.progs, link: world.links, btf: world.btfs }
      const object: KernelObject | undefined = tables[pin.objectKind as keyof typeof tables]?.get(pin.id)
      if (object === undefined) continue
      bpffs.pin(pin.path, object)
      world.addUser(world.get(object))
    }
  }
  for (const { path, source } of state.mounts.slice(1)) if (source !== undefined) bpffs.mount(path, source)
}

/** The kernel's clocks go on from the moment of the snapshot, as after a sleep: CLOCK_BOOTTIME counts the time in between. */
function goOnFrom(world: World, { time, date }: SavedState): void {
  const { machine } = world
  const host = machine.clock
  const offset = time - host.boottime()
  const slept = host.realtime() - date
  if (offset + slept <= 0n) return
  machine.clock = {
    monotonic: () => host.monotonic() + offset,
    boottime: () => host.boottime() + offset + (slept > 0n ? slept : 0n),
    realtime: () => host.realtime(),
    tai: () => host.tai(),
  }
}
