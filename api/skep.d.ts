// skep: what it exports. Written by scripts/gen/api.mjs: a change here is a change of the public API.

export interface Abortable {
    readonly aborted: boolean;
    addEventListener(type: 'abort', listener: () => void, options?: {
        once?: boolean;
    }): void;
    removeEventListener(type: 'abort', listener: () => void): void;
}

export interface AttachTargets {
    readonly device?: DeviceLike;
    readonly direction?: Direction;
    readonly cgroup?: string | FdLike;
    readonly netns?: NetNamespace;
    readonly netfilter?: Omit<NetfilterOptions, 'netns'>;
    readonly socket?: FdLike;
    readonly map?: BpfMap;
    readonly pid?: number;
    readonly cookie?: bigint;
}

export interface AttachTo {
    readonly program: BpfProgram;
    readonly function?: string;
}

export interface Attachment extends Disposable {
    readonly kind: string;
    detach(): void;
}

export type Availability = 'available' | 'missing' | 'denied';

export declare class BpfIterator implements Attachment {
    readonly kind = "iter";
    readonly link: BpfLink;
    constructor(link: BpfLink);
    chunks(): Generator<Uint8Array, void, undefined>;
    text(): string;
    records<T>(codec: Codec<T>): Generator<T, void, undefined>;
    detach(): void;
    [Symbol.dispose](): void;
}

export declare class BpfLink implements Attachment {
    #private;
    constructor(handle: Handle, held?: readonly Disposable[]);
    static fromFd(kernel: Kernel, fd: Fd): BpfLink;
    static byId(kernel: Kernel, id: number): BpfLink;
    static openPinned(kernel: Kernel, pathname: string): BpfLink;
    get kernel(): Kernel;
    get fd(): Fd;
    get id(): number;
    get kind(): string;
    info(): LinkInfo;
    update(program: BpfProgram, options?: LinkUpdateOptions): void;
    pin(pathname: string): void;
    detach(): void;
    close(): void;
    [Symbol.dispose](): void;
}

export declare class BpfMap<K = unknown, V = unknown> {
    #private;
    readonly name: string;
    readonly type: number;
    readonly keySize: number;
    readonly valueSize: number;
    readonly maxEntries: number;
    readonly flags: number;
    readonly perCpu: boolean;
    readonly types: MapTypes | undefined;
    constructor(handle: Handle, info: MapInfo, types?: MapTypes, codecs?: {
        key?: Codec<K>;
        value?: Codec<V>;
    });
    static fromFd<K = unknown, V = unknown>(kernel: Kernel, fd: Fd, types?: MapTypes): BpfMap<K, V>;
    static openPinned<K = unknown, V = unknown>(kernel: Kernel, pathname: string): BpfMap<K, V>;
    get kernel(): Kernel;
    get fd(): Fd;
    get typeName(): string;
    withCodecs<K2, V2>(key: Codec<K2>, value: Codec<V2>): BpfMap<K2, V2>;
    info(): MapInfo;
    get(key: K): V | undefined;
    has(key: K): boolean;
    set(key: K, value: V, options?: {
        mode?: UpdateMode;
        lock?: boolean;
    }): this;
    delete(key: K): boolean;
    take(key: K): V | undefined;
    push(value: V, options?: {
        replace?: boolean;
    }): void;
    pop(): V | undefined;
    peek(): V | undefined;
    getBytes(key: Uint8Array): Uint8Array | undefined;
    setBytes(key: Uint8Array, value: Uint8Array, flags?: bigint): void;
    rawKeys(): Generator<Uint8Array, void, undefined>;
    rawEntries(): Generator<[Uint8Array, Uint8Array], void, undefined>;
    keys(): Generator<K, void, undefined>;
    values(): Generator<V, void, undefined>;
    entries(): Generator<[K, V], void, undefined>;
    [Symbol.iterator](): Generator<[K, V], void, undefined>;
    setMany(entries: Iterable<readonly [K, V]>): number;
    lookupBatch(count: number, options?: LookupBatchOptions): MapBatch;
    updateBatch(keys: ArrayBufferView, values: ArrayBufferView): number;
    deleteBatch(keys: ArrayBufferView): number;
    clear(): number;
    mmap(options?: MappedArrayOptions): MappedArray<V>;
    freeze(): void;
    pin(pathname: string): void;
    close(): void;
    [Symbol.dispose](): void;
}

export declare class BpfProgram {
    #private;
    readonly name: string;
    readonly type: number;
    readonly expectedAttachType: number;
    readonly origin: ProgramOrigin | undefined;
    constructor(handle: Handle, name: string, type: number, expectedAttachType?: number, origin?: ProgramOrigin);
    static fromFd(kernel: Kernel, fd: Fd): BpfProgram;
    static openPinned(kernel: Kernel, pathname: string): BpfProgram;
    get kernel(): Kernel;
    get fd(): Fd;
    get typeName(): string;
    info(options?: {
        details?: boolean;
    }): ProgInfo;
    testRun(request?: Omit<TestRunRequest, 'progFd'>): TestRunResult;
    pin(pathname: string): void;
    close(): void;
    [Symbol.dispose](): void;
}

export type BtfFeature = keyof typeof SAMPLES;

export declare const CONFIG_OPTIONS: readonly ['CONFIG_BPF', 'CONFIG_BPF_SYSCALL', 'CONFIG_HAVE_EBPF_JIT', 'CONFIG_BPF_JIT', 'CONFIG_BPF_JIT_ALWAYS_ON', 'CONFIG_DEBUG_INFO_BTF', 'CONFIG_DEBUG_INFO_BTF … /* 861 characters */

export interface CgroupAttachOptions extends CgroupOptions {
    readonly mode?: 'exclusive' | 'override' | 'multi';
    readonly replace?: BpfProgram;
}

export interface CgroupOptions extends OrderOptions {
    readonly attachType?: string;
}

export type CgroupOrder = 'self' | 'descendants_pre' | 'descendants_post' | 'ancestors_up';

export interface Codec<T> {
    readonly size: number;
    encode(value: T): Uint8Array;
    decode(bytes: Uint8Array): T;
    writeAt?(bytes: Uint8Array, at: number, value: T): void;
    readAt?(bytes: Uint8Array, at: number): T;
}

export declare class Collection {
    #private;
    readonly spec: ObjectSpec;
    readonly kernel: Kernel;
    readonly maps: ReadonlyMap<string, BpfMap>;
    readonly programs: ReadonlyMap<string, BpfProgram>;
    readonly logs: ReadonlyMap<string, string>;
    readonly structOps: ReadonlyMap<string, Uint8Array>;
    constructor(spec: ObjectSpec, kernel: Kernel, parts: {
        maps: ReadonlyMap<string, BpfMap>;
        programs: ReadonlyMap<string, BpfProgram>;
        logs: ReadonlyMap<string, string>;
        structOps: ReadonlyMap<string, Uint8Array>;
        owned: readonly Disposable[];
    });
    map<K = unknown, V = unknown>(name: string): BpfMap<K, V>;
    program(name: string): BpfProgram;
    close(): void;
    [Symbol.dispose](): void;
}

export interface CollectionOptions extends MapPlacement {
    readonly kernel: Kernel;
    readonly programs?: readonly string[];
    readonly maps?: Readonly<Record<string, BpfMap>>;
    readonly targetBtf?: Btf | null;
    readonly logLevel?: number;
    readonly kconfig?: string | Readonly<Record<string, string | number | bigint | boolean>>;
    readonly ifindex?: number;
    readonly attachTo?: Readonly<Record<string, AttachTo>>;
}

export type ConfigOption = (typeof CONFIG_OPTIONS)[number];

export interface CookieOptions {
    readonly cookie?: bigint;
}

export interface DecodeRecord<T> {
    (record: Uint8Array): T;
    at?(bytes: Uint8Array, start: number, end: number): T;
}

export declare class Device {
    readonly netns: NetNamespace;
    readonly ifindex: number;
    constructor(netns: NetNamespace, ifindex: number);
    get kernel(): Kernel;
    get name(): string;
    info(): NetDevice;
    set(settings: DeviceSettings & {
        readonly name?: string;
    }): void;
    moveTo(netns: NetNamespace): Device;
    addAddress(text: string): void;
    removeAddress(text: string): void;
    addNeighbour(address: string, lladdr: Uint8Array): void;
    delete(): void;
}

export type DeviceLike = Device | string;

export interface DeviceSettings extends Omit<LinkSettings, 'targetNetns' | 'newName' | 'master'> {
    readonly master?: Device;
}

export type Direction = 'ingress' | 'egress';

export declare class EventStream<T> implements AsyncIterableIterator<T> {
    #private;
    constructor(source: EventSource<T>, options?: RecordsOptions);
    next(): Promise<IteratorResult<T, undefined>>;
    return(): Promise<IteratorResult<T, undefined>>;
    [Symbol.asyncIterator](): this;
    [Symbol.asyncDispose](): Promise<void>;
}

export type Fd = number & {
    readonly __fd: true;
};

export type FdLike = number | {
    readonly fd: number;
};

export interface Features {
    readonly kernel: string;
    readonly release: string;
    readonly syscall: boolean;
    readonly sysctls: Readonly<Record<SysctlName, number | undefined>>;
    readonly config: Readonly<Record<ConfigOption, string | undefined>> | undefined;
    readonly progTypes: Readonly<Record<ProgTypeName, Availability>>;
    readonly mapTypes: Readonly<Record<MapTypeName, Availability>>;
    readonly attachTypes: Readonly<Record<AttachTypeName, Availability>>;
    readonly helpers: Readonly<Partial<Record<ProgTypeName, readonly HelperName[]>>>;
    readonly instructions: Readonly<Record<InstructionFeature, Availability>>;
    readonly kernelBtf: boolean;
    readonly btfKinds: Readonly<Record<BtfFeature, Availability>>;
    readonly kfuncs: readonly string[];
}

export declare class FormatError extends Error {
    readonly name = "FormatError";
    readonly format: FormatKind;
    readonly offset: number | undefined;
    readonly file: string | undefined;
    readonly section: string | undefined;
    readonly symbol: string | undefined;
    readonly hint: string | undefined;
    readonly reason: string;
    constructor(format: FormatKind, reason: string, place?: FormatErrorPlace);
    at(place: FormatErrorPlace): FormatError;
}

export interface FreplaceOptions {
    readonly target?: {
        readonly program: BpfProgram;
        readonly btfId: number;
    };
}

export type InstructionFeature = keyof typeof SAMPLES;

export interface IterOptions {
    readonly map?: BpfMap;
    readonly cgroup?: {
        readonly path: string | FdLike;
        readonly order: CgroupOrder;
    };
    readonly tid?: number;
    readonly pid?: number;
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

export declare class KernelBtf {
    #private;
    constructor(kernel: Kernel);
    vmlinux(): Btf | undefined;
    find(name: string, kind: BtfKind): KernelType | undefined;
    close(): void;
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

export interface KernelType {
    readonly btf: Btf;
    readonly id: number;
    readonly moduleFd: Fd | undefined;
}

export interface KprobeMultiOptions {
    readonly functions?: readonly string[] | string;
    readonly addresses?: readonly bigint[];
    readonly cookies?: readonly bigint[];
    readonly return?: boolean;
}

export interface KprobeOptions extends CookieOptions {
    readonly function?: string;
    readonly offset?: number;
    readonly return?: boolean;
}

export interface LinkInfo {
    readonly kind: 'link';
    readonly type: number;
    readonly id: number;
    readonly progId: number;
    readonly details: LinkDetails;
}

export interface LinkUpdateOptions {
    readonly expected?: BpfProgram;
}

export interface LookupBatchOptions {
    readonly after?: Uint8Array;
    readonly keys?: ArrayBufferView;
    readonly values?: ArrayBufferView;
    readonly take?: boolean;
}

export interface LwtOptions {
    readonly netns: NetNamespace;
    readonly destination: string;
    readonly device?: Device;
    readonly gateway?: string;
    readonly in?: BpfProgram;
    readonly out?: BpfProgram;
    readonly xmit?: BpfProgram;
    readonly headroom?: number;
}

export interface MapBatch {
    readonly keys: Uint8Array;
    readonly values: Uint8Array;
    readonly count: number;
    readonly next: Uint8Array | undefined;
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

export interface MapPlacement {
    readonly pinPath?: string;
    readonly tcPinPath?: string;
    readonly pinPathOf?: (map: MapSpec) => string | undefined;
}

export interface MapTypes {
    readonly btf: Btf;
    readonly keyTypeId: number;
    readonly valueTypeId: number;
}

export declare class MappedArray<V = Uint8Array> {
    #private;
    readonly length: number;
    readonly writable: boolean;
    constructor(map: BpfMap<unknown, V>, codec: Codec<V>, options?: MappedArrayOptions);
    get closed(): boolean;
    get(index: number): V;
    set(index: number, value: V): void;
    readBytes(offset: number, length: number): Uint8Array;
    writeBytes(offset: number, bytes: Uint8Array): void;
    readU64(offset: number): bigint;
    addU64(offset: number, by: bigint): bigint;
    [Symbol.iterator](): Generator<V, void, undefined>;
    close(): void;
    [Symbol.dispose](): void;
}

export interface MappedArrayOptions {
    readonly writable?: boolean;
}

export type Neighbour = BpfProgram | BpfLink | {
    readonly progId: number;
} | {
    readonly linkId: number;
};

export declare class NetNamespace implements Disposable {
    #private;
    constructor(handle: Handle);
    static open(kernel: Kernel, path?: string): NetNamespace;
    static create(kernel: Kernel): NetNamespace;
    get kernel(): Kernel;
    get fd(): Fd;
    device(name: string): Device;
    devices(): readonly NetDevice[];
    create(name: string, kind: string, settings?: DeviceSettings): Device;
    createVeth(name: string, peerName: string, options?: {
        readonly peerNetns?: NetNamespace;
        readonly queues?: number;
        readonly up?: boolean;
    }): [Device, Device];
    addRoute(destination: string, options: {
        readonly device?: Device;
        readonly gateway?: string;
    }): void;
    close(): void;
    [Symbol.dispose](): void;
}

export interface NetfilterOptions {
    readonly netns?: NetNamespace;
    readonly family: 'ipv4' | 'ipv6';
    readonly hook: 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting';
    readonly priority: number;
    readonly defragment?: boolean;
}

export interface NetkitOptions extends OrderOptions {
    readonly end: 'primary' | 'peer';
}

export declare class ObjectError extends Error {
    readonly name = "ObjectError";
    readonly file: string | undefined;
    readonly section: string | undefined;
    readonly symbol: string | undefined;
    readonly hint: string | undefined;
    readonly reason: string;
    constructor(reason: string, place?: ObjectErrorPlace);
}

export interface ObjectSpec {
    readonly file: string | undefined;
    readonly name: string;
    readonly littleEndian: boolean;
    license: string;
    version: number;
    readonly functions: readonly FunctionSpec[];
    readonly programs: ProgramSpec[];
    readonly maps: MapSpec[];
    readonly externs: ExternSpec[];
    readonly variables: readonly VariableSpec[];
    readonly btf: Uint8Array | undefined;
    readonly btfExt: Uint8Array | undefined;
    readonly notices: readonly string[];
}

export interface OrderOptions {
    readonly before?: Neighbour | 'all';
    readonly after?: Neighbour | 'all';
    readonly expectedRevision?: bigint;
}

export declare class PerfBuffer<T = Uint8Array> implements AsyncIterable<PerfSample<T>> {
    #private;
    constructor(map: BpfMap, options?: PerfBufferOptions<T>);
    get lost(): number;
    get closed(): boolean;
    get cpus(): readonly number[];
    read(): PerfSample<T>[];
    records(options?: RecordsOptions): EventStream<PerfSample<T>>;
    batches(options?: RecordsOptions): EventStream<PerfSample<T>[]>;
    [Symbol.asyncIterator](): EventStream<PerfSample<T>>;
    close(): void;
    [Symbol.dispose](): void;
}

export interface PerfBufferOptions<T> {
    readonly pages?: number;
    readonly wakeupEvents?: number;
    readonly timestamps?: boolean;
    readonly decode?: (sample: Uint8Array) => T;
}

export interface PerfEventOptions extends CookieOptions {
    readonly type?: number;
    readonly config?: bigint;
    readonly samplePeriod?: bigint;
    readonly sampleFreq?: bigint;
    readonly pid?: number;
    readonly cpu?: number;
}

export interface PerfSample<T> {
    readonly cpu: number;
    readonly data: T;
    readonly time?: bigint;
}

export declare class Printk implements AsyncIterable<PrintkLine> {
    #private;
    constructor(kernel: Kernel, options?: {
        readonly turnOn?: boolean;
    });
    get closed(): boolean;
    get lost(): number;
    read(): PrintkLine[];
    lines(options?: RecordsOptions): EventStream<PrintkLine>;
    [Symbol.asyncIterator](): EventStream<PrintkLine>;
    close(): void;
    [Symbol.dispose](): void;
}

export interface PrintkLine {
    readonly task: string;
    readonly pid: number;
    readonly cpu: number;
    readonly time: number;
    readonly text: string;
}

export interface ProbeOptions {
    readonly helpers?: boolean;
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

export interface ProgramOrigin {
    readonly section: string;
    readonly attachTarget: string | undefined;
    readonly attachType: string | undefined;
}

export interface RecordSpans {
    readonly bytes: Uint8Array;
    readonly starts: Int32Array;
    readonly ends: Int32Array;
    readonly count: number;
}

export interface RecordsOptions {
    readonly signal?: Abortable;
}

export declare class RingBuffer<T = Uint8Array> implements AsyncIterable<T> {
    #private;
    constructor(map: BpfMap, options?: RingBufferOptions<T>);
    get pending(): number;
    get discarded(): number;
    get lost(): number;
    get closed(): boolean;
    drain(handler: (record: Uint8Array) => void, limit?: number): number;
    drainSpans(handler: (bytes: Uint8Array, start: number, end: number) => void, limit?: number): number;
    read(limit?: number): T[];
    records(options?: RecordsOptions): EventStream<T>;
    batches(options?: RecordsOptions): EventStream<T[]>;
    spans(options?: RecordsOptions): EventStream<RecordSpans>;
    [Symbol.asyncIterator](): EventStream<T>;
    close(): void;
    [Symbol.dispose](): void;
}

export interface RingBufferOptions<T> {
    readonly decode?: DecodeRecord<T>;
    readonly countLost?: () => number;
}

export interface TcAttachment extends Attachment {
    readonly kind: 'tc';
    readonly device: Device;
    readonly direction: Direction;
    readonly priority: number;
    readonly handle: number;
    update(program: BpfProgram): void;
}

export interface TcOptions {
    readonly direction: Direction;
    readonly priority?: number;
    readonly handle?: number;
    readonly replace?: boolean;
    readonly protocol?: number;
    readonly chain?: number;
    readonly directAction?: boolean;
    readonly classid?: number;
    readonly name?: string;
    readonly skip?: 'hw' | 'sw';
    readonly removeQdisc?: boolean;
}

export interface TcxOptions extends OrderOptions {
    readonly direction: Direction;
}

export interface TracepointOptions extends CookieOptions {
    readonly via?: 'link' | 'ioctl';
}

export type UpdateMode = 'any' | 'create' | 'replace';

export interface UprobeMultiOptions {
    readonly binary: string;
    readonly functions?: readonly string[] | string;
    readonly offsets?: readonly number[];
    readonly cookies?: readonly bigint[];
    readonly pid?: number;
    readonly return?: boolean;
}

export interface UprobeOptions extends CookieOptions {
    readonly binary?: string;
    readonly symbol?: string;
    readonly offset?: number;
    readonly pid?: number;
    readonly return?: boolean;
}

export declare class UsageError extends Error {
    readonly name = "UsageError";
    readonly hint: string | undefined;
    constructor(message: string, hint?: string);
}

export interface UsdtOptions extends CookieOptions {
    readonly binary?: string;
    readonly provider?: string;
    readonly probe?: string;
    readonly pid?: number;
}

export declare class UserRingBuffer {
    #private;
    constructor(map: BpfMap);
    get closed(): boolean;
    get pending(): number;
    write(sample: Uint8Array): boolean;
    send(sample: Uint8Array, options?: RecordsOptions): Promise<boolean>;
    close(): void;
    [Symbol.dispose](): void;
}

export declare class VerifierError extends Error {
    readonly name = "VerifierError";
    readonly program: string;
    readonly section: string | undefined;
    readonly code: string;
    readonly errno: number;
    readonly log: string;
    readonly reason: string;
    readonly pc: number | undefined;
    readonly source: string | undefined;
    readonly hint: string | undefined;
    readonly ruleId: string | undefined;
    readonly check: string | undefined;
    constructor(program: string, section: string | undefined, cause: KernelError);
    report(): string;
}

export interface XdpAttachment extends Attachment {
    readonly kind: 'xdp';
    readonly device: Device;
    readonly mode: XdpMode;
    readonly via: 'link' | 'netlink';
    readonly notes: readonly string[];
    readonly link: BpfLink | undefined;
    update(program: BpfProgram): void;
}

export type XdpMode = 'native' | 'generic' | 'offload';

export interface XdpOptions {
    readonly mode?: XdpMode | 'auto';
    readonly via?: 'link' | 'netlink' | 'auto';
    readonly replace?: boolean | BpfProgram;
}

export declare function attach(collection: Collection, name: string, to?: AttachTargets): Attachment;

export declare function attachCgroup(program: BpfProgram, cgroup: string | FdLike, options?: CgroupOptions): BpfLink;

export declare function attachCgroupProg(program: BpfProgram, cgroup: string | FdLike, options?: CgroupAttachOptions): Attachment;

export declare function attachFreplace(program: BpfProgram, options?: FreplaceOptions): BpfLink;

export declare function attachIter(program: BpfProgram, options?: IterOptions): BpfIterator;

export declare function attachKprobe(program: BpfProgram, options?: KprobeOptions): Attachment;

export declare function attachKprobeMulti(program: BpfProgram, options: KprobeMultiOptions): BpfLink;

export declare function attachLwt(options: LwtOptions): Attachment;

export declare function attachNetfilter(program: BpfProgram, options: NetfilterOptions): BpfLink;

export declare function attachNetkit(program: BpfProgram, target: DeviceLike, options: NetkitOptions): BpfLink;

export declare function attachNetns(program: BpfProgram, netns?: NetNamespace): BpfLink;

export declare function attachPerfEvent(program: BpfProgram, options?: PerfEventOptions): Attachment;

export declare function attachRawTracepoint(program: BpfProgram, name?: string, options?: CookieOptions): BpfLink;

export declare function attachReuseport(program: BpfProgram, socket: FdLike): Attachment;

export declare function attachSocketFilter(program: BpfProgram, socket: FdLike): Attachment;

export declare function attachSockmap(program: BpfProgram, map: BpfMap): Attachment;

export declare function attachStructOps(collection: Collection, name: string): Attachment;

export declare function attachTc(program: BpfProgram, target: DeviceLike, options: TcOptions): TcAttachment;

export declare function attachTcx(program: BpfProgram, target: DeviceLike, options: TcxOptions): BpfLink;

export declare function attachTracepoint(program: BpfProgram, name?: string, options?: TracepointOptions): Attachment;

export declare function attachTracing(program: BpfProgram, options?: CookieOptions): BpfLink;

export declare function attachUprobe(program: BpfProgram, options?: UprobeOptions): Attachment;

export declare function attachUprobeMulti(program: BpfProgram, options: UprobeMultiOptions): BpfLink;

export declare function attachUsdt(collection: Collection, program: BpfProgram, options?: UsdtOptions): Attachment;

export declare function attachXdp(program: BpfProgram, target: DeviceLike, options?: XdpOptions): XdpAttachment;

export declare function btfCodec(btf: Btf, typeId: number, size: number): Codec<unknown>;

export declare function bytesCodec(size: number): Codec<Uint8Array>;

export declare function errorCode(error: unknown): string | undefined;

export declare function globalVariables<T extends object = Record<string, unknown>>(of: ObjectSpec | Collection, section: string): T;

export declare function hasKfunc(kernel: Kernel, name: string): boolean;

export declare function int64Codec(signed?: boolean): Codec<bigint>;

export declare function intCodec(size: 1 | 2 | 4, signed?: boolean): Codec<number>;

export declare function kernelFunctions(kernel: Kernel, pattern: string): string[];

export declare function linkSockmap(program: BpfProgram, map: BpfMap): BpfLink;

export declare function listUsdt(binary: string, pid?: number): {
    provider: string;
    name: string;
    address: number;
    fileOffset: number;
    semaphoreOffset: number;
    args: string;
    decodedArgs: UsdtArg[];
}[];

export declare function load(source: string | Uint8Array | ObjectSpec, options: CollectionOptions): Promise<Collection>;

export declare function loadCollection(spec: ObjectSpec, options: CollectionOptions): Collection;

export declare function openObject(bytes: Uint8Array, options?: OpenOptions): ObjectSpec;

export declare function openPacketSocket(kernel: Kernel, netns?: NetNamespace): Handle;

export declare function probeAttachType(kernel: Kernel, name: AttachTypeName): Availability;

export declare function probeBtfKind(kernel: Kernel, kind: BtfFeature): Availability;

export declare function probeFeatures(kernel: Kernel, options?: ProbeOptions): Features;

export declare function probeHelper(kernel: Kernel, progType: ProgTypeName, helper: HelperName): Availability;

export declare function probeHelpers(kernel: Kernel, progType: ProgTypeName): HelperName[];

export declare function probeInstructions(kernel: Kernel, feature: InstructionFeature): Availability;

export declare function probeMapType(kernel: Kernel, name: MapTypeName): Availability;

export declare function probeProgType(kernel: Kernel, name: ProgTypeName): Availability;

export declare function programStream(program: BpfProgram, stream: keyof typeof STREAM_ID, options?: RecordsOptions): EventStream<string>;

export declare function recordDecoder<T = unknown>(source: ObjectSpec | Btf, name: string): DecodeRecord<T>;

export declare function removeClsact(device: Device): boolean;

export declare function syscallFunction(kernel: Kernel, name: string): string;

export declare function tcFilters(device: Device, direction: Direction): BpfFilter[];

// Named above, exported by other entries: AttachTypeName (skep/spec), BpfFilter (skep/kernel), Btf (skep/btf)
//   BtfKind (skep/btf), ErrnoName (skep/kernel), ExternSpec (skep/object), FunctionSpec (skep/object)
//   HelperName (skep/spec), LinkDetails (skep/kernel), LinkSettings (skep/kernel), MapAccess (skep/kernel)
//   MapSpec (skep/object), MapTypeName (skep/spec), NetDevice (skep/kernel), ObjectErrorPlace (skep/object)
//   OpenOptions (skep/object), OperationName (skep/kernel), ProgTypeName (skep/spec), ProgramSpec (skep/object)
//   Request (skep/kernel), Result (skep/kernel), SysctlName (skep/spec), TestRunRequest (skep/kernel)
//   TestRunResult (skep/kernel), VariableSpec (skep/object), Watch (skep/kernel), WatchOptions (skep/kernel)

// Named above, exported by none: EventSource (sdk/event-stream), FormatErrorPlace (base/errors)
//   FormatKind (base/errors), Handle (sdk/handle), SAMPLES (sdk/features/btf-kinds)
//   SAMPLES (sdk/features/instructions), STREAM_ID (sdk/program-stream), UsdtArg (sdk/tracing/usdt-args)
//   pinPathOf (sdk/create-maps)
