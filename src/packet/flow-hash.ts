import { ETHER_TYPE, IP_PROTOCOL, isVlanType } from './headers/protocols.js'

// Linux keys its packet hash with a random number at boot, so there is no value to reproduce: this one has its
// properties (same for all packets of a flow, in both directions; never 0) and is the same on every machine.

/** A 32-bit hash of the flow of an Ethernet frame: addresses, protocol and ports, or the MAC addresses if it is not IP. */
export function flowHash(bytes: Uint8Array, start = 0, end = bytes.length): number {
  if (end - start < 14) return finish(0, 0, end - start)
  let pos = start + 12
  let type = u16(bytes, pos)
  pos += 2
  for (let tags = 0; isVlanType(type) && tags < 8 && end - pos >= 4; tags++) {
    type = u16(bytes, pos + 2)
    pos += 4
  }
  if (type === ETHER_TYPE.IPV4 && end - pos >= 20) return ipv4Hash(bytes, pos, end)
  if (type === ETHER_TYPE.IPV6 && end - pos >= 40) return ipv6Hash(bytes, pos, end)
  return finish(pair(range(bytes, start, start + 6), range(bytes, start + 6, start + 12)), type, 0)
}

function ipv4Hash(bytes: Uint8Array, pos: number, end: number): number {
  const source = range(bytes, pos + 12, pos + 16)
  const destination = range(bytes, pos + 16, pos + 20)
  const protocol = bytes[pos + 9] as number
  // Later fragments have no ports, so no fragment uses them.
  const fragment = (u16(bytes, pos + 6) & 0x3fff) !== 0
  const at = pos + ((bytes[pos] as number) & 0xf) * 4
  return finish(pair(source, destination), protocol, fragment ? 0 : ports(bytes, protocol, at, end))
}

function ipv6Hash(bytes: Uint8Array, pos: number, end: number): number {
  const addresses = pair(range(bytes, pos + 8, pos + 24), range(bytes, pos + 24, pos + 40))
  let protocol = bytes[pos + 6] as number
  let at = pos + 40
  for (let headers = 0; headers < 8 && end - at >= 8; headers++) {
    if (protocol === IP_PROTOCOL.FRAGMENT) return finish(addresses, bytes[at] as number, 0)
    if (protocol !== IP_PROTOCOL.HOPOPTS && protocol !== IP_PROTOCOL.ROUTING && protocol !== IP_PROTOCOL.DSTOPTS) break
    protocol = bytes[at] as number
    at += 8 * ((bytes[at + 1] as number) + 1)
  }
  return finish(addresses, protocol, ports(bytes, protocol, at, end))
}

function ports(bytes: Uint8Array, protocol: number, at: number, end: number): number {
  if (protocol !== IP_PROTOCOL.TCP && protocol !== IP_PROTOCOL.UDP && protocol !== IP_PROTOCOL.SCTP) return 0
  return end - at < 4 ? 0 : pair(u16(bytes, at), u16(bytes, at + 2))
}

function u16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
}

function range(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0
  for (let i = start; i < end; i += 2) hash = mix(hash, u16(bytes, i))
  return hash
}

/** The same for both orders of its arguments. */
function pair(a: number, b: number): number {
  const low = a >>> 0
  const high = b >>> 0
  return low < high ? mix(low, high) : mix(high, low)
}

function mix(hash: number, value: number): number {
  let h = Math.imul(hash ^ value ^ 0x9e3779b9, 0x85ebca6b)
  h ^= h >>> 15
  h = Math.imul(h, 0xc2b2ae35)
  return h ^ (h >>> 13)
}

function finish(addresses: number, protocol: number, transport: number): number {
  return mix(mix(addresses, protocol), transport) >>> 0 || 1
}
