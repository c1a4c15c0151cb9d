import {
  type Addr,
  above,
  add,
  below,
  call,
  choose,
  eq,
  type FunctionBuilder,
  isZero,
  type Jump,
  type Local,
  load8,
  load16,
  load32,
  type Machine,
  mul,
  ne,
  sub,
  type Value,
  type WasmUnit,
} from '../vm/index.js'
import { takeFresh } from './hash-code.js'
import type { HashTable } from './hash-table.js'

// Who is evicted from an LRU map: the behaviour of Linux's LRU lists (observed on 6.18), of which a test program sees
// which elements go and when.
//
// An element is on one list at a time. Common LRU (the default): one shared set of lists ACTIVE, INACTIVE and FREE, and
// for each CPU a LOCAL_FREE list, refilled in batches, and a PENDING list of what the CPU inserted lately. With
// BPF_F_NO_COMMON_LRU every CPU has its own ACTIVE, INACTIVE and FREE and its share of the elements. A program's look-up
// only sets the element's reference bit; the lists change when a free element is wanted.
//
// In memory (u32 words): links at +8 and +12 of elements and of list heads alike, so a list is a ring through its head.
//   set     +0 ACTIVE head  +16 INACTIVE head  +32 FREE head
//           +48 length of ACTIVE  +52 length of INACTIVE  +56 where rotation of INACTIVE goes on  +60 elements never used
//   local   +0 LOCAL_FREE head  +16 PENDING head  +32 CPU to steal from next

const ACTIVE = 0
const INACTIVE = 1
const FREE = 2
const LOCAL_FREE = 3
const PENDING = 4

const PREV = 8
const NEXT = 12
const LIST = 16
const REF = 17
const CPU = 18

const HEAD_SIZE = 16
const COUNTS = 48
const ROTATION = 56
const UNUSED = 60
const SET_SIZE = 64
const STEAL = 32
const LOCAL_SIZE = 48

/** Elements a CPU takes from the shared lists at once, at most, and how many it looks at to find them. */
const COMMON_BATCH = 128
const PER_CPU_BATCH = 4

export interface LruOptions {
  /** BPF_F_NO_COMMON_LRU. */
  readonly perCpu: boolean
  readonly maxEntries: number
}

/** Functions of a module that has the lists' code. */
export interface LruFunctions {
  /** () -> an element for a new key, taken from others where none is free; 0 when there is nothing to take. */
  readonly take: number
  /** (element): takes back an element that is in no bucket. */
  readonly giveBack: number
}

/** The lists of one map: their memory, and the code that works on them. */
export class Lru {
  readonly #machine: Machine
  readonly #perCpu: boolean
  readonly #batch: number
  readonly #scans: number
  /** One set, or one a CPU. */
  readonly #sets: Addr
  readonly #locals: Addr

  /** Throws OutOfMemoryError. */
  constructor(machine: Machine, options: LruOptions) {
    this.#machine = machine
    this.#perCpu = options.perCpu
    const { cpus, memory } = machine
    const share = Math.floor(options.maxEntries / cpus)
    this.#batch = options.perCpu ? PER_CPU_BATCH : Math.min(Math.max(Math.floor(share / 2), 1), COMMON_BATCH)
    this.#scans = options.perCpu ? PER_CPU_BATCH : COMMON_BATCH
    const setCount = options.perCpu ? cpus : 1
    this.#sets = memory.alloc(setCount * SET_SIZE)
    this.#locals = memory.alloc(cpus * LOCAL_SIZE)
    const put = (at: Addr, value: number): void => {
      memory.u32[at >>> 2] = value
    }
    const emptyList = (head: Addr): void => {
      put(head + PREV, head)
      put(head + NEXT, head)
    }
    for (let i = 0; i < setCount; i++) {
      const set = this.#sets + i * SET_SIZE
      for (const list of [ACTIVE, INACTIVE, FREE]) emptyList(set + list * HEAD_SIZE)
      put(set + ROTATION, set + INACTIVE * HEAD_SIZE)
      put(set + UNUSED, options.perCpu ? share : options.maxEntries)
    }
    for (let cpu = 0; cpu < cpus; cpu++) {
      const local = this.#locals + cpu * LOCAL_SIZE
      emptyList(local)
      emptyList(local + HEAD_SIZE)
      put(local + STEAL, cpu)
    }
  }

  free(): void {
    this.#machine.memory.free(this.#sets)
    this.#machine.memory.free(this.#locals)
  }

  /** Writes the lists' functions. `evict` writes what takes an element out of its bucket. */
  write(
    unit: WasmUnit,
    table: HashTable,
    grow: number,
    evict: (f: FunctionBuilder, element: Local) => void,
  ): LruFunctions {
    const { cpus } = this.#machine
    const batch = this.#batch
    const scans = this.#scans
    const sets = this.#sets
    const locals = this.#locals
    const cpu: Value = cpus === 1 ? 0 : load32(0, this.#machine.cpuCell)

    const count = unit.define('lruCount', 3, 0, (f, set, list, by) => {
      f.if(isZero(above(list, INACTIVE)), () => {
        const at = f.local(add(set, mul(list, 4)))
        f.store32(at, COUNTS, add(load32(at, COUNTS), by))
      })
    })
    /** Takes an element of a set off its list. */
    const detach = unit.define('lruDetach', 2, 0, (f, set, element) => {
      f.if(eq(load32(set, ROTATION), element), () => f.store32(set, ROTATION, load32(element, PREV)))
      f.do(count, [set, load8(element, LIST), -1])
      remove(f, element)
    })
    /** An element that was on no list of the set comes to the front of one. */
    const join = unit.define('lruJoin', 3, 0, (f, set, element, list) => {
      f.do(count, [set, list, 1])
      f.store8(element, LIST, list)
      f.store8(element, REF, 0)
      pushFront(f, add(set, mul(list, HEAD_SIZE)), element)
    })
    const move = unit.define('lruMove', 3, 0, (f, set, element, list) => {
      f.do(detach, [set, element])
      f.do(join, [set, element, list])
    })
    /** An element of the set goes to a list of free ones: a CPU's own are used in the order they came, others last first. */
    const leave = unit.define('lruLeave', 4, 0, (f, set, element, target, list) => {
      f.do(detach, [set, element])
      f.store8(element, LIST, list)
      f.if(
        eq(list, FREE),
        () => pushFront(f, target, element),
        () => pushFront(f, load32(target, PREV), element),
      )
    })
    /** First element of FREE, made from an unused one where all that were freed are taken. */
    const firstFree = unit.define('lruFirstFree', 1, 1, (f, set) => {
      const head = f.local(add(set, FREE * HEAD_SIZE))
      const element = f.local(first(head))
      f.if(element, () => f.return(element))
      const unused = f.local(load32(set, UNUSED))
      f.if(isZero(unused), () => f.return(0))
      takeFresh(f, table.shape, grow, element)
      f.if(element, () => {
        f.store32(set, UNUSED, sub(unused, 1))
        f.store8(element, LIST, FREE)
        pushFront(f, head, element)
      })
      f.code.get(element.local)
    })
    const rotate = this.#writeRotate(unit, move)
    /** Evicts up to `wanted` elements that were not used; if none is found, one that was. */
    const shrink = unit.define('lruShrink', 4, 0, (f, set, wanted, target, list) => {
      const inactive = f.local(add(set, INACTIVE * HEAD_SIZE))
      const shrunk = f.local(0)
      const scanned = f.local(1)
      const element = f.local(before(inactive, inactive))
      const next = f.local()
      f.while(element, (stop) => {
        f.set(next, before(inactive, element))
        f.if(
          load8(element, REF),
          () => f.do(move, [set, element, ACTIVE]),
          () => {
            evict(f, element)
            f.do(leave, [set, element, target, list])
            f.set(shrunk, add(shrunk, 1))
          },
        )
        stop(eq(shrunk, wanted))
        stop(eq(scanned, scans))
        f.set(scanned, add(scanned, 1))
        f.set(element, next)
      })
      f.if(shrunk, () => f.return())
      f.set(element, before(inactive, inactive))
      f.if(isZero(element), () => {
        const active = f.local(add(set, ACTIVE * HEAD_SIZE))
        f.set(element, before(active, active))
      })
      f.if(isZero(element), () => f.return())
      evict(f, element)
      f.do(leave, [set, element, target, list])
    })
    if (this.#perCpu) {
      const take = unit.define('lruTake', 0, 1, (f) => {
        const set = f.local(add(mul(cpu, SET_SIZE), sets))
        f.do(rotate, [set])
        const element = f.local(call(firstFree, set))
        f.if(isZero(element), () => {
          const free = f.local(add(set, FREE * HEAD_SIZE))
          f.do(shrink, [set, PER_CPU_BATCH, free, FREE])
          f.set(element, first(free))
          f.if(isZero(element), () => f.return(0))
        })
        f.store16(element, CPU, cpu)
        f.do(move, [set, element, INACTIVE])
        f.code.get(element.local)
      })
      const giveBack = unit.define('lruGiveBack', 1, 0, (f, element) => {
        f.do(move, [add(mul(load16(element, CPU), SET_SIZE), sets), element, FREE])
      })
      return { take, giveBack }
    }
    /** Oldest pending element that was not used since; else the oldest one. Evicted. */
    const popPending = unit.define('lruPopPending', 1, 1, (f, head) => {
      const element = f.local(before(head, head))
      f.while(element, (stop) => {
        stop(isZero(load8(element, REF)))
        f.set(element, before(head, element))
      })
      f.if(isZero(element), () => f.set(element, before(head, head)))
      f.if(isZero(element), () => f.return(0))
      evict(f, element)
      remove(f, element)
      f.code.get(element.local)
    })
    /** Fills a CPU's free list: first its pending elements join the shared lists, then free or evicted ones come over. */
    const refill = unit.define('lruRefill', 1, 0, (f, local) => {
      const pending = f.local(add(local, HEAD_SIZE))
      const element = f.local(before(pending, pending))
      f.while(element, () => {
        remove(f, element)
        f.do(join, [sets, element, choose(load8(element, REF), ACTIVE, INACTIVE)])
        f.set(element, before(pending, pending))
      })
      f.do(rotate, [sets])
      const taken = f.local(0)
      f.while(below(taken, batch), (stop) => {
        f.set(element, call(firstFree, sets))
        stop(isZero(element))
        f.do(leave, [sets, element, local, LOCAL_FREE])
        f.set(taken, add(taken, 1))
      })
      f.if(below(taken, batch), () => f.do(shrink, [sets, sub(batch, taken), local, LOCAL_FREE]))
    })
    const take = unit.define('lruTake', 0, 1, (f) => {
      const local = f.local(add(mul(cpu, LOCAL_SIZE), locals))
      const element = f.local()
      popFront(f, local, element)
      f.if(isZero(element), () => {
        f.do(refill, [local])
        popFront(f, local, element)
      })
      f.if(isZero(element), () => {
        // Nothing is free anywhere in the shared lists: steal from the CPUs' own lists, in turn.
        const start = f.local(load32(local, STEAL))
        const victim = f.local(start)
        const other = f.local()
        f.loop((again) => {
          f.set(other, add(mul(victim, LOCAL_SIZE), locals))
          popFront(f, other, element)
          f.if(isZero(element), () => f.set(element, call(popPending, add(other, HEAD_SIZE))))
          f.set(victim, add(victim, 1))
          f.if(eq(victim, cpus), () => f.set(victim, 0))
          f.if(isZero(element), () => again(ne(victim, start)))
        })
        f.store32(local, STEAL, victim)
        f.if(isZero(element), () => f.return(0))
      })
      f.store16(element, CPU, cpu)
      f.store8(element, LIST, PENDING)
      f.store8(element, REF, 0)
      pushFront(f, add(local, HEAD_SIZE), element)
      f.code.get(element.local)
    })
    const giveBack = unit.define('lruGiveBack', 1, 0, (f, element) => {
      f.if(eq(load8(element, LIST), PENDING), () => {
        f.store8(element, LIST, LOCAL_FREE)
        f.store8(element, REF, 0)
        remove(f, element)
        pushFront(f, add(mul(load16(element, CPU), LOCAL_SIZE), locals), element)
        f.return()
      })
      f.do(move, [sets, element, FREE])
    })
    return { take, giveBack }
  }

  /** (set): looks at some elements of both lists. */
  #writeRotate(unit: WasmUnit, move: number): number {
    const scans = this.#scans
    /** From the old end of ACTIVE: used elements start over at its front, the others become inactive. */
    const rotateActive = unit.define('lruRotateActive', 1, 0, (f, set) => {
      const head = f.local(add(set, ACTIVE * HEAD_SIZE))
      const stop = f.local(first(head))
      const element = f.local(before(head, head))
      const next = f.local()
      const scanned = f.local(1)
      f.while(element, (leave) => {
        f.set(next, before(head, element))
        f.do(move, [set, element, choose(load8(element, REF), ACTIVE, INACTIVE)])
        leave(eq(scanned, scans))
        leave(eq(element, stop))
        f.set(scanned, add(scanned, 1))
        f.set(element, next)
      })
    })
    /** Goes round INACTIVE from where it stopped last time; used elements become active. */
    const rotateInactive = unit.define('lruRotateInactive', 1, 0, (f, set) => {
      const head = f.local(add(set, INACTIVE * HEAD_SIZE))
      f.if(isZero(first(head)), () => f.return())
      const at = f.local(load32(set, ROTATION))
      const stop = f.local(load32(at, NEXT))
      f.if(eq(stop, head), () => f.set(stop, load32(stop, NEXT)))
      const next = f.local(head)
      const scanned = f.local(0)
      f.while(below(scanned, scans), (leave, again: Jump) => {
        f.if(eq(at, head), () => {
          f.set(at, load32(at, PREV))
          again()
        })
        f.set(next, load32(at, PREV))
        f.if(load8(at, REF), () => f.do(move, [set, at, ACTIVE]))
        leave(eq(at, stop))
        f.set(at, next)
        f.set(scanned, add(scanned, 1))
      })
      f.store32(set, ROTATION, next)
    })
    return unit.define('lruRotate', 1, 0, (f, set) => {
      f.if(below(load32(set, COUNTS + 4 * INACTIVE), load32(set, COUNTS + 4 * ACTIVE)), () => f.do(rotateActive, [set]))
      f.do(rotateInactive, [set])
    })
  }
}

/** Marks an element as used. */
export function touch(f: FunctionBuilder, element: Local): void {
  f.store8(element, REF, 1)
}

/** First element of a list, 0 for an empty one. */
function first(head: Local): Value {
  return choose(eq(load32(head, NEXT), head), 0, load32(head, NEXT))
}

/** The element before another one, 0 for the first. */
function before(head: Local, element: Local): Value {
  return choose(eq(load32(element, PREV), head), 0, load32(element, PREV))
}

function popFront(f: FunctionBuilder, head: Local, element: Local): void {
  f.set(element, first(head))
  f.if(element, () => remove(f, element))
}

function pushFront(f: FunctionBuilder, list: Value, element: Local): void {
  const head = f.local(list)
  const next = f.local(load32(head, NEXT))
  f.store32(element, PREV, head)
  f.store32(element, NEXT, next)
  f.store32(next, PREV, element)
  f.store32(head, NEXT, element)
}

function remove(f: FunctionBuilder, element: Local): void {
  const prev = f.local(load32(element, PREV))
  const next = f.local(load32(element, NEXT))
  f.store32(prev, NEXT, next)
  f.store32(next, PREV, prev)
}
