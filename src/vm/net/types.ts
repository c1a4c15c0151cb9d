import type { SkbPacket } from './skb-packet.js'
import type { XdpPacket } from './xdp-packet.js'

/** The packet a program runs on: an xdp_buff or an sk_buff. */
export type PacketContext = XdpPacket | SkbPacket
