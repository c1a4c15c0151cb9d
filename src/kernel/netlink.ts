// rtnetlink, as far as BPF needs it: plain data with Linux's numbers. `netns` is a descriptor of a network namespace
// (netns_open); absent: the caller's own. An ifindex means something only in the namespace it was read in.

import type { Fd } from './operations.js'

/** IFLA_XDP: what is attached and how. Program ids are 0 for none. */
export interface XdpState {
  /** XDP_ATTACHED_*: 0 none, 1 driver, 2 generic, 3 hardware, 4 several. */
  readonly attached: number
  /** The program, where there is only one. */
  readonly progId: number
  readonly drvProgId: number
  readonly skbProgId: number
  readonly hwProgId: number
}

/** One RTM_NEWLINK message. */
export interface NetDevice {
  readonly ifindex: number
  readonly name: string
  /** IFLA_INFO_KIND: 'veth', 'bridge' …; undefined for hardware and loopback. */
  readonly kind: string | undefined
  /** IFF_* bits. */
  readonly flags: number
  readonly mtu: number
  readonly address: Uint8Array
  /** IFLA_OPERSTATE: 2 down, 6 up, 0 unknown. */
  readonly operstate: number
  /** ifindex of the device this one stands on or is paired with, possibly in another namespace. */
  readonly link: number | undefined
  readonly master: number | undefined
  readonly txQueues: number
  readonly rxQueues: number
  readonly xdp: XdpState
  /** ARPHRD_*: 1 Ethernet, 772 loopback. */
  readonly type: number
  readonly broadcast: Uint8Array
  /** Name of the root qdisc: 'noqueue', 'noop', 'pfifo_fast' … */
  readonly qdisc: string
  readonly txQueueLength: number
  readonly group: number
  readonly promiscuity: number
  readonly minMtu: number
  readonly maxMtu: number
  /** Id that this namespace gives to the one where `link` lives; undefined: the same. */
  readonly linkNetnsId: number | undefined
  /** Kind 'vlan'. */
  readonly vlan: { readonly id: number; readonly protocol: number } | undefined
  readonly stats: LinkStats
}

/** The counters of struct rtnl_link_stats64 that `ip -s link` prints. */
export interface LinkStats {
  readonly rxPackets: number
  readonly txPackets: number
  readonly rxBytes: number
  readonly txBytes: number
  readonly rxErrors: number
  readonly txErrors: number
  readonly rxDropped: number
  readonly txDropped: number
  readonly multicast: number
  readonly collisions: number
}

export interface LinkSelector {
  readonly netns?: Fd
  readonly name?: string
  readonly ifindex?: number
}

/** Attributes of a device that is made or changed. */
export interface LinkSettings {
  /** IFF_UP. */
  readonly up?: boolean
  readonly mtu?: number
  readonly address?: Uint8Array
  readonly master?: number
  /** Queues per direction, only when made. */
  readonly queues?: number
  /** Moves the device into another namespace. */
  readonly targetNetns?: Fd
  readonly newName?: string
  readonly groMaxSize?: number
}

export interface NewLinkRequest extends LinkSettings {
  readonly netns?: Fd
  readonly name: string
  /** 'veth', 'bridge', 'dummy', 'ifb' … */
  readonly kind: string
  /** Its number; absent: the next that is free. EBUSY where it is taken. */
  readonly ifindex?: number
  /** vlan: the device it stands on, and its tag. `protocol` is 0x8100 (default) or 0x88a8. */
  readonly link?: number
  readonly vlan?: { readonly id: number; readonly protocol?: number }
  /** veth: the other end. Linux cannot open it before the pair stands (ENOTCONN): bring it up afterwards. */
  readonly peer?: Omit<LinkSettings, 'up'> & { readonly name: string; readonly netns?: Fd }
}

export interface SetLinkRequest extends LinkSettings, LinkSelector {
  /** IFLA_XDP. `fd` -1 detaches; `flags` are XDP_FLAGS_*; `expectedFd` goes with XDP_FLAGS_REPLACE (-1: none attached). */
  readonly xdp?: { readonly fd: Fd | -1; readonly flags?: number; readonly expectedFd?: Fd | -1 }
}

export interface AddressRequest {
  readonly netns?: Fd
  readonly ifindex: number
  /** 4 or 16 bytes. */
  readonly address: Uint8Array
  readonly prefix: number
}

/** One RTM_NEWADDR message. */
export interface NetAddress {
  readonly ifindex: number
  /** 4 or 16 bytes. */
  readonly address: Uint8Array
  readonly prefix: number
  readonly broadcast: Uint8Array | undefined
  /** RT_SCOPE_*: 0 global, 253 link, 254 host. */
  readonly scope: number
  /** IFA_F_*: 0x80 permanent. */
  readonly flags: number
  readonly label: string | undefined
}

/** One RTM_NEWROUTE message. */
export interface NetRoute {
  readonly family: number
  readonly destination: Uint8Array
  readonly prefix: number
  readonly table: number
  /** RTPROT_*: 2 kernel, 3 boot, 4 static. */
  readonly protocol: number
  readonly scope: number
  /** RTN_*: 1 unicast, 2 local, 3 broadcast, 6 blackhole … */
  readonly type: number
  readonly gateway: Uint8Array | undefined
  readonly ifindex: number | undefined
  readonly source: Uint8Array | undefined
  readonly metric: number
  /** LWTUNNEL_ENCAP_*: 6 for BPF; undefined: none. */
  readonly encap: number | undefined
}

/** One RTM_NEWNEIGH message. */
export interface NetNeighbour {
  readonly ifindex: number
  readonly address: Uint8Array
  readonly lladdr: Uint8Array | undefined
  /** NUD_*: 1 incomplete, 2 reachable, 4 stale, 0x20 failed, 0x80 permanent. */
  readonly state: number
}

export interface RouteRequest {
  readonly netns?: Fd
  /** 4 or 16 bytes. */
  readonly destination: Uint8Array
  readonly prefix: number
  readonly gateway?: Uint8Array
  readonly ifindex?: number
  /** RT_TABLE_*; default 254, main. */
  readonly table?: number
  /** RTN_*; default 1, unicast. 6 blackhole, 7 unreachable, 8 prohibit. */
  readonly type?: number
  readonly metric?: number
  /** Preferred source address. */
  readonly source?: Uint8Array
  /** RTPROT_*; default 4, static. */
  readonly protocol?: number
  /** RT_SCOPE_*; default: link without a gateway, else global. */
  readonly scope?: number
  /** Takes the place of the route to the same destination, if there is one. */
  readonly replace?: boolean
  /** Light-weight tunnel of BPF programs (LWTUNNEL_ENCAP_BPF). */
  readonly bpf?: {
    readonly in?: { readonly fd: Fd; readonly name: string }
    readonly out?: { readonly fd: Fd; readonly name: string }
    readonly xmit?: { readonly fd: Fd; readonly name: string }
    /** Bytes the xmit program may add. */
    readonly headroom?: number
  }
}

export interface NeighbourSelector {
  readonly netns?: Fd
  readonly ifindex: number
  readonly address: Uint8Array
}

export interface NeighbourRequest extends NeighbourSelector {
  readonly lladdr: Uint8Array
}

export interface Qdisc {
  readonly ifindex: number
  readonly kind: string
  readonly handle: number
  readonly parent: number
}

export interface QdiscRequest {
  readonly netns?: Fd
  readonly ifindex: number
  readonly kind: string
  readonly handle: number
  readonly parent: number
}

/** A cls_bpf filter. */
export interface BpfFilter {
  readonly ifindex: number
  readonly parent: number
  readonly priority: number
  /** ETH_P_*, host order; 3 is ETH_P_ALL. */
  readonly protocol: number
  readonly handle: number
  readonly chain: number
  /** 'bpf', or another classifier's name: then the rest is empty. */
  readonly kind: string
  readonly name: string
  readonly progId: number
  /** 8 bytes; empty where not told. */
  readonly tag: Uint8Array
  /** TCA_BPF_FLAG_ACT_DIRECT is 1. */
  readonly flags: number
  /** TCA_CLS_FLAGS_*: skip_hw 1, skip_sw 2, in_hw 4, not_in_hw 8. */
  readonly flagsGen: number
  readonly classid: number
}

export interface FilterSelector {
  readonly netns?: Fd
  readonly ifindex: number
  readonly parent: number
  readonly priority?: number
  readonly protocol?: number
  readonly handle?: number
  readonly chain?: number
}

export interface NewFilterRequest extends FilterSelector {
  readonly progFd: Fd
  readonly name: string
  /** TCA_BPF_FLAG_*. */
  readonly flags?: number
  readonly flagsGen?: number
  readonly classid?: number
  /** NLM_F_EXCL: refuse where there is one with this handle; 'replace' changes it. */
  readonly mode: 'create' | 'replace'
  /** TCA_KIND 'bpf' when absent. */
  readonly kind?: string
}
