import { errorCode, type Kernel } from '../../../kernel/index.js'
import type { CommandHost } from '../../host/host.js'
import { embeddedKernel, isKernelPath, readFlags, said } from './kernel-files.js'

type Change = (kernel: Kernel, host: CommandHost, word: string, flags: ReadonlySet<string>) => boolean

/** A command that changes paths of the kernel's file systems; of all others the machine's own does it. */
function changing(name: string, change: Change) {
  return (args: readonly string[], host: CommandHost): number => {
    using kernel = embeddedKernel(host)
    const { flags, words } = readFlags(args)
    if (kernel === undefined || words.length === 0 || !words.every((word) => isKernelPath(kernel, host.resolve(word))))
      return host.elsewhere(name, args)
    return words.map((word) => change(kernel, host, word, flags)).every(Boolean) ? 0 : 1
  }
}

/** `mkdir [-p] DIR…` */
export const mkdir = changing('mkdir', (kernel, host, word, flags) => {
  const path = host.resolve(word)
  const what = `mkdir: cannot create directory '${word}'`
  if (!flags.has('p') && !flags.has('parents'))
    return said(host, what, () => kernel.call('mkdir', { path, mode: 0o755 }))
  const steps = path.split('/').slice(1)
  return said(host, what, () => {
    for (let depth = 1; depth <= steps.length; depth++) {
      const part = `/${steps.slice(0, depth).join('/')}`
      if (kindOf(kernel, part) === undefined && isBelowMount(kernel, part))
        kernel.call('mkdir', { path: part, mode: 0o755 })
    }
  })
})

/** `rmdir DIR…` */
export const rmdir = changing('rmdir', (kernel, host, word) =>
  said(host, `rmdir: failed to remove '${word}'`, () => kernel.call('rmdir', { path: host.resolve(word) })),
)

/** `rm [-r] [-f] PATH…`: unpins. */
export const rm = changing('rm', (kernel, host, word, flags) => {
  const path = host.resolve(word)
  const deep = flags.has('r') || flags.has('R') || flags.has('recursive')
  const kind = kindOf(kernel, path)
  if (kind === undefined && (flags.has('f') || flags.has('force'))) return true
  return said(host, `rm: cannot remove '${word}'`, () => {
    if (kind === 'directory' && deep) removeAll(kernel, path)
    else kernel.call('unlink', { path })
  })
})

function removeAll(kernel: Kernel, path: string): void {
  for (const name of kernel.call('readdir', { path })) {
    const inner = `${path}/${name}`
    if (kindOf(kernel, inner) === 'directory') removeAll(kernel, inner)
    else kernel.call('unlink', { path: inner })
  }
  kernel.call('rmdir', { path })
}

function kindOf(kernel: Kernel, path: string): string | undefined {
  try {
    return kernel.call('stat', { path }).type
  } catch (error) {
    if (errorCode(error) === undefined) throw error
    return undefined
  }
}

function isBelowMount(kernel: Kernel, path: string): boolean {
  try {
    kernel.call('readdir', { path: path.slice(0, path.lastIndexOf('/')) || '/' })
    return true
  } catch (error) {
    if (errorCode(error) === undefined) throw error
    return false
  }
}
