import type { Btf } from '../../btf/index.js'
import { type Fd, KernelError } from '../../kernel/index.js'
import type { PerfBuffer } from '../../maps/index.js'
import type { Addr, BpfMap, Machine, Status } from '../../vm/index.js'

// What the map system calls need of the kernel around them. Every function of map-*.ts takes a MapHost; the session of
// the embedded kernel is one.

/** A map as system calls see it: shared by all its descriptors. */
export interface MapState {
  readonly map: BpfMap
  /** BPF_MAP_FREEZE: no system call may write any more. Programs may. */
  frozen: boolean
  /** Writable memory mappings that exist. */
  writers?: number
}

/** A descriptor of a map and the rights it was opened with. */
export interface MapFile {
  readonly object: MapState
  readonly readable: boolean
  readonly writable: boolean
}

/** Objects that elements hold, by what a descriptor must be. */
export type HeldKind = 'map' | 'prog' | 'cgroup' | 'socket' | 'xsk'

export interface MapHost {
  readonly machine: Machine
  /** Throws KernelError EBADF or EINVAL. */
  mapFile(fd: Fd | undefined, syscall: string): MapFile
  /**
   * Handle of a descriptor's object, with a reference taken for the element that will hold it; or -EBADF (not open), -EINVAL
   * (not of the kind; sockets: -ENOTSOCK; XDP sockets: -EOPNOTSUPP).
   */
  take(kind: HeldKind, fd: number): Addr | Status
  /** Gives back what `take` took. Also what elements do when they let go: pass it as `release` of the map. */
  release(handle: Addr): void
  /** Id of the map or program of a handle. */
  idOf(handle: Addr): number
  /** The event of a descriptor of perf_event_open, or -EBADF. */
  perfEvent(fd: number): PerfBuffer | Status
  /** Cookie of a socket's handle. */
  socketCookie(handle: Addr): bigint
  hasDevice(ifindex: number): boolean
  /** Which network `hasDevice` looked at: device maps keep it. */
  readonly devicePlace?: number
  /** SK_STORAGE …: the number of the socket, inode, task or cgroup that a descriptor stands for, or a negative errno. */
  storageOwner(mapType: number, fd: number): bigint | Status
}

/** What map_create needs besides: descriptors of BTF and maps. */
export interface MapCreateHost<BtfObject extends { readonly btf: Btf }> extends MapHost {
  /** Throws KernelError EBADF or EINVAL. */
  btfObject(fd: Fd | undefined, syscall: string): BtfObject
  /** Size of a type of the kernel's BTF that STRUCT_OPS may hold; undefined: there is none of that id. */
  structOpsSize?(typeId: number): number | undefined
  /** Has the caller this capability? Absent: all of them. */
  capable?(capability: 'bpf' | 'net_admin' | 'sys_admin'): boolean
}

export function fail(status: Status, syscall: string, hint?: string): never {
  throw new KernelError(status, syscall, hint === undefined ? {} : { hint })
}

/** Throws for a negative status. */
export function check(status: Status, syscall: string, hint?: string): void {
  if (status < 0) fail(status, syscall, hint)
}

/** 64 bits of flags as a number that keeps their low 32 bits and shows that there were others. */
export function flagBits(flags: bigint | undefined): number {
  if (flags === undefined) return 0
  const bits = BigInt.asUintN(64, flags)
  return bits > 0xffff_ffffn ? (Number(bits & 0xffff_ffffn) | 0x8000_0000) >>> 0 : Number(bits)
}
