// Linux's numbers of devices and frames.

export const IFF = {
  UP: 1,
  BROADCAST: 2,
  LOOPBACK: 8,
  POINTOPOINT: 0x10,
  RUNNING: 0x40,
  NOARP: 0x80,
  PROMISC: 0x100,
  ALLMULTI: 0x200,
  MULTICAST: 0x1000,
  LOWER_UP: 0x1_0000,
} as const

/** IF_OPER_* */
export const OPER = { UNKNOWN: 0, DOWN: 2, LOWERLAYERDOWN: 3, UP: 6 } as const

export const ARPHRD = { ETHER: 1, LOOPBACK: 772 } as const

/** Ethernet types, host byte order. */
export const ETH_P = { IP: 0x0800, ARP: 0x0806, IPV6: 0x86dd, VLAN: 0x8100, QINQ: 0x88a8, ALL: 3 } as const

export const ETH_HLEN = 14
export const VLAN_HLEN = 4

export const XDP_FLAGS = {
  UPDATE_IF_NOEXIST: 1,
  SKB_MODE: 2,
  DRV_MODE: 4,
  HW_MODE: 8,
  REPLACE: 16,
  MODES: 14,
  MASK: 31,
} as const

export const XDP = { ABORTED: 0, DROP: 1, PASS: 2, TX: 3, REDIRECT: 4 } as const

export const TC_ACT = {
  UNSPEC: -1,
  OK: 0,
  RECLASSIFY: 1,
  SHOT: 2,
  PIPE: 3,
  STOLEN: 4,
  QUEUED: 5,
  REPEAT: 6,
  REDIRECT: 7,
  TRAP: 8,
} as const

export const XDP_ACTION_NAMES: readonly string[] = ['XDP_ABORTED', 'XDP_DROP', 'XDP_PASS', 'XDP_TX', 'XDP_REDIRECT']

const TC_NAMES: readonly string[] = [
  'TC_ACT_OK',
  'TC_ACT_RECLASSIFY',
  'TC_ACT_SHOT',
  'TC_ACT_PIPE',
  'TC_ACT_STOLEN',
  'TC_ACT_QUEUED',
  'TC_ACT_REPEAT',
  'TC_ACT_REDIRECT',
  'TC_ACT_TRAP',
]

/** A tc verdict as people write it; the number where there is no name. */
export function tcActionName(verdict: number): string {
  return verdict === TC_ACT.UNSPEC ? 'TC_ACT_UNSPEC' : (TC_NAMES[verdict] ?? String(verdict))
}

export function xdpActionName(verdict: number): string {
  return XDP_ACTION_NAMES[verdict] ?? String(verdict >>> 0)
}

export const RT_TABLE = { DEFAULT: 253, MAIN: 254, LOCAL: 255 } as const
export const RTN = {
  UNICAST: 1,
  LOCAL: 2,
  BROADCAST: 3,
  MULTICAST: 5,
  BLACKHOLE: 6,
  UNREACHABLE: 7,
  PROHIBIT: 8,
} as const
export const RTPROT = { KERNEL: 2, BOOT: 3, STATIC: 4 } as const
export const RT_SCOPE = { UNIVERSE: 0, LINK: 253, HOST: 254 } as const
export const NUD = { INCOMPLETE: 1, REACHABLE: 2, STALE: 4, FAILED: 0x20, NOARP: 0x40, PERMANENT: 0x80 } as const
