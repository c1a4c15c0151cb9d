import { ERRNO } from '../../base/index.js'
import { csumAdd, csumFold16, csumReplace2, csumReplace4, csumReplaceByDiff, csumSub } from '../../packet/index.js'
import type { Machine } from '../machine.js'
import { sumMemory } from '../net/checksum.js'
import { CHECKSUM_COMPLETE, CHECKSUM_NONE, CHECKSUM_UNNECESSARY, type SkbPacket } from '../net/skb-packet.js'
import { skbOf } from './packet-of.js'

const FIELD_MASK = 0xf
const PSEUDO_HEADER = 0x10
const MARK_MANGLED_0 = 0x20
const MARK_ENFORCE = 0x40
const IPV6 = 0x80
const L4_FLAGS = FIELD_MASK | PSEUDO_HEADER | MARK_MANGLED_0 | MARK_ENFORCE | IPV6
const CSUM_MANGLED_0 = 0xffff

const LEVEL_QUERY = 0
const LEVEL_INC = 1
const LEVEL_DEC = 2
const LEVEL_RESET = 3
const SKB_MAX_CSUM_LEVEL = 3

/** Address of the checksum field at `offset`, or a negative errno. */
function field(skb: SkbPacket, offset: number): number {
  const at = offset >>> 0
  if (at > 0xffff || (at & 1) !== 0 || skb.ensureWritable(at + 2) !== 0) return -ERRNO.EFAULT
  return skb.data + at
}

export function l3CsumReplace(
  machine: Machine,
  _skb: number,
  offset: number,
  from: number,
  fromHigh: number,
  to: number,
  _toHigh: number,
  flags: number,
  flagsHigh: number,
): number {
  if ((flags & ~FIELD_MASK) !== 0 || flagsHigh !== 0) return -ERRNO.EINVAL
  const at = field(skbOf(machine), offset)
  if (at < 0) return at
  const { view } = machine.memory
  const check = view.getUint16(at, true)
  switch (flags) {
    case 0:
      if (from !== 0 || fromHigh !== 0) return -ERRNO.EINVAL
      view.setUint16(at, csumReplaceByDiff(check, to), true)
      return 0
    case 2:
      view.setUint16(at, csumReplace2(check, from, to), true)
      return 0
    case 4:
      view.setUint16(at, csumReplace4(check, from, to), true)
      return 0
    default:
      return -ERRNO.EINVAL
  }
}

export function l4CsumReplace(
  machine: Machine,
  _skb: number,
  offset: number,
  from: number,
  fromHigh: number,
  to: number,
  _toHigh: number,
  flags: number,
  flagsHigh: number,
): number {
  if ((flags & ~L4_FLAGS) !== 0 || flagsHigh !== 0) return -ERRNO.EINVAL
  const skb = skbOf(machine)
  const at = field(skb, offset)
  if (at < 0) return at
  const { view } = machine.memory
  const check = view.getUint16(at, true)
  const mangled = (flags & MARK_MANGLED_0) !== 0
  if (mangled && (flags & MARK_ENFORCE) === 0 && check === 0) return 0
  const complete = skb.ipSummed === CHECKSUM_COMPLETE && (flags & PSEUDO_HEADER) !== 0
  let result: number
  switch (flags & FIELD_MASK) {
    case 0:
      if (from !== 0 || fromHigh !== 0) return -ERRNO.EINVAL
      result = csumReplaceByDiff(check, to)
      if (complete && (flags & IPV6) === 0) skb.csum = ~csumSub(to, skb.csum) >>> 0
      break
    case 2:
      result = csumReplace4(check, from & 0xffff, to & 0xffff)
      if (complete) skb.csum = ~csumAdd(csumSub(~skb.csum, from & 0xffff), to & 0xffff) >>> 0
      break
    case 4:
      result = csumReplace4(check, from, to)
      if (complete) skb.csum = ~csumAdd(csumSub(~skb.csum, from), to) >>> 0
      break
    default:
      return -ERRNO.EINVAL
  }
  view.setUint16(at, mangled && result === 0 ? CSUM_MANGLED_0 : result, true)
  return 0
}

/** Since Linux 6.13 any sizes are taken, and the result is folded to 16 bits. */
export function csumDiff(
  machine: Machine,
  from: number,
  fromSize: number,
  to: number,
  toSize: number,
  seed: number,
): number {
  machine.r0hi = 0
  const fromLength = fromSize >>> 0
  const toLength = toSize >>> 0
  const { memory } = machine
  let sum = seed >>> 0
  if (fromLength > 0 && toLength > 0)
    sum = csumSub(sumMemory(memory, to >>> 0, toLength, sum), sumMemory(memory, from >>> 0, fromLength, 0))
  else if (toLength > 0) sum = sumMemory(memory, to >>> 0, toLength, sum)
  else if (fromLength > 0) sum = ~sumMemory(memory, from >>> 0, fromLength, ~sum)
  return csumFold16(sum)
}

export function csumUpdate(machine: Machine, _skb: number, csum: number): number {
  const skb = skbOf(machine)
  if (skb.ipSummed !== CHECKSUM_COMPLETE) {
    machine.r0hi = -1
    return -ERRNO.ENOTSUPP
  }
  machine.r0hi = 0
  skb.csum = csumAdd(skb.csum, csum)
  return skb.csum | 0
}

export function csumLevel(machine: Machine, _skb: number, level: number, levelHigh: number): number {
  const skb = skbOf(machine)
  if (levelHigh !== 0) return -ERRNO.EINVAL
  const unnecessary = skb.ipSummed === CHECKSUM_UNNECESSARY
  switch (level) {
    case LEVEL_QUERY:
      return unnecessary ? skb.csumLevel : -ERRNO.EACCES
    case LEVEL_INC:
      if (unnecessary) {
        if (skb.csumLevel < SKB_MAX_CSUM_LEVEL) skb.csumLevel++
      } else if (skb.ipSummed === CHECKSUM_NONE) {
        skb.ipSummed = CHECKSUM_UNNECESSARY
        skb.csumLevel = 0
      }
      return 0
    case LEVEL_DEC:
      if (unnecessary) {
        if (skb.csumLevel === 0) skb.ipSummed = CHECKSUM_NONE
        else skb.csumLevel--
      }
      return 0
    case LEVEL_RESET:
      resetUnnecessary(skb)
      return 0
    default:
      return -ERRNO.EINVAL
  }
}

/** __skb_reset_checksum_unnecessary */
export function resetUnnecessary(skb: SkbPacket): void {
  if (skb.ipSummed !== CHECKSUM_UNNECESSARY) return
  skb.ipSummed = CHECKSUM_NONE
  skb.csumLevel = 0
}
