import {
  type Addr,
  above,
  add,
  type BpfMap,
  call,
  eq,
  type FunctionBuilder,
  type Local,
  type Machine,
  ne,
  releaseFields,
} from '../vm/index.js'
import { BPF_EXIST, BPF_F_NO_COMMON_LRU, BPF_NOEXIST, EEXIST, EINVAL, ENOENT, ENOMEM } from './constants.js'
import { roundUp8 } from './copy.js'
import { addCount, findElement, hashOf, insertElement, unlinkElement } from './hash-code.js'
import { existence, hashSeed, tableMethods, valueCode, wasmMethods } from './hash-map.js'
import { HashTable } from './hash-table.js'
import { mapHeader } from './header.js'
import { Lru, touch } from './lru.js'
import { perCpuCode, releasePerCpu } from './percpu-hash-map.js'
import type { BucketMap, MapAttributes, PerCpuMap } from './types.js'

/** BPF_F_NO_COMMON_LRU gives every CPU as many elements: the capacity is rounded so that it divides. */
function withCapacity(machine: Machine, attr: MapAttributes): MapAttributes {
  if ((attr.flags & BPF_F_NO_COMMON_LRU) === 0) return attr
  const { cpus } = machine
  const up = Math.ceil(attr.maxEntries / cpus) * cpus
  return { ...attr, maxEntries: up <= 0xffff_ffff ? up : Math.floor(attr.maxEntries / cpus) * cpus }
}

function lruLists(machine: Machine, attr: MapAttributes): Lru {
  return new Lru(machine, { perCpu: (attr.flags & BPF_F_NO_COMMON_LRU) !== 0, maxEntries: attr.maxEntries })
}

/** LRU_HASH: never full, the least recently used elements go (lru.ts). */
export function createLruHashMap(machine: Machine, attributes: MapAttributes): BucketMap {
  const attr = withCapacity(machine, attributes)
  const lru = lruLists(machine, attr)
  const table: HashTable = new HashTable(machine, {
    keySize: attr.keySize,
    valueArea: attr.valueSize,
    maxEntries: attr.maxEntries,
    seed: hashSeed(machine, attr.flags),
    lru: true,
    write: (unit, { shape }, grow) => {
      const values = valueCode(unit, machine, map)
      const unlink = (f: FunctionBuilder, element: Local): void => {
        unlinkElement(f, shape, element)
        values.release(f, f.local(add(element, shape.valueOffset)))
      }
      const lists = lru.write(unit, table, grow, (f, element) => {
        unlink(f, element)
        addCount(f, shape, -1)
      })
      unit.define('lookup', 1, 1, lookup)
      unit.define('update', 3, 1, (f, key, value, flags) => {
        f.if(above(flags, BPF_EXIST), () => f.return(EINVAL))
        const hash = hashOf(f, shape, key)
        // The new element is taken first, as in Linux: that may evict the very element to be replaced.
        const element = f.local(call(lists.take))
        f.if(eq(element, 0), () => f.return(ENOMEM))
        const to = f.local(add(element, shape.valueOffset))
        values.copy(f, to, value)
        const old = findElement(f, shape, key, hash)
        existence(f, old, flags, (status) => {
          f.do(lists.giveBack, [element])
          f.return(status)
        })
        insertElement(f, shape, element, key, hash)
        f.if(
          old,
          () => {
            touch(f, element)
            unlink(f, old)
            f.do(lists.giveBack, [old])
          },
          () => addCount(f, shape, 1),
        )
        f.code.i32(0)
      })
      unit.define('delete', 1, 1, (f, key) => {
        const element = findElement(f, shape, key, hashOf(f, shape, key))
        f.if(eq(element, 0), () => f.return(ENOENT))
        unlink(f, element)
        f.do(lists.giveBack, [element])
        addCount(f, shape, -1)
        f.code.i32(0)
      })
    },
  })
  const { valueOffset } = table
  const lookup = table.lookupBody()

  const map: BucketMap & { specialFields: BpfMap['specialFields'] } = {
    ...mapHeader(machine, attr),
    ...tableMethods(table),
    ...wasmMethods(table.functions),
    lookupBody: lookup,
    peekElem(key) {
      const element = table.lookup(key)
      return element === 0 ? 0 : element + valueOffset
    },
    forEach: (visit) => table.walk((element) => visit(element + table.keyOffset, element + valueOffset)),
    free() {
      if (map.specialFields !== undefined) {
        table.each((element) => {
          releaseFields(machine, map.specialFields, element + valueOffset)
        })
      }
      table.free()
      lru.free()
      machine.freeHandle(map.handle)
    },
  }
  return map
}

/** LRU_PERCPU_HASH: updates are made in place and count as use. */
export function createLruPercpuHashMap(machine: Machine, attributes: MapAttributes): BucketMap & PerCpuMap {
  const { cpus } = machine
  const attr = withCapacity(machine, attributes)
  const stride = roundUp8(attr.valueSize)
  const lru = lruLists(machine, attr)
  const table: HashTable = new HashTable(machine, {
    keySize: attr.keySize,
    valueArea: stride * cpus,
    maxEntries: attr.maxEntries,
    seed: hashSeed(machine, attr.flags),
    lru: true,
    write: (unit, { shape }, grow) => {
      const values = perCpuCode(unit, machine, map)
      const unlink = (f: FunctionBuilder, element: Local): void => {
        unlinkElement(f, shape, element)
        addCount(f, shape, -1)
        values.release(f, f.local(add(element, shape.valueOffset)))
      }
      const lists = lru.write(unit, table, grow, unlink)
      unit.define('lookup', 1, 1, lookup)
      const put = unit.define('put', 4, 1, (f, key, value, flags, all) => {
        f.if(above(flags, BPF_EXIST), () => f.return(EINVAL))
        const hash = hashOf(f, shape, key)
        const element = f.local(0)
        f.if(ne(flags, BPF_EXIST), () => {
          f.set(element, call(lists.take))
          f.if(eq(element, 0), () => f.return(ENOMEM))
        })
        const old = findElement(f, shape, key, hash)
        const to = f.local()
        f.if(old, () => {
          f.if(eq(flags, BPF_NOEXIST), () => {
            f.do(lists.giveBack, [element])
            f.return(EEXIST)
          })
          touch(f, old)
          f.set(to, add(old, shape.valueOffset))
          values.copy(f, to, value, all)
          f.if(element, () => f.do(lists.giveBack, [element]))
          f.return(0)
        })
        f.if(eq(flags, BPF_EXIST), () => f.return(ENOENT))
        f.set(to, add(element, shape.valueOffset))
        values.init(f, to, value, all)
        insertElement(f, shape, element, key, hash)
        addCount(f, shape, 1)
        f.code.i32(0)
      })
      unit.define('update', 3, 1, (f, ...args) => {
        for (const arg of args.slice(0, 3)) f.code.get(arg.local)
        f.code.i32(0).call(put)
      })
      unit.define('delete', 1, 1, (f, key) => {
        const element = findElement(f, shape, key, hashOf(f, shape, key))
        f.if(eq(element, 0), () => f.return(ENOENT))
        unlink(f, element)
        f.do(lists.giveBack, [element])
        f.code.i32(0)
      })
    },
  })
  const { valueOffset } = table
  const lookup = table.lookupBody({ cpuStride: stride })
  const lookupCpu = (key: Addr, cpu: number): Addr => {
    const element = table.lookup(key)
    return element === 0 || cpu >= cpus ? 0 : element + valueOffset + cpu * stride
  }

  const map: BucketMap & PerCpuMap & { specialFields: BpfMap['specialFields'] } = {
    ...mapHeader(machine, attr),
    ...tableMethods(table),
    ...wasmMethods(table.functions),
    stride,
    lookupBody: lookup,
    peekElem: (key) => lookupCpu(key, machine.cpu),
    lookupCpu,
    updateCpus: (key, values, flags) => table.call('put', key, values, flags, 1),
    forEach: (visit) =>
      table.walk((element) => visit(element + table.keyOffset, element + valueOffset + machine.cpu * stride)),
    free() {
      if (map.specialFields !== undefined) {
        table.each((element) => {
          releasePerCpu(machine, map, element + valueOffset)
        })
      }
      table.free()
      lru.free()
      machine.freeHandle(map.handle)
    },
  }
  return map
}
