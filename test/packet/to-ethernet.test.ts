import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { FormatError, fromHex, toHex } from '#src/base/index.js'
import {
  describeLinkType,
  ethernetPolicy,
  LINK_TYPE,
  linkTypeName,
  readPackets,
  summarizePacket,
  toEthernet,
} from '#src/packet/index.js'
import { captureFiles } from './support.js'

const ip4 = '45000014000000004001f96c0a0000010a000002'
const ip6 = '6000000000003b40' + '20010db8000000000000000000000001' + '20010db8000000000000000000000002'
const none = '000000000000' + '000000000000'

test('link headers become Ethernet headers', () => {
  for (const [name, packet, frame] of [
    ['RAW', ip4, `${none}0800${ip4}`],
    ['RAW', ip6, `${none}86dd${ip6}`],
    ['IPV4', ip4, `${none}0800${ip4}`],
    ['IPV6', ip6, `${none}86dd${ip6}`],
    ['NULL', `02000000${ip4}`, `${none}0800${ip4}`],
    ['NULL', `00000002${ip4}`, `${none}0800${ip4}`],
    ['NULL', `1e000000${ip6}`, `${none}86dd${ip6}`],
    ['LOOP', `00000018${ip6}`, `${none}86dd${ip6}`],
    ['LINUX_SLL', `000000010006020304050607ffff0800${ip4}`, `000000000000020304050607` + `0800${ip4}`],
    ['LINUX_SLL', `000100010006020304050607ffff0806aabb`, `ffffffffffff020304050607` + '0806aabb'],
    ['LINUX_SLL', `000003040000000000000000ffff86dd${ip6}`, `${none}86dd${ip6}`],
    ['LINUX_SLL', `00000001000602030405060700000004424203`, `000000000000020304050607` + '0003424203'],
    ['LINUX_SLL2', `0800000000000002000100060203040506070000${ip4}`, `000000000000020304050607` + `0800${ip4}`],
    ['PPP', `ff030021${ip4}`, `${none}0800${ip4}`],
    ['PPP', `21${ip4}`, `${none}0800${ip4}`],
    ['PPP_WITH_DIR', `00ff030057${ip6}`, `${none}86dd${ip6}`],
    ['PPP_ETHER', '110000010008c021', `${none}8864` + '110000010008c021'],
    ['C_HDLC', `0f000800${ip4}`, `${none}0800${ip4}`],
    ['FRELAY', `184103cc${ip4}`, `${none}0800${ip4}`],
    ['FRELAY', `184103008000000086dd${ip6}`, `${none}86dd${ip6}`],
    ['ENC', `020000000000000000000000${ip4}`, `${none}0800${ip4}`],
    ['PFLOG', `3d02${'00'.repeat(62)}${ip4}`, `${none}0800${ip4}`],
    ['IPNET', `011a${'00'.repeat(22)}${ip6}`, `${none}86dd${ip6}`],
    ['NFLOG', `0200000008000100ffff000018000900${ip4}`, `${none}0800${ip4}`],
    ['ATM_RFC1483', `aaaa030000000800${ip4}`, `${none}0800${ip4}`],
    ['FDDI', `57020304050607020304050608aaaa030000000800${ip4}`, `020304050607020304050608` + `0800${ip4}`],
    ['FDDI', '57020304050607020304050608424203', '020304050607020304050608' + '0003424203'],
    [
      'IEEE802_5',
      `1040020304050607820304050608` + `0270aaaa030000000800${ip4}`,
      `020304050607020304050608` + `0800${ip4}`,
    ],
    [
      'IEEE802_11',
      `0801000002000000000a02000000000b02000000000c0000aaaa030000000800${ip4}`,
      `02000000000c02000000000b0800${ip4}`,
    ],
    [
      'IEEE802_11',
      `8802000002000000000a02000000000b02000000000c00000000aaaa030000000800${ip4}`,
      `02000000000a02000000000c0800${ip4}`,
    ],
    [
      'IEEE802_11_RADIOTAP',
      `0000080000000000` + `0801000002000000000a02000000000b02000000000c0000aaaa030000000800${ip4}`,
      `02000000000c02000000000b0800${ip4}`,
    ],
    ['PPI', `0000080065000000${ip4}`, `${none}0800${ip4}`],
    ['JUNIPER_ETHER', `4d474381000200000203040506070203040506080800${ip4}`, `020304050607020304050608` + `0800${ip4}`],
    ['SUNATM', `02000064aaaa030000000800${ip4}`, `${none}0800${ip4}`],
    ['IPOIB', `${'00'.repeat(40)}08000000${ip4}`, `${none}0800${ip4}`],
    ['MPLS', '00010140', `${none}8847` + '00010140'],
    ['APPLE_IP_OVER_IEEE1394', `${'00'.repeat(16)}0800${ip4}`, `${none}0800${ip4}`],
  ] as const) {
    assert.equal(toHex(toEthernet(LINK_TYPE[name], fromHex(packet))), frame, `${name} ${packet}`)
    assert.equal(ethernetPolicy(LINK_TYPE[name]), 'converted')
  }
})

test('an Ethernet packet is not copied', () => {
  const data = fromHex(`${none}0800`)
  assert.equal(toEthernet(LINK_TYPE.ETHERNET, data), data)
  assert.equal(ethernetPolicy(LINK_TYPE.ETHERNET), 'same')
})

test('what cannot be a frame is refused by name', () => {
  for (const [name, packet, words] of [
    ['USB_LINUX', '00', /LINKTYPE_USB_LINUX \(189\) packets cannot be given an Ethernet header/],
    ['BLUETOOTH_HCI_H4', '', /LINKTYPE_BLUETOOTH_HCI_H4/],
    ['RAW', '', /LINKTYPE_RAW \(101\): IP header is cut/],
    ['RAW', '99', /neither IPv4 nor IPv6 \(version 9\)/],
    ['NULL', '63000000', /address family 99 has no Ethernet type/],
    ['LINUX_SLL', '0000', /cooked header is cut/],
    ['LINUX_SLL', `00000118000600000000000000000000000c`, /protocol 0 of the cooked header/],
    ['LINUX_SLL', `0000033800000000000000000000000c`, /netlink/],
    ['PPP', 'ff03c021', /PPP protocol 0xc021/],
    ['IEEE802_11', '80'.padEnd(48, '0'), /wireless management frame/],
    ['IEEE802_11', '0841'.padEnd(48, '0'), /encrypted/],
    ['IEEE802_11_RADIOTAP', '0000ffff', /wireless header is cut/],
    ['NFLOG', '02000000ffff0900', /leaves the packet/],
    ['NFLOG', '02000000', /has no packet/],
    ['PPI', '0000', /header is cut/],
    ['PPI', '00000800c0000000', /makes no sense/],
    ['IPOIB', '00', /is cut/],
  ] as const) {
    assert.throws(
      () => toEthernet(LINK_TYPE[name], fromHex(packet)),
      (error) => error instanceof FormatError && words.test(error.message) && error.message.includes(name),
      `${name} ${packet}`,
    )
  }
  assert.throws(() => toEthernet(4711, new Uint8Array(1)), /link type 4711 packets cannot/)
})

test('any bytes of any link type give a frame or a FormatError', () => {
  fc.assert(
    fc.property(fc.nat({ max: 310 }), fc.uint8Array({ maxLength: 80 }), (linkType, data) => {
      try {
        assert.ok(toEthernet(linkType, data).length >= (ethernetPolicy(linkType) === 'same' ? 0 : 14))
      } catch (error) {
        assert.ok(error instanceof FormatError, String(error))
        assert.ok(error.message.includes(describeLinkType(linkType)) || linkType === LINK_TYPE.PPI)
      }
    }),
    { numRuns: 5000 },
  )
})

test('names and numbers', () => {
  assert.equal(linkTypeName(1), 'ETHERNET')
  assert.equal(linkTypeName(276), 'LINUX_SLL2')
  assert.equal(linkTypeName(5000), undefined)
  assert.equal(new Set(Object.values(LINK_TYPE)).size, Object.keys(LINK_TYPE).length)
})

const files = captureFiles()

test('every capture becomes frames, or says why not', { skip: files.length === 0 && 'no captures here' }, () => {
  const counts = { frames: 0, refused: 0 }
  for (const file of files) {
    for (const { linkType, data } of readPackets(new Uint8Array(readFileSync(file)))) {
      try {
        const frame = toEthernet(linkType, data)
        counts.frames++
        if (ethernetPolicy(linkType) === 'converted') assert.match(summarizePacket(frame), /IP|ARP|MPLS|ethertype|: /)
      } catch (error) {
        assert.ok(error instanceof FormatError, `${file}: ${String(error)}`)
        counts.refused++
      }
    }
  }
  assert.ok(counts.frames > 18_000 && counts.refused < 300, JSON.stringify(counts))
})
