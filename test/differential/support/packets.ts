import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { FormatError } from '#src/base/index.js'
import { buildPacket, type Layer, LINK_TYPE, readPackets } from '#src/packet/index.js'
import { randomFrame } from '../../net/support/frames.js'
import { random as seeded } from '../../net/support/random.js'
import { root, sharedData } from '../../support/paths.js'
import { Random } from '../../support/random.js'

export interface NamedPacket {
  readonly name: string
  readonly bytes: Uint8Array
}

const ethernet: Layer = { kind: 'ethernet', destination: '02:00:00:00:00:01', source: '02:00:00:00:00:02' }
const ip4: Layer = { kind: 'ipv4', source: '192.0.2.7', destination: '198.51.100.9' }
const ip6: Layer = { kind: 'ipv6', source: '2001:db8::7', destination: '2001:db8:1::9' }
const tcp: Layer = { kind: 'tcp', sourcePort: 40000, destinationPort: 80, flags: 'S', sequence: 1 }
const udp: Layer = { kind: 'udp', sourcePort: 5353, destinationPort: 53 }
const text = (length: number): Layer => ({ kind: 'payload', data: 'the quick brown fox '.repeat(100).slice(0, length) })

const built: Record<string, readonly Layer[]> = {
  'tcp syn': [ethernet, ip4, tcp, text(64)],
  'tcp to ssh': [ethernet, ip4, { ...tcp, destinationPort: 22, flags: 'PA' }, text(200)],
  'tcp with every flag': [ethernet, ip4, { ...tcp, flags: 'FSRPAUEC' }],
  'tcp with options': [ethernet, ip4, { ...tcp, options: Uint8Array.of(2, 4, 5, 0xb4, 1, 1, 4, 2) }],
  'udp dns': [ethernet, ip4, udp, text(30)],
  'udp without checksum': [ethernet, ip4, { ...udp, checksum: 0 }, text(31)],
  'udp, wrong checksums': [ethernet, { ...ip4, checksum: 0x1234 }, { ...udp, checksum: 0x4321 }, text(5)],
  'icmp echo': [ethernet, ip4, { kind: 'icmp', type: 8, rest: 0x10002 }, text(56)],
  'icmp unreachable': [ethernet, ip4, { kind: 'icmp', type: 3, code: 3 }, ip4, udp],
  'ip options': [ethernet, { ...ip4, options: new Uint8Array(8).fill(1) }, tcp, text(9)],
  'first fragment': [ethernet, { ...ip4, id: 9, moreFragments: true }, udp, text(64)],
  'later fragment': [ethernet, { ...ip4, id: 9, fragmentOffset: 8 }, text(64)],
  'ttl 1': [ethernet, { ...ip4, ttl: 1 }, udp, text(8)],
  'dscp and ecn': [ethernet, { ...ip4, tos: 0xb9 }, tcp, text(12)],
  'total length too long': [ethernet, { ...ip4, totalLength: 1400 }, udp, text(8)],
  'total length too short': [ethernet, { ...ip4, totalLength: 21 }, udp, text(8)],
  'unknown protocol': [ethernet, { ...ip4, protocol: 253 }, text(40)],
  'ipv6 tcp': [ethernet, ip6, tcp, text(77)],
  'ipv6 udp': [ethernet, { ...ip6, trafficClass: 0x28, flowLabel: 0x12345 }, udp, text(10)],
  'ipv6 echo': [ethernet, ip6, { kind: 'icmpv6', type: 128, rest: 0x10001 }, text(32)],
  'ipv6 hop-by-hop': [
    ethernet,
    ip6,
    { kind: 'ip-extension', type: 0, data: Uint8Array.of(5, 2, 0, 0, 1, 0) },
    udp,
    text(6),
  ],
  'ipv6 fragment': [ethernet, ip6, { kind: 'ipv6-fragment', fragmentOffset: 0, moreFragments: true, id: 77 }, udp],
  'ipv6 later fragment': [
    ethernet,
    ip6,
    { kind: 'ipv6-fragment', nextHeader: 17, fragmentOffset: 3, moreFragments: false, id: 77 },
    text(16),
  ],
  'vlan ipv4': [ethernet, { kind: 'vlan', id: 100, priority: 3 }, ip4, tcp, text(20)],
  'vlan ipv6': [ethernet, { kind: 'vlan', id: 4095 }, ip6, udp, text(20)],
  qinq: [{ ...ethernet, etherType: 0x88a8 }, { kind: 'vlan', id: 5 }, { kind: 'vlan', id: 7 }, ip4, udp, text(20)],
  'three tags': [ethernet, ...[1, 2, 3].map((id): Layer => ({ kind: 'vlan', id })), ip4, udp, text(20)],
  arp: [ethernet, { kind: 'arp', operation: 1, senderIp: '192.0.2.7', targetIp: '192.0.2.1' }, text(18)],
  'arp broadcast': [
    { ...ethernet, destination: 'ff:ff:ff:ff:ff:ff' },
    { kind: 'arp', operation: 1, senderIp: '192.0.2.7', targetIp: '192.0.2.1' },
  ],
  multicast: [{ ...ethernet, destination: '01:00:5e:00:00:fb' }, { ...ip4, destination: '224.0.0.251' }, udp, text(3)],
  'to this host': [
    { ...ethernet, destination: '00:00:00:00:00:00' },
    { ...ip4, destination: '127.0.0.1' },
    { ...tcp, destinationPort: 1 },
  ],
  '802.3': [{ ...ethernet, etherType: 0x26 }, text(38)],
  'unknown ethertype': [{ ...ethernet, etherType: 0x88b5 }, text(100)],
  mpls: [ethernet, { kind: 'mpls', label: 77, bottom: true, ttl: 64 }, ip4, udp, text(20)],
  gre: [ethernet, ip4, { kind: 'gre', key: 5 }, { ...ip4, source: '10.0.0.1' }, tcp],
  ipip: [ethernet, ip4, { ...ip4, source: '10.1.2.3' }, udp, text(9)],
  '6in4': [ethernet, ip4, ip6, udp, text(9)],
  vxlan: [ethernet, ip4, { ...udp, destinationPort: 4789 }, { kind: 'vxlan', vni: 42 }, ethernet, ip4, tcp],
  'full frame': [ethernet, ip4, tcp, { kind: 'payload', data: Uint8Array.from({ length: 1460 }, (_, i) => i * 7) }],
  'jumbo frame': [ethernet, ip4, udp, { kind: 'payload', data: Uint8Array.from({ length: 3300 }, (_, i) => i * 13) }],
}

function cut(name: string, packet: Uint8Array, length: number): NamedPacket {
  return { name: `${name}, cut to ${length}`, bytes: packet.subarray(0, length) }
}

/** Packets of every kind; some are malformed, some too short or too long for any kernel. */
export function builtPackets(): NamedPacket[] {
  const packets = Object.entries(built).map(([name, layers]) => ({ name, bytes: buildPacket(layers) as Uint8Array }))
  const tcpPacket = buildPacket(built['tcp syn'] as Layer[])
  const udp6Packet = buildPacket(built['ipv6 udp'] as Layer[])
  const vlanPacket = buildPacket(built['vlan ipv4'] as Layer[])
  for (const length of [0, 1, 13, 14, 15, 18, 33, 34, 38, 53, 54, 60]) packets.push(cut('tcp syn', tcpPacket, length))
  for (const length of [40, 53, 54, 61, 62]) packets.push(cut('ipv6 udp', udp6Packet, length))
  for (const length of [16, 18, 37, 38, 57]) packets.push(cut('vlan ipv4', vlanPacket, length))
  const random = new Random(20)
  for (let i = 0; i < 12; i++) {
    const length = random.pick([14, 20, 60, 64, 100, 300, 1514])
    packets.push({ name: `random ${i}, ${length}`, bytes: random.bytes(length) })
  }
  for (let i = 0; i < 12; i++) {
    // A good packet with one byte changed.
    const bytes = packets[random.below(30)]?.bytes.slice() as Uint8Array
    const at = random.below(Math.min(bytes.length, 60))
    bytes[at] = random.below(256)
    packets.push({ name: `byte ${at} of ${bytes.length} changed`, bytes })
  }
  for (const length of [3500, 3519, 3520, 3521, 3600, 3712, 3713, 4000, 4096, 4097, 9000]) {
    packets.push({ name: `${length} bytes`, bytes: long(length) })
  }
  return packets
}

function long(length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  bytes.set(buildPacket([ethernet, ip4, udp]))
  return bytes
}

/** Frames of random kinds and lengths; SKEP_SEED repeats them, and their names tell the seed. */
export function randomPackets(count: number): NamedPacket[] {
  const random = seeded()
  return Array.from({ length: count }, (_, i) => ({
    name: `random frame ${i} of SKEP_SEED=${random.seed}`,
    bytes: randomFrame(random, 14, random.pick([60, 128, 600, 1514, 3500])),
  }))
}

/** Some packets of the shared captures: a few of each of every `step`th file; none where they are absent. */
export function capturedPackets(step: number, each = 3): NamedPacket[] {
  const packets: NamedPacket[] = [...fileSample(join(root, 'examples/firewall/traffic.pcap'), 40)]
  const files = captureFiles()
  for (let i = 0; i < files.length; i += step) packets.push(...fileSample(files[i] as string, each))
  return packets
}

/** Every file of the shared captures, smallest set of the same on every run; empty where they are absent. */
export function captureFiles(): string[] {
  const dir = sharedData('captures')
  if (dir === undefined) return []
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => join(dir, name))
    .filter((path) => statSync(path).isFile() && !path.endsWith('.md'))
}

/** The first Ethernet packets of a capture; fewer where it is damaged. */
function fileSample(path: string, most: number): NamedPacket[] {
  const packets: NamedPacket[] = []
  try {
    for (const packet of readPackets(readFileSync(path))) {
      if (packet.linkType !== LINK_TYPE.ETHERNET) continue
      packets.push({ name: `${path.split('/').at(-1)} ${packets.length}`, bytes: packet.data.slice() })
      if (packets.length === most) break
    }
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
  }
  return packets
}
