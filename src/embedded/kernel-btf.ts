import { BtfBuilder } from '../btf/index.js'
import { kfuncNames } from '../vm/index.js'

interface KernelBtf {
  readonly bytes: Uint8Array
  /** BTF id -> name of the kernel function. */
  readonly functions: ReadonlyMap<number, string>
}

let built: KernelBtf | undefined

/** BTF that names the kernel functions of the machine, as vmlinux BTF does on Linux. Their prototypes are left open. */
export function kernelBtf(): KernelBtf {
  if (built === undefined) {
    const builder = new BtfBuilder()
    const proto = builder.add({ kind: 'func_proto', name: '', type: 0, params: [] })
    const functions = new Map<number, string>()
    for (const name of kfuncNames()) {
      functions.set(builder.add({ kind: 'func', name, type: proto, linkage: 'static' }), name)
    }
    built = { bytes: builder.build(), functions }
  }
  return built
}
