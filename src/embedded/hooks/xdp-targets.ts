import { type DeviceMap, MAP_TYPE } from '../../maps/index.js'
import type { Device, HookProgram, XdpTarget, XskSocket } from '../../netdev/index.js'
import { mapTypeName } from '../../spec/index.js'
import type { BpfMap, Redirect } from '../../vm/index.js'
import type { ProgObject } from '../state/objects.js'
import type { World } from '../world.js'

const BROADCAST = 8
const PROGRAM = 8
const PLACE = 12

interface Target extends XdpTarget {
  kind: XdpTarget['kind']
  device: Device | undefined
  program: HookProgram | undefined
  xsk: XskSocket | undefined
  broadcast: boolean
  entries: readonly { readonly device: Device; readonly program: HookProgram | undefined }[]
  ifindex: number
  flags: number
  mapType: string | undefined
  mapId: number
  key: number
}

const NO_ENTRIES: Target['entries'] = []

/** Turns what a redirect helper noted into devices, CPUs and sockets. One answer is reused for all packets. */
export class XdpTargets {
  readonly #world: World
  readonly #target: Target = {
    kind: 'none',
    device: undefined,
    program: undefined,
    xsk: undefined,
    broadcast: false,
    entries: NO_ENTRIES,
    ifindex: 0,
    flags: 0,
    mapType: undefined,
    mapId: 0,
    key: 0,
  }
  readonly #key: number

  constructor(world: World) {
    this.#world = world
    this.#key = world.machine.memory.alloc(8)
  }

  of(redirect: Redirect, from: Device): XdpTarget {
    const target = this.#target
    target.kind = 'none'
    target.device = undefined
    target.program = undefined
    target.xsk = undefined
    target.broadcast = false
    target.entries = NO_ENTRIES
    target.ifindex = redirect.ifindex
    target.flags = redirect.flags
    target.mapType = undefined
    target.mapId = 0
    target.key = redirect.key
    if (redirect.kind === 'ifindex') {
      target.kind = 'device'
      target.device = from.netns.devices.get(redirect.ifindex)
      return target
    }
    const { map } = redirect
    if (redirect.kind !== 'map' || map === undefined) return target
    target.mapId = this.#world.byHandle(map.handle)?.id ?? 0
    target.mapType = mapTypeName(map.type) ?? ''
    if (map.type === MAP_TYPE.XSKMAP) {
      const slot = map.elementAt?.(redirect.key) ?? 0
      target.kind = 'socket'
      target.xsk = this.#world.xskOf(slot === 0 ? 0 : (this.#world.machine.memory.u32[slot >>> 2] as number))
      return target
    }
    if (map.type === MAP_TYPE.CPUMAP) {
      target.kind = 'cpu'
      const cell = map.elementAt?.(redirect.key) ?? 0
      if (cell === 0) target.kind = 'none'
      else target.program = this.#programAt(cell)
      return target
    }
    target.kind = 'device'
    if ((redirect.flags & BROADCAST) !== 0) {
      target.broadcast = true
      target.entries = this.#all(map as DeviceMap, from)
      return target
    }
    const cell = this.#cell(map, redirect.key)
    if (cell === 0) return target
    target.device = this.#deviceAt(cell, from)
    target.program = this.#programAt(cell)
    return target
  }

  #cell(map: BpfMap, key: number): number {
    if (map.elementAt !== undefined) return map.elementAt(key)
    this.#world.machine.memory.u32[this.#key >>> 2] = key
    return map.lookup(this.#key)
  }

  #deviceAt(cell: number, from: Device): Device | undefined {
    const { u32 } = this.#world.machine.memory
    const ifindex = u32[cell >>> 2] as number
    const inode = u32[(cell + PLACE) >>> 2] as number
    const netns = inode === from.netns.inode ? from.netns : this.#world.network.namespaces.get(inode)
    return (netns ?? from.netns).devices.get(ifindex)
  }

  #programAt(cell: number): HookProgram | undefined {
    const handle = this.#world.machine.memory.u32[(cell + PROGRAM) >>> 2] as number
    return handle === 0 ? undefined : (this.#world.byHandle(handle) as ProgObject | undefined)
  }

  #all(map: DeviceMap, from: Device): Target['entries'] {
    const entries: { device: Device; program: HookProgram | undefined }[] = []
    map.eachTarget((cell) => {
      const device = this.#deviceAt(cell, from)
      if (device !== undefined) entries.push({ device, program: this.#programAt(cell) })
    })
    return entries
  }
}
