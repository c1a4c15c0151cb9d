import { lstatSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { EmbeddedKernel } from '../../../embedded/index.js'
import { stateFolder } from '../../daemon/state-folder.js'
import type { CommandHost } from '../../host/host.js'
import { embeddedKernel, isKernelPath, readFlags, said } from './kernel-files.js'

const NOT_MOUNTED = 32

/** `mount`, `mount -t bpf SOURCE DIR`, `mount --bind DIR DIR`: the BPF file systems of the embedded kernel. All else is the machine's. */
export function mount(args: readonly string[], host: CommandHost): number {
  using kernel = embeddedKernel(host)
  if (kernel === undefined) return host.elsewhere('mount', args)
  const read = readWords(args)
  if (args.length === 0) {
    for (const { path } of kernel.bpffs.mounts) host.out(`bpf on ${path} type bpf (rw,nosuid,nodev,noexec,relatime)\n`)
    return host.elsewhere('mount', args)
  }
  const [source = '', target = ''] = read.words.map((word) => host.resolve(word))
  const bind = read.bind && isKernelPath(kernel, source)
  // mount --make-private and its like change who sees a mount: everybody does here.
  if (read.words.length === 1 && isKernelPath(kernel, source) && read.type === undefined && !read.bind) return 0
  if (!bind && read.type !== 'bpf') return host.elsewhere('mount', args)
  if (!isKernelPath(kernel, target) && !isFolder(target)) {
    host.err(`mount: ${target}: mount point does not exist.\n`)
    return NOT_MOUNTED
  }
  const done = said(host, `mount: ${target}`, () => kernel.bpffs.mount(target, bind ? source : undefined))
  keepMounts(kernel, host)
  return done ? 0 : NOT_MOUNTED
}

/** `umount DIR`. */
export function umount(args: readonly string[], host: CommandHost): number {
  using kernel = embeddedKernel(host)
  if (kernel === undefined) return host.elsewhere('umount', args)
  const { words } = readFlags(args)
  let status = 0
  for (const word of words) {
    const path = host.resolve(word)
    if (!kernel.bpffs.mounts.some((mount) => mount.path === path)) {
      if (!path.startsWith('/sys/fs/bpf')) return host.elsewhere('umount', args)
      host.err(`umount: ${word}: not mounted.\n`)
      status = NOT_MOUNTED
    } else kernel.bpffs.unmount(path)
  }
  keepMounts(kernel, host)
  return status
}

interface MountWords {
  readonly type: string | undefined
  readonly bind: boolean
  readonly words: readonly string[]
}

function readWords(args: readonly string[]): MountWords {
  let type: string | undefined
  let bind = false
  const words: string[] = []
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] as string
    if (arg === '-t' || arg === '--types') type = args[++at]
    else if (arg.startsWith('-t')) type = arg.slice(2)
    else if (arg === '-o' || arg === '--options') bind ||= /(^|,)r?bind(,|$)/.test(args[++at] ?? '')
    else if (arg === '--bind' || arg === '-B' || arg === '--rbind' || arg === '-R') bind = true
    else if (!arg.startsWith('-')) words.push(arg)
  }
  return { type, bind, words }
}

function isFolder(path: string): boolean {
  try {
    return lstatSync(path).isDirectory()
  } catch {
    return false
  }
}

/** A file in the state folder tells the shell's wrappers that paths outside of /sys/fs/bpf may be the kernel's. */
function keepMounts(kernel: EmbeddedKernel, host: CommandHost): void {
  if (!host.stays) return
  const file = join(stateFolder(), 'mounts')
  const others = kernel.bpffs.mounts.filter(({ path }) => !path.startsWith('/sys/fs/bpf'))
  if (others.length === 0) rmSync(file, { force: true })
  else writeFileSync(file, others.map(({ path }) => `${path}\n`).join(''), { mode: 0o600 })
}
