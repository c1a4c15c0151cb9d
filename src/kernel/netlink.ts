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

export interface RouteRequest {
  readonly netns?: Fd
  /** 4 or 16 bytes. */
  readonly destination: Uint8Array
  readonly prefix: number
  readonly gateway?: Uint8Array
  readonly ifindex?: number
  /** Light-weight tunnel of BPF programs (LWTUNNEL_ENCAP_BPF). */
  readonly bpf?: {
    readonly in?: { readonly fd: Fd; readonly name: string }
    readonly out?: { readonly fd: Fd; readonly name: string }
    readonly xmit?: { readonly fd: Fd; readonly name: string }
    /** Bytes the xmit program may add. */
    readonly headroom?: number
  }
}

export interface NeighbourRequest {
  readonly netns?: Fd
  readonly ifindex: number
  readonly address: Uint8Array
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
