// The contract: one typed operation per system call, plain data in and out. Numbers are Linux's (spec/ names them).
// Field names are union bpf_attr's in camelCase; an absent field is zero, as in a zeroed bpf_attr.

import type { ObjectInfo } from './info.js'
import type {
  AddressRequest,
  BpfFilter,
  FilterSelector,
  LinkSelector,
  NeighbourRequest,
  NeighbourSelector,
  NetAddress,
  NetDevice,
  NetNeighbour,
  NetRoute,
  NewFilterRequest,
  NewLinkRequest,
  Qdisc,
  QdiscRequest,
  RouteRequest,
  SetLinkRequest,
} from './netlink.js'

/** An open descriptor of one kernel session. Branded: it is patched into instructions and must not be mixed up. */
export type Fd = number & { readonly __fd: true }

interface Operation<Request, Result> {
  readonly request: Request
  readonly result: Result
}

export interface MapCreateRequest {
  readonly mapType: number
  readonly keySize: number
  readonly valueSize: number
  readonly maxEntries: number
  readonly mapFlags?: number
  readonly innerMapFd?: Fd
  readonly numaNode?: number
  readonly mapName?: string
  readonly mapIfindex?: number
  readonly btfFd?: Fd
  readonly btfKeyTypeId?: number
  readonly btfValueTypeId?: number
  readonly btfVmlinuxValueTypeId?: number
  readonly mapExtra?: bigint
  readonly valueTypeBtfObjFd?: Fd
  readonly mapTokenFd?: Fd
}

export interface MapElemRequest {
  readonly mapFd: Fd
  /** key_size bytes; absent where the type has no key (QUEUE, STACK, BLOOM_FILTER). */
  readonly key?: Uint8Array
  /** Look-ups in a BLOOM_FILTER: the value asked about. */
  readonly value?: Uint8Array
  readonly flags?: bigint
}

export interface MapUpdateRequest extends MapElemRequest {
  /** value_size bytes; per-CPU types: round_up(value_size, 8) for each possible CPU. fd-valued types: the fd, u32. */
  readonly value: Uint8Array
}

export interface MapBatchRequest {
  readonly mapFd: Fd
  /** Opaque position of the previous batch; absent to start. */
  readonly inBatch?: Uint8Array
  /** Most elements to handle. */
  readonly count: number
  /** Memory for what is read, `count` elements at least: the result's arrays are parts of it. Without it they get their own. */
  readonly keys?: Uint8Array
  readonly values?: Uint8Array
  readonly elemFlags?: bigint
  readonly flags?: bigint
}

export interface MapBatchResult {
  readonly keys: Uint8Array
  readonly values: Uint8Array
  readonly count: number
  /** Position to go on from; undefined when the map's end was reached (Linux: ENOENT with the last elements). */
  readonly outBatch: Uint8Array | undefined
}

export interface MapBatchKeysRequest {
  readonly mapFd: Fd
  readonly keys: Uint8Array
  readonly count: number
  readonly elemFlags?: bigint
  readonly flags?: bigint
}

export interface ProgLoadRequest {
  readonly progType: number
  /** Instruction slots, 8 bytes each. */
  readonly insns: Uint8Array
  readonly license: string
  /** 0 no log, 1 or 2 verbosity, 4 statistics. */
  readonly logLevel?: number
  /** Bytes of log wanted at most. */
  readonly logSize?: number
  readonly kernVersion?: number
  readonly progFlags?: number
  readonly progName?: string
  readonly progIfindex?: number
  readonly expectedAttachType?: number
  readonly progBtfFd?: Fd
  readonly funcInfo?: Uint8Array
  readonly funcInfoRecSize?: number
  readonly lineInfo?: Uint8Array
  readonly lineInfoRecSize?: number
  readonly attachBtfId?: number
  readonly attachProgFd?: Fd
  readonly attachBtfObjFd?: Fd
  readonly coreRelos?: Uint8Array
  readonly coreReloRecSize?: number
  readonly fdArray?: readonly Fd[]
  readonly progTokenFd?: Fd
}

export interface ProgLoadResult {
  readonly fd: Fd
  /** Verifier log; '' at level 0. A failed load carries its log in KernelError.log. */
  readonly log: string
}

export interface TestRunRequest {
  readonly progFd: Fd
  readonly dataIn?: Uint8Array
  /** Room for output data; absent: enough for anything the program can make of the input. 0: no output wanted. */
  readonly dataSizeOut?: number
  readonly ctxIn?: Uint8Array
  /**
   * Room for the output context; absent: as much as went in. Types that take a context and give none back are asked for
   * none then; SYSCALL programs change it in place, and `ctxOut` is what they left.
   */
  readonly ctxSizeOut?: number
  readonly repeat?: number
  readonly flags?: number
  readonly cpu?: number
  readonly batchSize?: number
}

export interface TestRunResult {
  /** r0 as u32. */
  readonly retval: number
  /** Mean time of one run, ns. */
  readonly duration: number
  readonly dataOut: Uint8Array
  readonly ctxOut: Uint8Array
}

export interface LinkCreateRequest {
  /** Network namespace in which the call is made: the one of `targetIfindex`, or of a netfilter hook. */
  readonly netns?: Fd
  /** The program; for struct_ops the map. */
  readonly progFd: Fd
  readonly attachType: number
  readonly targetFd?: number
  readonly targetIfindex?: number
  readonly flags?: number
  readonly targetBtfId?: number
  readonly iterInfo?: Uint8Array
  readonly perfEventBpfCookie?: bigint
  readonly kprobeMulti?: {
    readonly flags?: number
    readonly syms?: readonly string[]
    readonly addrs?: readonly bigint[]
    readonly cookies?: readonly bigint[]
  }
  readonly uprobeMulti?: {
    readonly path: string
    readonly offsets: readonly bigint[]
    readonly refCtrOffsets?: readonly bigint[]
    readonly cookies?: readonly bigint[]
    readonly flags?: number
    readonly pid?: number
  }
  readonly tracing?: { readonly targetBtfId?: number; readonly cookie?: bigint }
  readonly netfilter?: {
    readonly pf: number
    readonly hooknum: number
    readonly priority: number
    readonly flags?: number
  }
  /** tcx, netkit and cgroup ordering. */
  readonly relativeFd?: number
  readonly relativeId?: number
  readonly expectedRevision?: bigint
}

export interface ProgAttachRequest {
  /** Network namespace of `targetIfindex`. */
  readonly netns?: Fd
  readonly targetFd?: number
  readonly targetIfindex?: number
  readonly attachBpfFd: Fd
  readonly attachType: number
  readonly attachFlags?: number
  readonly replaceBpfFd?: Fd
  readonly relativeFd?: number
  readonly relativeId?: number
  readonly expectedRevision?: bigint
}

export interface ProgQueryResult {
  readonly attachFlags: number
  readonly progIds: readonly number[]
  readonly progAttachFlags: readonly number[]
  readonly linkIds: readonly number[]
  readonly linkAttachFlags: readonly number[]
  readonly revision: bigint
}

/** struct perf_event_attr and the other arguments of perf_event_open(2). Bits are Linux's. */
export interface PerfEventOpenRequest {
  /** PERF_TYPE_*, or a dynamic PMU's number. */
  readonly type: number
  readonly config: bigint
  /** bp_addr, or a PMU's own; for uprobes see `probeName`. */
  readonly config1?: bigint
  readonly config2?: bigint
  /** kprobe_func or uprobe_path: a string that config1 points to. */
  readonly probeName?: string
  readonly samplePeriod?: bigint
  /** sample_freq in Hz, instead of a period. */
  readonly sampleFreq?: bigint
  readonly sampleType?: bigint
  readonly readFormat?: bigint
  /** The attr's flag word: bit 0 disabled, 1 inherit … */
  readonly attrFlags?: bigint
  readonly wakeupEvents?: number
  /** Default -1: every process. */
  readonly pid?: number
  /** Default -1: every CPU. */
  readonly cpu?: number
  readonly groupFd?: Fd
  /** PERF_FLAG_*. */
  readonly flags?: number
}

export interface FileStatus {
  readonly type: 'directory' | 'map' | 'prog' | 'link' | 'file' | 'symlink'
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

/** bpf(2) commands, in the order of enum bpf_cmd, then files and the rest of the session. */
export interface Operations {
  map_create: Operation<MapCreateRequest, Fd>
  map_lookup_elem: Operation<MapElemRequest, Uint8Array>
  map_update_elem: Operation<MapUpdateRequest, void>
  map_delete_elem: Operation<MapElemRequest, void>
  map_get_next_key: Operation<{ readonly mapFd: Fd; readonly key?: Uint8Array }, Uint8Array>
  prog_load: Operation<ProgLoadRequest, ProgLoadResult>
  obj_pin: Operation<
    { readonly bpfFd: Fd; readonly pathname: string; readonly fileFlags?: number; readonly pathFd?: number },
    void
  >
  obj_get: Operation<{ readonly pathname: string; readonly fileFlags?: number; readonly pathFd?: number }, Fd>
  prog_attach: Operation<ProgAttachRequest, void>
  prog_detach: Operation<Omit<ProgAttachRequest, 'attachBpfFd'> & { readonly attachBpfFd?: Fd }, void>
  prog_test_run: Operation<TestRunRequest, TestRunResult>
  prog_get_next_id: Operation<{ readonly startId: number }, number>
  map_get_next_id: Operation<{ readonly startId: number }, number>
  prog_get_fd_by_id: Operation<{ readonly id: number }, Fd>
  map_get_fd_by_id: Operation<{ readonly id: number; readonly openFlags?: number }, Fd>
  obj_get_info_by_fd: Operation<
    { readonly fd: Fd /** Also fetch instructions, line info, BTF bytes. */; readonly details?: boolean },
    ObjectInfo
  >
  prog_query: Operation<
    {
      /** Network namespace of `targetIfindex`. */
      readonly netns?: Fd
      readonly targetFd?: number
      readonly targetIfindex?: number
      readonly attachType: number
      readonly queryFlags?: number
    },
    ProgQueryResult
  >
  /** `name` is absent for programs that name their tracepoint when loaded (tp_btf). */
  raw_tracepoint_open: Operation<{ readonly name?: string; readonly progFd: Fd; readonly cookie?: bigint }, Fd>
  btf_load: Operation<
    {
      readonly btf: Uint8Array
      readonly logLevel?: number
      readonly logSize?: number
      readonly btfFlags?: number
      readonly tokenFd?: Fd
    },
    { readonly fd: Fd; readonly log: string }
  >
  btf_get_fd_by_id: Operation<{ readonly id: number }, Fd>
  task_fd_query: Operation<
    { readonly pid: number; readonly fd: number; readonly flags?: number },
    {
      readonly progId: number
      readonly fdType: number
      readonly name: string
      readonly probeOffset: bigint
      readonly probeAddr: bigint
    }
  >
  map_lookup_and_delete_elem: Operation<MapElemRequest, Uint8Array>
  map_freeze: Operation<{ readonly mapFd: Fd }, void>
  btf_get_next_id: Operation<{ readonly startId: number }, number>
  map_lookup_batch: Operation<MapBatchRequest, MapBatchResult>
  map_lookup_and_delete_batch: Operation<MapBatchRequest, MapBatchResult>
  /** Result: the number of elements handled. On error KernelError.hint says how many were. */
  map_update_batch: Operation<MapBatchKeysRequest & { readonly values: Uint8Array }, number>
  map_delete_batch: Operation<MapBatchKeysRequest, number>
  link_create: Operation<LinkCreateRequest, Fd>
  link_update: Operation<
    {
      readonly linkFd: Fd
      readonly newProgFd?: Fd
      readonly newMapFd?: Fd
      readonly flags?: number
      readonly oldProgFd?: Fd
      readonly oldMapFd?: Fd
    },
    void
  >
  link_get_fd_by_id: Operation<{ readonly id: number }, Fd>
  link_get_next_id: Operation<{ readonly startId: number }, number>
  enable_stats: Operation<{ readonly type: number }, Fd>
  iter_create: Operation<{ readonly linkFd: Fd; readonly flags?: number }, Fd>
  link_detach: Operation<{ readonly linkFd: Fd }, void>
  prog_bind_map: Operation<{ readonly progFd: Fd; readonly mapFd: Fd; readonly flags?: number }, void>
  token_create: Operation<{ readonly bpffsFd: Fd; readonly flags?: number }, Fd>
  prog_stream_read_by_fd: Operation<
    { readonly progFd: Fd; readonly streamId: number; readonly size: number },
    Uint8Array
  >

  /** What bpf_printk prints: `read` takes lines out of it, EAGAIN where there are none. ENODATA: tracing is off, see `turnOn`. */
  trace_pipe_open: Operation<{ /** Switch the machine's tracing_on on. */ readonly turnOn?: boolean }, Fd>
  close: Operation<{ readonly fd: Fd }, void>
  /** open(2): cgroup directories, files of tracefs. `flags` are O_*. */
  open: Operation<{ readonly path: string; readonly flags?: number; readonly mode?: number }, Fd>
  /** read(2): what there is, at most `size` bytes; empty at the end. */
  read: Operation<{ readonly fd: Fd; readonly size: number }, Uint8Array>
  /** ioctl(2) with an integer argument. */
  ioctl: Operation<{ readonly fd: Fd; readonly request: number; readonly arg?: number }, number>
  perf_event_open: Operation<PerfEventOpenRequest, Fd>
  /** A file system of a type ('tracefs', 'bpf') mounted nowhere: its root, under /proc/self/fd. Closing unmounts it. */
  fsmount: Operation<{ readonly fsName: string }, Fd>
  /** socket(2). */
  socket: Operation<
    { readonly netns?: Fd; readonly domain: number; readonly type: number; readonly protocol?: number },
    Fd
  >
  /** setsockopt(2); `fd` may be any socket of the process, not only one of this session. */
  setsockopt: Operation<
    { readonly fd: number; readonly level: number; readonly name: number; readonly value: Uint8Array },
    void
  >

  /** A network namespace by its path (/run/netns/NAME, /proc/PID/ns/net); without one the caller's own. */
  netns_open: Operation<{ readonly path?: string }, Fd>
  /** A new network namespace that lives as long as something holds it. */
  netns_create: Operation<Record<never, never>, Fd>
  /** Gives a namespace a name in the file system, as `ip netns add` does: an empty file under /run/netns, and the namespace mounted on it. */
  netns_bind: Operation<{ readonly netns: Fd; readonly path: string }, void>
  /** Takes such a name away. Throws ENOENT. */
  netns_unbind: Operation<{ readonly path: string }, void>
  /** setns(2) for this session: calls that name no namespace are made in this one from now on. */
  setns: Operation<{ readonly netns: Fd }, void>
  /** `ethtool -k`, and with `set` `ethtool -K`: features of a device by their kernel names ('rx-gro', 'hw-tc-offload'), as they are afterwards. */
  ethtool_features: Operation<
    { readonly netns?: Fd; readonly name: string; readonly set?: Readonly<Record<string, boolean>> },
    Readonly<Record<string, boolean>>
  >
  rtm_getlink: Operation<LinkSelector, NetDevice>
  rtm_getlinks: Operation<{ readonly netns?: Fd }, readonly NetDevice[]>
  rtm_newlink: Operation<NewLinkRequest, void>
  rtm_setlink: Operation<SetLinkRequest, void>
  rtm_dellink: Operation<LinkSelector, void>
  rtm_newaddr: Operation<AddressRequest, void>
  rtm_deladdr: Operation<AddressRequest, void>
  /** All addresses of a namespace, or of one device. */
  rtm_getaddrs: Operation<{ readonly netns?: Fd; readonly ifindex?: number }, readonly NetAddress[]>
  rtm_newroute: Operation<RouteRequest, void>
  rtm_delroute: Operation<RouteRequest, void>
  /** Routes of all tables; `family` 2 or 10 narrows. */
  rtm_getroutes: Operation<{ readonly netns?: Fd; readonly family?: number }, readonly NetRoute[]>
  rtm_newneigh: Operation<NeighbourRequest, void>
  rtm_delneigh: Operation<NeighbourSelector, void>
  rtm_getneighs: Operation<{ readonly netns?: Fd; readonly ifindex?: number }, readonly NetNeighbour[]>
  rtm_getqdisc: Operation<{ readonly netns?: Fd; readonly ifindex: number }, readonly Qdisc[]>
  rtm_newqdisc: Operation<QdiscRequest, void>
  rtm_delqdisc: Operation<QdiscRequest, void>
  rtm_gettfilter: Operation<FilterSelector, readonly BpfFilter[]>
  /** The filter as the kernel made it: priority and handle are assigned where 0. */
  rtm_newtfilter: Operation<NewFilterRequest, BpfFilter>
  rtm_deltfilter: Operation<FilterSelector, void>
  dup: Operation<{ readonly fd: Fd }, Fd>
  mkdir: Operation<{ readonly path: string; readonly mode?: number }, void>
  rmdir: Operation<{ readonly path: string }, void>
  unlink: Operation<{ readonly path: string }, void>
  rename: Operation<{ readonly from: string; readonly to: string }, void>
  symlink: Operation<{ readonly target: string; readonly path: string }, void>
  readlink: Operation<{ readonly path: string }, string>
  readdir: Operation<{ readonly path: string }, readonly string[]>
  stat: Operation<{ readonly path: string }, FileStatus>
  sysctl_read: Operation<{ readonly name: string }, string>
  sysctl_write: Operation<{ readonly name: string; readonly value: string }, void>
}

export type OperationName = keyof Operations
export type Request<Name extends OperationName> = Operations[Name]['request']
export type Result<Name extends OperationName> = Operations[Name]['result']
