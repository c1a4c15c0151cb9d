import { addressKey } from './address-bytes.js'
import type { Device } from './device.js'
import type { Frame } from './frame.js'
import { NUD } from './numbers.js'

export interface Neighbour {
  readonly device: Device
  readonly address: Uint8Array
  lladdr: Uint8Array | undefined
  /** NUD_* */
  state: number
  /** Packets that wait for the answer. */
  readonly waiting: Frame[]
  /** Requests sent without an answer. */
  probes: number
}

const VALID = NUD.PERMANENT | NUD.NOARP | NUD.REACHABLE | NUD.STALE

export function neighbourKey(device: Device, address: Uint8Array): string {
  return `${device.ifindex} ${addressKey(address)}`
}

export function findNeighbour(device: Device, address: Uint8Array): Neighbour | undefined {
  return device.netns.neighbours.get(neighbourKey(device, address))
}

/** The hardware address of a neighbour in a valid state. */
export function neighbourAddress(device: Device, address: Uint8Array): Uint8Array | undefined {
  const known = findNeighbour(device, address)
  return known !== undefined && (known.state & VALID) !== 0 ? known.lladdr : undefined
}

/** Learns or sets an entry; what waited for it is returned to be sent. */
export function setNeighbour(device: Device, address: Uint8Array, lladdr: Uint8Array, state: number): Frame[] {
  const key = neighbourKey(device, address)
  const known = device.netns.neighbours.get(key)
  if (known === undefined) {
    device.netns.neighbours.set(key, {
      device,
      address: address.slice(),
      lladdr: lladdr.slice(),
      state,
      waiting: [],
      probes: 0,
    })
    return []
  }
  known.lladdr = lladdr.slice()
  known.state = known.state === NUD.PERMANENT && state !== NUD.PERMANENT ? known.state : state
  known.probes = 0
  return known.waiting.splice(0)
}
