import { type Addr, type Machine, OutOfMemoryError, type StackTraceMap } from '../vm/index.js'
import { readIndex } from './array-map.js'
import { BPF_F_STACK_BUILD_ID, E2BIG, EEXIST, EINVAL, ENOENT, ENOMEM } from './constants.js'
import { roundUpPowerOfTwo } from './copy.js'
import { mapHeader } from './header.js'
import { jenkinsHash } from './jenkins-hash.js'
import type { MapAttributes } from './types.js'

const FAST_STACK_CMP = 1 << 9
const REUSE_STACKID = 1 << 10
/** struct bpf_stack_build_id, and its status "an address only". */
const BUILD_ID_SIZE = 32
const STATUS_IP = 2

/** Stack traces with the look-up that system calls do. */
export interface StackTraces extends StackTraceMap {
  /** Copies the stack of an id to `to` (value_size bytes, zero behind its end); `take` removes it. -ENOENT if absent. */
  copyStack(key: Addr, to: Addr, take: boolean): number
}

/**
 * STACK_TRACE: buckets (max_entries rounded up to a power of two) hold one stack each; the id is the bucket. In memory: u32
 * addresses of stacks; a stack is u32 lookup3 hash, u32 entries, then the entries. Throws OutOfMemoryError.
 */
export function createStackTraceMap(machine: Machine, attr: MapAttributes): StackTraces {
  const { memory } = machine
  const buildIds = (attr.flags & BPF_F_STACK_BUILD_ID) !== 0
  const entrySize = buildIds ? BUILD_ID_SIZE : 8
  const maxDepth = attr.valueSize / entrySize
  const count = roundUpPowerOfTwo(attr.maxEntries)
  const buckets = memory.alloc(count * 4)
  const bucketAt = (id: number): number => (buckets >>> 2) + id
  const stackAt = (id: number): Addr => (id < count ? (memory.u32[bucketAt(id)] as number) : 0)

  const drop = (id: number): void => {
    memory.free(stackAt(id))
    memory.u32[bucketAt(id)] = 0
  }

  const sameEntries = (a: Addr, b: Addr, length: number): boolean => {
    for (let i = 8; i < 8 + length; i += 4) {
      if (memory.u32[(a + i) >>> 2] !== memory.u32[(b + i) >>> 2]) return false
    }
    return true
  }

  const newStack = (addresses: readonly bigint[]): Addr => {
    const stack = memory.alloc(8 + addresses.length * entrySize)
    for (const [i, address] of addresses.entries()) {
      const entry = stack + 8 + i * entrySize
      if (buildIds) memory.u32[entry >>> 2] = STATUS_IP
      memory.setU64(buildIds ? entry + 24 : entry, address)
    }
    memory.u32[(stack + 4) >>> 2] = addresses.length
    return stack
  }

  /** The hash is over the addresses, build ids or not. */
  const hashOf = (addresses: readonly bigint[]): number => {
    const words = new Int32Array(addresses.length * 2)
    for (const [i, address] of addresses.entries()) {
      words[2 * i] = Number(BigInt.asIntN(32, address))
      words[2 * i + 1] = Number(BigInt.asIntN(32, address >> 32n))
    }
    return jenkinsHash(words, 0, words.length * 4, -1, 0)
  }

  const map: StackTraces = {
    ...mapHeader(machine, attr),
    lookup: () => 0,
    update: () => EINVAL,
    delete(key) {
      const id = readIndex(machine, key)
      if (id >= count) return E2BIG
      if (stackAt(id) === 0) return ENOENT
      drop(id)
      return 0
    },
    nextKey(key, next) {
      let id = key === 0 ? count : readIndex(machine, key)
      id = stackAt(id) === 0 ? 0 : id + 1
      while (id < count && stackAt(id) === 0) id++
      if (id >= count) return ENOENT
      memory.view.setUint32(next >>> 0, id, true)
      return 0
    },
    storeStack(addresses, flags) {
      const kept = addresses.slice(0, maxDepth)
      const hash = hashOf(kept)
      const id = hash & (count - 1)
      const old = stackAt(id)
      const sameHash = old !== 0 && memory.i32[old >>> 2] === hash
      if (sameHash && (flags & FAST_STACK_CMP) !== 0) return id
      let stack: Addr
      try {
        stack = newStack(kept)
      } catch (error) {
        if (error instanceof OutOfMemoryError) return ENOMEM
        throw error
      }
      memory.i32[stack >>> 2] = hash
      if (old !== 0) {
        const sameLength = memory.u32[(old + 4) >>> 2] === kept.length
        const same = sameHash && sameLength && sameEntries(old, stack, kept.length * entrySize)
        if (same || (flags & REUSE_STACKID) === 0) {
          memory.free(stack)
          return same ? id : EEXIST
        }
        drop(id)
      }
      memory.u32[bucketAt(id)] = stack
      return id
    },
    copyStack(key, to, take) {
      const id = readIndex(machine, key)
      const stack = stackAt(id)
      if (stack === 0) return ENOENT
      const length = (memory.u32[(stack + 4) >>> 2] as number) * entrySize
      memory.u8.copyWithin(to, stack + 8, stack + 8 + length)
      memory.u8.fill(0, to + length, to + attr.valueSize)
      if (take) drop(id)
      return 0
    },
    free() {
      for (let id = 0; id < count; id++) memory.free(stackAt(id))
      memory.free(buckets)
      machine.freeHandle(map.handle)
    },
  }
  return map
}
