import { errnoText } from '../../../base/index.js'
import { type Kernel, KernelError } from '../../../kernel/index.js'
import { SYSCTLS } from '../../../spec/index.js'
import type { CommandHost, KernelName } from '../../host/host.js'

/** `sysctl [-w] [-n] [-q] [-e] [-a] NAME[=VALUE] …`, as procps prints it. On Linux the machine's own does it. */
export function sysctl(args: readonly string[], host: CommandHost): number {
  if (host.env.SKEP_KERNEL === 'linux') return host.elsewhere('sysctl', args)
  const flags = new Set<string>()
  const names: string[] = []
  for (const arg of args) {
    if (arg === '--all') flags.add('a')
    else if (arg === '--values') flags.add('n')
    else if (arg === '--names') flags.add('N')
    else if (arg === '--quiet') flags.add('q')
    else if (arg === '--ignore') flags.add('e')
    else if (arg === '--write') flags.add('w')
    else if (/^-[a-zA-Z]+$/.test(arg)) for (const letter of arg.slice(1)) flags.add(letter)
    else names.push(arg)
  }
  if (flags.has('a') || flags.has('A') || flags.has('X')) names.push(...SYSCTLS.map(({ name }) => name).sort())
  if (names.length === 0) {
    host.err('\nUsage:\n sysctl [options] [variable[=value] ...]\n')
    return 1
  }
  using kernel = host.openKernel(host.env.SKEP_KERNEL as KernelName)
  let status = 0
  for (const word of names) {
    const [name = '', ...rest] = word.split('=')
    const value = rest.length === 0 ? undefined : rest.join('=').trim()
    if (!one(kernel, host, flags, name.trim(), value)) status = 1
  }
  return status
}

function one(
  kernel: Kernel,
  host: CommandHost,
  flags: ReadonlySet<string>,
  word: string,
  value: string | undefined,
): boolean {
  // Slashes and dots may stand for each other.
  const name = word.includes('/') ? word.replace(/^\/?(proc\/sys\/)?/, '').replaceAll('/', '.') : word
  if (value === undefined && flags.has('w')) {
    host.err('sysctl: command line(0): invalid syntax, continuing...\n')
    return true
  }
  try {
    if (value === undefined) {
      const text = kernel.call('sysctl_read', { name })
      host.out(flags.has('n') ? `${text}\n` : flags.has('N') ? `${name}\n` : `${name} = ${text}\n`)
      return true
    }
    kernel.call('sysctl_write', { name, value })
    if (!flags.has('q')) host.out(flags.has('n') ? `${value}\n` : `${name} = ${value}\n`)
    return true
  } catch (error) {
    if (!(error instanceof KernelError)) throw error
    if (error.code === 'ENOENT') {
      if (flags.has('e')) return true
      host.err(`sysctl: cannot stat /proc/sys/${name.replaceAll('.', '/')}: ${errnoText(error.errno)}\n`)
    } else host.err(`sysctl: setting key "${name}": ${errnoText(error.errno)}\n`)
    return false
  }
}
