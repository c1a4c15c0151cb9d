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
const WASM_PAGE = 65_536

interface Mapping {
  readonly address: number
  readonly length: number
}

/**
 * Memory shared with the kernel, seen as a Uint8Array. It is mapped over the pages of a WebAssembly.Memory of its own: that
 * memory is page-aligned, cannot be detached, and gives its whole reservation back when it is collected or its worker ends,
 * so no view ever shows unmapped addresses and nothing outlives its users.
 */
export class Mappings {
  readonly #sys: Sys
  /** What is mapped, until it is given back: as with mmap(2), nothing but that or the end of the session ends a mapping. */
  readonly #mappings = new Map<ArrayBufferLike, Mapping>()

  constructor(sys: Sys) {
    this.#sys = sys
  }

  /** mmap(2), MAP_SHARED. Throws KernelError. Writing through a mapping that is not writable ends the process. */
  map(fd: number, offset: number, length: number, writable: boolean): Uint8Array {
    if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || length <= 0 || offset < 0) {
      throw new KernelError('EINVAL', 'mmap', { hint: 'offset and length are whole numbers, length above 0' })
    }
    const bytes = this.#reserve(length)
    const address = this.#sys.address(bytes)
    const prot = writable ? PROT_READ | PROT_WRITE : PROT_READ
    const result = this.#sys.syscall6(NR.mmap, address, length, prot, MAP_SHARED | MAP_FIXED, fd, offset)
    if (result !== address) throw new KernelError(this.#sys.errno(), 'mmap', hintOf(this.#sys.errno(), length))
    this.#mappings.set(bytes.buffer, { address, length })
    return bytes
  }

  /** Lets go of the object behind a mapping: what is still seen through it is private memory that reads as zero. */
  unmap(bytes: Uint8Array): void {
    this.#unmapBuffer(bytes.buffer)
  }

  unmapAll(): void {
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
