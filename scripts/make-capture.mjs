// Makes captures for benchmarks, trials and the shipped example. The same arguments give the same bytes.
//   node scripts/make-capture.mjs OUT.pcap [--packets N] [--seed N] [--kind mixed|firewall]
// `mixed` is traffic of many flows: TCP, UDP, ICMP over IPv4 and IPv6, VLANs, tunnels, ARP, fragments and malformed
// packets, in sizes as on the Internet. `firewall` is the story that examples/firewall/firewall.c is for.
import { closeSync, openSync, writeSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { buildPacket, encodeTcpOptions, formatIpv6, PcapngWriter, PcapWriter } from '../dist/packet/index.js'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    packets: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    kind: { type: 'string', default: 'mixed' },
  },
})
const [out] = positionals
const count = Number(values.packets)
if (out === undefined || !Number.isInteger(count) || count < 0 || !['mixed', 'firewall'].includes(values.kind)) {
  console.error('usage: make-capture.mjs OUT.pcap[ng] [--packets N] [--seed N] [--kind mixed|firewall]')
  process.exit(2)
}

/** A small generator of its own, so that the bytes do not depend on the machine. */
function randomOf(seed) {
  let state = (seed ^ 0x9e3779b9) >>> 0 || 1
  const next = () => {
    state ^= state << 13
    state >>>= 0
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state
  }
  for (let i = 0; i < 8; i++) next()
  return {
    /** 0 to limit - 1. */
    below: (limit) => Math.floor((next() / 0x1_0000_0000) * limit),
    pick: (list) => list[Math.floor((next() / 0x1_0000_0000) * list.length)],
    chance: (share) => next() / 0x1_0000_0000 < share,
    bytes: (length) => Uint8Array.from({ length }, () => next() & 0xff),
  }
}

const random = randomOf(Number(values.seed))
const gateway = '02:00:00:00:00:fe'
const host = '02:00:00:00:00:01'
const ethernet = { kind: 'ethernet', destination: host, source: gateway }
const ascii = (length) => 'abcdefghijklmnopqrstuvwxyz012345'.repeat(Math.ceil(length / 32)).slice(0, length)
const payload = (length) => ({ kind: 'payload', data: ascii(length) })

/** A query for an address record. */
function dnsQuery(name) {
  const labels = name.split('.').map((label) => String.fromCharCode(label.length) + label)
  const bytes = new TextEncoder().encode(
    `\x00\x00\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00${labels.join('')}\x00\x00\x01\x00\x01`,
  )
  bytes[0] = random.below(256)
  bytes[1] = random.below(256)
  return { kind: 'payload', data: bytes }
}

/** An Ethernet frame is at least 60 bytes long without its check sequence. */
function frame(layers) {
  const bytes = buildPacket(layers)
  if (bytes.length >= 60) return bytes
  const padded = new Uint8Array(60)
  padded.set(bytes)
  return padded
}

const synOptions = encodeTcpOptions([
  { kind: 'mss', value: 1460 },
  { kind: 'sack-permitted' },
  { kind: 'window-scale', shift: 7 },
])

const address4 = () => `${10 + random.below(100)}.${random.below(256)}.${random.below(256)}.${1 + random.below(254)}`

function address6() {
  const bytes = random.bytes(16)
  bytes.set([0x20, 0x01, 0x0d, 0xb8])
  return formatIpv6(bytes)
}

/** Small packets are most, full ones carry most bytes. */
function size() {
  const draw = random.below(100)
  return draw < 45 ? random.below(20) : draw < 70 ? 64 + random.below(400) : draw < 80 ? 500 + random.below(300) : 1380
}

function network(six) {
  return six
    ? { kind: 'ipv6', source: address6(), destination: address6(), hopLimit: 57, flowLabel: random.below(0x100000) }
    : { kind: 'ipv4', source: address4(), destination: address4(), ttl: 57, id: random.below(65536) }
}

function tcp(flags, ports = [1024 + random.below(64_000), random.pick([22, 25, 80, 443, 443, 443, 8080])]) {
  return {
    kind: 'tcp',
    sourcePort: ports[0],
    destinationPort: ports[1],
    sequence: random.below(0xffffffff),
    acknowledgment: flags.includes('A') ? random.below(0xffffffff) : 0,
    flags,
    ...(flags.startsWith('S') ? { options: synOptions } : {}),
  }
}

function udp(port = random.pick([53, 123, 443, 4500, 5060])) {
  return { kind: 'udp', sourcePort: 1024 + random.below(64_000), destinationPort: port }
}

/** One packet of mixed traffic. */
function mixed() {
  const draw = random.below(1000)
  if (draw < 450) {
    const flags = random.pick(['S', 'SA', 'A', 'A', 'PA', 'PA', 'FA', 'R'])
    return [ethernet, network(false), tcp(flags), ...(flags === 'PA' ? [payload(1 + size())] : [])]
  }
  if (draw < 600) return [ethernet, network(false), udp(), payload(size())]
  if (draw < 640) {
    return [
      ethernet,
      network(false),
      { kind: 'icmp', type: random.pick([0, 8]), rest: random.below(0xffffffff) },
      payload(56),
    ]
  }
  if (draw < 740) return [ethernet, network(true), tcp(random.pick(['S', 'A', 'PA'])), payload(size())]
  if (draw < 800) return [ethernet, network(true), udp(), payload(size())]
  if (draw < 820)
    return [ethernet, network(true), { kind: 'icmpv6', type: random.pick([128, 129]), rest: 0x10001 }, payload(56)]
  if (draw < 830) {
    return [
      ethernet,
      network(true),
      { kind: 'ip-extension', type: 0, data: Uint8Array.of(1, 4, 0, 0, 0, 0) },
      udp(),
      payload(size()),
    ]
  }
  if (draw < 880)
    return [
      ethernet,
      { kind: 'vlan', id: 1 + random.below(20) },
      network(random.chance(0.3)),
      tcp('A'),
      payload(size()),
    ]
  if (draw < 890) {
    return [
      ethernet,
      { kind: 'vlan', id: 100, etherType: 0x8100 },
      { kind: 'vlan', id: 1 + random.below(20) },
      network(false),
      udp(),
      payload(size()),
    ]
  }
  if (draw < 910) {
    return [
      ethernet,
      network(false),
      udp(4789),
      { kind: 'vxlan', vni: 1 + random.below(8) },
      ethernet,
      network(false),
      tcp('PA'),
      payload(size() % 1300),
    ]
  }
  if (draw < 920) return [ethernet, network(false), { kind: 'gre' }, network(false), udp(), payload(size() % 1300)]
  if (draw < 930) return [ethernet, { kind: 'mpls', label: 16 + random.below(1000) }, network(false), tcp('A')]
  if (draw < 940) {
    return [
      ethernet,
      { kind: 'arp', operation: 1 + random.below(2), senderMac: gateway, senderIp: address4(), targetIp: address4() },
    ]
  }
  if (draw < 950)
    return [ethernet, { ...network(false), options: Uint8Array.of(0x94, 4, 0, 0) }, udp(), payload(size())]
  if (draw < 965) {
    const first = random.chance(0.5)
    const datagram = { ...network(false), moreFragments: first, fragmentOffset: first ? 0 : 185, protocol: 17 }
    return [
      ethernet,
      datagram,
      ...(first ? [{ ...udp(), checksum: 0x1234, length: 2000 }, payload(1472)] : [payload(520)]),
    ]
  }
  return malformed()
}

/** One packet that a careful parser must not trust. */
function malformed() {
  const ip = network(false)
  return random.pick([
    () => [ethernet, { ...ip, totalLength: 4000, protocol: 6 }, payload(10)],
    () => [ethernet, { ...ip, totalLength: 30, protocol: 6 }, payload(10)],
    () => [ethernet, { ...ip, checksum: 0xdead }, tcp('S')],
    () => [ethernet, ip, { ...tcp('S'), flags: 'SFRPAU' }],
    () => [ethernet, ip, { ...udp(), length: 3 }, payload(20)],
    () => [ethernet, { ...ip, protocol: 6, source: ip.destination }, payload(4)],
    () => [{ ...ethernet, etherType: 0x86dd }, payload(12)],
    () => [
      { ...ethernet, etherType: 0x0800 },
      { kind: 'payload', data: Uint8Array.of(0x42, 0, 0, 40, 1, 2, 3) },
    ],
    () => [{ ...ethernet, etherType: 0x88b5 }, payload(46)],
  ])()
}

/** The packets of the example, in order. */
function* firewallStory(total) {
  const server = '192.0.2.10'
  const from = (source, more = {}) => ({
    kind: 'ipv4',
    source,
    destination: server,
    ttl: 57,
    id: random.below(65536),
    ...more,
  })
  const clients = ['198.51.100.7', '198.51.100.23', '203.0.113.5', '203.0.113.80', '192.0.2.77', '100.64.9.1']
  /** Scanners and a botnet: addresses and prefixes the firewall blocks. */
  const attackers = ['203.0.113.66', '203.0.113.99']
  const botnet = () => `198.18.${random.below(256)}.${1 + random.below(254)}`
  const client6 = '2001:db8:1::7'
  const server6 = '2001:db8::10'
  const open = new Map()
  for (let i = 0; i < total; i++) {
    const draw = random.below(1000)
    if (draw < 330) {
      // Web clients: a handshake, then requests.
      const client = random.pick(clients)
      const seen = (open.get(client) ?? 0) + 1
      open.set(client, seen)
      const ports = [40_000 + (seen >> 3), seen & 1 ? 443 : 80]
      const step = seen % 8
      if (step === 1 || step === 2) yield [ethernet, from(client), tcp('S', ports)]
      else if (step === 3 || step === 4) yield [ethernet, from(client), tcp('A', ports)]
      else yield [ethernet, from(client), tcp('PA', ports), payload(40 + random.below(120))]
    } else if (draw < 400)
      yield [
        ethernet,
        from(random.pick(clients)),
        udp(53),
        dnsQuery(random.pick(['example.com', 'www.example.org', 'a.b.example.net'])),
      ]
    else if (draw < 440) {
      yield [
        ethernet,
        from(random.pick(clients)),
        { kind: 'icmp', type: 8, rest: 0x00070000 | (i & 0xffff) },
        payload(56),
      ]
    } else if (draw < 560) {
      // A port scan: services that stay closed.
      yield [
        ethernet,
        from(random.pick(clients.concat(botnet()))),
        tcp('S', [50_000 + random.below(9000), random.pick([23, 445, 3389, 5900])]),
      ]
    } else if (draw < 680) {
      yield [
        ethernet,
        from(random.pick(attackers)),
        tcp('S', [1024 + random.below(60_000), random.pick([22, 80, 443])]),
      ]
    } else if (draw < 780)
      yield [ethernet, from(botnet()), udp(random.pick([53, 123, 1900])), payload(20 + random.below(60))]
    else if (draw < 830) {
      yield [
        ethernet,
        { kind: 'ipv6', source: client6, destination: server6, hopLimit: 60 },
        tcp(random.pick(['S', 'A']), [41_000, 443]),
      ]
    } else if (draw < 850) {
      yield [
        ethernet,
        { kind: 'ipv6', source: client6, destination: server6, hopLimit: 255 },
        { kind: 'icmpv6', type: 135 },
        { kind: 'payload', data: random.bytes(24) },
      ]
    } else if (draw < 880)
      yield [ethernet, { kind: 'vlan', id: 20 }, from(random.pick(clients)), tcp('PA', [42_000, 443]), payload(64)]
    else if (draw < 900) {
      yield [
        { ...ethernet, destination: 'ff:ff:ff:ff:ff:ff' },
        { kind: 'arp', operation: 1, senderMac: gateway, senderIp: '192.0.2.1', targetIp: server },
      ]
    } else if (draw < 915)
      yield [ethernet, from(random.pick(clients), { fragmentOffset: 185, protocol: 17 }), payload(200)]
    else if (draw < 930)
      yield [
        ethernet,
        from(random.pick(clients)),
        { ...tcp('S'), flags: random.pick(['SF', 'FPU', '']), destinationPort: 80 },
      ]
    else yield malformed()
  }
}

const writer = out.endsWith('.pcapng') ? new PcapngWriter({ application: 'make-capture' }) : new PcapWriter()
if (writer instanceof PcapngWriter) writer.addInterface({ linkType: 1, name: 'eth0' })
const descriptor = openSync(out, 'w')
const flush = () => {
  const bytes = writer.take()
  for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at)
}
let nanoseconds = 0
let seconds = 1_767_225_600
const write = (bytes) => {
  // On the wire a packet may be longer than what was captured, as with a snap length.
  writer.writeRecord(bytes, 0, bytes.length, seconds, nanoseconds, bytes.length)
  nanoseconds += 500 + random.below(values.kind === 'firewall' ? 20_000_000 : 4000)
  if (nanoseconds >= 1_000_000_000) {
    nanoseconds -= 1_000_000_000
    seconds++
  }
  if (writer.pending >= 0x10_0000) flush()
}
if (values.kind === 'firewall') for (const layers of firewallStory(count)) write(frame(layers))
else {
  // Building a packet takes microseconds, repeating one nanoseconds: long captures draw from a pool of distinct packets.
  const pool = Array.from({ length: Math.min(count, 20_000) }, () => frame(mixed()))
  for (let i = 0; i < count; i++) write(i < pool.length ? pool[i] : random.pick(pool))
}
flush()
closeSync(descriptor)
