import { FormatError } from '../base/index.js'

/** `02:00:00:00:00:01` of six bytes at `offset`. */
export function formatMac(bytes: Uint8Array, offset = 0): string {
  let text = ''
  for (let i = 0; i < 6; i++) {
    if (i > 0) text += ':'
    text += ((bytes[offset + i] as number) | 0x100).toString(16).slice(1)
  }
  return text
}

/** Six bytes of a MAC address written with ':' or '-'. */
export function parseMac(text: string): Uint8Array {
  const parts = text.split(/[:-]/)
  if (parts.length !== 6 || !parts.every((part) => /^[0-9a-fA-F]{1,2}$/.test(part))) {
    throw new FormatError('packet', `'${text}' is not a MAC address`, { hint: 'write it as 02:00:00:00:00:01' })
  }
  return Uint8Array.from(parts, (part) => Number.parseInt(part, 16))
}

/** `10.0.0.1` of four bytes at `offset`. */
export function formatIpv4(bytes: Uint8Array, offset = 0): string {
  return `${bytes[offset]}.${bytes[offset + 1]}.${bytes[offset + 2]}.${bytes[offset + 3]}`
}

/** Four bytes of a dotted IPv4 address. */
export function parseIpv4(text: string): Uint8Array {
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)) {
    throw new FormatError('packet', `'${text}' is not an IPv4 address`, { hint: 'write it as 192.0.2.1' })
  }
  return Uint8Array.from(parts, Number)
}

/** Sixteen bytes at `offset` as RFC 5952 writes them: lower case, the longest run of zero groups as `::`. */
export function formatIpv6(bytes: Uint8Array, offset = 0): string {
  const groups: number[] = []
  for (let i = 0; i < 16; i += 2) groups.push(((bytes[offset + i] as number) << 8) | (bytes[offset + i + 1] as number))
  // An IPv4-mapped address is shown as such (RFC 5952, section 5).
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return `::ffff:${formatIpv4(bytes, offset + 12)}`
  }
  let bestStart = -1
  let bestLength = 1
  for (let i = 0; i < 8; i++) {
    let length = 0
    while (i + length < 8 && groups[i + length] === 0) length++
    if (length > bestLength) {
      bestStart = i
      bestLength = length
    }
  }
  const text = (part: number[]): string => part.map((group) => group.toString(16)).join(':')
  if (bestStart < 0) return text(groups)
  return `${text(groups.slice(0, bestStart))}::${text(groups.slice(bestStart + bestLength))}`
}

/** Sixteen bytes of an IPv6 address in any form of RFC 4291. */
export function parseIpv6(text: string): Uint8Array {
  const bad = (): FormatError =>
    new FormatError('packet', `'${text}' is not an IPv6 address`, { hint: 'write it as 2001:db8::1' })
  const halves = text.split('::')
  if (halves.length > 2) throw bad()
  const [head, tail] = halves.map((half, index) => groupsOf(half, index === halves.length - 1, bad))
  const missing = 16 - (head as number[]).length - (tail?.length ?? 0)
  if (tail === undefined ? missing !== 0 : missing < 2) throw bad()
  return Uint8Array.from([...(head as number[]), ...new Array<number>(missing).fill(0), ...(tail ?? [])])
}

/** An IPv4 address may only stand at the very end. */
function groupsOf(text: string, last: boolean, bad: () => FormatError): number[] {
  if (text === '') return []
  const bytes: number[] = []
  const parts = text.split(':')
  for (const [index, part] of parts.entries()) {
    if (last && part.includes('.') && index === parts.length - 1) bytes.push(...parseIpv4(part))
    else if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      const group = Number.parseInt(part, 16)
      bytes.push(group >>> 8, group & 0xff)
    } else throw bad()
  }
  if (bytes.length > 16) throw bad()
  return bytes
}

/** Bytes of an IPv4 or IPv6 address. */
export function parseAddress(text: string): Uint8Array {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text)
}

/** Text of 4 or 16 address bytes. */
export function formatAddress(bytes: Uint8Array): string {
  return bytes.length === 4 ? formatIpv4(bytes) : formatIpv6(bytes)
}
