import { Option } from 'commander'
import type { CommandHost, KernelName } from '../host/host.js'

export interface KernelChoice {
  readonly kernel: KernelName
}

/** `--kernel`: SKEP_KERNEL in the environment is its default, else the embedded kernel. */
export function kernelOption({ env }: CommandHost): Option {
  const names: readonly KernelName[] = ['embedded', 'fresh', 'linux']
  const said = names.find((name) => name === env.SKEP_KERNEL)
  return new Option(
    '--kernel <name>',
    "which kernel to ask: the embedded one that 'skep up' started, or else a fresh one; a fresh one in any case; Linux (root)",
  )
    .choices(names)
    .default(said ?? 'embedded')
}
