import type { EthernetLayer, IcmpLayer, Layer } from './headers/layers.js'
import { type ParsedPacket, type ParsePacketOptions, parsePacket } from './headers/parse-packet.js'
import { IP_PROTOCOL } from './headers/protocols.js'

const ICMP_NAMES = new Map<number, string>([
  [0, 'echo reply'],
  [3, 'unreachable'],
  [4, 'source quench'],
  [5, 'redirect'],
  [8, 'echo request'],
  [9, 'router advertisement'],
  [10, 'router solicitation'],
  [11, 'time exceeded'],
  [12, 'parameter problem'],
  [13, 'timestamp request'],
  [14, 'timestamp reply'],
])

const ICMPV6_NAMES = new Map<number, string>([
  [1, 'unreachable'],
  [2, 'packet too big'],
  [3, 'time exceeded'],
  [4, 'parameter problem'],
  [128, 'echo request'],
  [129, 'echo reply'],
  [130, 'multicast listener query'],
  [131, 'multicast listener report'],
  [133, 'router solicitation'],
  [134, 'router advertisement'],
  [135, 'neighbor solicitation'],
  [136, 'neighbor advertisement'],
  [137, 'redirect'],
  [143, 'multicast listener report v2'],
])

const PROTOCOL_NAMES = new Map<number, string>([
  [IP_PROTOCOL.ICMP, 'ICMP'],
  [2, 'IGMP'],
  [IP_PROTOCOL.TCP, 'TCP'],
  [IP_PROTOCOL.UDP, 'UDP'],
  [IP_PROTOCOL.GRE, 'GRE'],
  [IP_PROTOCOL.ICMPV6, 'ICMP6'],
  [IP_PROTOCOL.AH, 'AH'],
  [50, 'ESP'],
  [88, 'EIGRP'],
  [89, 'OSPF'],
  [103, 'PIM'],
  [112, 'VRRP'],
  [IP_PROTOCOL.SCTP, 'SCTP'],
])

const ETHER_TYPE_NAMES = new Map<number, string>([
  [0x8035, 'RARP'],
  [0x809b, 'AppleTalk'],
  [0x8137, 'IPX'],
  [0x8808, 'pause'],
  [0x8809, 'LACP'],
  [0x8863, 'PPPoE discovery'],
  [0x8864, 'PPPoE session'],
  [0x888e, 'EAPOL'],
  [0x88cc, 'LLDP'],
  [0x88f7, 'PTP'],
])

/** One line about a packet in the manner of tcpdump: `IP 10.0.0.1.1234 > 10.0.0.2.80: TCP S, length 0`. Never throws. */
export function summarizePacket(data: Uint8Array, options: ParsePacketOptions = {}): string {
  return summarizeLayers(parsePacket(data, options), data.length)
}

/** As summarizePacket, of a packet that is parsed already; `length` is its number of bytes. */
export function summarizeLayers(packet: ParsedPacket, length: number): string {
  const { layers } = packet
  const rest = (index: number): number =>
    layers.slice(index).reduce((sum, layer) => sum + (layer.kind === 'payload' ? layer.data.length : 0), 0)
  let text = ''
  let pending: { source: string; destination: string; protocol: number } | undefined
  let ethernet: EthernetLayer | undefined
  const endpoints = (sourcePort: number, destinationPort: number): string => {
    const addresses = pending
    pending = undefined
    if (addresses === undefined) return `${sourcePort} > ${destinationPort}: `
    return `${addresses.source}.${sourcePort} > ${addresses.destination}.${destinationPort}: `
  }
  const hosts = (): string => {
    const addresses = pending
    pending = undefined
    return addresses === undefined ? '' : `${addresses.source} > ${addresses.destination}: `
  }
  for (const [index, layer] of layers.entries()) {
    switch (layer.kind) {
      case 'ethernet':
        ethernet = layer
        continue
      case 'vlan':
        text += `vlan ${layer.id}, `
        break
      case 'mpls':
        text += `${hosts()}MPLS ${layer.label}, `
        break
      case 'arp':
        text +=
          layer.operation === 1
            ? `ARP, request who-has ${layer.targetIp} tell ${layer.senderIp}`
            : layer.operation === 2
              ? `ARP, reply ${layer.senderIp} is-at ${layer.senderMac}`
              : `ARP, operation ${layer.operation}`
        break
      case 'ipv4':
      case 'ipv6': {
        text += hosts() + (layer.kind === 'ipv4' ? 'IP ' : 'IP6 ')
        const protocol = layer.kind === 'ipv4' ? layer.protocol : layer.nextHeader
        pending = { source: layer.source, destination: layer.destination, protocol: protocol ?? 0 }
        const offset = layer.kind === 'ipv4' ? (layer.fragmentOffset ?? 0) * 8 : 0
        if (offset !== 0) text += `${hosts()}fragment at ${offset}, length ${rest(index)}`
        break
      }
      case 'ip-extension':
        if (pending !== undefined) pending.protocol = layer.nextHeader ?? 0
        break
      case 'ipv6-fragment':
        if (layer.fragmentOffset !== 0)
          text += `${hosts()}fragment at ${layer.fragmentOffset * 8}, length ${rest(index)}`
        else if (pending !== undefined) pending.protocol = layer.nextHeader ?? 0
        break
      case 'tcp':
        text += `${endpoints(layer.sourcePort, layer.destinationPort)}TCP ${layer.flags === '' ? 'none' : dotted(layer.flags)}, length ${rest(index)}`
        break
      case 'udp': {
        const tunnel = layers[index + 1]?.kind
        text += `${endpoints(layer.sourcePort, layer.destinationPort)}`
        text += tunnel === 'vxlan' || tunnel === 'geneve' ? '' : `UDP, length ${rest(index)}`
        break
      }
      case 'icmp':
      case 'icmpv6':
        text += hosts() + icmpText(layer)
        break
      case 'gre':
        text += `${hosts()}GRE${layer.key === undefined ? '' : ` key ${layer.key}`}, `
        break
      case 'vxlan':
        text += `VXLAN vni ${layer.vni}, `
        break
      case 'geneve':
        text += `Geneve vni ${layer.vni}, `
        break
      case 'payload':
        if (pending !== undefined) {
          const name = PROTOCOL_NAMES.get(pending.protocol) ?? `protocol ${pending.protocol}`
          text += `${hosts()}${name}, length ${layer.data.length}`
        } else if (text === '' || text.endsWith(', ')) text += linkText(layers, ethernet, layer.data.length)
    }
  }
  if (pending !== undefined) text += `${hosts()}length 0`
  if (text === '' && ethernet !== undefined) text = linkText(layers, ethernet, 0)
  text = text.replace(/, $/, '')
  if (packet.malformed !== undefined) return `${text}${text === '' ? '' : ' '}[malformed: ${packet.malformed.reason}]`
  if (packet.truncated) return `${text} [cut at ${length} bytes]`
  return text === '' ? `${length} bytes` : text
}

function linkText(layers: readonly Layer[], ethernet: EthernetLayer | undefined, length: number): string {
  if (ethernet === undefined) return `${length} bytes`
  const inner = layers.findLast((layer) => 'etherType' in layer || layer.kind === 'gre' || layer.kind === 'geneve')
  const type =
    inner === undefined ? 0 : 'etherType' in inner ? inner.etherType : inner.kind === 'gre' ? inner.protocol : 0
  const name = ETHER_TYPE_NAMES.get(type ?? 0)
  const what = (type ?? 0) < 0x600 ? 'LLC' : (name ?? `ethertype 0x${(type ?? 0).toString(16).padStart(4, '0')}`)
  return `${ethernet.source} > ${ethernet.destination}: ${what}, length ${length}`
}

/** tcpdump's dot for an acknowledgment. */
function dotted(flags: string | undefined): string {
  return (flags ?? '').replace('A', '.')
}

function icmpText(layer: IcmpLayer): string {
  const name = (layer.kind === 'icmp' ? ICMP_NAMES : ICMPV6_NAMES).get(layer.type)
  const family = layer.kind === 'icmp' ? 'ICMP' : 'ICMP6'
  if (name === undefined) return `${family} type ${layer.type}, code ${layer.code ?? 0}`
  if (!name.startsWith('echo')) return `${family} ${name}, code ${layer.code ?? 0}`
  const rest = layer.rest ?? 0
  return `${family} ${name}, id ${rest >>> 16}, seq ${rest & 0xffff}`
}
