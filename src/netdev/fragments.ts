import { addressKey } from './address-bytes.js'
import type { Frame } from './frame.js'
import { newFrame, sumHeader } from './ip-output.js'
import type { Namespace } from './namespace.js'
import { ETH_HLEN, ETH_P } from './numbers.js'

const MF = 0x2000
const OFFSET = 0x1fff
/** Packets that may be incomplete at a time in one namespace, as far as net.ipv4.ipfrag_high_thresh bounds it. */
const MAX_QUEUES = 256
const MAX_LENGTH = 65535

/** The pieces of one packet that came so far. */
export interface FragmentQueue {
  readonly pieces: {
    readonly offset: number
    readonly data: Uint8Array
    readonly last: boolean
    readonly frame: Frame
  }[]
}

/**
 * ip_defrag: keeps a fragment until all of its packet are there. The whole packet, as one frame; undefined while
 * something is missing.
 */
export function reassemble(netns: Namespace, frame: Frame): Frame | undefined {
  const ip = frame.start + ETH_HLEN
  const { bytes } = frame
  const header = ((bytes[ip] as number) & 15) * 4
  const word = frame.u16(ETH_HLEN + 6)
  const key = `${addressKey(bytes.subarray(ip + 12, ip + 20))}${frame.u16(ETH_HLEN + 4)} ${bytes[ip + 9]}`
  const queue = netns.fragments.get(key) ?? { pieces: [] }
  if (!netns.fragments.has(key)) {
    if (netns.fragments.size >= MAX_QUEUES) netns.fragments.delete(netns.fragments.keys().next().value as string)
    netns.fragments.set(key, queue)
  }
  const offset = (word & OFFSET) * 8
  if (queue.pieces.some((piece) => piece.offset === offset)) return undefined
  queue.pieces.push({ offset, data: bytes.slice(ip + header, frame.end), last: (word & MF) === 0, frame })
  queue.pieces.sort((a, b) => a.offset - b.offset)
  let end = 0
  for (const piece of queue.pieces) {
    if (piece.offset !== end) return undefined
    end += piece.data.length
  }
  if (queue.pieces.at(-1)?.last !== true || end + 60 > MAX_LENGTH) return undefined
  netns.fragments.delete(key)
  const [first] = queue.pieces as [FragmentQueue['pieces'][number]]
  const head = first.frame
  const at = head.start + ETH_HLEN
  const size = ((head.bytes[at] as number) & 15) * 4
  const whole = newFrame(ETH_P.IP, size + end)
  whole.bytes.set(head.bytes.subarray(head.start, at + size), whole.start)
  const start = whole.start + ETH_HLEN
  for (const piece of queue.pieces) whole.bytes.set(piece.data, start + size + piece.offset)
  const view = new DataView(whole.bytes.buffer)
  view.setUint16(start + 2, size + end)
  view.setUint16(start + 6, 0)
  sumHeader(whole.bytes, start)
  whole.packet = head.packet
  whole.mark = head.mark
  whole.packetType = head.packetType
  whole.ingressIfindex = head.ingressIfindex
  return whole
}
