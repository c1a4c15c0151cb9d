import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { FormatError, fromHex, toHex, UsageError } from '#src/base/index.js'
import {
  buildPacket,
  encodeTcpOptions,
  ethernetPolicy,
  flowHash,
  formatAddress,
  formatMac,
  type Layer,
  PcapWriter,
  parsePacket,
  parseTcpOptions,
  readPackets,
  summarizePacket,
  type TcpOption,
  tcpFlagBits,
  tcpFlagLetters,
  toEthernet,
} from '#src/packet/index.js'
import { captureFiles, hasTool } from './support.js'

const eth: Layer = { kind: 'ethernet', destination: '02:00:00:00:00:02', source: '02:00:00:00:00:01' }
const ip4: Layer = { kind: 'ipv4', source: '10.0.0.1', destination: '10.0.0.2' }
const ip6: Layer = { kind: 'ipv6', source: '2001:db8::1', destination: '2001:db8::2' }
const syn: Layer = { kind: 'tcp', sourcePort: 1234, destinationPort: 80, flags: 'S' }
const dns: Layer = { kind: 'udp', sourcePort: 5353, destinationPort: 53 }
const hello: Layer = { kind: 'payload', data: 'hello' }

test('a TCP packet byte by byte', () => {
  // Checked with tcpdump -vvv: both checksums correct.
  assert.equal(
    toHex(buildPacket([eth, { ...ip4, id: 1 }, { ...syn, sequence: 1, window: 512 }, hello])),
    '020000000002' +
      '020000000001' +
      '0800' +
      '4500002d' +
      '00010000' +
      '400666c8' +
      '0a000001' +
      '0a000002' +
      '04d20050' +
      '00000001' +
      '00000000' +
      '50020200' +
      '50e60000' +
      '68656c6c6f',
  )
})

test('lengths and protocol numbers come from what follows', () => {
  const stack: Layer[] = [
    eth,
    { kind: 'vlan', id: 100, priority: 3 },
    { kind: 'vlan', id: 200, dropEligible: true },
    ip6,
    { kind: 'ip-extension', type: 0, data: new Uint8Array(6) },
    { kind: 'ipv6-fragment', fragmentOffset: 0, moreFragments: true, id: 7 },
    { kind: 'udp', sourcePort: 1, destinationPort: 4789 },
    { kind: 'vxlan', vni: 0xabcdef },
    eth,
    { kind: 'mpls', label: 16 },
    { kind: 'mpls', label: 1048575, trafficClass: 5 },
    ip4,
    { kind: 'gre', checksum: true, key: 0xdeadbeef, sequence: 4 },
    eth,
    ip4,
    { kind: 'udp', sourcePort: 2, destinationPort: 6081 },
    { kind: 'geneve', vni: 5, options: new Uint8Array(8) },
    eth,
    ip6,
    { kind: 'icmpv6', type: 128, rest: 0x0001_0002 },
    hello,
  ]
  const bytes = buildPacket(stack)
  const parsed = parsePacket(bytes)
  assert.equal(parsed.malformed, undefined)
  assert.equal(parsed.truncated, false)
  assert.deepEqual(
    parsed.layers.map((layer) => layer.kind),
    stack.map((layer) => layer.kind),
  )
  assert.deepEqual(buildPacket(parsed.layers), bytes)
  assert.deepEqual(parsed.layers.at(-1), { kind: 'payload', data: new TextEncoder().encode('hello') })
  const ipv6 = parsed.layers[3]
  assert.ok(ipv6?.kind === 'ipv6')
  assert.equal(ipv6.payloadLength, bytes.length - (parsed.offsets[4] as number))
  const vlan = parsed.layers[1]
  assert.deepEqual(vlan, { kind: 'vlan', id: 100, priority: 3, dropEligible: false, etherType: 0x8100 })
})

test('padding is no part of lengths', () => {
  const bytes = buildPacket([eth, ip4, dns, hello, { kind: 'padding', data: new Uint8Array(13) }])
  assert.equal(bytes.length, 60)
  const { layers } = parsePacket(bytes)
  assert.deepEqual(layers.at(-1), { kind: 'padding', data: new Uint8Array(13) })
  assert.ok(layers[1]?.kind === 'ipv4' && layers[1].totalLength === 33)
})

const mac = fc.uint8Array({ minLength: 6, maxLength: 6 }).map((bytes) => formatMac(bytes))
const address4 = fc.uint8Array({ minLength: 4, maxLength: 4 }).map(formatAddress)
const address6 = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(formatAddress)
const u8 = fc.nat({ max: 0xff })
const u16 = fc.nat({ max: 0xffff })
const u32 = fc.nat({ max: 0xffff_ffff })
const options = fc.nat({ max: 10 }).chain((n) => fc.uint8Array({ minLength: 4 * n, maxLength: 4 * n }))
const bits = fc.boolean()
const anyEthernet = fc.record({ kind: fc.constant('ethernet'), destination: mac, source: mac }) as fc.Arbitrary<Layer>
const anyVlan = fc.record({
  kind: fc.constant('vlan'),
  id: fc.nat({ max: 4095 }),
  priority: fc.nat({ max: 7 }),
  dropEligible: bits,
}) as fc.Arbitrary<Layer>
const anyNetwork = fc.oneof(
  fc.record({
    kind: fc.constant('ipv4'),
    source: address4,
    destination: address4,
    tos: u8,
    id: u16,
    reservedFlag: bits,
    dontFragment: bits,
    moreFragments: bits,
    fragmentOffset: fc.constantFrom(0, 0, 0, 185),
    ttl: u8,
    options,
  }),
  fc.record({
    kind: fc.constant('ipv6'),
    source: address6,
    destination: address6,
    hopLimit: u8,
    trafficClass: u8,
    flowLabel: fc.nat({ max: 0xfffff }),
  }),
) as fc.Arbitrary<Layer>
const anyTransport = fc.oneof(
  fc.record({
    kind: fc.constant('tcp'),
    sourcePort: u16,
    destinationPort: u16,
    sequence: u32,
    acknowledgment: u32,
    flags: u8.map(tcpFlagLetters),
    reserved: fc.nat({ max: 15 }),
    window: u16,
    urgent: u16,
    options,
  }),
  fc.record({ kind: fc.constant('udp'), sourcePort: u16, destinationPort: u16 }),
  fc.record({ kind: fc.constantFrom('icmp', 'icmpv6'), type: u8, code: u8, rest: u32 }),
) as fc.Arbitrary<Layer>
const anyPayload = fc.record({
  kind: fc.constant('payload'),
  data: fc.uint8Array({ maxLength: 100 }),
}) as fc.Arbitrary<Layer>

test('what is built is parsed into the same fields, and built again into the same bytes', () => {
  fc.assert(
    fc.property(
      fc.tuple(anyEthernet, fc.array(anyVlan, { maxLength: 2 }), anyNetwork, anyTransport, anyPayload),
      ([ethernet, vlans, network, transport, payload]) => {
        const bytes = buildPacket([ethernet, ...vlans, network, transport, payload])
        const { layers, malformed } = parsePacket(bytes)
        assert.equal(malformed, undefined)
        assert.deepEqual(buildPacket(layers), bytes)
        const late = network.kind === 'ipv4' && network.fragmentOffset !== 0
        for (const [index, layer] of [ethernet, ...vlans, network, ...(late ? [] : [transport])].entries()) {
          // Everything that was given comes back; what was worked out is added.
          const found = layers[index] as Layer & Record<string, unknown>
          for (const [name, value] of Object.entries(layer))
            assert.deepEqual(found[name], value, `${layer.kind} ${name}`)
        }
      },
    ),
    { numRuns: 500 },
  )
})

test('any bytes are parsed without an exception, and give the same bytes when nothing is malformed', () => {
  const start = buildPacket([eth, ip4, syn, hello])
  const change = fc.array(fc.tuple(fc.nat({ max: 60 }), u8), { maxLength: 6 })
  fc.assert(
    fc.property(change, fc.nat({ max: 80 }), fc.boolean(), (changes, length, ip) => {
      const bytes = new Uint8Array(length)
      bytes.set(start.subarray(0, length))
      for (const [at, value] of changes) bytes[at % Math.max(1, length)] = value
      const parsed = parsePacket(bytes, { first: ip ? 'ip' : 'ethernet' })
      assert.ok(summarizePacket(bytes, { first: ip ? 'ip' : 'ethernet' }).length > 0)
      assert.ok(flowHash(bytes) > 0)
      if (parsed.malformed === undefined) assert.deepEqual(buildPacket(parsed.layers), bytes)
      else assert.ok(parsed.malformed instanceof FormatError)
    }),
    { numRuns: 2000 },
  )
})

const files = captureFiles()

test('every captured Ethernet packet is parsed and built again', {
  skip: files.length === 0 && 'no captures here',
}, () => {
  let whole = 0
  let malformed = 0
  for (const file of files) {
    for (const packet of readPackets(new Uint8Array(readFileSync(file)))) {
      if (ethernetPolicy(packet.linkType) !== 'same') continue
      const frame = toEthernet(packet.linkType, packet.data)
      assert.equal(frame, packet.data)
      const parsed = parsePacket(frame)
      assert.ok(summarizePacket(frame).length > 0)
      if (parsed.malformed !== undefined) {
        malformed++
        continue
      }
      whole++
      if (Buffer.compare(buildPacket(parsed.layers), frame) !== 0) assert.fail(`${file}: ${summarizePacket(frame)}`)
    }
  }
  assert.ok(whole > 15_000 && malformed > 50, `${whole} ${malformed}`)
})

test('tcpdump finds every checksum correct', { skip: !hasTool('tcpdump') && 'tcpdump is not installed' }, () => {
  const odd: Layer = { kind: 'payload', data: 'odd' }
  const packets: Layer[][] = [
    [eth, ip4, syn, odd],
    [eth, ip4, { ...dns, destinationPort: 9 }, odd],
    [eth, ip4, { kind: 'icmp', type: 8, rest: 0x10001 }, odd],
    [eth, ip6, syn, odd],
    [eth, ip6, { ...dns, destinationPort: 9 }, odd],
    [eth, ip6, { kind: 'icmpv6', type: 128, rest: 0x10001 }, odd],
    [eth, ip6, { kind: 'ip-extension', type: 60, data: Uint8Array.of(1, 4, 0, 0, 0, 0) }, syn],
    [eth, { ...ip4, options: Uint8Array.of(1, 1, 1, 0) }, { kind: 'gre', checksum: true }, ip4, syn],
    [eth, ip4, { ...dns, destinationPort: 4789 }, { kind: 'vxlan', vni: 9 }, eth, ip6, syn],
  ]
  const writer = new PcapWriter()
  for (const layers of packets) writer.write({ data: buildPacket(layers), timestampNs: 0n })
  const { stdout } = spawnSync('tcpdump', ['-n', '-vvv', '-r', '-'], { input: writer.take(), encoding: 'utf8' })
  assert.doesNotMatch(stdout, /incorrect|bad.*cksum|wrong|truncated/i)
  assert.ok([...stdout.matchAll(/\(correct\)|udp sum ok/g)].length >= 7, stdout)
})

test('layers that cannot be encoded are refused', () => {
  assert.throws(() => buildPacket([{ ...syn, options: new Uint8Array(3) }]), UsageError)
  assert.throws(() => buildPacket([{ ...ip4, options: new Uint8Array(44) }]), UsageError)
  assert.throws(() => buildPacket([{ kind: 'ip-extension', type: 0, data: new Uint8Array(7) }]), UsageError)
  assert.throws(() => buildPacket([{ ...ip4, source: '10.0.0' }]), FormatError)
})

test('TCP options', () => {
  const list: TcpOption[] = [
    { kind: 'mss', value: 1460 },
    { kind: 'sack-permitted' },
    { kind: 'timestamps', value: 0xffffffff, echo: 1 },
    { kind: 'window-scale', shift: 7 },
    { kind: 'other', code: 254, data: Uint8Array.of(1, 2) },
    { kind: 'sack', blocks: [[1, 0xfffffff0]] },
  ]
  assert.deepEqual(parseTcpOptions(encodeTcpOptions(list)), list)
  assert.deepEqual(parseTcpOptions(fromHex('01 01 0402 00 ff')), [{ kind: 'sack-permitted' }])
  assert.throws(() => parseTcpOptions(fromHex('0204')), FormatError)
  assert.throws(() => parseTcpOptions(fromHex('0801')), FormatError)
  assert.throws(() => encodeTcpOptions([...list, ...list]), UsageError)
  assert.equal(tcpFlagBits('SA'), 0x12)
})

test('one line about a packet', () => {
  for (const [layers, text] of [
    [[eth, ip4, syn], 'IP 10.0.0.1.1234 > 10.0.0.2.80: TCP S, length 0'],
    [[eth, ip6, { ...syn, flags: 'PA' }, hello], 'IP6 2001:db8::1.1234 > 2001:db8::2.80: TCP P., length 5'],
    [[eth, { kind: 'vlan', id: 5 }, ip4, dns, hello], 'vlan 5, IP 10.0.0.1.5353 > 10.0.0.2.53: UDP, length 5'],
    [[eth, ip4, { kind: 'icmp', type: 8, rest: 0x10002 }], 'IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 2'],
    [[eth, ip6, { kind: 'icmpv6', type: 135 }], 'IP6 2001:db8::1 > 2001:db8::2: ICMP6 neighbor solicitation, code 0'],
    [
      [eth, { kind: 'arp', operation: 1, senderIp: '10.0.0.1', targetIp: '10.0.0.2' }],
      'ARP, request who-has 10.0.0.2 tell 10.0.0.1',
    ],
    [[eth, { ...ip4, fragmentOffset: 10, protocol: 17 }, hello], 'IP 10.0.0.1 > 10.0.0.2: fragment at 80, length 5'],
    [[eth, { ...ip4, protocol: 89 }, hello], 'IP 10.0.0.1 > 10.0.0.2: OSPF, length 5'],
    [
      [eth, ip4, { kind: 'gre' }, { ...ip4, source: '1.1.1.1' }, syn],
      'IP 10.0.0.1 > 10.0.0.2: GRE, IP 1.1.1.1.1234 > 10.0.0.2.80: TCP S, length 0',
    ],
    [
      [eth, ip4, { ...dns, destinationPort: 4789 }, { kind: 'vxlan', vni: 7 }, eth, ip6, syn],
      'IP 10.0.0.1.5353 > 10.0.0.2.4789: VXLAN vni 7, IP6 2001:db8::1.1234 > 2001:db8::2.80: TCP S, length 0',
    ],
    [[eth, { kind: 'mpls', label: 16 }, ip4, syn], 'MPLS 16, IP 10.0.0.1.1234 > 10.0.0.2.80: TCP S, length 0'],
    [[{ ...eth, etherType: 0x88cc }, hello], '02:00:00:00:00:01 > 02:00:00:00:00:02: LLDP, length 5'],
    [[{ ...eth, etherType: 5 }, hello], '02:00:00:00:00:01 > 02:00:00:00:00:02: LLC, length 5'],
  ] as [Layer[], string][]) {
    assert.equal(summarizePacket(buildPacket(layers)), text)
  }
  const cut = buildPacket([eth, ip4, syn]).subarray(0, 40)
  assert.equal(
    summarizePacket(cut),
    'IP 10.0.0.1 > 10.0.0.2: TCP, length 6 [malformed: TCP header is cut: 6 bytes of 20]',
  )
  assert.equal(summarizePacket(new Uint8Array(3)), '3 bytes [malformed: Ethernet header is cut: 3 bytes of 14]')
})

test('the flow hash is that of the flow', () => {
  const hash = (...layers: Layer[]): number => flowHash(buildPacket([eth, ...layers]))
  const forward = hash(ip4, syn)
  assert.equal(hash({ ...ip4, id: 9 }, { ...syn, sequence: 77, flags: 'A' }, hello), forward)
  const back: Layer = { kind: 'ipv4', source: '10.0.0.2', destination: '10.0.0.1' }
  assert.equal(hash(back, { kind: 'tcp', sourcePort: 80, destinationPort: 1234 }), forward)
  assert.equal(hash({ kind: 'vlan', id: 3 }, ip4, syn), forward)
  assert.notEqual(hash(ip4, { ...syn, sourcePort: 1235 }), forward)
  assert.equal(
    hash({ ...ip4, moreFragments: true }, dns),
    hash({ ...ip4, fragmentOffset: 100, protocol: 17 }, hello),
    'all fragments of a datagram share a hash',
  )
  const seen = new Set<number>()
  for (let port = 0; port < 20_000; port++) seen.add(hash(ip4, { kind: 'udp', sourcePort: port, destinationPort: 53 }))
  assert.ok(seen.size > 19_990, `${20_000 - seen.size} collisions`)
})
