import { type Btf, type BtfKind, parseBtf } from '../btf/index.js'
import { errorCode, type Fd, type Kernel } from '../kernel/index.js'
import { Handle } from './handle.js'

/** A type of the kernel; `moduleFd` is the descriptor of its module's BTF, undefined for vmlinux. */
export interface KernelType {
  readonly btf: Btf
  readonly id: number
  readonly moduleFd: Fd | undefined
}

interface ModuleBtf {
  readonly btf: Btf
  readonly handle: Handle
}

/** A kernel hands out the same bytes again while it can. */
const parsed = new WeakMap<Uint8Array, Btf>()

/** BTF of a running kernel: its own, and its modules' once something is not found there. Lazy: it is large. */
export class KernelBtf {
  readonly #kernel: Kernel
  #vmlinux: Btf | undefined
  #modules: readonly ModuleBtf[] | undefined

  constructor(kernel: Kernel) {
    this.#kernel = kernel
  }

  vmlinux(): Btf | undefined {
    if (this.#vmlinux === undefined) {
      const bytes = this.#kernel.vmlinuxBtf()
      if (bytes !== undefined) {
        this.#vmlinux = parsed.get(bytes) ?? parseBtf(bytes)
        parsed.set(bytes, this.#vmlinux)
      }
    }
    return this.#vmlinux
  }

  find(name: string, kind: BtfKind): KernelType | undefined {
    const vmlinux = this.vmlinux()
    const id = vmlinux?.findByName(name, kind)
    if (vmlinux !== undefined && id !== undefined) return { btf: vmlinux, id, moduleFd: undefined }
    for (const module of this.#openModules()) {
      const own = module.btf.findByName(name, kind)
      if (own !== undefined) return { btf: module.btf, id: own, moduleFd: module.handle.fd }
    }
    return undefined
  }

  /** Closes the descriptors of modules. */
  close(): void {
    for (const { handle } of this.#modules ?? []) handle.close()
    this.#modules = undefined
  }

  #openModules(): readonly ModuleBtf[] {
    if (this.#modules !== undefined) return this.#modules
    const modules: ModuleBtf[] = []
    this.#modules = modules
    const base = this.#vmlinux
    if (base === undefined) return modules
    for (let startId = 0; ; ) {
      let handle: Handle
      try {
        startId = this.#kernel.call('btf_get_next_id', { startId })
        handle = new Handle(this.#kernel, this.#kernel.call('btf_get_fd_by_id', { id: startId }))
      } catch (error) {
        // The end; or one that went meanwhile; or ids that this process may not see.
        if (errorCode(error) === 'ENOENT' && startId !== 0 && this.#exists(startId)) continue
        return modules
      }
      const info = this.#kernel.call('obj_get_info_by_fd', { fd: handle.fd })
      if (info.kind !== 'btf' || !info.kernelBtf || info.name === 'vmlinux' || info.name === '') {
        handle.close()
        continue
      }
      const full = this.#kernel.call('obj_get_info_by_fd', { fd: handle.fd, details: true })
      if (full.kind === 'btf' && full.btf !== undefined) modules.push({ btf: parseBtf(full.btf, { base }), handle })
      else handle.close()
    }
  }

  #exists(startId: number): boolean {
    try {
      this.#kernel.call('btf_get_next_id', { startId })
      return true
    } catch {
      return false
    }
  }
}
