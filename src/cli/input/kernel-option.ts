import { Option } from 'commander'
import { embedded } from '../../embedded/index.js'
import type { Kernel } from '../../kernel/index.js'
import { linux } from '../../linux/index.js'

export interface KernelChoice {
  readonly kernel: 'embedded' | 'linux'
}

/** `--kernel`: SKEP_KERNEL in the environment is its default, else the embedded kernel. */
export function kernelOption(): Option {
  return new Option('--kernel <name>', 'which kernel to ask: a fresh embedded one, or Linux (root)')
    .choices(['embedded', 'linux'])
    .env('SKEP_KERNEL')
    .default('embedded')
}

/** A session of the kernel that was chosen, for the caller to dispose of. */
export function chosenKernel(options: KernelChoice): Kernel {
  return options.kernel === 'linux' ? linux() : embedded()
}
