import { Buffer } from 'node:buffer'
import { errnoText } from '../../../base/index.js'
import type { EmbeddedKernel } from '../../../embedded/index.js'
import { type FileStatus, KernelError } from '../../../kernel/index.js'
import type { CommandHost, KernelName } from '../../host/host.js'
import { openToolKernel } from '../iproute2/tool-kernel.js'

/** The embedded kernel that a command works on; undefined on Linux, whose files everybody's commands know. */
export function embeddedKernel(host: CommandHost): EmbeddedKernel | undefined {
  const name = (host.env.SKEP_KERNEL ?? 'embedded') as KernelName
  return name === 'linux' ? undefined : (openToolKernel(host, undefined) as EmbeddedKernel)
}

/** Does a path belong to the kernel's own file systems, those that are mounted in it now? */
export function isKernelPath(kernel: EmbeddedKernel, path: string): boolean {
  if (/^\/(proc\/(kallsyms|modules)$|proc\/sys\/|sys\/kernel\/(debug\/)?tracing\/|sys\/class\/net\/)/.test(`${path}`))
    return true
  return kernel.bpffs.mounts.some((mount) => path === mount.path || path.startsWith(`${mount.path}/`))
}

/** Letters and words of `-rf --parents` as one set; the rest are words. */
export function readFlags(args: readonly string[]): {
  readonly flags: ReadonlySet<string>
  readonly words: readonly string[]
} {
  const flags = new Set<string>()
  const words: string[] = []
  let rest = false
  for (const arg of args) {
    if (rest || arg === '-' || !arg.startsWith('-')) words.push(arg)
    else if (arg === '--') rest = true
    else if (arg.startsWith('--')) flags.add(arg.slice(2))
    else for (const letter of arg.slice(1)) flags.add(letter)
  }
  return { flags, words }
}

/** Runs a file operation; a refusal is said as coreutils say it: `rm: cannot remove 'x': Is a directory`. */
export function said(host: CommandHost, what: string, run: () => void): boolean {
  try {
    run()
    return true
  } catch (error) {
    if (!(error instanceof KernelError)) throw error
    host.err(`${what}: ${errnoText(error.errno)}\n`)
    return false
  }
}

/** drwxr-xr-x */
export function modeText({ type, mode }: FileStatus): string {
  const kind = type === 'directory' ? 'd' : type === 'symlink' ? 'l' : '-'
  const bits = 'rwxrwxrwx'
  const text = [...bits].map((letter, i) => ((mode >> (8 - i)) & 1 ? letter : '-')).join('')
  const sticky = (mode & 0o1000) !== 0
  return `${kind}${sticky ? `${text.slice(0, 8)}${text[8] === 'x' ? 't' : 'T'}` : text}`
}

export function byteLength(text: string): number {
  return Buffer.byteLength(text)
}
