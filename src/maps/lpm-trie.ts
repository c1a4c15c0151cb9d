import {
  type Addr,
  above,
  add,
  and,
  type BpfMap,
  below,
  eq,
  type FunctionBuilder,
  isZero,
  type Local,
  lazyFunctions,
  leadingZeros,
  load8,
  load32,
  type Machine,
  OutOfMemoryError,
  or,
  rotl,
  rotr,
  shl,
  shr,
  sub,
  type Value,
  xor,
} from '../vm/index.js'
import { BPF_EXIST, BPF_NOEXIST, EEXIST, EINVAL, ENOENT, ENOMEM, ENOSPC } from './constants.js'
import { copyBytes, roundUp8 } from './copy.js'
import { mapHeader } from './header.js'
import type { MapAttributes } from './types.js'

// LPM_TRIE: a binary trie with compressed paths. Keys are u32 prefixlen, then the address in network byte order. In memory:
//
//   node  +0 u32 child for a 0 bit  +4 u32 child for a 1 bit  +8 u32 prefixlen  +12 u32 1: joins two branches, holds no value
//         +16 address as big-endian words (padded with zeroes to 8 bytes), then the value
//   root  u32 address of the first node, at `root`
//
// A node without a value has two children always, so the shape depends on the prefixes alone and not on their history:
// the order of nextKey (deepest first, 0 before 1) is Linux's.

const PREFIX = 8
const JOINT = 12
const DATA = 16

/** Levels that a walk may have: prefix lengths 0 to 2048 and the joints between them are strictly rising. */
const MAX_DEPTH = 256 * 8 + 1

/** A word of memory read as big-endian. */
function swapped(word: number): number {
  return (word >>> 24) | ((word >>> 8) & 0xff00) | ((word << 8) & 0xff_0000) | (word << 24)
}

/** Leading bits that a node's words and a key's share, at most `limit`. `rest` are the bits of the key's last word. */
function sharedBits(words: Int32Array, node: number, key: number, last: number, rest: number, limit: number): number {
  for (let i = 0; i << 5 < limit; i++) {
    const own = swapped(words[key + i] as number)
    const x = (words[node + i] as number) ^ (i === last ? own & rest : own)
    if (x !== 0) return Math.min(limit, (i << 5) + Math.clz32(x))
  }
  return limit
}

/** The 1 to 4 bytes at an address as a big-endian word that lacks nothing at its end. */
function bigEndianWord(f: FunctionBuilder, key: Local, at: number, bytes: number): Local {
  if (bytes === 4) {
    const word = f.local(load32(key, at))
    f.set(word, or(and(rotr(word, 8), 0xff00ff00), and(rotl(word, 8), 0x00ff00ff)))
    return word
  }
  let value: Value = shl(load8(key, at), 24)
  if (bytes > 1) value = or(value, shl(load8(key, at + 1), 16))
  if (bytes > 2) value = or(value, shl(load8(key, at + 2), 8))
  return f.local(value)
}

/** The walk of a look-up: the body of a function (key) -> address of the value. */
function lookupBody(root: Addr, dataSize: number, valueOffset: number): (f: FunctionBuilder) => void {
  return (f) => {
    const key = f.param(0)
    const prefix = f.local(load32(key))
    f.if(above(prefix, dataSize * 8), () => f.return(0))
    const words: Local[] = []
    for (let at = 0; at < dataSize; at += 4) words.push(bigEndianWord(f, key, 4 + at, Math.min(4, dataSize - at)))
    const found = f.local(0)
    const node = f.local(load32(0, root))
    const bits = f.local()
    const differing = f.local()
    f.while(node, (done) => {
      f.set(bits, load32(node, PREFIX))
      done(above(bits, prefix))
      f.block((equal) => {
        words.forEach((word, i) => {
          if (i > 0) equal(isZero(above(bits, i * 32)))
          f.set(differing, xor(load32(node, DATA + i * 4), word))
          if (words.length === 1) {
            done(below(leadingZeros(differing), bits))
            return
          }
          f.if(differing, () => {
            done(below(add(leadingZeros(differing), i * 32), bits))
            equal()
          })
        })
      })
      f.if(isZero(load32(node, JOINT)), () => f.set(found, add(node, valueOffset)))
      done(eq(bits, prefix))
      const bit =
        words.length === 1
          ? shr(words[0] as Local, sub(31, bits))
          : shr(load8(add(key, shr(bits, 3)), 4), sub(7, and(bits, 7)))
      f.set(node, load32(add(node, shl(and(bit, 1), 2))))
    })
    f.code.get(found.local)
  }
}

/** LPM_TRIE. Throws OutOfMemoryError. */
export function createLpmTrie(machine: Machine, attr: MapAttributes): BpfMap {
  const { memory } = machine
  const { maxEntries, valueSize } = attr
  const dataSize = attr.keySize - 4
  const maxPrefix = dataSize * 8
  const valueOffset = DATA + roundUp8(dataSize)
  const nodeSize = valueOffset + roundUp8(valueSize)
  const root = memory.alloc(16)
  const countAt = (root + 4) >>> 2
  const path = new Uint32Array(Math.min(maxPrefix + 1, MAX_DEPTH))

  const u32 = (addr: Addr): number => memory.u32[addr >>> 2] as number
  const prefixOf = (key: Addr): number => memory.view.getUint32(key >>> 0, true)
  const bitAt = (data: Addr, index: number): number =>
    ((memory.u8[(data >>> 0) + (index >>> 3)] as number) >>> (7 - (index & 7))) & 1
  const bitOf = (node: Addr, index: number): number =>
    (u32(node + DATA + 4 * (index >>> 5)) >>> (31 - (index & 31))) & 1
  const lastWord = (dataSize - 1) >>> 2
  const lastBits = -1 << ((lastWord * 4 + 4 - dataSize) * 8)

  /** Keys at an address that is not a multiple of 4 are copied here first. */
  const scratch = memory.alloc(roundUp8(attr.keySize))
  const aligned = (key: Addr): Addr => {
    if ((key & 3) === 0) return key
    copyBytes(memory, scratch, key, attr.keySize)
    return scratch
  }

  /** Leading bits that a node shares with an aligned key, at most the shorter prefix. */
  const commonBits = (node: Addr, key: Addr, prefix: number): number =>
    sharedBits(
      memory.i32,
      (node + DATA) >>> 2,
      (key + 4) >>> 2,
      lastWord,
      lastBits,
      Math.min(u32(node + PREFIX), prefix),
    )

  const putData = (node: Addr, key: Addr): void => {
    const words = memory.i32
    for (let i = 0; i <= lastWord; i++) {
      const word = swapped(words[((key + 4) >>> 2) + i] as number)
      words[((node + DATA) >>> 2) + i] = i === lastWord ? word & lastBits : word
    }
  }

  const newNode = (): Addr => {
    try {
      return memory.alloc(nodeSize)
    } catch (error) {
      if (error instanceof OutOfMemoryError) return 0
      throw error
    }
  }

  /**
   * Walks towards a key: `slot` is where the walk ended, `node` what is there, `matched` the bits they share; `up` is the
   * slot of the node above. All in fields of one object: a walk allocates nothing.
   */
  const end = { slot: root, node: 0, matched: 0, up: 0, above: 0 }
  const walk = (key: Addr, prefix: number): void => {
    end.slot = root
    end.up = 0
    end.above = 0
    end.matched = 0
    for (let node = u32(root); ; node = u32(end.slot)) {
      end.node = node
      if (node === 0) return
      end.matched = commonBits(node, key, prefix)
      const nodePrefix = u32(node + PREFIX)
      if (nodePrefix !== end.matched || nodePrefix === prefix) return
      end.up = end.slot
      end.above = node
      end.slot = node + 4 * bitAt(key + 4, nodePrefix)
    }
  }

  const admit = (flags: number): number => {
    if (flags === BPF_EXIST) return ENOENT
    if (u32(root + 4) >= maxEntries) return ENOSPC
    memory.u32[countAt] = u32(root + 4) + 1
    return 0
  }

  /** First node with a value below `from` in the order of keys; 0 only for an empty trie. */
  const leftmost = (from: Addr): Addr => {
    let found = 0
    for (let node = from; node !== 0; ) {
      if (u32(node + JOINT) === 0) found = node
      node = u32(node) || u32(node + 4)
    }
    return found
  }

  /** The node after that of a key; the first one where the key has none. */
  const following = (wanted: Addr): Addr => {
    const first = u32(root)
    if (wanted === 0) return leftmost(first)
    const key = aligned(wanted)
    const prefix = prefixOf(key)
    if (prefix > maxPrefix) return leftmost(first)
    let depth = 0
    let node = first
    let matched = 0
    while (node !== 0) {
      path[depth++] = node
      matched = commonBits(node, key, prefix)
      const nodePrefix = u32(node + PREFIX)
      if (nodePrefix !== matched || nodePrefix === prefix) break
      node = u32(node + 4 * bitAt(key + 4, nodePrefix))
    }
    if (node === 0 || u32(node + PREFIX) !== prefix || matched !== prefix || u32(node + JOINT) !== 0) {
      return leftmost(first)
    }
    for (let level = depth - 2; level >= 0; level--) {
      const parent = path[level] as number
      const right = u32(parent + 4)
      if (u32(parent) === node && right !== 0) return leftmost(right)
      if (u32(parent + JOINT) === 0) return parent
      node = parent
    }
    return 0
  }

  const body = lookupBody(root, dataSize, valueOffset)
  const functions = lazyFunctions<'lookup'>(memory, (unit) => void unit.define('lookup', 1, 1, body))
  const map: BpfMap = {
    ...mapHeader(machine, attr),
    lookupBody: body,
    lookup: (key) => functions().lookup(key) >>> 0,
    update(wanted, value, flags) {
      if (flags >>> 0 > BPF_EXIST) return EINVAL
      const key = aligned(wanted)
      const prefix = prefixOf(key)
      if (prefix > maxPrefix) return EINVAL
      walk(key, prefix)
      const { slot, node, matched } = end
      const same = node !== 0 && matched === u32(node + PREFIX)
      if (same && u32(node + JOINT) === 0) {
        if (flags === BPF_NOEXIST) return EEXIST
      } else {
        const status = admit(flags)
        if (status !== 0) return status
      }
      const fresh = newNode()
      const joint = node !== 0 && !same && matched < prefix ? newNode() : 0
      if (fresh === 0 || (joint === 0 && node !== 0 && !same && matched < prefix)) {
        memory.free(fresh)
        if (!(same && u32(node + JOINT) === 0)) memory.u32[countAt] = u32(root + 4) - 1
        return ENOMEM
      }
      const words = memory.u32
      words[(fresh + PREFIX) >>> 2] = prefix
      putData(fresh, key)
      copyBytes(memory, fresh + valueOffset, value, valueSize)
      if (same) {
        words[fresh >>> 2] = words[node >>> 2] as number
        words[(fresh + 4) >>> 2] = words[(node + 4) >>> 2] as number
        words[slot >>> 2] = fresh
        memory.free(node)
      } else if (joint !== 0) {
        words[(joint + PREFIX) >>> 2] = matched
        words[(joint + JOINT) >>> 2] = 1
        copyBytes(memory, joint + DATA, node + DATA, roundUp8(dataSize))
        const side = bitAt(key + 4, matched)
        words[(joint + 4 * side) >>> 2] = fresh
        words[(joint + 4 * (1 - side)) >>> 2] = node
        words[slot >>> 2] = joint
      } else {
        if (node !== 0) words[(fresh + 4 * bitOf(node, matched)) >>> 2] = node
        words[slot >>> 2] = fresh
      }
      return 0
    },
    delete(wanted) {
      const key = aligned(wanted)
      const prefix = prefixOf(key)
      if (prefix > maxPrefix) return EINVAL
      walk(key, prefix)
      const { slot, node, matched, up, above } = end
      if (node === 0 || u32(node + PREFIX) !== prefix || matched !== prefix || u32(node + JOINT) !== 0) return ENOENT
      const words = memory.u32
      words[countAt] = u32(root + 4) - 1
      const zero = u32(node)
      const one = u32(node + 4)
      if (zero !== 0 && one !== 0) {
        words[(node + JOINT) >>> 2] = 1
        return 0
      }
      if (above !== 0 && u32(above + JOINT) !== 0 && zero === 0 && one === 0) {
        words[up >>> 2] = u32(above) === node ? u32(above + 4) : u32(above)
        memory.free(above)
      } else {
        words[slot >>> 2] = zero || one
      }
      memory.free(node)
      return 0
    },
    nextKey(key, next) {
      const node = following(key)
      if (node === 0) return ENOENT
      memory.view.setUint32(next >>> 0, u32(node + PREFIX), true)
      for (let i = 0; i < dataSize; i++) {
        memory.u8[(next >>> 0) + 4 + i] = (u32(node + DATA + (i & ~3)) >>> (24 - 8 * (i & 3))) & 0xff
      }
      return 0
    },
    free() {
      const left: Addr[] = [u32(root)]
      for (let node = left.pop(); node !== undefined; node = left.pop()) {
        if (node === 0) continue
        left.push(u32(node), u32(node + 4))
        memory.free(node)
      }
      memory.free(root)
      memory.free(scratch)
      machine.freeHandle(map.handle)
    },
  }
  return map
}
