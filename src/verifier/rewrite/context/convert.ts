// Loads and stores of context and socket fields, as accesses to the kernel's own structures.

import type { KernelLayout } from '../kernel-layout.js'
import { likeness, type Node } from '../node.js'
import {
  AX,
  alu32,
  alu64,
  alu64Reg,
  goTo,
  JUMPS,
  jumpIf,
  jumpIf32,
  loadMem,
  mov,
  OPS,
  storeImm,
  storeReg,
} from '../ops.js'
import { type Hop, type Path, readPath } from './path.js'
import { RECIPES, type Recipe } from './recipes.js'

const SIZES = [4, 2, 1, 8] as const

/** Which field of the program's struct an access touches. */
interface Place {
  readonly name: string
  /** From the start of the field's element (a whole field, or one word of an array). */
  readonly within: number
  /** Element's distance from the start of the field. */
  readonly element: number
  /** Bytes of an element. */
  readonly unit: number
}

export type Fields = Readonly<Record<string, { readonly offset: number; readonly size: number }>>

export interface Conversion {
  readonly layout: KernelLayout
  /** Row of RECIPES. */
  readonly kind: string
  /** Of the struct the program sees. */
  readonly fields: Fields
  /** The program looks at tstamp_type. */
  readonly typedTime: boolean
  /** Ends the replacement: jumps over the rest lead to it. */
  readonly next: Node | undefined
}

/** The replacement of a load or store at `at`; undefined where the field is not known or stays as it is. */
export function convertAccess(at: Node, conversion: Conversion): Node[] | undefined {
  const size = SIZES[(at.code >> 3) & 3] as number
  const recipes = RECIPES[conversion.kind] ?? {}
  const place = placeOf(conversion.fields, at.off, size, recipes)
  const recipe = place === undefined ? undefined : recipes[place.name]
  if (place === undefined || recipe === undefined) return undefined
  const plain = typeof recipe === 'string' || (recipe.special === 'tstamp' && conversion.typedTime)
  const row: Recipe = plain ? { path: typeof recipe === 'string' ? recipe : recipe.path } : recipe
  const path = readPath(row.path, conversion.layout)
  if (path === undefined) return undefined
  const access: Access = { at, size, place, row, path, layout: conversion.layout, next: conversion.next }
  return (at.code & 7) === 1 ? loads(access) : stores(access)
}

interface Access {
  readonly at: Node
  readonly size: number
  readonly place: Place
  readonly row: Recipe
  readonly path: Path
  readonly layout: KernelLayout
  readonly next: Node | undefined
}

function placeOf(
  fields: Fields,
  off: number,
  size: number,
  recipes: Readonly<Record<string, unknown>>,
): Place | undefined {
  for (const [name, field] of Object.entries(fields)) {
    if (off < field.offset || off >= field.offset + field.size || !(name in recipes)) continue
    const array = field.size > 8
    const unit = array ? Math.max(4, size) : field.size
    const element = Math.floor((off - field.offset) / unit) * unit
    return { name, element, unit, within: off - field.offset - element }
  }
  return undefined
}

const MEMSX = 0x80

/** Stands for "behind the value" until the whole is known. */
const BEHIND: Node = goTo()

function loads(access: Access): Node[] {
  const { at, size, place, row, path, next } = access
  const { dst } = at
  const own = path.sized === 'own'
  const width = own ? size : path.sized === 'word' ? Math.max(4, size) : (path.hops.at(-1) as Hop).size
  const value = fieldValue(access, width)
  const tail: Node[] = []
  if (path.mask !== undefined) tail.push(alu32(OPS.and, dst, path.mask))
  if (path.shift !== undefined) tail.push(alu32(OPS.lsh, dst, path.shift))
  const loaded = row.special === 'vlan_present' ? place.unit : width
  if (size < place.unit && !own && size < loaded) {
    const shift = place.within * 8
    if (shift > 0) tail.push(place.unit <= 4 ? alu32(OPS.rsh, dst, shift) : alu64(OPS.rsh, dst, shift))
    tail.push(alu32(OPS.and, dst, size === 4 ? -1 : 2 ** (size * 8) - 1))
  }
  for (const made of value) if (made.target === BEHIND) made.target = tail[0] ?? next
  const sign = (at.code & 0xe0) === MEMSX ? [likeness(mov(dst, dst), { off: size * 8 })] : []
  return [...value, ...tail, ...sign]
}

/** The field's whole value in the destination register. */
function fieldValue(access: Access, width: number): Node[] {
  const { at, row } = access
  const { dst, src } = at
  switch (row.special) {
    case 'vlan_present':
      return [...follow(access, dst, src, width), jumpIf(JUMPS.eq, dst, 0, BEHIND), alu32(OPS.mov, dst, 1)]
    case 'napi_id':
      // Smaller ones are numbers of CPUs.
      return [...follow(access, dst, src, width), jumpIf(JUMPS.ge, dst, 0x101, BEHIND), alu64(OPS.mov, dst, 0)]
    case 'rx_queue_mapping':
      return [...follow(access, dst, src, width), jumpIf(JUMPS.ne, dst, 0xffff, BEHIND), alu64(OPS.mov, dst, -1)]
    case 'shared_info':
      return sharedInfo(access, width)
    case 'tstamp':
      return loadTimestamp(access)
    case 'skb_data_end':
      return loadDataEnd(access)
    case 'if_locked':
    case 'if_fullsock':
      return loadIf(access, width)
    default:
      return follow(access, dst, src, width)
  }
}

/** The last hop reaches into arrays; a load as wide as asked for, into the field too. */
function lastOffset({ place, path }: Access): number {
  return place.element + (path.sized === 'own' ? place.within : 0)
}

function follow(access: Access, dst: number, src: number, width: number): Node[] {
  const { hops } = access.path
  return hops.flatMap((hop, i) => {
    const last = i === hops.length - 1
    const load = loadMem(last ? width : 8, dst, i === 0 ? src : dst, hop.off + (last ? lastOffset(access) : 0))
    return hop.guarded ? [jumpIf(JUMPS.eq, dst, 0, BEHIND), load] : [load]
  })
}

const offsetOf = ({ layout }: Access, member: string): number => layout(member)?.[0] ?? 0

/** The end of the linear data, by head and end. */
function sharedInfo(access: Access, width: number): Node[] {
  const { dst, src } = access.at
  const { hops } = access.path
  const out: Node[] = []
  let skb = src
  for (const hop of hops.slice(0, -1)) {
    out.push(loadMem(8, dst, skb, hop.off), jumpIf(JUMPS.eq, dst, 0, BEHIND))
    skb = dst
  }
  return [
    ...out,
    loadMem(4, AX, skb, offsetOf(access, 'sk_buff.end')),
    loadMem(8, dst, skb, offsetOf(access, 'sk_buff.head')),
    alu64Reg(OPS.add, dst, AX),
    loadMem(width, dst, dst, (hops.at(-1) as Hop).off),
  ]
}

const AT_INGRESS = 4
const NOT_MONOTONIC = 3

/** A delivery time is none of an ingress program's business, unless it says that it knows. */
function loadTimestamp(access: Access): Node[] {
  const { dst, src } = access.at
  const { hops } = access.path
  const own = loadMem(8, dst, src, (hops[0] as Hop).off)
  const isDelivery = jumpIf32(JUMPS.set, AX, NOT_MONOTONIC)
  const zero = alu64(OPS.mov, dst, 0)
  isDelivery.target = zero
  return [
    loadMem(1, AX, src, offsetOf(access, 'sk_buff.__mono_tc_offset')),
    jumpIf32(JUMPS.set, AX, AT_INGRESS, isDelivery),
    goTo(own),
    isDelivery,
    goTo(own),
    zero,
    goTo(BEHIND),
    own,
  ]
}

/** A register neither operand uses. */
function borrowed(at: Node): number {
  let reg = 9
  while (reg === at.dst || reg === at.src) reg--
  return reg
}

function tempOff({ row, layout }: Access): number {
  return row.temp === undefined ? 0 : (readPath(row.temp, layout)?.hops[0]?.off ?? 0)
}

/** data + headlen. */
function loadDataEnd(access: Access): Node[] {
  const { at } = access
  const { dst, src } = at
  const temp = tempOff(access)
  const into = dst === src ? borrowed(at) : dst
  const sum = [
    loadMem(8, into, src, (access.path.hops[0] as Hop).off),
    loadMem(4, AX, src, offsetOf(access, 'sk_buff.len')),
    alu64Reg(OPS.add, into, AX),
    loadMem(4, AX, src, offsetOf(access, 'sk_buff.data_len')),
    alu64Reg(OPS.sub, into, AX),
  ]
  if (dst !== src) return sum
  return [storeReg(8, src, into, temp), ...sum, mov(AX, src), mov(dst, into), loadMem(8, into, AX, temp)]
}

/** Only of a socket that is whole (and locked): else 0. */
function loadIf(access: Access, width: number): Node[] {
  const { at, row, path } = access
  const { dst, src } = at
  const locked = row.special === 'if_locked'
  const flag = offsetOf(access, `bpf_sock_ops_kern.${locked ? 'is_locked_tcp_sock' : 'is_fullsock'}`)
  const sk = loadMem(8, dst, src, offsetOf(access, 'bpf_sock_ops_kern.sk'))
  const member = locked ? [loadMem(width, dst, dst, (path.hops[0] as Hop).off)] : []
  if (dst !== src) return [loadMem(1, dst, src, flag), jumpIf(JUMPS.eq, dst, 0, BEHIND), sk, ...member]
  const reg = borrowed(at)
  const temp = tempOff(access)
  const restored = loadMem(8, reg, src, temp)
  return [
    storeReg(8, src, reg, temp),
    loadMem(1, reg, src, flag),
    jumpIf(JUMPS.eq, reg, 0, restored),
    loadMem(8, reg, src, temp),
    sk,
    ...member,
    goTo(BEHIND),
    restored,
    alu64(OPS.mov, dst, 0),
  ]
}

/** A store into the member, of the register or the constant that the program stores. */
function storeInto(at: Node, size: number, base: number, off: number): Node {
  return (at.code & 7) === 2 ? storeImm(size, base, off, at.imm) : storeReg(size, base, at.src, off)
}

function stores(access: Access): Node[] | undefined {
  const { at, size, row, path, next } = access
  const { dst, src } = at
  const last = path.hops.at(-1) as Hop
  const own = path.sized === 'own'
  const width = own ? size : path.sized === 'word' ? Math.max(4, size) : last.size
  const store = storeInto(at, width, dst, last.off + lastOffset(access))
  if (row.special === 'tstamp') return storeTimestamp(access, store)
  if (row.special === 'queue_mapping') {
    // No queue is all ones.
    if ((at.code & 7) === 3) return [jumpIf(JUMPS.ge, src, 0xffff, next), store]
    return at.imm >>> 0 >= 0xffff ? [] : [store]
  }
  if (row.special === 'if_locked') {
    const reg = borrowed(at)
    const temp = tempOff(access)
    const restore = loadMem(8, reg, dst, temp)
    return [
      storeReg(8, dst, reg, temp),
      loadMem(1, reg, dst, offsetOf(access, 'bpf_sock_ops_kern.is_locked_tcp_sock')),
      jumpIf(JUMPS.eq, reg, 0, restore),
      loadMem(8, reg, dst, offsetOf(access, 'bpf_sock_ops_kern.sk')),
      likeness(store, { dst: reg }),
      restore,
    ]
  }
  if (path.hops.length === 1) return [store]
  const reg = borrowed(at)
  const temp = tempOff(access)
  const chain = path.hops.slice(0, -1).map((hop, i) => loadMem(8, reg, i === 0 ? dst : reg, hop.off))
  return [storeReg(8, dst, reg, temp), ...chain, likeness(store, { dst: reg }), loadMem(8, reg, dst, temp)]
}

/** Who sets a time at ingress says that it is a delivery time no more. */
function storeTimestamp(access: Access, store: Node): Node[] {
  const { dst } = access.at
  const flags = offsetOf(access, 'sk_buff.__mono_tc_offset')
  const clear = alu32(OPS.and, AX, ~NOT_MONOTONIC)
  return [
    loadMem(1, AX, dst, flags),
    jumpIf32(JUMPS.set, AX, AT_INGRESS, clear),
    goTo(store),
    clear,
    storeReg(1, dst, AX, flags),
    store,
  ]
}
