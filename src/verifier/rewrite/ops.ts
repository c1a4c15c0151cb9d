// Single instructions by name, as the rewriting needs them.

import { type Node, node } from './node.js'

const SIZE_BITS: Readonly<Record<number, number>> = { 1: 0x10, 2: 0x08, 4: 0x00, 8: 0x18 }

const sizeBits = (size: number): number => SIZE_BITS[size] ?? 0

/** The register programs cannot name; Linux borrows it. */
export const AX = 11

export const loadMem = (size: number, dst: number, src: number, off: number): Node =>
  node({ code: 0x61 | sizeBits(size), dst, src, off })
export const storeReg = (size: number, dst: number, src: number, off: number): Node =>
  node({ code: 0x63 | sizeBits(size), dst, src, off })
export const storeImm = (size: number, dst: number, off: number, imm: number): Node =>
  node({ code: 0x62 | sizeBits(size), dst, off, imm })

/** `dst op= imm` and `dst op= src`; op is the high nibble of the opcode (0x00 add, 0x50 and, 0xb0 mov ...). */
export const alu64 = (op: number, dst: number, imm: number): Node => node({ code: 0x07 | op, dst, imm })
export const alu32 = (op: number, dst: number, imm: number): Node => node({ code: 0x04 | op, dst, imm })
export const alu64Reg = (op: number, dst: number, src: number): Node => node({ code: 0x0f | op, dst, src })
export const alu32Reg = (op: number, dst: number, src: number): Node => node({ code: 0x0c | op, dst, src })
export const mov = (dst: number, src: number): Node => alu64Reg(OPS.mov, dst, src)

export const OPS = {
  add: 0x00,
  sub: 0x10,
  mul: 0x20,
  div: 0x30,
  or: 0x40,
  and: 0x50,
  lsh: 0x60,
  rsh: 0x70,
  neg: 0x80,
  mod: 0x90,
  xor: 0xa0,
  mov: 0xb0,
} as const

export const JUMPS = {
  always: 0x00,
  eq: 0x10,
  gt: 0x20,
  ge: 0x30,
  set: 0x40,
  ne: 0x50,
  sgt: 0x60,
  sge: 0x70,
} as const

export const goTo = (target?: Node): Node => node({ code: 0x05, ...(target === undefined ? {} : { target }) })
export const jumpIf = (op: number, dst: number, imm: number, target?: Node): Node =>
  node({ code: 0x05 | op, dst, imm, ...(target === undefined ? {} : { target }) })
export const jumpIf32 = (op: number, dst: number, imm: number, target?: Node): Node =>
  node({ code: 0x06 | op, dst, imm, ...(target === undefined ? {} : { target }) })
export const ldImm64 = (dst: number, low: number, high: number): Node => node({ code: 0x18, dst, imm: low, high })
export const call = (calls: string): Node => node({ code: 0x85, calls })
