import { type Btf, BtfBuilder, parseBtf } from '../btf/index.js'
import { kfuncNames } from '../vm/index.js'
import { KernelTypes } from './kernel-types.js'

interface KernelBtf {
  readonly bytes: Uint8Array
  readonly btf: Btf
  /** BTF id -> name of the kernel function. */
  readonly functions: ReadonlyMap<number, string>
}

let built: KernelBtf | undefined

/** BTF that names the kernel functions of the machine with their prototypes, as vmlinux BTF does on Linux. */
export function kernelBtf(): KernelBtf {
  if (built === undefined) {
    const builder = new BtfBuilder()
    const types = new KernelTypes(builder)
    const functions = new Map<number, string>()
    for (const name of kfuncNames()) {
      functions.set(types.func(name), name)
    }
    const bytes = builder.build()
    built = { bytes, btf: parseBtf(bytes), functions }
  }
  return built
}
