import { UsageError } from '../../base/index.js'
import type { Machine } from '../machine.js'
import type { SkbPacket } from '../net/skb-packet.js'
import type { XdpPacket } from '../net/xdp-packet.js'

// Helpers take the packet from the machine, not from their context argument: the verifier makes sure that is the same.
// Only unverified programs can come here without one.

export function xdpOf(machine: Machine): XdpPacket {
  const { packet } = machine
  if (packet?.kind === 'xdp') return packet
  throw new UsageError('a helper for XDP packets was called by a program that does not run on one')
}

export function skbOf(machine: Machine): SkbPacket {
  const { packet } = machine
  if (packet?.kind === 'skb') return packet
  throw new UsageError('a helper for socket buffers was called by a program that does not run on one')
}
