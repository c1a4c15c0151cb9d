import type { Kernel } from 'skep'
import { embedded } from 'skep/embedded'
import { linux } from 'skep/linux'

/** The kernel that `--kernel linux` or `--kernel embedded` (the default) names. */
export function chosenKernel(): Kernel {
  const at = process.argv.indexOf('--kernel')
  const name = at < 0 ? 'embedded' : process.argv[at + 1]
  if (name !== 'embedded' && name !== 'linux') throw new Error(`--kernel embedded or --kernel linux, not '${name}'`)
  return name === 'linux' ? linux() : embedded()
}
