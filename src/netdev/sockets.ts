import type { Device } from './device.js'
import type { HookProgram } from './program.js'

/**
 * A local socket, as far as delivery needs one. Its fields are those that look-up helpers ask for; `received` are what
 * arrived and nobody took yet.
 */
export interface Socket {
  readonly protocol: 'tcp' | 'udp' | 'packet' | 'raw'
  readonly family: 4 | 6
  localAddress: Uint8Array
  localPort: number
  remoteAddress: Uint8Array
  remotePort: number
  state: number
  boundIfindex: number
  mark: number
  priority: number
  readonly uid: number
  readonly cookie: bigint
  cgroupId: bigint
  readonly v6only: boolean
  /** SO_ATTACH_BPF */
  filter: HookProgram | undefined
  /** Packet sockets: ETH_P_* wanted; 3 is all. */
  readonly etherType: number
  readonly received: ReceivedData[]
  /** Bytes and packets that arrived, those a filter or a full queue turned away. */
  packets: number
  bytes: number
  drops: number
}

export interface ReceivedData {
  readonly data: Uint8Array
  readonly from: Uint8Array
  readonly fromPort: number
  readonly device: Device | undefined
  /** Packet sockets: the device sent it. */
  readonly outgoing?: boolean
}

/** Datagrams a socket keeps for its reader. */
export const SOCKET_QUEUE = 1024
