/** struct ip_tunnel_info of a packet: what bpf_skb_set_tunnel_key attached or the tunnel device received. */
export interface TunnelInfo {
  /** True: set by the program for sending; false: of the received packet. */
  transmit: boolean
  ipv6: boolean
  id: bigint
  tos: number
  ttl: number
  /** IP_TUNNEL_*_BIT flags as the old __be16 form in host byte order. */
  flags: number
  /** Flow label, IPv6. */
  label: number
  /** Addresses in network order, 4 or 16 bytes. */
  source: Uint8Array
  destination: Uint8Array
  options: Uint8Array
}
