import { ERRNO } from '../../base/index.js'
import { KernelError } from '../../kernel/index.js'
import { NR } from '../syscall-numbers.js'
import type { Sys } from './sys.js'

const PROT_READ = 1
const PROT_WRITE = 2
const MAP_SHARED = 0x01
const MAP_PRIVATE = 0x02
const MAP_FIXED = 0x10
const MAP_ANONYMOUS = 0x20
const MAP_NORESERVE = 0x4000
const MAP_FIXED_NOREPLACE = 0x10_0000
const WASM_PAGE = 65_536
const FOUR_GIB = 0x1_0000_0000
/** Arenas from here on are put where the kernel likes. */
const LARGE = 1 << 30

interface Mapping {
  readonly address: number
  readonly length: number
}

/** An arena, which a process maps once: all who ask see the same memory. */
interface ArenaMapping {
  readonly buffer: ArrayBufferLike
  readonly views: Set<Uint8Array>
}

/**
 * Memory at addresses that arenas ask for, by address. It stays reserved when it is given back, for views that remain: an arena at
 * the same place gets the same memory again.
 */
const fixed = new Map<number, ArrayBuffer>()

/**
 * Memory shared with the kernel, seen as a Uint8Array. It is mapped over the pages of a WebAssembly.Memory of its own: that
 * memory is page-aligned, cannot be detached, and gives its whole reservation back when it is collected or its worker ends,
 * so no view ever shows unmapped addresses and nothing outlives its users.
 */
export class Mappings {
  readonly #sys: Sys
  /** What is mapped, until it is given back: as with mmap(2), nothing but that or the end of the session ends a mapping. */
  readonly #mappings = new Map<ArrayBufferLike, Mapping>()
  readonly #arenas = new Map<number, ArenaMapping>()

  constructor(sys: Sys) {
    this.#sys = sys
  }

  /** mmap(2), MAP_SHARED. Throws KernelError. Writing through a mapping that is not writable ends the process. */
  map(fd: number, offset: number, length: number, writable: boolean): Uint8Array {
    if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || length <= 0 || offset < 0) {
      throw new KernelError('EINVAL', 'mmap', { hint: 'offset and length are whole numbers, length above 0' })
    }
    return this.#mapOver(this.#reserve(length), fd, offset, writable)
  }

  #mapOver(bytes: Uint8Array, fd: number, offset: number, writable: boolean): Uint8Array {
    const { length } = bytes
    const address = this.#sys.address(bytes)
    const prot = writable ? PROT_READ | PROT_WRITE : PROT_READ
    const result = this.#sys.syscall6(NR.mmap, address, length, prot, MAP_SHARED | MAP_FIXED, fd, offset)
    if (result !== address) throw new KernelError(this.#sys.errno(), 'mmap', hintOf(this.#sys.errno(), length))
    this.#mappings.set(bytes.buffer, { address, length })
    return bytes
  }

  /**
   * An arena, by the map's id: at `address` where that is not 0, else anywhere that does not cross a border of 4 GiB, which
   * programs cannot see over. Throws KernelError.
   */
  mapArena(fd: number, id: number, address: number, length: number): Uint8Array {
    let arena = this.#arenas.get(id)
    if (arena === undefined || !this.#mappings.has(arena.buffer)) {
      const bytes = address === 0 ? this.#arenaAnywhere(fd, length) : this.#arenaAt(fd, address, length)
      arena = { buffer: bytes.buffer, views: new Set() }
      this.#arenas.set(id, arena)
    } else if (this.#mappings.get(arena.buffer)?.length !== length) {
      throw new KernelError('EINVAL', 'mmap', { hint: 'an arena is mapped as a whole, and each time alike' })
    }
    const view = new Uint8Array(arena.buffer, 0, length)
    arena.views.add(view)
    return view
  }

  #arenaAnywhere(fd: number, length: number): Uint8Array {
    for (let attempt = 0; length < LARGE && attempt < 8; attempt++) {
      const bytes = this.#reserve(length)
      const address = this.#sys.address(bytes)
      const crosses = Math.floor(address / FOUR_GIB) !== Math.floor((address + length - 1) / FOUR_GIB)
      if (!crosses) return this.#mapOver(bytes, fd, 0, true)
    }
    const address = this.#sys.syscall6(NR.mmap, 0, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
    if (address < 0) throw new KernelError(this.#sys.errno(), 'mmap', hintOf(this.#sys.errno(), length))
    return this.#keep(address, length, this.#sys.view(address, length))
  }

  #arenaAt(fd: number, address: number, length: number): Uint8Array {
    const known = fixed.get(address)
    const ours =
      known !== undefined && !this.#mappings.has(known) && this.#growReserve(address, known.byteLength, length)
    const flags = MAP_SHARED | (ours ? MAP_FIXED : MAP_FIXED_NOREPLACE)
    const result = this.#sys.syscall6(NR.mmap, address, length, PROT_READ | PROT_WRITE, flags, fd, 0)
    if (result !== address) {
      throw new KernelError(this.#sys.errno(), 'mmap', {
        hint: `the arena wants to be at 0x${address.toString(16)} (map_extra), where this process has something else`,
      })
    }
    const enough = known !== undefined && known.byteLength >= length
    return this.#keep(address, length, enough ? known : this.#sys.view(address, length))
  }

  /** Makes what was kept of an earlier arena at an address long enough; false where something else is behind it. */
  #growReserve(address: number, length: number, wanted: number): boolean {
    if (wanted <= length) return true
    const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE
    const end = address + length
    return this.#sys.syscall6(NR.mmap, end, wanted - length, PROT_READ, flags, -1, 0) === end
  }

  #keep(address: number, length: number, buffer: ArrayBuffer): Uint8Array {
    fixed.set(address, buffer)
    this.#mappings.set(buffer, { address, length })
    return new Uint8Array(buffer, 0, length)
  }

  /** Lets go of the object behind a mapping: what is still seen through it is private memory that reads as zero. */
  unmap(bytes: Uint8Array): void {
    for (const [id, { buffer, views }] of this.#arenas) {
      if (buffer !== bytes.buffer) continue
      views.delete(bytes)
      if (views.size > 0) return
      this.#arenas.delete(id)
    }
    this.#unmapBuffer(bytes.buffer)
  }

  unmapAll(): void {
    this.#arenas.clear()
    for (const buffer of [...this.#mappings.keys()]) this.#unmapBuffer(buffer)
  }

  #unmapBuffer(buffer: ArrayBufferLike): void {
    const mapping = this.#mappings.get(buffer)
    if (mapping === undefined) return
    this.#mappings.delete(buffer)
    const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE
    const { address, length } = mapping
    const result = this.#sys.syscall6(NR.mmap, address, length, PROT_READ | PROT_WRITE, flags, -1, 0)
    if (result !== address) throw new KernelError(this.#sys.errno(), 'munmap')
  }

  #reserve(length: number): Uint8Array {
    const pages = Math.ceil(length / WASM_PAGE)
    try {
      const memory = new WebAssembly.Memory({ initial: pages, maximum: pages })
      return new Uint8Array(memory.buffer, 0, length)
    } catch {
      const hint = 'no address space: map a part of it, or close other mappings'
      throw new KernelError('ENOMEM', 'mmap', { hint })
    }
  }
}

function hintOf(errno: number, length: number): { hint?: string } {
  if (errno === ERRNO.EPERM) return { hint: 'the map, or this part of it, cannot be mapped writable' }
  if (errno === ERRNO.EINVAL) return { hint: `offset and length (${length}) must lie inside and on page borders` }
  if (errno === ERRNO.ENOTSUPP)
    return { hint: 'only arrays with BPF_F_MMAPABLE, ring buffers and arenas can be mapped' }
  return {}
}
