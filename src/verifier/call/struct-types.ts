// Questions about structs in BTF that argument checks ask.

import { type Btf, type BtfType, resolve, sizeOf } from '../../btf/index.js'
import { MAYBE_NULL, type Reg, TRUSTED_FLAGS } from '../state/reg.js'
import type { BtfRef } from '../types.js'

/** Sockets and maps are known to the kernel's BTF too. */
const KERNEL_STRUCTS: Readonly<Record<string, string>> = {
  sock: 'sock',
  sock_common: 'sock_common',
  tcp_sock: 'tcp_sock',
  map_ptr: 'bpf_map',
}

/** The kernel struct that a register which is no BTF pointer stands for. */
export function kernelStructOf(reg: Reg): string | undefined {
  return KERNEL_STRUCTS[reg.type]
}

const UNSAFE = ~TRUSTED_FLAGS

export function hasUnsafeFlags(reg: Reg): boolean {
  return (reg.flags & UNSAFE) !== 0
}

export function mayBeNull(reg: Reg): boolean {
  return (reg.flags & MAYBE_NULL) !== 0
}

function sameTypes(a: Btf, aId: number, b: Btf, bId: number): boolean {
  return a === b && aId === bId
}

/** A pointer to `id` plus `off` is a pointer to the wanted struct: it is that, or holds one there (unless `strict`). */
export function isStructAt(
  from: BtfRef,
  id: number,
  off: number,
  want: BtfRef,
  wantId: number,
  strict: boolean,
): boolean {
  if (off === 0 && sameTypes(from.btf, id, want.btf, wantId)) return true
  if (strict) return false
  let inner = nestedStruct(from.btf, id, off)
  for (let depth = 0; inner !== undefined && depth < 32; depth++) {
    if (sameTypes(from.btf, inner, want.btf, wantId)) return true
    inner = nestedStruct(from.btf, inner, 0)
  }
  return false
}

/** The struct that starts exactly at `off` inside struct `id`. */
function nestedStruct(btf: Btf, id: number, off: number): number | undefined {
  let type: BtfType = resolve(btf, id)
  let at = off
  for (let depth = 0; depth < 32; depth++) {
    if (type.kind !== 'struct' && type.kind !== 'union') return undefined
    let found: BtfType | undefined
    for (const member of type.members) {
      if (member.bitSize !== 0) continue
      const start = member.bitOffset >> 3
      let inner = resolve(btf, member.type)
      let size: number
      try {
        size = sizeOf(btf, member.type)
      } catch {
        continue
      }
      if (at < start || at >= start + size) continue
      let rest = at - start
      while (inner.kind === 'array') {
        inner = resolve(btf, inner.type)
        const element = inner.kind === 'struct' || inner.kind === 'union' ? inner.size : 0
        if (element > 0) rest %= element
      }
      if (inner.kind !== 'struct' && inner.kind !== 'union') return undefined
      if (rest === 0) return inner.id
      found = inner
      at = rest
      break
    }
    if (found === undefined) return undefined
    type = found
  }
  return undefined
}

/** Only numbers inside, so that a program's own memory may stand for it. */
export function isPlainStruct(btf: Btf, type: BtfType, depth = 0): boolean {
  if ((type.kind !== 'struct' && type.kind !== 'union') || depth > 3) return false
  return type.members.every((member) => {
    let inner = resolve(btf, member.type)
    if (inner.kind === 'struct' || inner.kind === 'union') return isPlainStruct(btf, inner, depth + 1)
    if (inner.kind === 'array') {
      if (inner.length === 0) return false
      inner = resolve(btf, inner.type)
    }
    return isScalarType(inner)
  })
}

export function isScalarType(type: BtfType): boolean {
  return type.kind === 'int' || type.kind === 'enum' || type.kind === 'enum64'
}

const KIND_NAMES: Readonly<Partial<Record<BtfType['kind'], string>>> = {
  void: 'UNKNOWN',
  int: 'INT',
  ptr: 'PTR',
  array: 'ARRAY',
  struct: 'STRUCT',
  union: 'UNION',
  enum: 'ENUM',
  fwd: 'FWD',
  typedef: 'TYPEDEF',
  volatile: 'VOLATILE',
  const: 'CONST',
  restrict: 'RESTRICT',
  func: 'FUNC',
  func_proto: 'FUNC_PROTO',
  float: 'FLOAT',
  enum64: 'ENUM64',
}

/** Linux's word for a kind of type in its messages. */
export function kindText(type: BtfType): string {
  return KIND_NAMES[type.kind] ?? 'UNKNOWN'
}
