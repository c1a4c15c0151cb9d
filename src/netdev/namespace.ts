import type { Device } from './device.js'
import type { FragmentQueue } from './fragments.js'
import type { Neighbour } from './neighbours.js'
import type { Route } from './routes.js'
import type { Socket } from './sockets.js'

/** A network namespace: plain state, found by its inode number. */
export class Namespace {
  readonly inode: number
  readonly cookie: bigint
  readonly devices = new Map<number, Device>()
  readonly routes: Route[] = []
  readonly addresses: Address[] = []
  /** By ifindex and address. */
  readonly neighbours = new Map<string, Neighbour>()
  readonly sockets: Socket[] = []
  /** Packets of which pieces are missing. */
  readonly fragments = new Map<string, FragmentQueue>()
  readonly sysctls = { forwarding4: false, forwarding6: false, ttl: 64, rpFilter: 0, echoIgnoreAll: false }
  /** Names of other namespaces that it sees: inode to NSID. */
  readonly peers = new Map<number, number>()
  lastIfindex = 0
  /** Descriptors, names, and sessions that live here. */
  references = 0
  readonly #names = new Map<string, Device>()

  constructor(inode: number, cookie: bigint) {
    this.inode = inode
    this.cookie = cookie
  }

  byName(name: string): Device | undefined {
    return this.#names.get(name)
  }

  add(device: Device): void {
    this.devices.set(device.ifindex, device)
    this.#names.set(device.name, device)
  }

  remove(device: Device): void {
    this.devices.delete(device.ifindex)
    this.#names.delete(device.name)
  }

  rename(device: Device, name: string): void {
    this.#names.delete(device.name)
    device.name = name
    this.#names.set(name, device)
  }

  /** The number this namespace gives to another (RTM_NEWNSID); undefined for itself. */
  idOf(other: Namespace): number | undefined {
    if (other === this) return undefined
    let id = this.peers.get(other.inode)
    if (id === undefined) {
      id = this.peers.size
      this.peers.set(other.inode, id)
    }
    return id
  }
}

export interface Address {
  readonly device: Device
  readonly address: Uint8Array
  readonly prefix: number
  readonly scope: number
  readonly flags: number
}
