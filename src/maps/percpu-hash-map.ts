import {
  type Addr,
  above,
  add,
  atLeast,
  type BpfMap,
  copyValue,
  eq,
  type FunctionBuilder,
  type Local,
  load32,
  type Machine,
  mul,
  ne,
  releaseFields,
  type Value,
  type WasmUnit,
} from '../vm/index.js'
import { BPF_EXIST, E2BIG, EINVAL, ENOENT, ENOMEM } from './constants.js'
import { roundUp8 } from './copy.js'
import {
  addCount,
  COUNT,
  findElement,
  giveBackElement,
  hashOf,
  insertElement,
  takeElement,
  unlinkElement,
} from './hash-code.js'
import { existence, hashSeed, tableMethods, valueCode, wasmMethods } from './hash-map.js'
import { HashTable } from './hash-table.js'
import { mapHeader } from './header.js'
import type { BucketMap, MapAttributes, PerCpuMap } from './types.js'

/** PERCPU_HASH. An element holds `cpus` values, `stride` bytes apart; updates are made in place. */
export function createPercpuHashMap(machine: Machine, attr: MapAttributes): BucketMap & PerCpuMap {
  const { cpus } = machine
  const { maxEntries, valueSize } = attr
  const stride = roundUp8(valueSize)
  const table: HashTable = new HashTable(machine, {
    keySize: attr.keySize,
    valueArea: stride * cpus,
    maxEntries,
    seed: hashSeed(machine, attr.flags),
    lru: false,
    write: (unit, { shape, control }, grow) => {
      const values = perCpuCode(unit, machine, map)
      unit.define('lookup', 1, 1, lookup)
      const put = unit.define('put', 4, 1, (f, key, value, flags, all) => {
        f.if(above(flags, BPF_EXIST), () => f.return(EINVAL))
        const hash = hashOf(f, shape, key)
        const old = findElement(f, shape, key, hash)
        existence(f, old, flags, (status) => f.return(status))
        const to = f.local()
        f.if(old, () => {
          f.set(to, add(old, shape.valueOffset))
          values.copy(f, to, value, all)
          f.return(0)
        })
        f.if(atLeast(load32(0, control + COUNT), maxEntries), () => f.return(E2BIG))
        const element = f.local()
        takeElement(f, shape, grow, element)
        f.if(eq(element, 0), () => f.return(ENOMEM))
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
        unlinkElement(f, shape, element)
        addCount(f, shape, -1)
        values.release(f, f.local(add(element, shape.valueOffset)))
        giveBackElement(f, shape, element)
        f.code.i32(0)
      })
    },
  })
  const { valueOffset } = table
  const lookup = table.lookupBody({ cpuStride: stride })

  const map: BucketMap & PerCpuMap & { specialFields: BpfMap['specialFields'] } = {
    ...mapHeader(machine, attr),
    ...tableMethods(table),
    ...wasmMethods(table.functions),
    stride,
    lookupBody: lookup,
    lookupCpu(key, cpu) {
      const element = table.lookup(key)
      return element === 0 || cpu >= cpus ? 0 : element + valueOffset + cpu * stride
    },
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
      machine.freeHandle(map.handle)
    },
  }
  return map
}

/** How the values of a per-CPU element are written. `all`: from `stride` bytes each, else the current CPU's alone. */
export interface PerCpuCode {
  /** Sets the current CPU's value, or all of them (padding included, as Linux keeps it). */
  copy(f: FunctionBuilder, values: Local, from: Local, all: Local): void
  /**
   * First values of an element: a program's update sets its own CPU's and zeroes the others', all without the padding,
   * which stays as it was. Special fields of an element that is not in use are zero already.
   */
  init(f: FunctionBuilder, values: Local, from: Local, all: Local): void
  release(f: FunctionBuilder, values: Local): void
}

/** To be called before the unit's first definition. */
export function perCpuCode(unit: WasmUnit, machine: Machine, map: PerCpuMap): PerCpuCode {
  const { stride, valueSize, specialFields } = map
  const { cpus } = machine
  const one = valueCode(unit, machine, map, cpus, stride)
  const copyAll =
    specialFields === undefined
      ? -1
      : unit.import('copyAll', 2, 0, (to, from) => {
          for (let at = 0; at < cpus * stride; at += stride) {
            copyValue(machine, specialFields, ((to as number) >>> 0) + at, ((from as number) >>> 0) + at, stride)
          }
          return undefined
        })
  const cpu: Value = cpus === 1 ? 0 : load32(0, machine.cpuCell)
  const copy = (f: FunctionBuilder, values: Local, from: Local, all: Local, own: () => void): void => {
    f.if(
      all,
      () => (copyAll >= 0 ? f.do(copyAll, [values, from]) : f.copy(values, from, cpus * stride)),
      () => {
        own()
        one.copy(f, f.local(add(values, mul(cpu, stride))), from)
      },
    )
  }
  return {
    copy: (f, values, from, all) => copy(f, values, from, all, () => {}),
    init: (f, values, from, all) =>
      copy(f, values, from, all, () => {
        if (cpus === 1) return
        const index = f.local(0)
        const value = f.local(values)
        f.loop((again) => {
          f.if(ne(index, cpu), () => f.zero(value, valueSize))
          f.set(value, add(value, stride))
          f.set(index, add(index, 1))
          again(ne(index, cpus))
        })
      }),
    release: (f, values) => one.release(f, values),
  }
}

export function releasePerCpu(machine: Machine, map: PerCpuMap, values: Addr): void {
  if (map.specialFields === undefined) return
  for (let cpu = 0; cpu < machine.cpus; cpu++) releaseFields(machine, map.specialFields, values + cpu * map.stride)
}
