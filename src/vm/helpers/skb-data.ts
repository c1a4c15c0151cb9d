import { ERRNO } from '../../base/index.js'
import { bpf_prog_type } from '../../spec/index.js'
import type { Machine } from '../machine.js'
import { skbOf } from './packet-of.js'

const START_MAC = 0
const START_NET = 1

export function skbLoadBytes(machine: Machine, _skb: number, offset: number, to: number, length: number): number {
  const skb = skbOf(machine)
  // A flow dissector of a test run has data but no packet behind it.
  const dissecting = skb.programType === bpf_prog_type.BPF_PROG_TYPE_FLOW_DISSECTOR
  const status = dissecting ? -ERRNO.EFAULT : skb.copyOut(offset, length, to >>> 0)
  if (status !== 0) machine.memory.u8.fill(0, to >>> 0, (to >>> 0) + (length >>> 0))
  return status
}

export function skbLoadBytesRelative(
  machine: Machine,
  _skb: number,
  offset: number,
  to: number,
  length: number,
  startHeader: number,
): number {
  const skb = skbOf(machine)
  const { u8 } = machine.memory
  const target = to >>> 0
  const count = length >>> 0
  const start = startHeader === START_MAC ? skb.macHeader : startHeader === START_NET ? skb.networkHeader : 0
  const at = start + (offset >>> 0)
  if (offset >>> 0 > 0xffff || start === 0 || at + count > skb.tail) {
    u8.fill(0, target, target + count)
    return -ERRNO.EFAULT
  }
  u8.copyWithin(target, at, at + count)
  return 0
}

export function skbStoreBytes(
  machine: Machine,
  _skb: number,
  offset: number,
  from: number,
  length: number,
  flagsLow: number,
  flagsHigh: number,
): number {
  if (flagsHigh !== 0) return -ERRNO.EINVAL
  return skbOf(machine).copyIn(offset, length, from >>> 0, flagsLow)
}

export function skbPullData(machine: Machine, _skb: number, length: number): number {
  const skb = skbOf(machine)
  return length === 0 ? 0 : skb.ensureWritable(length)
}
