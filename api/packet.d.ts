// skep/packet: what it exports. Written by scripts/gen/api.mjs: a change here is a change of the public API.

export interface ArpLayer {
    readonly kind: 'arp';
    readonly operation: number;
    readonly senderMac?: string;
    readonly senderIp: string;
    readonly targetMac?: string;
    readonly targetIp: string;
}

export type CaptureBlock = {
    readonly kind: 'section';
    readonly littleEndian: boolean;
    readonly majorVersion: number;
    readonly minorVersion: number;
    readonly comment?: string;
    readonly hardware?: string;
    readonly os?: string;
    readonly application?: string;
} | {
    readonly kind: 'interface';
    readonly interface: CaptureInterface;
} | {
    readonly kind: 'names';
    readonly records: readonly NameRecord[];
} | {
    readonly kind: 'statistics';
    readonly interfaceId: number;
    readonly timestampNs: bigint;
    readonly comment?: string;
    readonly counters: InterfaceCounters;
} | {
    readonly kind: 'other';
    readonly type: number;
    readonly length: number;
};

export type CaptureFormat = 'pcap' | 'pcapng';

export interface CaptureInterface {
    readonly id: number;
    readonly linkType: number;
    readonly snapLength: number;
    readonly ticksPerSecond: bigint;
    readonly offsetSeconds: number;
    readonly fcsLength?: number;
    readonly name?: string;
    readonly description?: string;
    readonly comment?: string;
    readonly filter?: string;
    readonly hardware?: string;
    readonly os?: string;
}

export interface CapturePacket {
    readonly data: Uint8Array;
    readonly timestampNs: bigint;
    readonly linkType: number;
    readonly originalLength: number;
    readonly interfaceId: number;
    readonly comment?: string;
}

export declare class CaptureReader {
    #private;
    constructor(options?: CaptureReaderOptions);
    get format(): CaptureFormat | undefined;
    get interfaces(): readonly CaptureInterface[];
    get packets(): number;
    get position(): number;
    get needed(): number;
    get comment(): string | undefined;
    push(chunk: Uint8Array, deliver: (packet: CapturePacket) => void): void;
    pushEach(chunk: Uint8Array, visit: PacketVisitor): void;
    end(): void;
    scan(bytes: Uint8Array, start: number, end: number, visit: PacketVisitor): number;
    finish(rest: number): void;
    linkTypeOf(interfaceId: number): number;
}

export interface CaptureReaderOptions {
    readonly maxPacketLength?: number;
    readonly onBlock?: (block: CaptureBlock) => void;
}

export declare const ETHER_TYPE: {
    readonly IPV4: 2048;
    readonly ARP: 2054;
    readonly TEB: 25944;
    readonly VLAN: 33024;
    readonly IPV6: 34525;
    readonly MPLS: 34887;
    readonly MPLS_MULTICAST: 34888;
    readonly QINQ: 34984;
    readonly QINQ_OLD: 37120;
};

export interface EthernetLayer {
    readonly kind: 'ethernet';
    readonly destination?: string;
    readonly source?: string;
    readonly etherType?: number;
}

export type EthernetPolicy = 'same' | 'converted' | 'none';

export interface GeneveLayer {
    readonly kind: 'geneve';
    readonly vni: number;
    readonly protocol?: number;
    readonly flags?: number;
    readonly reserved?: number;
    readonly options?: Uint8Array;
}

export interface GreLayer {
    readonly kind: 'gre';
    readonly protocol?: number;
    readonly flags?: number;
    readonly checksum?: number | true;
    readonly key?: number;
    readonly sequence?: number;
    readonly acknowledgment?: number;
}

export declare const IP_PROTOCOL: { /* a table of 20 lines */ };

export interface IcmpLayer {
    readonly kind: 'icmp' | 'icmpv6';
    readonly type: number;
    readonly code?: number;
    readonly checksum?: number;
    readonly rest?: number;
}

export interface InterfaceCounters {
    readonly received?: bigint;
    readonly dropped?: bigint;
    readonly accepted?: bigint;
    readonly osDropped?: bigint;
    readonly delivered?: bigint;
}

export interface IpExtensionLayer {
    readonly kind: 'ip-extension';
    readonly type: number;
    readonly nextHeader?: number;
    readonly data: Uint8Array;
}

export interface Ipv4Layer {
    readonly kind: 'ipv4';
    readonly source: string;
    readonly destination: string;
    readonly protocol?: number;
    readonly tos?: number;
    readonly id?: number;
    readonly reservedFlag?: boolean;
    readonly dontFragment?: boolean;
    readonly moreFragments?: boolean;
    readonly fragmentOffset?: number;
    readonly ttl?: number;
    readonly totalLength?: number;
    readonly checksum?: number;
    readonly options?: Uint8Array;
}

export interface Ipv6FragmentLayer {
    readonly kind: 'ipv6-fragment';
    readonly nextHeader?: number;
    readonly fragmentOffset: number;
    readonly moreFragments: boolean;
    readonly id: number;
    readonly reserved?: number;
}

export interface Ipv6Layer {
    readonly kind: 'ipv6';
    readonly source: string;
    readonly destination: string;
    readonly nextHeader?: number;
    readonly hopLimit?: number;
    readonly trafficClass?: number;
    readonly flowLabel?: number;
    readonly payloadLength?: number;
}

export declare const LINK_TYPE: { /* a table of 218 lines */ };

export type Layer = EthernetLayer | VlanLayer | ArpLayer | Ipv4Layer | Ipv6Layer | IpExtensionLayer | Ipv6FragmentLayer | TcpLayer | UdpLayer | IcmpLayer | GreLayer | VxlanLayer | GeneveLayer | MplsLayer | PayloadLayer | PaddingLayer;

export type LayerKind = Layer['kind'];

export type LinkTypeName = keyof typeof LINK_TYPE;

export interface MplsLayer {
    readonly kind: 'mpls';
    readonly label: number;
    readonly trafficClass?: number;
    readonly bottom?: boolean;
    readonly ttl?: number;
}

export interface NameRecord {
    readonly address: Uint8Array;
    readonly names: readonly string[];
}

export interface PacketToWrite {
    readonly data: Uint8Array;
    readonly timestampNs: bigint;
    readonly originalLength?: number;
}

export type PacketVisitor = (bytes: Uint8Array, offset: number, length: number, seconds: number, nanoseconds: number, interfaceId: number, originalLength: number) => void;

export interface PaddingLayer {
    readonly kind: 'padding';
    readonly data: Uint8Array;
}

export interface ParsePacketOptions {
    readonly first?: 'ethernet' | 'ip';
}

export interface ParsedPacket {
    readonly layers: readonly Layer[];
    readonly offsets: readonly number[];
    readonly malformed?: FormatError;
    readonly truncated: boolean;
}

export interface PayloadLayer {
    readonly kind: 'payload';
    readonly data: Uint8Array | string;
}

export declare class PcapWriter {
    #private;
    readonly linkType: number;
    constructor(options?: PcapWriterOptions);
    get pending(): number;
    write(packet: PacketToWrite): void;
    writeRecord(bytes: Uint8Array, offset: number, length: number, seconds: number, nanoseconds: number, originalLength: number): void;
    take(): Uint8Array<ArrayBuffer>;
}

export interface PcapWriterOptions {
    readonly linkType?: number;
    readonly snapLength?: number;
    readonly nanoseconds?: boolean;
    readonly littleEndian?: boolean;
    readonly fcsLength?: number;
}

export type PcapngInterface = Partial<Omit<CaptureInterface, 'id'>> & Pick<CaptureInterface, 'linkType'>;

export interface PcapngPacket extends PacketToWrite {
    readonly interfaceId?: number;
    readonly comment?: string;
}

export interface PcapngSectionOptions {
    readonly comment?: string;
    readonly hardware?: string;
    readonly os?: string;
    readonly application?: string;
}

export declare class PcapngWriter {
    #private;
    constructor(options?: PcapngWriterOptions);
    get pending(): number;
    startSection(options?: PcapngSectionOptions): void;
    addInterface(description: PcapngInterface): number;
    write(packet: PcapngPacket): void;
    writeRecord(bytes: Uint8Array, offset: number, length: number, seconds: number, nanoseconds: number, originalLength: number, interfaceId?: number, comment?: string): void;
    writeSimple(data: Uint8Array, originalLength?: number): void;
    writeObsolete(packet: PcapngPacket, drops?: number): void;
    writeNames(records: readonly NameRecord[]): void;
    writeStatistics(interfaceId: number, timestampNs: bigint, counters: InterfaceCounters, comment?: string): void;
    take(): Uint8Array<ArrayBuffer>;
}

export interface PcapngWriterOptions extends PcapngSectionOptions {
    readonly littleEndian?: boolean;
}

export interface TcpLayer {
    readonly kind: 'tcp';
    readonly sourcePort: number;
    readonly destinationPort: number;
    readonly sequence?: number;
    readonly acknowledgment?: number;
    readonly flags?: string;
    readonly reserved?: number;
    readonly window?: number;
    readonly checksum?: number;
    readonly urgent?: number;
    readonly options?: Uint8Array;
}

export type TcpOption = {
    readonly kind: 'mss';
    readonly value: number;
} | {
    readonly kind: 'window-scale';
    readonly shift: number;
} | {
    readonly kind: 'sack-permitted';
} | {
    readonly kind: 'sack';
    readonly blocks: readonly (readonly [left: number, right: number])[];
} | {
    readonly kind: 'timestamps';
    readonly value: number;
    readonly echo: number;
} | {
    readonly kind: 'other';
    readonly code: number;
    readonly data: Uint8Array;
};

export declare const UDP_PORT: {
    readonly VXLAN: 4789;
    readonly VXLAN_LINUX: 8472;
    readonly GENEVE: 6081;
};

export interface UdpLayer {
    readonly kind: 'udp';
    readonly sourcePort: number;
    readonly destinationPort: number;
    readonly length?: number;
    readonly checksum?: number;
}

export interface VlanLayer {
    readonly kind: 'vlan';
    readonly id: number;
    readonly priority?: number;
    readonly dropEligible?: boolean;
    readonly etherType?: number;
}

export interface VxlanLayer {
    readonly kind: 'vxlan';
    readonly vni: number;
    readonly flags?: number;
    readonly reserved?: number;
}

export declare function buildPacket(layers: readonly Layer[]): Uint8Array<ArrayBuffer>;

export declare function csumAdd(a: number, b: number): number;

export declare function csumDiff(from: Uint8Array, to: Uint8Array, seed: number): number;

export declare function csumFold(sum: number): number;

export declare function csumFold16(sum: number): number;

export declare function csumPartial(bytes: Uint8Array, start: number, end: number, sum?: number): number;

export declare function csumReplace2(check: number, from: number, to: number): number;

export declare function csumReplace4(check: number, from: number, to: number): number;

export declare function csumReplaceByDiff(check: number, diff: number): number;

export declare function csumReplacePartial4(check: number, from: number, to: number): number;

export declare function csumSub(a: number, b: number): number;

export declare function csumUnfold(check: number): number;

export declare function describeLinkType(linkType: number): string;

export declare function encodeTcpOptions(options: readonly TcpOption[]): Uint8Array;

export declare function ethernetPolicy(linkType: number): EthernetPolicy;

export declare function flowHash(bytes: Uint8Array, start?: number, end?: number): number;

export declare function formatAddress(bytes: Uint8Array): string;

export declare function formatIpv4(bytes: Uint8Array, offset?: number): string;

export declare function formatIpv6(bytes: Uint8Array, offset?: number): string;

export declare function formatMac(bytes: Uint8Array, offset?: number): string;

export declare function fromNanoseconds(timestampNs: bigint): {
    seconds: number;
    nanoseconds: number;
};

export declare function internetChecksum(bytes: Uint8Array, start?: number, end?: number, sum?: number): number;

export declare function linkTypeName(linkType: number): LinkTypeName | undefined;

export declare function parseAddress(text: string): Uint8Array;

export declare function parseIpv4(text: string): Uint8Array;

export declare function parseIpv6(text: string): Uint8Array;

export declare function parseMac(text: string): Uint8Array;

export declare function parsePacket(data: Uint8Array, options?: ParsePacketOptions): ParsedPacket;

export declare function parseTcpOptions(bytes: Uint8Array): TcpOption[];

export declare function pseudoHeaderSum(source: Uint8Array, destination: Uint8Array, protocol: number, length: number): number;

export declare function readPackets(bytes: Uint8Array, options?: CaptureReaderOptions): Generator<CapturePacket>;

export declare function summarizeLayers(packet: ParsedPacket, length: number): string;

export declare function summarizePacket(data: Uint8Array, options?: ParsePacketOptions): string;

export declare function swap16(value: number): number;

export declare function tcpFlagBits(letters: string): number;

export declare function tcpFlagLetters(bits: number): string;

export declare function toEthernet(linkType: number, data: Uint8Array): Uint8Array;

export declare function toNanoseconds(seconds: number, nanoseconds: number): bigint;

// Named above, exported by other entries: FormatError (skep)
