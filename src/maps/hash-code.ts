import {
  type Addr,
  above,
  add,
  and,
  below,
  type FunctionBuilder,
  type Local,
  load8,
  load16,
  load32,
  load64,
  ne,
  ne64,
  or,
  rotl,
  shl,
  sub,
  type Value,
  xor,
} from '../vm/index.js'

// What hash tables do (hash-table.ts has their layout), as WebAssembly. Programs, helpers and system calls all run this.

export const COUNT = 0
export const FREE = 4
export const FRESH = 8
export const FRESH_END = 12

/** A table as code sees it: its addresses and sizes are constants. */
export interface TableShape {
  readonly keySize: number
  readonly keyOffset: number
  readonly valueOffset: number
  readonly elementSize: number
  readonly buckets: Addr
  /** Of a hash: the bucket. */
  readonly mask: number
  readonly control: Addr
  readonly seed: number
  /** The key's first word is its hash. */
  readonly plainHash: boolean
}

/** Keys up to this length are hashed and compared without a loop. */
const UNROLLED = 64

/** lookup3 of a key: see jenkins-hash.ts. */
export function hashOf(f: FunctionBuilder, { keySize, seed, plainHash }: TableShape, key: Local): Local {
  if (plainHash) return f.local(load32(key))
  const [a, b, c] = [f.local(), f.local(), f.local()]
  f.set(a, (0xdeadbeef + keySize + seed) | 0)
  f.set(b, a)
  f.set(c, a)
  const addTo = (to: Local, word: Value): void => f.set(to, add(to, word))
  /** x = (x - y) ^ rotl(y, n); y += z */
  const mix = (x: Local, y: Local, z: Local, n: number): void => {
    f.set(x, xor(sub(x, y), rotl(y, n)))
    addTo(y, z)
  }
  const words = Math.ceil(keySize / 4)
  const rounds = Math.max(0, Math.ceil(words / 3) - 1)
  const round = (base: Local, at: number): void => {
    addTo(a, load32(base, at))
    addTo(b, load32(base, at + 4))
    addTo(c, load32(base, at + 8))
    mix(a, c, b, 4)
    mix(b, a, c, 6)
    mix(c, b, a, 8)
    mix(a, c, b, 16)
    mix(b, a, c, 19)
    mix(c, b, a, 4)
  }
  let base = key
  let at = rounds * 12
  if (keySize <= UNROLLED) for (let i = 0; i < rounds; i++) round(key, i * 12)
  else {
    base = f.local(key)
    f.loop((again) => {
      round(base, 0)
      f.set(base, add(base, 12))
      again(below(base, add(key, rounds * 12)))
    })
    at = 0
  }
  const left = words - rounds * 3
  const tail = keySize % 4
  for (let i = 0; i < left; i++) {
    addTo(
      [a, b, c][i] as Local,
      i < left - 1 || tail === 0 ? load32(base, at + i * 4) : loadTail(base, at + i * 4, tail),
    )
  }
  /** x = (x ^ y) - rotl(y, n) */
  const final = (x: Local, y: Local, n: number): void => f.set(x, sub(xor(x, y), rotl(y, n)))
  if (left > 0) {
    final(c, b, 14)
    final(a, c, 11)
    final(b, a, 25)
    final(c, b, 16)
    final(a, c, 4)
    final(b, a, 14)
    final(c, b, 24)
  }
  return c
}

/** The 1 to 3 bytes at an address as a number. */
function loadTail(base: Local, at: number, bytes: number): Value {
  if (bytes === 1) return load8(base, at)
  return bytes === 2 ? load16(base, at) : or(load16(base, at), shl(load8(base, at + 2), 16))
}

/** Calls `differs` with what tells two keys apart, one or more times. */
function compareKeys(
  f: FunctionBuilder,
  a: Local,
  aOffset: number,
  b: Local,
  size: number,
  leave: (v: Value) => void,
): void {
  let at = 0
  if (size > UNROLLED) {
    const index = f.local(0)
    f.loop((again) => {
      leave(ne64(load64(add(a, index), aOffset), load64(add(b, index))))
      f.set(index, add(index, 8))
      again(below(index, size & ~7))
    })
    at = size & ~7
  }
  for (; size - at >= 8; at += 8) leave(ne64(load64(a, aOffset + at), load64(b, at)))
  for (const [bytes, load] of [
    [4, load32],
    [2, load16],
    [1, load8],
  ] as const) {
    if (size - at < bytes) continue
    leave(ne(load(a, aOffset + at), load(b, at)))
    at += bytes
  }
}

function bucketOf({ mask }: TableShape, hash: Value): Value {
  return shl(and(hash, mask), 2)
}

/** The element of a key, 0 where it is absent. */
export function findElement(f: FunctionBuilder, shape: TableShape, key: Local, hash: Local): Local {
  const element = f.local(load32(bucketOf(shape, hash), shape.buckets))
  f.while(element, (found) => {
    f.block((other) => {
      other(ne(load32(element, 4), hash))
      compareKeys(f, element, shape.keyOffset, key, shape.keySize, (differs) => other(differs))
      found()
    })
    f.set(element, load32(element))
  })
  return element
}

/** Puts an element in front of its bucket, with its key and hash. */
export function insertElement(f: FunctionBuilder, shape: TableShape, element: Local, key: Local, hash: Local): void {
  f.copy(add(element, shape.keyOffset), key, shape.keySize)
  const bucket = f.local(bucketOf(shape, hash))
  f.store32(element, 0, load32(bucket, shape.buckets))
  f.store32(element, 4, hash)
  f.store32(bucket, shape.buckets, element)
}

/** Takes an element out of its bucket; its own link stays. */
export function unlinkElement(f: FunctionBuilder, shape: TableShape, element: Local): void {
  const at = f.local(add(bucketOf(shape, load32(element, 4)), shape.buckets))
  f.while(ne(load32(at), element), () => f.set(at, load32(at)))
  f.store32(at, 0, load32(element))
}

export function addCount(f: FunctionBuilder, { control }: TableShape, by: number): void {
  f.store32(0, control + COUNT, add(load32(0, control + COUNT), by))
}

/** A new element that was never used, 0 when out of memory; `grow` is the host's function that makes room. */
export function takeFresh(
  f: FunctionBuilder,
  { control, elementSize }: TableShape,
  grow: number,
  element: Local,
): void {
  f.set(element, load32(0, control + FRESH))
  f.block((done) => {
    f.if(above(add(element, elementSize), load32(0, control + FRESH_END)), () => {
      f.code.call(grow)
      f.code.set(element.local)
      f.block((room) => {
        room(element)
        done()
      })
      f.set(element, load32(0, control + FRESH))
    })
    f.store32(0, control + FRESH, add(element, elementSize))
  })
}

/** A free or new element, 0 when out of memory. */
export function takeElement(f: FunctionBuilder, shape: TableShape, grow: number, element: Local): void {
  f.set(element, load32(0, shape.control + FREE))
  f.if(
    element,
    () => f.store32(0, shape.control + FREE, load32(element, 4)),
    () => takeFresh(f, shape, grow, element),
  )
}

export function giveBackElement(f: FunctionBuilder, { control }: TableShape, element: Local): void {
  f.store32(element, 4, load32(0, control + FREE))
  f.store32(0, control + FREE, element)
}
