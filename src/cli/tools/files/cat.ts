import { errnoText } from '../../../base/index.js'
import type { EmbeddedKernel } from '../../../embedded/index.js'
import { KernelError } from '../../../kernel/index.js'
import { readForever } from '../../commands/prog/tracelog.js'
import type { CommandHost } from '../../host/host.js'
import { kallsymsText } from '../../noun/kallsyms.js'
import { embeddedKernel, readFlags } from './kernel-files.js'

const TRACE_PIPE = /^\/sys\/kernel\/(debug\/)?tracing\/trace_pipe$/

/** `cat FILE…` of files that are the kernel's: sysctls, kallsyms, the trace pipe. Of all others the machine's own. */
export async function cat(args: readonly string[], host: CommandHost): Promise<number> {
  using kernel = embeddedKernel(host)
  const { words } = readFlags(args)
  const ours = (word: string): boolean => {
    const path = host.resolve(word)
    return (
      TRACE_PIPE.test(path) ||
      path === '/proc/kallsyms' ||
      path.startsWith('/proc/sys/') ||
      path.startsWith('/sys/fs/bpf/')
    )
  }
  if (kernel === undefined || !words.every(ours) || words.length === 0) return host.elsewhere('cat', args)
  let status = 0
  for (const word of words) {
    try {
      await print(kernel, host, host.resolve(word))
    } catch (error) {
      if (!(error instanceof KernelError)) throw error
      host.err(`cat: ${word}: ${errnoText(error.errno)}\n`)
      status = 1
    }
  }
  return status
}

async function print(kernel: EmbeddedKernel, host: CommandHost, path: string): Promise<void> {
  if (path === '/proc/kallsyms') host.out(kallsymsText(kernel))
  else if (path.startsWith('/proc/sys/')) {
    const name = path.slice('/proc/sys/'.length).replaceAll('/', '.')
    host.out(`${kernel.call('sysctl_read', { name })}\n`)
  } else if (TRACE_PIPE.test(path)) {
    const fd = kernel.call('trace_pipe_open', { turnOn: true })
    await readForever(host, kernel, fd, (bytes) => host.out(bytes))
  } else {
    const { type } = kernel.call('stat', { path })
    // A pinned object has no text, but an iterator has.
    if (type !== 'link') throw new KernelError(type === 'directory' ? 'EISDIR' : 'EIO', 'read')
    const linkFd = kernel.call('obj_get', { pathname: path })
    const fd = kernel.call('iter_create', { linkFd })
    for (;;) {
      const bytes = kernel.call('read', { fd, size: 1 << 16 })
      if (bytes.length === 0) return
      host.out(bytes)
    }
  }
}
