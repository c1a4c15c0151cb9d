// Addresses as bytes in network order.

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false
  return true
}

/** Whether the first `bits` bits are the same. */
export function inPrefix(address: Uint8Array, prefix: Uint8Array, bits: number): boolean {
  if (address.length !== prefix.length) return false
  const whole = bits >> 3
  for (let index = 0; index < whole; index++) if (prefix[index] !== address[index]) return false
  const rest = bits & 7
  return rest === 0 || ((prefix[whole] as number) ^ (address[whole] as number)) >> (8 - rest) === 0
}

/** The address with all bits behind the prefix cleared. */
export function maskedTo(address: Uint8Array, bits: number): Uint8Array {
  return address.map((byte, index) => byte & (0xff00 >> Math.min(8, Math.max(0, bits - index * 8))) & 0xff)
}

/** The highest address of a prefix. */
export function lastOf(address: Uint8Array, bits: number): Uint8Array {
  return address.map((byte, index) => byte | (0xff >> Math.min(8, Math.max(0, bits - index * 8))))
}

export function isZero(bytes: Uint8Array): boolean {
  for (const byte of bytes) if (byte !== 0) return false
  return true
}

/** A key for maps. */
export function addressKey(address: Uint8Array): string {
  let key = ''
  for (const byte of address) key += String.fromCharCode(byte)
  return key
}

/** fe80:: with the interface identifier that an Ethernet address makes (EUI-64). */
export function linkLocalOf(mac: Uint8Array): Uint8Array {
  const address = new Uint8Array(16)
  address.set([0xfe, 0x80])
  address.set([(mac[0] as number) ^ 2, mac[1] as number, mac[2] as number, 0xff, 0xfe], 8)
  address.set(mac.subarray(3, 6), 13)
  return address
}
