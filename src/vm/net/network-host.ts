// What the network around a program looks like: devices, routes, neighbours, sockets. The host (the embedded kernel's
// options, later the virtual network) answers; helpers ask. Addresses are bytes in network order.

/** A network device. */
export interface NetworkDevice {
  readonly ifindex: number
  readonly name: string
  readonly mtu: number
  /** Hardware address, 6 bytes. */
  readonly mac: Uint8Array
  /** Link-layer broadcast address; the loopback device's is all zero. */
  readonly broadcast: Uint8Array
  readonly up: boolean
  /** False for devices that send layer-3 packets without a link-layer header (tunnels). */
  readonly hasMacHeader: boolean
  /** net.ipv4.conf.DEV.forwarding */
  readonly forwardIpv4: boolean
  /** net.ipv6.conf.DEV.forwarding */
  readonly forwardIpv6: boolean
  readonly rxQueues: number
}

export interface RouteQuery {
  readonly family: 4 | 6
  readonly destination: Uint8Array
  readonly source: Uint8Array
  /** Device the packet came in by; with `output` the device it must leave by. */
  readonly ifindex: number
  readonly output: boolean
  /** Only this table (BPF_FIB_LOOKUP_DIRECT, BPF_FIB_LOOKUP_TBID); undefined: local, then main, then default. */
  readonly table: number | undefined
  readonly mark: number
}

export type RouteType = 'unicast' | 'local' | 'broadcast' | 'multicast' | 'blackhole' | 'unreachable' | 'prohibit'

export interface RouteAnswer {
  readonly type: RouteType
  readonly ifindex: number
  /** Next hop: 4 bytes, or 16 (an IPv4 route may go by an IPv6 gateway); undefined when the destination is on link. */
  readonly gateway: Uint8Array | undefined
  readonly metric: number
  /** Locked MTU of the route (`mtu lock`); undefined: the device's. */
  readonly mtu: number | undefined
  /** Preferred source address. */
  readonly source: Uint8Array | undefined
  /** True for routes with a light-weight tunnel encapsulation. */
  readonly encapsulated: boolean
}

/** A socket that look-up helpers can find. Ports are in host byte order. */
export interface NetworkSocket {
  readonly protocol: 'tcp' | 'udp'
  readonly family: 4 | 6
  readonly localAddress: Uint8Array
  readonly localPort: number
  /** All zero with port 0 for listening and unconnected sockets. */
  readonly remoteAddress: Uint8Array
  readonly remotePort: number
  /** BPF_TCP_* state; UDP: ESTABLISHED (1) when connected, CLOSE (7) otherwise. */
  readonly state: number
  readonly boundIfindex: number
  readonly mark: number
  readonly priority: number
  readonly uid: number
  readonly cookie: bigint
  readonly cgroupId: bigint
  /** IPV6_V6ONLY */
  readonly v6only: boolean
  /** Values of struct bpf_tcp_sock by field name; absent fields are zero. */
  readonly tcpInfo?: Readonly<Record<string, number | bigint>>
}

export interface SocketQuery {
  readonly protocol: 'tcp' | 'udp'
  readonly family: 4 | 6
  readonly sourceAddress: Uint8Array
  readonly sourcePort: number
  readonly destinationAddress: Uint8Array
  readonly destinationPort: number
  /** Device the packet came in by; 0: any. */
  readonly ifindex: number
}

export interface NetworkHost {
  device(ifindex: number): NetworkDevice | undefined
  route(query: RouteQuery): RouteAnswer | undefined
  /** Hardware address of a neighbour in a valid state. */
  neighbour(ifindex: number, address: Uint8Array): Uint8Array | undefined
  /** The socket that would receive the packet: connected ones first, then listeners. */
  socket(query: SocketQuery): NetworkSocket | undefined
  /** Cookie of the network namespace. */
  readonly netnsCookie: bigint
  /** Cgroup v2 ids from the root down to the one the running task and its sockets belong to. */
  readonly cgroups: readonly bigint[]
  /** net.ipv4.tcp_syncookies */
  readonly syncookies: 0 | 1 | 2
}
