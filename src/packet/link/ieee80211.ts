import { Refusal } from './refusal.js'

/** Addresses of a wireless data frame and where its LLC header starts. */
export interface WirelessPayload {
  readonly offset: number
  readonly source: Uint8Array
  readonly destination: Uint8Array
}

/** Reads the 802.11 header at `start`; only unencrypted, unaggregated data frames carry what a wired host would see. */
export function ieee80211Payload(data: Uint8Array, start: number): WirelessPayload {
  const control = data[start]
  const flags = data[start + 1]
  if (control === undefined || flags === undefined || data.length < start + 24) {
    throw new Refusal(`wireless header is cut: the packet has ${data.length} bytes`)
  }
  const type = (control >>> 2) & 3
  const subtype = control >>> 4
  if (type !== 2 || (subtype & 4) !== 0) {
    const name = type === 0 ? 'management' : type === 1 ? 'control' : type === 2 ? 'empty data' : 'extension'
    throw new Refusal(`the packet is a wireless ${name} frame`)
  }
  if ((flags & 0x40) !== 0) throw new Refusal('the packet is an encrypted wireless frame')
  const toDs = (flags & 1) !== 0
  const fromDs = (flags & 2) !== 0
  let offset = start + 24
  if (toDs && fromDs) offset += 6
  if ((subtype & 8) !== 0) {
    // The QoS field says whether several frames are packed in one.
    if (((data[offset] ?? 0) & 0x80) !== 0) throw new Refusal('the packet is an aggregate of wireless frames')
    offset += 2
    if ((flags & 0x80) !== 0) offset += 4
  }
  if (offset > data.length) throw new Refusal(`wireless header is cut: the packet has ${data.length} bytes`)
  const address = (index: number): Uint8Array => {
    const at = start + (index === 4 ? 24 : 4 + 6 * (index - 1))
    return data.slice(at, at + 6)
  }
  return {
    offset,
    destination: toDs ? address(3) : address(1),
    source: fromDs ? (toDs ? address(4) : address(3)) : address(2),
  }
}
