import type { Device } from './device.js'
import type { Frame } from './frame.js'
import type { HookProgram } from './program.js'
import type { ListEntry } from './program-list.js'
import type { Classifier } from './qdisc.js'
import type { Socket } from './sockets.js'

/** Where a program wants its packet to go. */
export interface RedirectTarget {
  readonly kind: 'none' | 'ifindex' | 'map' | 'peer' | 'neigh'
  readonly ifindex: number
  readonly flags: number
  /** neigh: the next hop, where the program gave one. */
  readonly nextHop: Uint8Array | undefined
}

/** One entry of a map that XDP programs redirect through. */
export type MapTarget =
  | { readonly kind: 'device'; readonly device: Device; readonly program: HookProgram | undefined }
  | { readonly kind: 'cpu'; readonly cpu: number; readonly program: HookProgram | undefined }
  | { readonly kind: 'socket'; readonly queue: number; readonly socket: { deliver(frame: Frame): boolean } }

export interface XdpTarget {
  readonly redirect: RedirectTarget
  /** Entries of the map, of all it has where the program asked for a broadcast. */
  readonly targets: readonly MapTarget[]
  readonly mapType: string | undefined
  readonly mapId: number
  readonly key: number
}

/** What a list of programs at a tc hook decided. */
export interface TcResult {
  /** TC_ACT_*; TC_ACT_UNSPEC: nobody decided. */
  readonly verdict: number
  readonly program: HookProgram | undefined
  /** Classid of the filter, in `tc_index` form (minor). */
  readonly classid: number
}

/** Runs programs on frames. Whoever implements it changes the frame as the program did. */
export interface PacketHooks {
  /** Runs an XDP program; its verdict. `egress`: run for a devmap entry, before that device. */
  xdp(program: HookProgram, device: Device, frame: Frame, egress?: Device): number
  /** Where the XDP program that ran last wants its packet to go. */
  xdpTarget(device: Device): XdpTarget
  /** Runs tcx programs in order until one decides. */
  tcx(entries: readonly ListEntry[], device: Device, frame: Frame, ingress: boolean): TcResult
  /** Runs the classifiers of a place. */
  tc(classifiers: readonly Classifier[], device: Device, frame: Frame, ingress: boolean): TcResult
  /** Where the tc program that ran last wants its packet to go. */
  readonly tcRedirect: RedirectTarget
  /** A socket filter's answer: bytes to keep, 0 to drop. */
  socketFilter(program: HookProgram, socket: Socket, device: Device, frame: Frame): number
  /** cgroup_skb programs of a socket's cgroup: false to drop. */
  cgroupSkb(socket: Socket, device: Device, frame: Frame, ingress: boolean): boolean
  /** A program of a route: BPF_OK 0, BPF_DROP 2, BPF_REDIRECT 7, BPF_LWT_REROUTE 128. */
  lwt(program: HookProgram, place: 'in' | 'out' | 'xmit', device: Device, frame: Frame): number
  /** Tracepoints of the xdp group. */
  tracepoint(name: string, fields: Readonly<Record<string, number | string>>): void
  /** Nothing is left to do for now. */
  idle(): void
}
