// A kernel that remembers what its descriptors stand for, so that a program about to be loaded can be shown to our verifier.

import { type Btf, parseBtf } from '../../btf/index.js'
import type { Kernel, MapCreateRequest, ProgLoadRequest } from '../../kernel/index.js'
import { mapTypeById } from '../../spec/index.js'
import type { AttachProgram, MapDescription, VerifyProgram } from '../../verifier/index.js'
import { hasKernelSymbol } from './kernel-symbols.js'
import { verifyProgramOf } from './verify-program.js'

/**
 * A session that hands every call on to `kernel` but two kinds: nothing is pinned, and programs go to `load` with the question
 * they put to the verifier; what it returns (or throws) is the answer to prog_load. `vmlinuxBtf` and `vmlinuxBytes` stand for the BTF
 * of another kernel than the session's own.
 */
export function noteTaker(
  kernel: Kernel,
  load: (request: ProgLoadRequest, program: VerifyProgram | undefined) => unknown,
  vmlinuxBtf?: () => Btf | undefined,
  vmlinuxBytes?: Uint8Array | undefined,
): Kernel {
  const notes = new Notes(kernel, load, vmlinuxBtf)
  return {
    name: kernel.name,
    release: kernel.release,
    possibleCpus: kernel.possibleCpus,
    vmlinuxBtf: () => vmlinuxBytes ?? kernel.vmlinuxBtf(),
    config: () => kernel.config(),
    watch: (...args: Parameters<Kernel['watch']>) => kernel.watch(...args),
    mmap: (...args: Parameters<Kernel['mmap']>) => {
      notes.mapped(args[0])
      return kernel.mmap(...args)
    },
    call: (name: string, request: unknown) => notes.call(name, request),
    [Symbol.dispose]() {},
  } as unknown as Kernel
}

const parsed = new WeakMap<Kernel, Btf>()

/** A kernel's own BTF, taken apart once. */
function btfOf(kernel: Kernel): Btf | undefined {
  const known = parsed.get(kernel)
  if (known !== undefined) return known
  const bytes = kernel.vmlinuxBtf()
  if (bytes === undefined) return undefined
  const btf = parseBtf(bytes)
  parsed.set(kernel, btf)
  return btf
}

class Notes {
  readonly #kernel: Kernel
  readonly #load: (request: ProgLoadRequest, program: VerifyProgram | undefined) => unknown
  readonly #vmlinuxBtf: () => Btf | undefined
  readonly #maps = new Map<number, MapCreateRequest>()
  readonly #frozen = new Set<number>()
  readonly #mapped = new Set<number>()
  readonly #programs = new Map<number, AttachProgram>()
  readonly #inner = new Map<number, MapDescription>()
  readonly #btfs = new Map<number, Btf>()

  constructor(
    kernel: Kernel,
    load: (request: ProgLoadRequest, program: VerifyProgram | undefined) => unknown,
    vmlinuxBtf: (() => Btf | undefined) | undefined,
  ) {
    this.#kernel = kernel
    this.#load = load
    this.#vmlinuxBtf = vmlinuxBtf ?? (() => btfOf(kernel))
  }

  call(name: string, request: unknown): unknown {
    if (name === 'obj_pin' || name === 'mkdir') return undefined
    if (name === 'prog_load') {
      const asked = request as ProgLoadRequest
      const program = verifyProgramOf(asked, {
        cpus: this.#kernel.possibleCpus,
        map: (fd) => this.#describe(fd),
        btf: (fd) => this.#btfs.get(fd),
        program: (fd) => this.#programs.get(fd),
        vmlinux: this.#vmlinuxBtf(),
        hasSymbol: this.#kernel.name === 'linux' ? hasKernelSymbol : undefined,
      })
      const answer = this.#load(asked, program)
      const fd = (answer as { fd?: number } | undefined)?.fd
      if (fd !== undefined && program !== undefined) {
        const { type, attachType, btf, funcInfo = [] } = program
        this.#programs.set(fd, { type, attachType, btf, funcInfo, tracesProgram: asked.attachProgFd !== undefined })
      }
      return answer
    }
    const result = this.#pass(name, request)
    if (name === 'map_create') {
      const made = request as MapCreateRequest
      this.#maps.set(result as number, made)
      this.#frozen.delete(result as number)
      this.#mapped.delete(result as number)
      this.#inner.delete(result as number)
      const inner = made.innerMapFd === undefined ? undefined : this.#describe(made.innerMapFd)
      if (inner !== undefined) this.#inner.set(result as number, { ...inner, name: '' })
    } else if (name === 'map_freeze') this.#frozen.add((request as { mapFd: number }).mapFd)
    else if (name === 'btf_load') {
      this.#btfs.set((result as { fd: number }).fd, parseBtf((request as { btf: Uint8Array }).btf.slice()))
    } else if (name === 'close') {
      this.#maps.delete((request as { fd: number }).fd)
      this.#btfs.delete((request as { fd: number }).fd)
    }
    return result
  }

  /** User space has the map in its memory. */
  mapped(fd: number): void {
    this.#mapped.add(fd)
  }

  #pass(name: string, request: unknown): unknown {
    return this.#kernel.call(name as 'map_freeze', request as never) as unknown
  }

  #describe(fd: number): MapDescription | undefined {
    const made = this.#maps.get(fd)
    if (made === undefined) return undefined
    const frozen = this.#frozen.has(fd)
    return {
      name: made.mapName ?? '',
      type: made.mapType,
      keySize: made.keySize,
      valueSize: made.valueSize,
      maxEntries: made.maxEntries,
      flags: made.mapFlags ?? 0,
      frozen,
      ...(mapTypeById(made.mapType)?.name === 'arena'
        ? { userAddress: (made.mapExtra ?? 0n) !== 0n || this.#mapped.has(fd) }
        : {}),
      contents: frozen && mapTypeById(made.mapType)?.name === 'array' ? this.#contents(fd) : undefined,
      inner: this.#inner.get(fd),
      btf: made.btfFd === undefined ? undefined : this.#btfs.get(made.btfFd),
      btfKeyTypeId: made.btfKeyTypeId ?? 0,
      btfValueTypeId: made.btfValueTypeId ?? 0,
    }
  }

  #contents(fd: number): Uint8Array | undefined {
    try {
      const value = this.#pass('map_lookup_elem', { mapFd: fd, key: new Uint8Array(4) })
      return value instanceof Uint8Array ? value.slice() : undefined
    } catch {
      return undefined
    }
  }
}
