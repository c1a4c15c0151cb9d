import type { PacketAccess } from '../types.js'

/** The packet a program runs on: an xdp_buff or an sk_buff. */
export interface PacketContext extends PacketAccess {
  readonly kind: 'xdp' | 'skb'
}
