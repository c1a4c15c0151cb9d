import type { Machine } from '../machine.js'
import { xdpOf } from './packet-of.js'

export function xdpAdjustHead(machine: Machine, _ctx: number, offset: number): number {
  return xdpOf(machine).adjustHead(offset)
}

export function xdpAdjustTail(machine: Machine, _ctx: number, offset: number): number {
  return xdpOf(machine).adjustTail(offset)
}

export function xdpAdjustMeta(machine: Machine, _ctx: number, offset: number): number {
  return xdpOf(machine).adjustMeta(offset)
}

export function xdpGetBuffLen(machine: Machine): number {
  machine.r0hi = 0
  return xdpOf(machine).length
}

export function xdpLoadBytes(machine: Machine, _ctx: number, offset: number, to: number, length: number): number {
  return xdpOf(machine).copyOut(offset, length, to >>> 0)
}

export function xdpStoreBytes(machine: Machine, _ctx: number, offset: number, from: number, length: number): number {
  return xdpOf(machine).copyIn(offset, length, from >>> 0)
}
