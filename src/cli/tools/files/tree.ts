import { errorCode, type Kernel } from '../../../kernel/index.js'
import type { CommandHost } from '../../host/host.js'
import { embeddedKernel, isKernelPath, readFlags } from './kernel-files.js'

/** `tree [DIR]`: what is pinned, as tree(1) draws it. */
export function tree(args: readonly string[], host: CommandHost): number {
  using kernel = embeddedKernel(host)
  const { words } = readFlags(args)
  const folders = words.length === 0 ? ['.'] : words
  if (kernel === undefined || !folders.every((folder) => isKernelPath(kernel, host.resolve(folder))))
    return host.elsewhere('tree', args)
  const counts = { directories: 0, files: 0 }
  let status = 0
  for (const folder of folders) {
    const path = host.resolve(folder)
    if (!isDirectory(kernel, path)) {
      host.out(`${folder}  [error opening dir]\n`)
      status = 2
      continue
    }
    counts.directories++
    host.out(`${folder}\n${branches(kernel, path, '', counts).join('')}`)
  }
  // The folders that were named are not counted.
  const directories = counts.directories - folders.length + status / 2
  const plural = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`
  host.out(
    `\n${plural(Math.max(0, directories), 'directory', 'directories')}, ${plural(counts.files, 'file', 'files')}\n`,
  )
  return status
}

function branches(
  kernel: Kernel,
  path: string,
  indent: string,
  counts: { directories: number; files: number },
): string[] {
  const names = [...kernel.call('readdir', { path })].sort()
  return names.flatMap((name, index) => {
    const last = index === names.length - 1
    const full = `${path}/${name}`
    const { type } = kernel.call('stat', { path: full })
    const line = `${indent}${last ? '└── ' : '├── '}${name}`
    if (type === 'symlink') {
      const target = kernel.call('readlink', { path: full })
      const folder = isDirectory(kernel, full)
      if (folder) counts.directories++
      else counts.files++
      return [`${line} -> ${target}\n`]
    }
    if (type !== 'directory') {
      counts.files++
      return [`${line}\n`]
    }
    counts.directories++
    return [`${line}\n`, ...branches(kernel, full, `${indent}${last ? '    ' : '│   '}`, counts)]
  })
}

function isDirectory(kernel: Kernel, path: string): boolean {
  try {
    kernel.call('readdir', { path })
    return true
  } catch (error) {
    if (errorCode(error) === undefined) throw error
    return false
  }
}
