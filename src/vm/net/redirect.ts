import type { BpfMap } from '../types.js'

/** A packet that bpf_clone_redirect sent on its way while the program went on. */
export interface ClonedPacket {
  readonly ifindex: number
  readonly flags: number
  readonly data: Uint8Array
}

export type RedirectKind = 'none' | 'ifindex' | 'map' | 'peer' | 'neigh'

/**
 * What the redirect helpers noted (struct bpf_redirect_info): it takes effect when the program returns XDP_REDIRECT or
 * TC_ACT_REDIRECT. One object is reused for all packets.
 */
export class Redirect {
  kind: RedirectKind = 'none'
  /** Target device; kind `map`: device of the devmap entry, CPU of a cpumap entry, queue key of an xskmap entry. */
  ifindex = 0
  /** Flags as the helper took them: BPF_F_INGRESS, BPF_F_BROADCAST, BPF_F_EXCLUDE_INGRESS. */
  flags = 0
  map: BpfMap | undefined = undefined
  key = 0
  /** kind `neigh` with an explicit next hop: its address, 4 or 16 bytes. */
  nextHop: Uint8Array | undefined = undefined

  clear(): void {
    this.kind = 'none'
    this.ifindex = 0
    this.flags = 0
    this.map = undefined
    this.key = 0
    this.nextHop = undefined
  }

  set(kind: RedirectKind, ifindex: number, flags: number): void {
    this.clear()
    this.kind = kind
    this.ifindex = ifindex
    this.flags = flags
  }

  setMap(map: BpfMap, key: number, ifindex: number, flags: number): void {
    this.clear()
    this.kind = 'map'
    this.map = map
    this.key = key
    this.ifindex = ifindex
    this.flags = flags
  }
}
