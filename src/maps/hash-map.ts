import {
  type Addr,
  above,
  add,
  and,
  atLeast,
  type BpfMap,
  copyValue,
  eq,
  type FunctionBuilder,
  type Local,
  load32,
  type Machine,
  type MapFunctions,
  releaseFields,
  type Status,
  shl,
  type WasmUnit,
} from '../vm/index.js'
import {
  BPF_EXIST,
  BPF_F_LOCK,
  BPF_F_NO_PREALLOC,
  BPF_F_ZERO_SEED,
  BPF_NOEXIST,
  E2BIG,
  EEXIST,
  EINVAL,
  ENOENT,
  ENOMEM,
} from './constants.js'
import {
  addCount,
  COUNT,
  findElement,
  giveBackElement,
  hashOf,
  insertElement,
  takeElement,
  takeFresh,
  unlinkElement,
} from './hash-code.js'
import { HashTable } from './hash-table.js'
import { hasSpinLock, mapHeader } from './header.js'
import type { BucketMap, MapAttributes } from './types.js'

/** The seed of a map's hash function: random, or 0 where BPF_F_ZERO_SEED asks for the same order each time. */
export function hashSeed(machine: Machine, flags: number): number {
  return (flags & BPF_F_ZERO_SEED) !== 0 ? 0 : machine.random.u32() | 0
}

/** BPF_NOEXIST and BPF_EXIST against what is there. */
export function checkExistence(old: Addr, flags: number): Status {
  const wanted = flags & ~BPF_F_LOCK
  if (old !== 0 && wanted === BPF_NOEXIST) return EEXIST
  if (old === 0 && wanted === BPF_EXIST) return ENOENT
  return 0
}

/** The same as code: calls `fail` with the errno. */
export function existence(f: FunctionBuilder, old: Local, flags: Local, fail: (status: Status) => void): void {
  f.if(
    old,
    () => f.if(eq(flags, BPF_NOEXIST), () => fail(EEXIST)),
    () => f.if(eq(flags, BPF_EXIST), () => fail(ENOENT)),
  )
}

/** Methods that read a table, the same for every type over one. `valueOf` finds the program's value in an element. */
export function tableMethods(table: HashTable): Omit<BucketMap, keyof BpfMap> & Pick<BpfMap, 'nextKey' | 'keyOfValue'> {
  return {
    bucketCount: table.bucketCount,
    bucketHead: (bucket) => table.head(bucket),
    bucketNext: (element) => table.next(element),
    keyOf: (element) => element + table.keyOffset,
    valueOf: (element) => element + table.valueOffset,
    keyOfValue: (value) => value - table.valueOffset + table.keyOffset,
    nextKey: (key, next) => (table.copyKey(table.following(key), next) ? 0 : ENOENT),
  }
}

/** The methods that programs call, of a map whose functions `lookup`, `update` and `delete` are WebAssembly. */
export function wasmMethods(
  functions: () => Readonly<Record<string, (...args: number[]) => number>>,
): Pick<BpfMap, 'lookup' | 'update' | 'delete' | 'functions'> {
  const compiled = functions as unknown as () => Required<Pick<MapFunctions, 'update' | 'delete'>> & {
    readonly lookup: (key: number) => number
  }
  return {
    functions: compiled,
    lookup: (key) => compiled().lookup(key) >>> 0,
    update: (key, value, flags) => compiled().update(key, value, flags),
    delete: (key) => compiled().delete(key),
  }
}

/** What a map does with its values' special fields (spin locks, timers, kptrs), where it has some: calls of the host. */
export interface ValueCode {
  /** Copies a value of the map's size. */
  copy(f: FunctionBuilder, to: Local, from: Local): void
  /** Lets go of what a value holds. */
  release(f: FunctionBuilder, value: Local): void
}

/** To be called before the unit's first definition: `values` is how many values lie at an address, `stride` bytes apart. */
export function valueCode(unit: WasmUnit, machine: Machine, map: BpfMap, values = 1, stride = 0): ValueCode {
  const { specialFields, valueSize } = map
  if (specialFields === undefined) return { copy: (f, to, from) => f.copy(to, from, valueSize), release: () => {} }
  const copy = unit.import('copyValue', 2, 0, (to, from) => {
    copyValue(machine, specialFields, (to as number) >>> 0, (from as number) >>> 0, valueSize)
    return undefined
  })
  const release = unit.import('releaseFields', 1, 0, (at) => {
    for (let i = 0; i < values; i++) releaseFields(machine, specialFields, ((at as number) >>> 0) + i * stride)
    return undefined
  })
  return { copy: (f, to, from) => f.do(copy, [to, from]), release: (f, value) => f.do(release, [value]) }
}

/**
 * HASH. An update of an element that exists puts a new element in its place, as Linux does: a program that still holds
 * the old value's address sees the old value. Preallocated maps keep one spare element a CPU for that (`spares`, u32 each).
 */
export function createHashMap(machine: Machine, attr: MapAttributes): BucketMap {
  const { memory } = machine
  const { maxEntries } = attr
  const preallocated = (attr.flags & BPF_F_NO_PREALLOC) === 0
  const spares = memory.alloc(machine.cpus * 4)
  const table: HashTable = new HashTable(machine, {
    keySize: attr.keySize,
    valueArea: attr.valueSize,
    maxEntries,
    seed: hashSeed(machine, attr.flags),
    lru: false,
    write: (unit, { shape, control }, grow) => {
      const values = valueCode(unit, machine, map)
      unit.define('lookup', 1, 1, lookup)
      unit.define('update', 3, 1, (f, key, value, flags) => {
        f.if(above(and(flags, ~BPF_F_LOCK), BPF_EXIST), () => f.return(EINVAL))
        const locked = f.local(and(flags, BPF_F_LOCK))
        if (!hasSpinLock(map)) f.if(locked, () => f.return(EINVAL))
        const hash = hashOf(f, shape, key)
        const old = findElement(f, shape, key, hash)
        f.set(flags, and(flags, ~BPF_F_LOCK))
        existence(f, old, flags, (status) => f.return(status))
        const element = f.local()
        const to = f.local()
        f.if(
          old,
          () => {
            if (hasSpinLock(map)) {
              f.if(locked, () => {
                f.set(to, add(old, shape.valueOffset))
                values.copy(f, to, value)
                f.return(0)
              })
            }
            if (!preallocated) {
              takeElement(f, shape, grow, element)
              return
            }
            const spare = f.local(shl(machine.cpus === 1 ? 0 : load32(0, machine.cpuCell), 2))
            f.set(element, load32(spare, spares))
            f.if(eq(element, 0), () => takeFresh(f, shape, grow, element))
            f.if(element, () => f.store32(spare, spares, old))
          },
          () => {
            f.if(atLeast(load32(0, control + COUNT), maxEntries), () => f.return(E2BIG))
            takeElement(f, shape, grow, element)
          },
        )
        f.if(eq(element, 0), () => f.return(ENOMEM))
        f.set(to, add(element, shape.valueOffset))
        values.copy(f, to, value)
        insertElement(f, shape, element, key, hash)
        f.if(
          old,
          () => {
            unlinkElement(f, shape, old)
            f.set(to, add(old, shape.valueOffset))
            values.release(f, to)
            if (!preallocated) giveBackElement(f, shape, old)
          },
          () => addCount(f, shape, 1),
        )
        f.code.i32(0)
      })
      unit.define('delete', 1, 1, (f, key) => {
        const element = findElement(f, shape, key, hashOf(f, shape, key))
        f.if(eq(element, 0), () => f.return(ENOENT))
        unlinkElement(f, shape, element)
        addCount(f, shape, -1)
        const value = f.local(add(element, shape.valueOffset))
        values.release(f, value)
        giveBackElement(f, shape, element)
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
    forEach: (visit) => table.walk((element) => visit(element + table.keyOffset, element + valueOffset)),
    free() {
      if (map.specialFields !== undefined) {
        table.each((element) => {
          releaseFields(machine, map.specialFields, element + valueOffset)
        })
      }
      table.free()
      memory.free(spares)
      machine.freeHandle(map.handle)
    },
  }
  return map
}
