import type { Addr, Machine, Memory } from '../vm/index.js'
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
  /** Called before an element is evicted: takes it out of its bucket. */
  readonly evict: (element: Addr) => void
}

export class Lru {
  readonly #machine: Machine
  readonly #memory: Memory
  readonly #table: HashTable
  readonly #perCpu: boolean
  readonly #evict: (element: Addr) => void
  readonly #batch: number
  readonly #scans: number
  /** One set, or one a CPU. */
  readonly #sets: Addr
  readonly #locals: Addr

  /** Throws OutOfMemoryError. */
  constructor(machine: Machine, table: HashTable, options: LruOptions) {
    this.#machine = machine
    this.#memory = machine.memory
    this.#table = table
    this.#perCpu = options.perCpu
    this.#evict = options.evict
    const { cpus, memory } = machine
    const share = Math.floor(options.maxEntries / cpus)
    this.#batch = options.perCpu ? PER_CPU_BATCH : Math.min(Math.max(Math.floor(share / 2), 1), COMMON_BATCH)
    this.#scans = options.perCpu ? PER_CPU_BATCH : COMMON_BATCH
    const setCount = options.perCpu ? cpus : 1
    this.#sets = memory.alloc(setCount * SET_SIZE)
    this.#locals = memory.alloc(cpus * LOCAL_SIZE)
    for (let i = 0; i < setCount; i++) {
      const set = this.#sets + i * SET_SIZE
      for (const list of [ACTIVE, INACTIVE, FREE]) this.#emptyList(set + list * HEAD_SIZE)
      this.#set(set + ROTATION, set + INACTIVE * HEAD_SIZE)
      this.#set(set + UNUSED, options.perCpu ? share : options.maxEntries)
    }
    for (let cpu = 0; cpu < cpus; cpu++) {
      const local = this.#locals + cpu * LOCAL_SIZE
      this.#emptyList(local)
      this.#emptyList(local + HEAD_SIZE)
      this.#set(local + STEAL, cpu)
    }
  }

  /** An element for a new key, taken from others where none is free; 0 when there is nothing to take. */
  take(): Addr {
    return this.#perCpu ? this.#takePerCpu() : this.#takeCommon()
  }

  /** Takes back an element that is in no bucket. */
  giveBack(element: Addr): void {
    const bytes = this.#memory.u8
    if (!this.#perCpu && bytes[element + LIST] === PENDING) {
      bytes[element + LIST] = LOCAL_FREE
      bytes[element + REF] = 0
      this.#remove(element)
      this.#pushFront(this.#locals + this.#cpuOf(element) * LOCAL_SIZE, element)
      return
    }
    this.#move(this.#perCpu ? this.#sets + this.#cpuOf(element) * SET_SIZE : this.#sets, element, FREE)
  }

  /** Marks an element as used. */
  touch(element: Addr): void {
    this.#memory.u8[element + REF] = 1
  }

  free(): void {
    this.#memory.free(this.#sets)
    this.#memory.free(this.#locals)
  }

  #takePerCpu(): Addr {
    const set = this.#sets + this.#machine.cpu * SET_SIZE
    this.#rotate(set)
    const freeHead = set + FREE * HEAD_SIZE
    let element = this.#firstFree(set)
    if (element === 0) {
      this.#shrink(set, PER_CPU_BATCH, freeHead, FREE)
      element = this.#first(freeHead)
    }
    if (element === 0) return 0
    this.#setCpu(element)
    this.#move(set, element, INACTIVE)
    return element
  }

  #takeCommon(): Addr {
    const { cpus, cpu } = this.#machine
    const local = this.#locals + cpu * LOCAL_SIZE
    let element = this.#popFront(local)
    if (element === 0) {
      this.#refill(local)
      element = this.#popFront(local)
    }
    if (element === 0) {
      // Nothing is free anywhere in the shared lists: steal from the CPUs' own lists, in turn.
      const start = this.#get(local + STEAL)
      let victim = start
      do {
        const other = this.#locals + victim * LOCAL_SIZE
        element = this.#popFront(other) || this.#popPending(other + HEAD_SIZE)
        victim = (victim + 1) % cpus
      } while (element === 0 && victim !== start)
      this.#set(local + STEAL, victim)
    }
    if (element === 0) return 0
    this.#setCpu(element)
    this.#memory.u8[element + LIST] = PENDING
    this.#memory.u8[element + REF] = 0
    this.#pushFront(local + HEAD_SIZE, element)
    return element
  }

  /** Oldest pending element that was not used since; else the oldest one. Evicted. */
  #popPending(head: Addr): Addr {
    let element = this.#last(head)
    while (element !== 0 && this.#memory.u8[element + REF] !== 0) element = this.#before(head, element)
    if (element === 0) element = this.#last(head)
    if (element === 0) return 0
    this.#evict(element)
    this.#remove(element)
    return element
  }

  /** Fills a CPU's free list: first its pending elements join the shared lists, then free or evicted ones come over. */
  #refill(local: Addr): void {
    const set = this.#sets
    const pending = local + HEAD_SIZE
    for (let element = this.#last(pending); element !== 0; element = this.#last(pending)) {
      this.#remove(element)
      this.#join(set, element, this.#memory.u8[element + REF] !== 0 ? ACTIVE : INACTIVE)
    }
    this.#rotate(set)
    let taken = 0
    while (taken < this.#batch) {
      const element = this.#firstFree(set)
      if (element === 0) break
      this.#leave(set, element, local, LOCAL_FREE)
      taken++
    }
    if (taken < this.#batch) this.#shrink(set, this.#batch - taken, local, LOCAL_FREE)
  }

  #rotate(set: Addr): void {
    if (this.#get(set + COUNTS + 4 * INACTIVE) < this.#get(set + COUNTS + 4 * ACTIVE)) this.#rotateActive(set)
    this.#rotateInactive(set)
  }

  /** From the old end of ACTIVE: used elements start over at its front, the others become inactive. */
  #rotateActive(set: Addr): void {
    const head = set + ACTIVE * HEAD_SIZE
    const stop = this.#first(head)
    let element = this.#last(head)
    for (let scanned = 1; element !== 0; scanned++) {
      const before = this.#before(head, element)
      this.#move(set, element, this.#memory.u8[element + REF] !== 0 ? ACTIVE : INACTIVE)
      if (scanned === this.#scans || element === stop) return
      element = before
    }
  }

  /** Goes round INACTIVE from where it stopped last time; used elements become active. */
  #rotateInactive(set: Addr): void {
    const head = set + INACTIVE * HEAD_SIZE
    if (this.#first(head) === 0) return
    let at = this.#get(set + ROTATION)
    let stop = this.#get(at + NEXT)
    if (stop === head) stop = this.#get(stop + NEXT)
    let next = head
    for (let scanned = 0; scanned < this.#scans; ) {
      if (at === head) {
        at = this.#get(at + PREV)
        continue
      }
      next = this.#get(at + PREV)
      if (this.#memory.u8[at + REF] !== 0) this.#move(set, at, ACTIVE)
      if (at === stop) break
      at = next
      scanned++
    }
    this.#set(set + ROTATION, next)
  }

  /** Evicts up to `wanted` elements that were not used; if none is found, one that was. */
  #shrink(set: Addr, wanted: number, target: Addr, list: number): void {
    const inactive = set + INACTIVE * HEAD_SIZE
    let shrunk = 0
    let element = this.#last(inactive)
    for (let scanned = 1; element !== 0; scanned++) {
      const before = this.#before(inactive, element)
      if (this.#memory.u8[element + REF] !== 0) {
        this.#move(set, element, ACTIVE)
      } else {
        this.#evict(element)
        this.#leave(set, element, target, list)
        if (++shrunk === wanted) break
      }
      if (scanned === this.#scans) break
      element = before
    }
    if (shrunk > 0) return
    const victim = this.#last(inactive) || this.#last(set + ACTIVE * HEAD_SIZE)
    if (victim === 0) return
    this.#evict(victim)
    this.#leave(set, victim, target, list)
  }

  /** First element of FREE, made from an unused one where all that were freed are taken. */
  #firstFree(set: Addr): Addr {
    const head = set + FREE * HEAD_SIZE
    const first = this.#first(head)
    const unused = this.#get(set + UNUSED)
    if (first !== 0 || unused === 0) return first
    const element = this.#table.takeFresh()
    if (element === 0) return 0
    this.#set(set + UNUSED, unused - 1)
    this.#memory.u8[element + LIST] = FREE
    this.#pushFront(head, element)
    return element
  }

  /** An element that was on no list of the set comes to the front of one. */
  #join(set: Addr, element: Addr, list: number): void {
    this.#count(set, list, 1)
    this.#memory.u8[element + LIST] = list
    this.#memory.u8[element + REF] = 0
    this.#pushFront(set + list * HEAD_SIZE, element)
  }

  /** An element of the set goes to a list of free ones: a CPU's own are used in the order they came, others last first. */
  #leave(set: Addr, element: Addr, target: Addr, list: number): void {
    this.#detach(set, element)
    this.#memory.u8[element + LIST] = list
    if (list === FREE) this.#pushFront(target, element)
    else this.#pushBack(target, element)
  }

  #move(set: Addr, element: Addr, list: number): void {
    this.#detach(set, element)
    this.#join(set, element, list)
  }

  #detach(set: Addr, element: Addr): void {
    if (this.#get(set + ROTATION) === element) this.#set(set + ROTATION, this.#get(element + PREV))
    this.#count(set, this.#memory.u8[element + LIST] as number, -1)
    this.#remove(element)
  }

  #count(set: Addr, list: number, by: number): void {
    if (list <= INACTIVE) this.#set(set + COUNTS + 4 * list, this.#get(set + COUNTS + 4 * list) + by)
  }

  #setCpu(element: Addr): void {
    this.#memory.view.setUint16(element + CPU, this.#machine.cpu, true)
  }

  #cpuOf(element: Addr): number {
    return this.#memory.view.getUint16(element + CPU, true)
  }

  #emptyList(head: Addr): void {
    this.#set(head + PREV, head)
    this.#set(head + NEXT, head)
  }

  #first(head: Addr): Addr {
    const element = this.#get(head + NEXT)
    return element === head ? 0 : element
  }

  #last(head: Addr): Addr {
    return this.#before(head, head)
  }

  #before(head: Addr, element: Addr): Addr {
    const before = this.#get(element + PREV)
    return before === head ? 0 : before
  }

  #popFront(head: Addr): Addr {
    const element = this.#first(head)
    if (element !== 0) this.#remove(element)
    return element
  }

  #pushFront(head: Addr, element: Addr): void {
    const next = this.#get(head + NEXT)
    this.#set(element + PREV, head)
    this.#set(element + NEXT, next)
    this.#set(next + PREV, element)
    this.#set(head + NEXT, element)
  }

  #pushBack(head: Addr, element: Addr): void {
    this.#pushFront(this.#get(head + PREV), element)
  }

  #remove(element: Addr): void {
    const prev = this.#get(element + PREV)
    const next = this.#get(element + NEXT)
    this.#set(prev + NEXT, next)
    this.#set(next + PREV, prev)
  }

  #get(addr: Addr): number {
    return this.#memory.u32[addr >>> 2] as number
  }

  #set(addr: Addr, value: number): void {
    this.#memory.u32[addr >>> 2] = value
  }
}
