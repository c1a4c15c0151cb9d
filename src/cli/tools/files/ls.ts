import { errnoText } from '../../../base/index.js'
import { type Kernel, KernelError } from '../../../kernel/index.js'
import type { CommandHost } from '../../host/host.js'
import { embeddedKernel, isKernelPath, modeText, readFlags } from './kernel-files.js'

/** `ls [-l] [-a] [-d] [-R] PATH…` of the kernel's file systems; of all other paths the machine's own. */
export function ls(args: readonly string[], host: CommandHost): number {
  using kernel = embeddedKernel(host)
  const { flags, words } = readFlags(args)
  const paths = words.length === 0 ? ['.'] : words
  if (kernel === undefined || !paths.every((path) => isKernelPath(kernel, host.resolve(path))))
    return host.elsewhere('ls', args)
  let status = 0
  const blocks: string[] = []
  const list = (path: string, title: string): void => {
    const names = [...kernel.call('readdir', { path })].sort()
    const head = paths.length > 1 || flags.has('R') ? `${title}:\n` : ''
    const lines = names.map((name) => row(kernel, `${path}/${name}`, name, flags))
    blocks.push(`${head}${flags.has('l') ? 'total 0\n' : ''}${lines.join('')}`)
    if (!flags.has('R')) return
    for (const name of names)
      if (kernel.call('stat', { path: `${path}/${name}` }).type === 'directory')
        list(`${path}/${name}`, `${title}/${name}`)
  }
  for (const word of paths) {
    const path = host.resolve(word)
    try {
      const { type } = kernel.call('stat', { path })
      if (type === 'directory' && !flags.has('d')) list(path, word)
      else blocks.push(row(kernel, path, word, flags))
    } catch (error) {
      if (!(error instanceof KernelError)) throw error
      host.err(`ls: cannot access '${word}': ${errnoText(error.errno)}\n`)
      status = 2
    }
  }
  host.out(blocks.join(paths.length > 1 || flags.has('R') ? '\n' : ''))
  return status
}

function row(kernel: Kernel, path: string, name: string, flags: ReadonlySet<string>): string {
  if (!flags.has('l')) return `${name}\n`
  const status = kernel.call('stat', { path })
  const target = status.type === 'symlink' ? ` -> ${kernel.call('readlink', { path })}` : ''
  const links = status.type === 'directory' ? 2 : 1
  return `${modeText(status)} ${links} root root 0 ${name}${target}\n`
}
