import type { Random } from './random.js'

const ETH = { ipv4: 0x0800, ipv6: 0x86dd, vlan: 0x8100, qinq: 0x88a8, arp: 0x0806 } as const

/** A frame of a random kind with random payload: `least` bytes or more. */
export function randomFrame(random: Random, least: number, most: number): Uint8Array {
  const length = least + random.below(most - least + 1)
  const frame = random.bytes(length)
  const view = new DataView(frame.buffer)
  frame.set(
    random.pick([
      [2, 0, 0, 0, 0, 1],
      [0, 0, 0, 0, 0, 0],
      [0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
      [1, 0, 0x5e, 0, 0, 1],
    ]),
  )
  let at = 12
  const tags = random.pick([0, 0, 0, 1, 1, 2])
  for (let tag = 0; tag < tags && at + 4 <= length; tag++) {
    view.setUint16(at, random.pick([ETH.vlan, ETH.qinq]))
    at += 4
  }
  if (at + 2 > length) return frame
  const kind = random.pick(['ipv4', 'ipv4', 'ipv6', 'ipv6', 'arp', 'llc'] as const)
  view.setUint16(at, kind === 'llc' ? random.below(0x5ff) : ETH[kind])
  at += 2
  if (kind === 'ipv4' && at + 20 <= length) {
    frame[at] = 0x45
    view.setUint16(at + 2, length - at)
    frame[at + 9] = random.pick([6, 17, 1, 132])
  }
  if (kind === 'ipv6' && at + 40 <= length) {
    frame[at] = 0x60 | random.below(16)
    view.setUint16(at + 4, length - at - 40)
    frame[at + 6] = random.pick([6, 17, 58, 43])
  }
  return frame
}
