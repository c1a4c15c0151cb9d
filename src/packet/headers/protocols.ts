/** Ethernet types (linux/if_ether.h). */
export const ETHER_TYPE = {
  IPV4: 0x0800,
  ARP: 0x0806,
  TEB: 0x6558,
  VLAN: 0x8100,
  IPV6: 0x86dd,
  MPLS: 0x8847,
  MPLS_MULTICAST: 0x8848,
  QINQ: 0x88a8,
  QINQ_OLD: 0x9100,
} as const

/** IP protocols (linux/in.h, linux/in6.h). */
export const IP_PROTOCOL = {
  HOPOPTS: 0,
  ICMP: 1,
  IPIP: 4,
  TCP: 6,
  UDP: 17,
  IPV6: 41,
  ROUTING: 43,
  FRAGMENT: 44,
  GRE: 47,
  AH: 51,
  ICMPV6: 58,
  NONE: 59,
  DSTOPTS: 60,
  SCTP: 132,
  MOBILITY: 135,
  MPLS: 137,
  HIP: 139,
  SHIM6: 140,
} as const

export const UDP_PORT = { VXLAN: 4789, VXLAN_LINUX: 8472, GENEVE: 6081 } as const

export function isVlanType(etherType: number): boolean {
  return etherType === ETHER_TYPE.VLAN || etherType === ETHER_TYPE.QINQ || etherType === ETHER_TYPE.QINQ_OLD
}
