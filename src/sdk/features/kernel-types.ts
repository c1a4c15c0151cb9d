import { type Btf, parseBtf } from '../../btf/index.js'
import type { Kernel } from '../../kernel/index.js'

const parsed = new WeakMap<Kernel, Btf | null>()

/** The kernel's own BTF, parsed once per session; undefined where it has none. */
export function kernelTypes(kernel: Kernel): Btf | undefined {
  let btf = parsed.get(kernel)
  if (btf === undefined) {
    const bytes = kernel.vmlinuxBtf()
    btf = bytes === undefined ? null : parseBtf(bytes)
    parsed.set(kernel, btf)
  }
  return btf ?? undefined
}

/** Whether an enum of the kernel's BTF has an enumerator; undefined where there is no such enum to ask. */
export function hasEnumerator(kernel: Kernel, enumName: string, name: string): boolean | undefined {
  const btf = kernelTypes(kernel)
  const id = btf?.findByName(enumName, 'enum')
  const type = id === undefined ? undefined : btf?.type(id)
  return type?.kind === 'enum' ? type.values.some((value) => value.name === name) : undefined
}

/** The id of a function of the kernel's BTF. */
export function kernelFunction(kernel: Kernel, name: string): number | undefined {
  return kernelTypes(kernel)?.findByName(name, 'func')
}
