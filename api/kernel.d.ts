// skep/kernel: what it exports. Written by scripts/gen/api.mjs: a change here is a change of the public API.

export interface AddressRequest {
    readonly netns?: Fd;
    readonly ifindex: number;
    readonly address: Uint8Array;
    readonly prefix: number;
}

export interface BpfFilter {
    readonly ifindex: number;
    readonly parent: number;
    readonly priority: number;
    readonly protocol: number;
    readonly handle: number;
    readonly chain: number;
    readonly kind: string;
    readonly name: string;
    readonly progId: number;
    readonly tag: Uint8Array;
    readonly flags: number;
    readonly flagsGen: number;
    readonly classid: number;
}

export interface BtfInfo {
    readonly kind: 'btf';
    readonly id: number;
    readonly btf: Uint8Array | undefined;
    readonly btfSize: number;
    readonly name: string;
    readonly kernelBtf: boolean;
}

export type ErrnoName = keyof typeof ERRNO;

export interface FaultPlan {
    readonly operation?: FaultPoint | readonly FaultPoint[];
    readonly at: number;
    readonly times?: number;
    readonly code?: ErrnoName;
}

export type FaultPoint = OperationName | 'watch' | 'mmap';

export type FaultyKernel<K extends Kernel> = K & {
    readonly faults: {
        readonly counted: number;
        readonly failed: number;
    };
};

export type Fd = number & {
    readonly __fd: true;
};

export interface FileStatus {
    readonly type: 'directory' | 'map' | 'prog' | 'link' | 'file' | 'symlink';
    readonly mode: number;
    readonly uid: number;
    readonly gid: number;
}

export interface FilterSelector {
    readonly netns?: Fd;
    readonly ifindex: number;
    readonly parent: number;
    readonly priority?: number;
    readonly protocol?: number;
    readonly handle?: number;
    readonly chain?: number;
}

export interface Kernel {
    readonly name: string;
    readonly release: string;
    readonly possibleCpus: number;
    call<Name extends OperationName>(name: Name, request: Request<Name>): Result<Name>;
    mapAccess?(fd: Fd): MapAccess | undefined;
    watch(fd: Fd, ready: () => void, options?: WatchOptions): Watch;
    mmap(fd: Fd, offset: number, length: number, writable: boolean): Uint8Array;
    munmap(bytes: Uint8Array): void;
    vmlinuxBtf(): Uint8Array | undefined;
    config(): string | undefined;
    [Symbol.dispose](): void;
}

export declare class KernelError extends Error {
    readonly name = "KernelError";
    readonly code: ErrnoName | `E${number}`;
    readonly errno: number;
    readonly syscall: string;
    readonly hint: string | undefined;
    readonly detail: string | undefined;
    readonly log: string | undefined;
    constructor(code: ErrnoName | number, syscall: string, options?: {
        hint?: string;
        log?: string;
        detail?: string;
    });
    withHint(hint: string | undefined): KernelError;
}

export interface LinkCreateRequest {
    readonly netns?: Fd;
    readonly progFd: Fd;
    readonly attachType: number;
    readonly targetFd?: number;
    readonly targetIfindex?: number;
    readonly flags?: number;
    readonly targetBtfId?: number;
    readonly iterInfo?: Uint8Array;
    readonly perfEventBpfCookie?: bigint;
    readonly kprobeMulti?: {
        readonly flags?: number;
        readonly syms?: readonly string[];
        readonly addrs?: readonly bigint[];
        readonly cookies?: readonly bigint[];
    };
    readonly uprobeMulti?: {
        readonly path: string;
        readonly offsets: readonly bigint[];
        readonly refCtrOffsets?: readonly bigint[];
        readonly cookies?: readonly bigint[];
        readonly flags?: number;
        readonly pid?: number;
    };
    readonly tracing?: {
        readonly targetBtfId?: number;
        readonly cookie?: bigint;
    };
    readonly netfilter?: {
        readonly pf: number;
        readonly hooknum: number;
        readonly priority: number;
        readonly flags?: number;
    };
    readonly relativeFd?: number;
    readonly relativeId?: number;
    readonly expectedRevision?: bigint;
}

export type LinkDetails = Readonly<Record<string, number | bigint | string | readonly bigint[]>>;

export interface LinkInfo {
    readonly kind: 'link';
    readonly type: number;
    readonly id: number;
    readonly progId: number;
    readonly details: LinkDetails;
}

export interface LinkSelector {
    readonly netns?: Fd;
    readonly name?: string;
    readonly ifindex?: number;
}

export interface LinkSettings {
    readonly up?: boolean;
    readonly mtu?: number;
    readonly address?: Uint8Array;
    readonly master?: number;
    readonly queues?: number;
    readonly targetNetns?: Fd;
    readonly newName?: string;
    readonly groMaxSize?: number;
}

export interface LinkStats {
    readonly rxPackets: number;
    readonly txPackets: number;
    readonly rxBytes: number;
    readonly txBytes: number;
    readonly rxErrors: number;
    readonly txErrors: number;
    readonly rxDropped: number;
    readonly txDropped: number;
    readonly multicast: number;
    readonly collisions: number;
}

export interface MapAccess {
    readonly bytes: Uint8Array;
    readonly keyAt: number;
    readonly nextAt: number;
    readonly valueAt: number;
    readonly keySize: number;
    readonly valueSize: number;
    lookup(flags: number): number;
    update(flags: number): number;
    delete(): number;
    nextKey(first: boolean): number;
}

export interface MapBatchKeysRequest {
    readonly mapFd: Fd;
    readonly keys: Uint8Array;
    readonly count: number;
    readonly elemFlags?: bigint;
    readonly flags?: bigint;
}

export interface MapBatchRequest {
    readonly mapFd: Fd;
    readonly inBatch?: Uint8Array;
    readonly count: number;
    readonly keys?: Uint8Array;
    readonly values?: Uint8Array;
    readonly elemFlags?: bigint;
    readonly flags?: bigint;
}

export interface MapBatchResult {
    readonly keys: Uint8Array;
    readonly values: Uint8Array;
    readonly count: number;
    readonly outBatch: Uint8Array | undefined;
}

export interface MapCreateRequest {
    readonly mapType: number;
    readonly keySize: number;
    readonly valueSize: number;
    readonly maxEntries: number;
    readonly mapFlags?: number;
    readonly innerMapFd?: Fd;
    readonly numaNode?: number;
    readonly mapName?: string;
    readonly mapIfindex?: number;
    readonly btfFd?: Fd;
    readonly btfKeyTypeId?: number;
    readonly btfValueTypeId?: number;
    readonly btfVmlinuxValueTypeId?: number;
    readonly mapExtra?: bigint;
    readonly valueTypeBtfObjFd?: Fd;
    readonly mapTokenFd?: Fd;
}

export interface MapElemRequest {
    readonly mapFd: Fd;
    readonly key?: Uint8Array;
    readonly value?: Uint8Array;
    readonly flags?: bigint;
}

export interface MapInfo {
    readonly kind: 'map';
    readonly type: number;
    readonly id: number;
    readonly keySize: number;
    readonly valueSize: number;
    readonly maxEntries: number;
    readonly mapFlags: number;
    readonly name: string;
    readonly ifindex: number;
    readonly btfVmlinuxValueTypeId: number;
    readonly netnsDev: bigint;
    readonly netnsIno: bigint;
    readonly btfId: number;
    readonly btfKeyTypeId: number;
    readonly btfValueTypeId: number;
    readonly mapExtra: bigint;
}

export interface MapUpdateRequest extends MapElemRequest {
    readonly value: Uint8Array;
}

export interface NeighbourRequest extends NeighbourSelector {
    readonly lladdr: Uint8Array;
}

export interface NeighbourSelector {
    readonly netns?: Fd;
    readonly ifindex: number;
    readonly address: Uint8Array;
}

export interface NetAddress {
    readonly ifindex: number;
    readonly address: Uint8Array;
    readonly prefix: number;
    readonly broadcast: Uint8Array | undefined;
    readonly scope: number;
    readonly flags: number;
    readonly label: string | undefined;
}

export interface NetDevice {
    readonly ifindex: number;
    readonly name: string;
    readonly kind: string | undefined;
    readonly flags: number;
    readonly mtu: number;
    readonly address: Uint8Array;
    readonly operstate: number;
    readonly link: number | undefined;
    readonly master: number | undefined;
    readonly txQueues: number;
    readonly rxQueues: number;
    readonly xdp: XdpState;
    readonly type: number;
    readonly broadcast: Uint8Array;
    readonly qdisc: string;
    readonly txQueueLength: number;
    readonly group: number;
    readonly promiscuity: number;
    readonly minMtu: number;
    readonly maxMtu: number;
    readonly linkNetnsId: number | undefined;
    readonly vlan: {
        readonly id: number;
        readonly protocol: number;
    } | undefined;
    readonly stats: LinkStats;
}

export interface NetNeighbour {
    readonly ifindex: number;
    readonly address: Uint8Array;
    readonly lladdr: Uint8Array | undefined;
    readonly state: number;
}

export interface NetRoute {
    readonly family: number;
    readonly destination: Uint8Array;
    readonly prefix: number;
    readonly table: number;
    readonly protocol: number;
    readonly scope: number;
    readonly type: number;
    readonly gateway: Uint8Array | undefined;
    readonly ifindex: number | undefined;
    readonly source: Uint8Array | undefined;
    readonly metric: number;
    readonly encap: number | undefined;
}

export interface NewFilterRequest extends FilterSelector {
    readonly progFd: Fd;
    readonly name: string;
    readonly flags?: number;
    readonly flagsGen?: number;
    readonly classid?: number;
    readonly mode: 'create' | 'replace';
    readonly kind?: string;
}

export interface NewLinkRequest extends LinkSettings {
    readonly netns?: Fd;
    readonly name: string;
    readonly kind: string;
    readonly ifindex?: number;
    readonly link?: number;
    readonly vlan?: {
        readonly id: number;
        readonly protocol?: number;
    };
    readonly peer?: Omit<LinkSettings, 'up'> & {
        readonly name: string;
        readonly netns?: Fd;
    };
}

export type ObjectInfo = MapInfo | ProgInfo | BtfInfo | LinkInfo;

export type OperationName = keyof Operations;

export interface Operations {
    map_create: Operation<MapCreateRequest, Fd>;
    map_lookup_elem: Operation<MapElemRequest, Uint8Array>;
    map_update_elem: Operation<MapUpdateRequest, void>;
    map_delete_elem: Operation<MapElemRequest, void>;
    map_get_next_key: Operation<{
        readonly mapFd: Fd;
        readonly key?: Uint8Array;
    }, Uint8Array>;
    prog_load: Operation<ProgLoadRequest, ProgLoadResult>;
    obj_pin: Operation<{
        readonly bpfFd: Fd;
        readonly pathname: string;
        readonly fileFlags?: number;
        readonly pathFd?: number;
    }, void>;
    obj_get: Operation<{
        readonly pathname: string;
        readonly fileFlags?: number;
        readonly pathFd?: number;
    }, Fd>;
    prog_attach: Operation<ProgAttachRequest, void>;
    prog_detach: Operation<Omit<ProgAttachRequest, 'attachBpfFd'> & {
        readonly attachBpfFd?: Fd;
    }, void>;
    prog_test_run: Operation<TestRunRequest, TestRunResult>;
    prog_get_next_id: Operation<{
        readonly startId: number;
    }, number>;
    map_get_next_id: Operation<{
        readonly startId: number;
    }, number>;
    prog_get_fd_by_id: Operation<{
        readonly id: number;
    }, Fd>;
    map_get_fd_by_id: Operation<{
        readonly id: number;
        readonly openFlags?: number;
    }, Fd>;
    obj_get_info_by_fd: Operation<{
        readonly fd: Fd /** Also fetch instructions, line info, BTF bytes. */;
        readonly details?: boolean;
    }, ObjectInfo>;
    prog_query: Operation<{
        readonly netns?: Fd;
        readonly targetFd?: number;
        readonly targetIfindex?: number;
        readonly attachType: number;
        readonly queryFlags?: number;
    }, ProgQueryResult>;
    raw_tracepoint_open: Operation<{
        readonly name?: string;
        readonly progFd: Fd;
        readonly cookie?: bigint;
    }, Fd>;
    btf_load: Operation<{
        readonly btf: Uint8Array;
        readonly logLevel?: number;
        readonly logSize?: number;
        readonly btfFlags?: number;
        readonly tokenFd?: Fd;
    }, {
        readonly fd: Fd;
        readonly log: string;
    }>;
    btf_get_fd_by_id: Operation<{
        readonly id: number;
    }, Fd>;
    task_fd_query: Operation<{
        readonly pid: number;
        readonly fd: number;
        readonly flags?: number;
    }, {
        readonly progId: number;
        readonly fdType: number;
        readonly name: string;
        readonly probeOffset: bigint;
        readonly probeAddr: bigint;
    }>;
    map_lookup_and_delete_elem: Operation<MapElemRequest, Uint8Array>;
    map_freeze: Operation<{
        readonly mapFd: Fd;
    }, void>;
    btf_get_next_id: Operation<{
        readonly startId: number;
    }, number>;
    map_lookup_batch: Operation<MapBatchRequest, MapBatchResult>;
    map_lookup_and_delete_batch: Operation<MapBatchRequest, MapBatchResult>;
    map_update_batch: Operation<MapBatchKeysRequest & {
        readonly values: Uint8Array;
    }, number>;
    map_delete_batch: Operation<MapBatchKeysRequest, number>;
    link_create: Operation<LinkCreateRequest, Fd>;
    link_update: Operation<{
        readonly linkFd: Fd;
        readonly newProgFd?: Fd;
        readonly newMapFd?: Fd;
        readonly flags?: number;
        readonly oldProgFd?: Fd;
        readonly oldMapFd?: Fd;
    }, void>;
    link_get_fd_by_id: Operation<{
        readonly id: number;
    }, Fd>;
    link_get_next_id: Operation<{
        readonly startId: number;
    }, number>;
    enable_stats: Operation<{
        readonly type: number;
    }, Fd>;
    iter_create: Operation<{
        readonly linkFd: Fd;
        readonly flags?: number;
    }, Fd>;
    link_detach: Operation<{
        readonly linkFd: Fd;
    }, void>;
    prog_bind_map: Operation<{
        readonly progFd: Fd;
        readonly mapFd: Fd;
        readonly flags?: number;
    }, void>;
    token_create: Operation<{
        readonly bpffsFd: Fd;
        readonly flags?: number;
    }, Fd>;
    prog_stream_read_by_fd: Operation<{
        readonly progFd: Fd;
        readonly streamId: number;
        readonly size: number;
    }, Uint8Array>;
    trace_pipe_open: Operation<{
        readonly turnOn?: boolean;
    }, Fd>;
    close: Operation<{
        readonly fd: Fd;
    }, void>;
    open: Operation<{
        readonly path: string;
        readonly flags?: number;
        readonly mode?: number;
    }, Fd>;
    read: Operation<{
        readonly fd: Fd;
        readonly size: number;
    }, Uint8Array>;
    ioctl: Operation<{
        readonly fd: Fd;
        readonly request: number;
        readonly arg?: number;
    }, number>;
    perf_event_open: Operation<PerfEventOpenRequest, Fd>;
    fsmount: Operation<{
        readonly fsName: string;
    }, Fd>;
    socket: Operation<{
        readonly netns?: Fd;
        readonly domain: number;
        readonly type: number;
        readonly protocol?: number;
    }, Fd>;
    setsockopt: Operation<{
        readonly fd: number;
        readonly level: number;
        readonly name: number;
        readonly value: Uint8Array;
    }, void>;
    netns_open: Operation<{
        readonly path?: string;
    }, Fd>;
    netns_create: Operation<Record<never, never>, Fd>;
    netns_bind: Operation<{
        readonly netns: Fd;
        readonly path: string;
    }, void>;
    netns_unbind: Operation<{
        readonly path: string;
    }, void>;
    setns: Operation<{
        readonly netns: Fd;
    }, void>;
    ethtool_features: Operation<{
        readonly netns?: Fd;
        readonly name: string;
        readonly set?: Readonly<Record<string, boolean>>;
    }, Readonly<Record<string, boolean>>>;
    rtm_getlink: Operation<LinkSelector, NetDevice>;
    rtm_getlinks: Operation<{
        readonly netns?: Fd;
    }, readonly NetDevice[]>;
    rtm_newlink: Operation<NewLinkRequest, void>;
    rtm_setlink: Operation<SetLinkRequest, void>;
    rtm_dellink: Operation<LinkSelector, void>;
    rtm_newaddr: Operation<AddressRequest, void>;
    rtm_deladdr: Operation<AddressRequest, void>;
    rtm_getaddrs: Operation<{
        readonly netns?: Fd;
        readonly ifindex?: number;
    }, readonly NetAddress[]>;
    rtm_newroute: Operation<RouteRequest, void>;
    rtm_delroute: Operation<RouteRequest, void>;
    rtm_getroutes: Operation<{
        readonly netns?: Fd;
        readonly family?: number;
    }, readonly NetRoute[]>;
    rtm_newneigh: Operation<NeighbourRequest, void>;
    rtm_delneigh: Operation<NeighbourSelector, void>;
    rtm_getneighs: Operation<{
        readonly netns?: Fd;
        readonly ifindex?: number;
    }, readonly NetNeighbour[]>;
    rtm_getqdisc: Operation<{
        readonly netns?: Fd;
        readonly ifindex: number;
    }, readonly Qdisc[]>;
    rtm_newqdisc: Operation<QdiscRequest, void>;
    rtm_delqdisc: Operation<QdiscRequest, void>;
    rtm_gettfilter: Operation<FilterSelector, readonly BpfFilter[]>;
    rtm_newtfilter: Operation<NewFilterRequest, BpfFilter>;
    rtm_deltfilter: Operation<FilterSelector, void>;
    dup: Operation<{
        readonly fd: Fd;
    }, Fd>;
    mkdir: Operation<{
        readonly path: string;
        readonly mode?: number;
    }, void>;
    rmdir: Operation<{
        readonly path: string;
    }, void>;
    unlink: Operation<{
        readonly path: string;
    }, void>;
    rename: Operation<{
        readonly from: string;
        readonly to: string;
    }, void>;
    symlink: Operation<{
        readonly target: string;
        readonly path: string;
    }, void>;
    readlink: Operation<{
        readonly path: string;
    }, string>;
    readdir: Operation<{
        readonly path: string;
    }, readonly string[]>;
    stat: Operation<{
        readonly path: string;
    }, FileStatus>;
    sysctl_read: Operation<{
        readonly name: string;
    }, string>;
    sysctl_write: Operation<{
        readonly name: string;
        readonly value: string;
    }, void>;
}

export interface PerfEventOpenRequest {
    readonly type: number;
    readonly config: bigint;
    readonly config1?: bigint;
    readonly config2?: bigint;
    readonly probeName?: string;
    readonly samplePeriod?: bigint;
    readonly sampleFreq?: bigint;
    readonly sampleType?: bigint;
    readonly readFormat?: bigint;
    readonly attrFlags?: bigint;
    readonly wakeupEvents?: number;
    readonly pid?: number;
    readonly cpu?: number;
    readonly groupFd?: Fd;
    readonly flags?: number;
}

export interface ProgAttachRequest {
    readonly netns?: Fd;
    readonly targetFd?: number;
    readonly targetIfindex?: number;
    readonly attachBpfFd: Fd;
    readonly attachType: number;
    readonly attachFlags?: number;
    readonly replaceBpfFd?: Fd;
    readonly relativeFd?: number;
    readonly relativeId?: number;
    readonly expectedRevision?: bigint;
}

export interface ProgInfo {
    readonly kind: 'prog';
    readonly type: number;
    readonly id: number;
    readonly tag: Uint8Array;
    readonly jitedProgLen: number;
    readonly xlatedProgLen: number;
    readonly jitedProgInsns: Uint8Array | undefined;
    readonly xlatedProgInsns: Uint8Array | undefined;
    readonly loadTime: bigint;
    readonly createdByUid: number;
    readonly mapIds: readonly number[];
    readonly name: string;
    readonly ifindex: number;
    readonly gplCompatible: boolean;
    readonly netnsDev: bigint;
    readonly netnsIno: bigint;
    readonly jitedKsyms: readonly bigint[];
    readonly jitedFuncLens: readonly number[];
    readonly btfId: number;
    readonly funcInfo: Uint8Array | undefined;
    readonly funcInfoRecSize: number;
    readonly lineInfo: Uint8Array | undefined;
    readonly lineInfoRecSize: number;
    readonly jitedLineInfo: readonly bigint[];
    readonly progTags: readonly Uint8Array[];
    readonly runTimeNs: bigint;
    readonly runCnt: bigint;
    readonly recursionMisses: bigint;
    readonly verifiedInsns: number;
    readonly attachBtfObjId: number;
    readonly attachBtfId: number;
}

export interface ProgLoadRequest {
    readonly progType: number;
    readonly insns: Uint8Array;
    readonly license: string;
    readonly logLevel?: number;
    readonly logSize?: number;
    readonly kernVersion?: number;
    readonly progFlags?: number;
    readonly progName?: string;
    readonly progIfindex?: number;
    readonly expectedAttachType?: number;
    readonly progBtfFd?: Fd;
    readonly funcInfo?: Uint8Array;
    readonly funcInfoRecSize?: number;
    readonly lineInfo?: Uint8Array;
    readonly lineInfoRecSize?: number;
    readonly attachBtfId?: number;
    readonly attachProgFd?: Fd;
    readonly attachBtfObjFd?: Fd;
    readonly coreRelos?: Uint8Array;
    readonly coreReloRecSize?: number;
    readonly fdArray?: readonly Fd[];
    readonly progTokenFd?: Fd;
}

export interface ProgLoadResult {
    readonly fd: Fd;
    readonly log: string;
}

export interface ProgQueryResult {
    readonly attachFlags: number;
    readonly progIds: readonly number[];
    readonly progAttachFlags: readonly number[];
    readonly linkIds: readonly number[];
    readonly linkAttachFlags: readonly number[];
    readonly revision: bigint;
}

export interface Qdisc {
    readonly ifindex: number;
    readonly kind: string;
    readonly handle: number;
    readonly parent: number;
}

export interface QdiscRequest {
    readonly netns?: Fd;
    readonly ifindex: number;
    readonly kind: string;
    readonly handle: number;
    readonly parent: number;
}

export type Request<Name extends OperationName> = Operations[Name]['request'];

export type Result<Name extends OperationName> = Operations[Name]['result'];

export interface RouteRequest {
    readonly netns?: Fd;
    readonly destination: Uint8Array;
    readonly prefix: number;
    readonly gateway?: Uint8Array;
    readonly ifindex?: number;
    readonly table?: number;
    readonly type?: number;
    readonly metric?: number;
    readonly source?: Uint8Array;
    readonly protocol?: number;
    readonly scope?: number;
    readonly replace?: boolean;
    readonly bpf?: {
        readonly in?: {
            readonly fd: Fd;
            readonly name: string;
        };
        readonly out?: {
            readonly fd: Fd;
            readonly name: string;
        };
        readonly xmit?: {
            readonly fd: Fd;
            readonly name: string;
        };
        readonly headroom?: number;
    };
}

export interface SetLinkRequest extends LinkSettings, LinkSelector {
    readonly xdp?: {
        readonly fd: Fd | -1;
        readonly flags?: number;
        readonly expectedFd?: Fd | -1;
    };
}

export interface TestRunRequest {
    readonly progFd: Fd;
    readonly dataIn?: Uint8Array;
    readonly dataSizeOut?: number;
    readonly ctxIn?: Uint8Array;
    readonly ctxSizeOut?: number;
    readonly repeat?: number;
    readonly flags?: number;
    readonly cpu?: number;
    readonly batchSize?: number;
}

export interface TestRunResult {
    readonly retval: number;
    readonly duration: number;
    readonly dataOut: Uint8Array;
    readonly ctxOut: Uint8Array;
}

export interface TracedCall {
    readonly name: OperationName | 'watch' | 'mmap' | 'munmap';
    readonly request: unknown;
    readonly result: unknown;
    readonly error: KernelError | undefined;
    readonly duration: number;
}

export interface Watch extends Disposable {
    ref(): void;
    unref(): void;
}

export interface WatchOptions {
    readonly writable?: boolean;
    readonly gone?: () => void;
}

export interface XdpState {
    readonly attached: number;
    readonly progId: number;
    readonly drvProgId: number;
    readonly skbProgId: number;
    readonly hwProgId: number;
}

export declare function errorCode(error: unknown): string | undefined;

export declare function fault<K extends Kernel>(kernel: K, plan: FaultPlan): FaultyKernel<K>;

export declare function formatCall(call: TracedCall): string;

export declare function mapLimitHint(r: MapCreateRequest, error: KernelError): string | undefined;

export declare function progLimitHint(r: ProgLoadRequest, error: KernelError): string | undefined;

export declare function trace<K extends Kernel>(kernel: K, sink: (call: TracedCall) => void): K;

// Named above, exported by none: ERRNO (base/errno), Operation (kernel/operations)
