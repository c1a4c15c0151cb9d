import { invariant } from '../base/index.js'
import type { Addr } from './types.js'

/** Bytes of a slab, and the unit of large allocations: one WebAssembly page. */
const PAGE = 65536
const MAX_PAGES = 65536
/** Largest allocation served from a slab. */
const MAX_SMALL = 16384

/** Sizes of slab cells: multiples of 16 to 256, then four steps an octave. */
const CLASS_SIZES: readonly number[] = (() => {
  const sizes: number[] = []
  for (let size = 16; size <= 256; size += 16) sizes.push(size)
  for (let octave = 256; octave < MAX_SMALL; octave *= 2) {
    for (let step = 1; step <= 4; step++) sizes.push(octave + (octave / 4) * step)
  }
  return sizes
})()

/** Class of a size, by its number of 16-byte units. */
const CLASS_OF_UNITS: Uint8Array = (() => {
  const classes = new Uint8Array(MAX_SMALL / 16 + 1)
  let index = 0
  for (let units = 1; units < classes.length; units++) {
    while ((CLASS_SIZES[index] as number) < units * 16) index++
    classes[units] = index
  }
  return classes
})()

const FREE_PAGE = 0xff
const LARGE_HEAD = 0xfe
const LARGE_BODY = 0xfd

/** Thrown when the address space (4 GiB or the configured limit) is full; callers turn it into ENOMEM. */
export class OutOfMemoryError extends Error {
  override readonly name = 'OutOfMemoryError'
}

/** A WebAssembly.Memory, as far as it is used: the types of an installed package want no host's declarations. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer
  grow(pages: number): number
}

/** What the allocator knows, for a copy of the memory to go on with. */
export interface MemoryTables {
  readonly pages: Uint8Array
  readonly runs: readonly (readonly [page: number, count: number])[]
  readonly freeCells: readonly number[]
  readonly fresh: number
}

/**
 * The kernel's address space: one WebAssembly.Memory with an allocator over it. Page 0 is never handed out.
 * The typed views are replaced when the memory grows: read them from here after anything that may allocate.
 */
export class Memory {
  readonly wasm: WasmMemory
  u8: Uint8Array
  u32: Uint32Array
  i32: Int32Array
  view: DataView
  /** The memory without its first 64 KiB: what programs may touch. */
  program: DataView
  /** Bytes of address space in use by the program side: size of the buffer. */
  size: number

  readonly #maxPages: number
  /** What each 64 KiB page holds: a slab's class, or FREE_PAGE, LARGE_HEAD, LARGE_BODY. */
  readonly #pages = new Uint8Array(MAX_PAGES).fill(FREE_PAGE)
  /** Pages of the large allocation that starts at a page. */
  readonly #runs = new Map<number, number>()
  readonly #freeCells: Uint32Array = new Uint32Array(CLASS_SIZES.length)
  /** First page never used: everything above it reads as zero. */
  #fresh = 1
  #freePages = 0
  /** While allocations are watched: size and address of each. */
  #watched: number[] | undefined
  /** Allocations to be made again at the same addresses: sizes and addresses. */
  #script: readonly number[] | undefined
  #scriptAt = 0
  /** A memory that is being put back: what it held, and the addresses that are not new. */
  #image: Uint8Array | undefined
  readonly #scripted = new Set<Addr>()

  constructor(options: { initialPages?: number; maxPages?: number } = {}) {
    this.#maxPages = Math.min(options.maxPages ?? MAX_PAGES, MAX_PAGES)
    this.wasm = new WebAssembly.Memory({ initial: options.initialPages ?? 64, maximum: this.#maxPages })
    this.#pages[0] = LARGE_BODY
    const buffer = this.wasm.buffer
    this.u8 = new Uint8Array(buffer)
    this.u32 = new Uint32Array(buffer)
    this.i32 = new Int32Array(buffer)
    this.view = new DataView(buffer)
    this.program = new DataView(buffer, PAGE)
    this.size = buffer.byteLength
  }

  /** Zeroed memory, aligned to 16 bytes (64 KiB allocations and larger: to a page). Throws OutOfMemoryError. */
  alloc(size: number): Addr {
    const addr = this.#script === undefined ? this.#allocate(size) : (this.#again(size) ?? this.#allocate(size))
    this.#watched?.push(size, addr)
    return addr
  }

  #allocate(size: number): Addr {
    if (size > MAX_SMALL) return this.#allocPages(Math.ceil(size / PAGE))
    const cls = CLASS_OF_UNITS[Math.max(1, (size + 15) >> 4)] as number
    let cell = this.#freeCells[cls] as number
    if (cell === 0) {
      this.#carve(cls)
      cell = this.#freeCells[cls] as number
    }
    this.#freeCells[cls] = this.u32[cell >>> 2] as number
    this.u8.fill(0, cell, cell + (CLASS_SIZES[cls] as number))
    return cell
  }

  /** Gives back what alloc returned. */
  free(addr: Addr): void {
    // While a memory is put back nothing is given back: the chains of free cells are in the image.
    if (addr === 0 || this.#image !== undefined) return
    const page = addr >>> 16
    const kind = this.#pages[page] as number
    if (kind === LARGE_HEAD) {
      const count = this.#runs.get(page) as number
      this.#runs.delete(page)
      this.#pages.fill(FREE_PAGE, page, page + count)
      this.#freePages += count
      return
    }
    invariant(kind < CLASS_SIZES.length, `free of ${addr.toString(16)}, which was not allocated`)
    this.u32[addr >>> 2] = this.#freeCells[kind] as number
    this.#freeCells[kind] = addr
  }

  /** Does something, and tells size and address of each allocation that it made, one after the other. */
  watch<T>(work: () => T): { readonly result: T; readonly allocations: readonly number[] } {
    const before = this.#watched
    const allocations: number[] = []
    this.#watched = allocations
    try {
      return { result: work(), allocations }
    } finally {
      this.#watched = before
    }
  }

  /** What the allocator knows now. */
  tables(): MemoryTables {
    return {
      pages: this.#pages.slice(0, this.#fresh),
      runs: [...this.#runs],
      freeCells: [...this.#freeCells],
      fresh: this.#fresh,
    }
  }

  /** A copy of all memory that was ever used. */
  image(): Uint8Array {
    return this.u8.slice(0, this.#fresh * PAGE)
  }

  /**
   * Makes this the memory that `image` and `tables` are of. Until `settle` it is being put back: `again` makes objects where they were, and
   * nothing that was allocated then is freed. Throws OutOfMemoryError.
   */
  putBack(image: Uint8Array, tables: MemoryTables): void {
    this.#ensure(Math.max(tables.fresh, image.length / PAGE))
    this.#pages.fill(FREE_PAGE)
    this.#pages.set(tables.pages)
    this.#runs.clear()
    for (const [page, count] of tables.runs) this.#runs.set(page, count)
    this.#freeCells.set(tables.freeCells)
    this.#fresh = tables.fresh
    // Pages that were free stay so until the end: what would be made there the image would go over.
    this.#freePages = 0
    this.#image = image
    this.u8.set(image)
  }

  /** While the memory is being put back: does something whose allocations are at the addresses they had. */
  again<T>(allocations: readonly number[], work: () => T): T {
    this.#script = allocations
    this.#scriptAt = 0
    for (let i = 1; i < allocations.length; i += 2) this.#scripted.add(allocations[i] as number)
    try {
      return work()
    } finally {
      this.#script = undefined
    }
  }

  /** The address that comes next in the script for this size; undefined: this allocation was not made then. */
  #again(size: number): Addr | undefined {
    const script = this.#script as readonly number[]
    for (let at = this.#scriptAt; at < script.length; at += 2) {
      if (script[at] !== size) continue
      this.#scriptAt = at + 2
      const addr = script[at + 1] as Addr
      this.u8.fill(0, addr, addr + size)
      return addr
    }
    return undefined
  }

  /** What stood at an address, if it is one that was put back. */
  imageU32(addr: Addr): number | undefined {
    if (this.#image === undefined || !this.#scripted.has(addr)) return undefined
    const { buffer, byteOffset } = this.#image
    return new DataView(buffer, byteOffset).getUint32(addr, true)
  }

  /** Writes what was put back once more: over what making the objects again has written. `fresh`: allocations that are new, which stay. */
  settle(fresh: readonly number[], finished: boolean): void {
    const image = this.#image
    if (image === undefined) return
    const kept: [Addr, Uint8Array][] = []
    for (let i = 0; i < fresh.length; i += 2) {
      const addr = fresh[i + 1] as Addr
      if (!this.#scripted.has(addr)) kept.push([addr, this.read(addr, fresh[i] as number)])
    }
    // Free cells are chained through the memory: what was taken from them since is taken.
    this.u8.set(image)
    for (const [addr, bytes] of kept) this.write(addr, bytes)
    if (!finished) return
    this.#image = undefined
    this.#scripted.clear()
    for (let page = 1; page < this.#fresh; page++) if (this.#pages[page] === FREE_PAGE) this.#freePages++
  }

  /** Where the allocation that holds `addr` starts. */
  startOf(addr: Addr): Addr {
    let page = addr >>> 16
    const kind = this.#pages[page]!
    if (kind < CLASS_SIZES.length) {
      const size = CLASS_SIZES[kind]!
      const slab = page * PAGE
      return slab + Math.floor((addr - slab) / size) * size
    }
    while (page > 0 && this.#pages[page] === LARGE_BODY) page--
    return page * PAGE
  }

  /** Bytes at `addr` as a view, valid until the memory grows. */
  bytes(addr: Addr, length: number): Uint8Array {
    return this.u8.subarray(addr, addr + length)
  }

  /** A copy of the bytes at `addr`. */
  read(addr: Addr, length: number): Uint8Array {
    return this.u8.slice(addr, addr + length)
  }

  write(addr: Addr, bytes: Uint8Array): void {
    this.u8.set(bytes, addr)
  }

  u64(addr: Addr): bigint {
    return this.view.getBigUint64(addr, true)
  }

  setU64(addr: Addr, value: bigint): void {
    this.view.setBigUint64(addr, value, true)
  }

  /** Fills the free list of a class from a fresh slab. */
  #carve(cls: number): void {
    const slab = this.#allocPages(1)
    const page = slab >>> 16
    this.#runs.delete(page)
    this.#pages[page] = cls
    const size = CLASS_SIZES[cls] as number
    let next = 0
    for (let at = slab + (Math.floor(PAGE / size) - 1) * size; at >= slab; at -= size) {
      this.u32[at >>> 2] = next
      next = at
    }
    this.#freeCells[cls] = next
  }

  #allocPages(count: number): Addr {
    if (this.#freePages >= count) {
      const reused = this.#findRun(count)
      if (reused !== 0) {
        this.u8.fill(0, reused * PAGE, (reused + count) * PAGE)
        this.#freePages -= count
        return this.#take(reused, count)
      }
    }
    const start = this.#fresh
    this.#ensure(start + count)
    this.#fresh += count
    return this.#take(start, count)
  }

  #take(page: number, count: number): Addr {
    this.#pages.fill(LARGE_BODY, page, page + count)
    this.#pages[page] = LARGE_HEAD
    this.#runs.set(page, count)
    return page * PAGE
  }

  /** First fit among pages that were used and freed; 0 if none. */
  #findRun(count: number): number {
    let length = 0
    for (let page = 1; page < this.#fresh; page++) {
      length = this.#pages[page] === FREE_PAGE ? length + 1 : 0
      if (length === count) return page - count + 1
    }
    return 0
  }

  #ensure(pages: number): void {
    const have = this.size / PAGE
    if (pages <= have) return
    // The last page stays unmapped so that no address plus access width can wrap around to 0.
    if (pages > this.#maxPages - 1)
      throw new OutOfMemoryError(`${pages} pages needed, ${this.#maxPages - 1} is the limit`)
    const wanted = Math.min(this.#maxPages - 1, Math.max(pages, Math.min(have * 2, have + 4096)))
    try {
      this.wasm.grow(wanted - have)
    } catch {
      throw new OutOfMemoryError(`the host refused to grow the memory to ${wanted} pages`)
    }
    const buffer = this.wasm.buffer
    this.u8 = new Uint8Array(buffer)
    this.u32 = new Uint32Array(buffer)
    this.i32 = new Int32Array(buffer)
    this.view = new DataView(buffer)
    this.program = new DataView(buffer, PAGE)
    this.size = buffer.byteLength
  }
}
