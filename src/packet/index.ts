export {
  formatAddress,
  formatIpv4,
  formatIpv6,
  formatMac,
  parseAddress,
  parseIpv4,
  parseIpv6,
  parseMac,
} from './addresses.js'
export { CaptureReader, type CaptureReaderOptions, readPackets } from './capture/capture-reader.js'
export { type PacketToWrite, PcapWriter, type PcapWriterOptions } from './capture/pcap-writer.js'
export {
  type PcapngInterface,
  type PcapngPacket,
  type PcapngSectionOptions,
  PcapngWriter,
  type PcapngWriterOptions,
} from './capture/pcapng-writer.js'
export { fromNanoseconds, toNanoseconds } from './capture/timestamps.js'
export type {
  CaptureBlock,
  CaptureFormat,
  CaptureInterface,
  CapturePacket,
  InterfaceCounters,
  NameRecord,
  PacketVisitor,
} from './capture/types.js'
export {
  csumAdd,
  csumDiff,
  csumFold,
  csumFold16,
  csumPartial,
  csumReplace2,
  csumReplace4,
  csumReplaceByDiff,
  csumReplacePartial4,
  csumSub,
  csumUnfold,
  internetChecksum,
  pseudoHeaderSum,
  swap16,
} from './checksum.js'
export { flowHash } from './flow-hash.js'
export { buildPacket } from './headers/build-packet.js'
export {
  type ArpLayer,
  type EthernetLayer,
  type GeneveLayer,
  type GreLayer,
  type IcmpLayer,
  type IpExtensionLayer,
  type Ipv4Layer,
  type Ipv6FragmentLayer,
  type Ipv6Layer,
  type Layer,
  type LayerKind,
  type MplsLayer,
  type PaddingLayer,
  type PayloadLayer,
  type TcpLayer,
  tcpFlagBits,
  tcpFlagLetters,
  type UdpLayer,
  type VlanLayer,
  type VxlanLayer,
} from './headers/layers.js'
export { type ParsedPacket, type ParsePacketOptions, parsePacket } from './headers/parse-packet.js'
export { ETHER_TYPE, IP_PROTOCOL, UDP_PORT } from './headers/protocols.js'
export { encodeTcpOptions, parseTcpOptions, type TcpOption } from './headers/tcp-options.js'
export { describeLinkType, LINK_TYPE, type LinkTypeName, linkTypeName } from './link/link-types.js'
export { type EthernetPolicy, ethernetPolicy, toEthernet } from './link/to-ethernet.js'
export { summarizeLayers, summarizePacket } from './summary.js'
