import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FormatError } from '#src/base/index.js'
import {
  formatAddress,
  formatIpv6,
  formatMac,
  parseAddress,
  parseIpv4,
  parseIpv6,
  parseMac,
} from '#src/packet/index.js'

test('IPv6 text as RFC 5952 wants it', () => {
  for (const [text, canonical] of [
    ['2001:DB8::1', '2001:db8::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:0db8:0000:0000:0000:0000:0000:0001', '2001:db8::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
  ] as const) {
    assert.equal(formatIpv6(parseIpv6(text)), canonical)
  }
})

test('what is no address is refused', () => {
  for (const text of [
    '',
    ':',
    ':::',
    '1:2',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1::2::3',
    '12345::',
    'g::',
    '1.2.3.4::',
    '1:2:3:4:5:6:7::8',
    '::1.2.3',
    '1:2:3:4:5:6:7:1.2.3.4',
  ]) {
    assert.throws(() => parseIpv6(text), FormatError, text)
  }
  for (const text of ['', '1.2.3', '1.2.3.4.5', '256.1.1.1', '01.2.3.4', '1.2.3.x', ' 1.2.3.4', '-1.2.3.4']) {
    assert.throws(() => parseIpv4(text), FormatError, text)
  }
  for (const text of ['', '1:2:3:4:5', '1:2:3:4:5:6:7', '001:2:3:4:5:6', 'x:2:3:4:5:6']) {
    assert.throws(() => parseMac(text), FormatError, text)
  }
})

test('addresses come back from their text', () => {
  const bytes = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length })
  const sparse = fc
    .array(fc.constantFrom(0, 0, 0, 1, 255), { minLength: 16, maxLength: 16 })
    .map((list) => Uint8Array.from(list))
  fc.assert(
    fc.property(bytes(4), bytes(16), sparse, bytes(6), (four, sixteen, mostlyZero, mac) => {
      for (const address of [four, sixteen, mostlyZero]) assert.deepEqual(parseAddress(formatAddress(address)), address)
      assert.deepEqual(parseMac(formatMac(mac)), mac)
    }),
  )
})
