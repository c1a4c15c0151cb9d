import { type Addr, type BpfMap, type Machine, OutOfMemoryError } from '../vm/index.js'
import { BPF_EXIST, BPF_NOEXIST, EEXIST, EINVAL, ENOENT, ENOMEM, ENOSPC } from './constants.js'
import { copyBytes, roundUp8 } from './copy.js'
import { mapHeader } from './header.js'
import type { MapAttributes } from './types.js'

// LPM_TRIE: a binary trie with compressed paths. Keys are u32 prefixlen, then the address in network byte order. In memory:
//
//   node  +0 u32 child for a 0 bit  +4 u32 child for a 1 bit  +8 u32 prefixlen  +12 u32 1: joins two branches, holds no value
//         +16 address bytes as they were given (padded to 8), then the value
//   root  u32 address of the first node, at `root`
//
// A node without a value has two children always, so the shape depends on the prefixes alone and not on their history:
// the order of nextKey (deepest first, 0 before 1) is Linux's.

const PREFIX = 8
const JOINT = 12
const DATA = 16

/** Levels that a walk may have: prefix lengths 0 to 2048 and the joints between them are strictly rising. */
const MAX_DEPTH = 256 * 8 + 1

/** Leading bits that are the same in two big-endian bit strings of words, at most `limit`; the first `known` are. */
function sharedBits(words: Int32Array, a: number, b: number, known: number, limit: number): number {
  for (let i = known >>> 5; i << 5 < limit; i++) {
    const x = (words[a + i] as number) ^ (words[b + i] as number)
    if (x === 0) continue
    const swapped = (x >>> 24) | ((x >>> 8) & 0xff00) | ((x << 8) & 0xff_0000) | (x << 24)
    return Math.min(limit, (i << 5) + Math.clz32(swapped))
  }
  return limit
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

  /** Keys at an address that is not a multiple of 4 are copied here first. */
  const scratch = memory.alloc(roundUp8(attr.keySize))
  const aligned = (key: Addr): Addr => {
    if ((key & 3) === 0) return key
    copyBytes(memory, scratch, key, attr.keySize)
    return scratch
  }

  /** Leading bits that a node shares with an aligned key, at most the shorter prefix. */
  const commonBits = (node: Addr, key: Addr, prefix: number): number =>
    sharedBits(memory.i32, (node + DATA) >>> 2, (key + 4) >>> 2, 0, Math.min(u32(node + PREFIX), prefix))

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

  const map: BpfMap = {
    ...mapHeader(machine, attr),
    lookupLayout: { kind: 'lpm', root, prefix: PREFIX, joint: JOINT, data: DATA, value: valueOffset },
    lookup(wanted) {
      const key = aligned(wanted)
      const words = memory.i32
      const bytes = memory.u8
      const keyWord = key >>> 2
      const data = (key >>> 0) + 4
      const prefix = (words[keyWord] as number) >>> 0
      if (prefix > maxPrefix) return 0
      let found = 0
      let known = 0
      let node = words[root >>> 2] as number
      while (node !== 0) {
        const at = node >>> 2
        const nodePrefix = words[at + 2] as number
        if (nodePrefix > prefix) break
        // All bits up to the last node's prefix are known to be equal.
        if (sharedBits(words, at + 4, keyWord + 1, known, nodePrefix) < nodePrefix) break
        if (words[at + 3] === 0) found = node
        if (nodePrefix === prefix) break
        known = nodePrefix
        node = words[at + (((bytes[data + (nodePrefix >>> 3)] as number) >>> (7 - (nodePrefix & 7))) & 1)] as number
      }
      return found === 0 ? 0 : (found >>> 0) + valueOffset
    },
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
      copyBytes(memory, fresh + DATA, key + 4, dataSize)
      copyBytes(memory, fresh + valueOffset, value, valueSize)
      if (same) {
        words[fresh >>> 2] = words[node >>> 2] as number
        words[(fresh + 4) >>> 2] = words[(node + 4) >>> 2] as number
        words[slot >>> 2] = fresh
        memory.free(node)
      } else if (joint !== 0) {
        words[(joint + PREFIX) >>> 2] = matched
        words[(joint + JOINT) >>> 2] = 1
        copyBytes(memory, joint + DATA, node + DATA, dataSize)
        const side = bitAt(key + 4, matched)
        words[(joint + 4 * side) >>> 2] = fresh
        words[(joint + 4 * (1 - side)) >>> 2] = node
        words[slot >>> 2] = joint
      } else {
        if (node !== 0) words[(fresh + 4 * bitAt(node + DATA, matched)) >>> 2] = node
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
      copyBytes(memory, next + 4, node + DATA, dataSize)
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
