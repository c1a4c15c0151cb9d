// skep/embedded: what it exports. Written by scripts/gen/api.mjs: a change here is a change of the public API.

export interface BoundSocketOptions {
    readonly netns?: Fd;
    readonly protocol: 'udp' | 'tcp';
    readonly address?: string;
    readonly port: number;
}

export interface Clock {
    monotonic(): bigint;
    boottime(): bigint;
    realtime(): bigint;
    tai(): bigint;
    attach?(memory: Memory): Addr;
}

export interface ClonedPacket {
    readonly ifindex: number;
    readonly flags: number;
    readonly data: Uint8Array;
}

export interface DeviceSelector {
    readonly netns?: Fd;
    readonly name?: string;
    readonly ifindex?: number;
}

export interface EmbeddedKernel extends Kernel {
    readonly name: 'embedded';
    readonly machine: Machine;
    fork(): EmbeddedKernel;
    packetRunner(progFd: Fd, options?: PacketRunnerOptions): PacketRunner;
    setClock(clock: Clock): void;
    snapshot(): Uint8Array;
    restore(snapshot: Uint8Array): void;
    fdInfo(fd: Fd): ReadonlyMap<string, string>;
    readonly bpffs: Pick<BpfFs, 'mounts' | 'mount' | 'unmount'>;
    readonly network: NetworkControl;
    readonly log: readonly string[];
}

export type EmbeddedOptions = WorldOptions;

export interface JourneyStep {
    readonly packet: number;
    readonly parent?: number;
    readonly time: bigint;
    readonly netns: number;
    readonly device: string;
    readonly ifindex: number;
    readonly hook: string;
    readonly what: string;
    readonly mode?: string;
    readonly program?: {
        readonly id: number;
        readonly name: string;
    };
    readonly verdict?: string;
    readonly target?: string;
    readonly reason?: string;
    readonly note?: string;
    readonly length: number;
    readonly changes?: readonly {
        readonly offset: number;
        readonly before: string;
        readonly after: string;
    }[];
}

export declare class LocalSocket {
    #private;
    readonly fd: Fd;
    constructor(fd: Fd, socket: Socket);
    get packets(): number;
    get bytes(): number;
    get drops(): number;
    get port(): number;
    take(): ReceivedData[];
}

export declare class NetworkControl {
    #private;
    constructor(session: Session);
    now(): bigint;
    device(selector: DeviceSelector): Device;
    port(name: string, options?: PortOptions): NetworkPort;
    openPort(selector: DeviceSelector, receive?: (frame: Uint8Array) => void): NetworkPort;
    inject(selector: DeviceSelector, frame: Uint8Array, queue?: number): void;
    arrive(device: Device, bytes: Uint8Array, queue: number): void;
    transmit(selector: DeviceSelector, bytes: Uint8Array): void;
    flood(selector: DeviceSelector, bytes: Uint8Array, count: number): void;
    sendUdp(options: UdpOptions): void;
    ping(options: PingOptions): PingAnswer | undefined;
    startPing(options: PingOptions): {
        readonly answer: PingAnswer | undefined;
    } & Disposable;
    listen(options: BoundSocketOptions): LocalSocket;
    sniff(selector: DeviceSelector): LocalSocket;
    xsk(selector: DeviceSelector & {
        readonly queue?: number;
        readonly size?: number;
    }): XskQueue;
    watch(sink: (step: JourneyStep, frame: Uint8Array | undefined) => void): Disposable;
    tracepoints(subscription: Subscription): Disposable;
    get drops(): ReadonlyMap<string, number>;
    filterCounts(selector: DeviceSelector): {
        readonly bytes: number;
        readonly packets: number;
        readonly drops: number;
    };
    namespaceId(path: string): number | undefined;
    setForwarding(netns: Fd | undefined, on: boolean): void;
    enterCgroup(path: string): void;
    stats(selector: DeviceSelector): Readonly<Device['stats']>;
}

export interface NetworkDevice {
    readonly ifindex: number;
    readonly name: string;
    readonly mtu: number;
    readonly mac: Uint8Array;
    readonly broadcast: Uint8Array;
    readonly up: boolean;
    readonly hasMacHeader: boolean;
    readonly forwardIpv4: boolean;
    readonly forwardIpv6: boolean;
    readonly rxQueues: number;
}

export interface NetworkHost {
    device(ifindex: number): NetworkDevice | undefined;
    route(query: RouteQuery): RouteAnswer | undefined;
    neighbour(ifindex: number, address: Uint8Array): Uint8Array | undefined;
    socket(query: SocketQuery): NetworkSocket | undefined;
    readonly netnsCookie: bigint;
    readonly cgroups: readonly bigint[];
    readonly syncookies: 0 | 1 | 2;
}

export interface NetworkOptions {
    readonly devices?: readonly DeviceOptions[];
    readonly routes?: readonly RouteOptions[];
    readonly neighbours?: readonly NeighbourOptions[];
    readonly sockets?: readonly SocketOptions[];
    readonly anyDevice?: boolean;
    readonly netnsCookie?: bigint;
    readonly cgroups?: readonly bigint[];
    readonly syncookies?: 0 | 1 | 2;
}

export declare class NetworkPort {
    #private;
    readonly device: Device;
    readonly sent: Uint8Array[];
    constructor(control: NetworkControl, device: Device, receive: ((frame: Uint8Array) => void) | undefined);
    get ifindex(): number;
    send(frame: Uint8Array, queue?: number): void;
    replay(capture: Uint8Array): number;
    takeCapture(): Uint8Array;
    take(): Uint8Array[];
}

export interface NetworkSocket {
    readonly protocol: 'tcp' | 'udp';
    readonly family: 4 | 6;
    readonly localAddress: Uint8Array;
    readonly localPort: number;
    readonly remoteAddress: Uint8Array;
    readonly remotePort: number;
    readonly state: number;
    readonly boundIfindex: number;
    readonly mark: number;
    readonly priority: number;
    readonly uid: number;
    readonly cookie: bigint;
    readonly cgroupId: bigint;
    readonly v6only: boolean;
    readonly tcpInfo?: Readonly<Record<string, number | bigint>>;
}

export declare class PacketRunner {
    #private;
    constructor(machine: Machine, program: LoadedProgram, options?: PacketRunnerOptions);
    run(bytes: Uint8Array, offset?: number, length?: number): number;
    loadBurst(columns: PacketColumns): boolean;
    runBurst(from: number, to: number, stop?: number): number;
    burstResults(): Uint32Array;
    get outputAddress(): number;
    get outputLength(): number;
    outputView(): Uint8Array;
    get redirect(): Redirect;
    get clones(): readonly ClonedPacket[];
    [Symbol.dispose](): void;
}

export interface PacketRunnerOptions {
    readonly ifindex?: number;
    readonly rxQueue?: number;
    readonly atIngress?: boolean;
    readonly before?: (() => void) | undefined;
}

export interface PingAnswer {
    readonly from: Uint8Array;
    readonly type: number;
    readonly code: number;
    readonly reply: boolean;
}

export interface PingOptions {
    readonly netns?: Fd;
    readonly to: string;
    readonly data?: Uint8Array;
    readonly ttl?: number;
}

export interface PortOptions {
    readonly netns?: Fd;
    readonly mac?: string;
    readonly mtu?: number;
    readonly queues?: number;
    readonly receive?: (frame: Uint8Array) => void;
}

export declare class Redirect {
    kind: RedirectKind;
    ifindex: number;
    flags: number;
    map: BpfMap | undefined;
    key: number;
    nextHop: Uint8Array | undefined;
    clear(): void;
    set(kind: RedirectKind, ifindex: number, flags: number): void;
    setMap(map: BpfMap, key: number, ifindex: number, flags: number): void;
}

export interface RouteAnswer {
    readonly type: RouteType;
    readonly ifindex: number;
    readonly gateway: Uint8Array | undefined;
    readonly metric: number;
    readonly mtu: number | undefined;
    readonly source: Uint8Array | undefined;
    readonly encapsulated: boolean;
}

export interface RouteQuery {
    readonly family: 4 | 6;
    readonly destination: Uint8Array;
    readonly source: Uint8Array;
    readonly ifindex: number;
    readonly output: boolean;
    readonly table: number | undefined;
    readonly mark: number;
}

export type RouteType = 'unicast' | 'local' | 'broadcast' | 'multicast' | 'blackhole' | 'unreachable' | 'prohibit';

export interface SocketQuery {
    readonly protocol: 'tcp' | 'udp';
    readonly family: 4 | 6;
    readonly sourceAddress: Uint8Array;
    readonly sourcePort: number;
    readonly destinationAddress: Uint8Array;
    readonly destinationPort: number;
    readonly ifindex: number;
}

export declare const TRACEPOINT_FORMATS: Readonly<Record<string, TracepointFormat>>;

export declare const TRACEPOINT_NAMES: readonly ['bpf_map_create', 'bpf_map_lookup_elem', 'bpf_map_update_elem', 'bpf_map_delete_elem', 'bpf_map_next_key', 'bpf_obj_get_map', 'bpf_obj_get_prog', 'bpf_obj_pin_map', 'bpf_obj_pin_prog', 'bpf_prog_load', 'bpf_prog_put_rcu', 'xdp_bulk_tx', 'xdp_cpumap_enqueue', 'xdp_cpumap_kthread', 'xdp_devmap_xmit', 'xdp_exception', 'xdp_redirect', 'xdp_redirect_err'];

export interface TraceEvent {
    readonly name: string;
    readonly time: bigint;
    readonly cpu: number;
    readonly pid: number;
    readonly comm: string;
    readonly fields: Readonly<Record<string, number | string>>;
}

export interface TracepointFormat {
    readonly id: number;
    readonly fields: readonly string[];
    readonly print: readonly string[];
    readonly prefix?: string;
}

export interface UdpOptions {
    readonly netns?: Fd;
    readonly to: string;
    readonly port: number;
    readonly fromPort?: number;
    readonly data?: Uint8Array;
    readonly ttl?: number;
}

export declare class XskQueue {
    readonly fd: Fd;
    readonly frames: Uint8Array[];
    constructor(fd: Fd);
}

export declare function embedded(options?: EmbeddedOptions): EmbeddedKernel;

export declare function staticNetwork(options?: NetworkOptions): NetworkHost;

// Named above, exported by other entries: Fd (skep), Kernel (skep)

// Named above, exported by none: Addr (vm/types), BpfFs (embedded/state/bpffs), BpfMap (vm/types)
//   Device (netdev/device), DeviceOptions (vm/net/static-network), LoadedProgram (vm/machine), Machine (vm/machine)
//   Memory (vm/memory), NeighbourOptions (vm/net/static-network), PacketColumns (vm/packet-burst)
//   ReceivedData (netdev/sockets), RedirectKind (vm/net/redirect), RouteOptions (vm/net/static-network)
//   Session (embedded/session), Socket (netdev/sockets), SocketOptions (vm/net/static-network)
//   Subscription (embedded/hooks/tracepoints), WorldOptions (embedded/world)
