import { errnoText } from '../../../base/index.js'
import { type Fd, type Kernel, KernelError } from '../../../kernel/index.js'
import { toolJson } from '../iproute2/json.js'
import type { ToolContext } from '../iproute2/options.js'
import { ToolError } from '../iproute2/tool-error.js'
import { NETNS_VARIABLE, netnsIdOf, netnsNames, openNetns } from '../iproute2/tool-kernel.js'
import type { ToolWords } from '../iproute2/words.js'

const FOLDER = '/run/netns'

/** `ip netns [list|add|del|exec|identify|set|attach]`. The result is the exit status. */
export function ipNetns(kernel: Kernel, words: ToolWords, context: ToolContext): number {
  const verb = words.take() ?? 'list'
  switch (verb) {
    case 'list':
    case 'show':
    case 'lst':
      listNames(kernel, context)
      return 0
    case 'add':
      addName(kernel, words)
      return 0
    case 'del':
    case 'delete':
      return deleteName(kernel, words, context)
    case 'exec':
    case 'e':
      return runInside(kernel, words, context)
    case 'identify':
      context.host.out(`${context.host.env[NETNS_VARIABLE] ?? ''}\n`)
      return 0
    case 'pids':
      return 0
    default:
      throw new ToolError(`Command "${verb}" is unknown, try "ip netns help".`)
  }
}

function listNames(kernel: Kernel, { host, options }: ToolContext): void {
  const rows = netnsNames(kernel).map((name) => ({ name, id: netnsIdOf(kernel, name) }))
  if (options.json) {
    host.out(`${toolJson(rows, options.pretty)}\n`)
    return
  }
  for (const { name, id } of rows) host.out(`${name}${id === undefined ? '' : ` (id: ${id})`}\n`)
}

function addName(kernel: Kernel, words: ToolWords): void {
  const name = words.take()
  if (name === undefined) throw new ToolError('No netns name specified', 1)
  if (name.includes('/') || name === '.' || name === '..') throw new ToolError(`Invalid netns name "${name}"`, 1)
  const path = `${FOLDER}/${name}`
  const fd = kernel.call('netns_create', {})
  try {
    kernel.call('netns_bind', { netns: fd, path })
  } catch (error) {
    if (!(error instanceof KernelError)) throw error
    throw new ToolError(`Cannot create namespace file "${path}": ${errnoText(error.errno)}`, 1)
  } finally {
    kernel.call('close', { fd })
  }
}

function deleteName(kernel: Kernel, words: ToolWords, { options }: ToolContext): number {
  const name = words.take()
  if (options.all) {
    for (const one of netnsNames(kernel)) kernel.call('netns_unbind', { path: `${FOLDER}/${one}` })
    return 0
  }
  if (name === undefined) throw new ToolError('No netns name specified', 1)
  const path = `${FOLDER}/${name}`
  try {
    kernel.call('netns_unbind', { path })
  } catch (error) {
    if (!(error instanceof KernelError)) throw error
    throw new ToolError(`Cannot remove namespace file "${path}": ${errnoText(error.errno)}`, 1)
  }
  return 0
}

/**
 * Runs a command of the user's with the namespace in its environment: the tools of `skep sh` work there. Other programs know
 * nothing of a network that is only here.
 */
function runInside(kernel: Kernel, words: ToolWords, { host, options }: ToolContext): number {
  const name = options.all ? undefined : words.take()
  if (!options.all && name === undefined) throw new ToolError('No netns name specified')
  if (words.done) throw new ToolError('No command specified')
  const names = name === undefined ? netnsNames(kernel) : [name]
  for (const one of names) close(kernel, openNetns(kernel, one))
  const command = [...words.rest]
  if (name !== undefined) return host.elsewhere('env', [`${NETNS_VARIABLE}=${name}`, ...withTools(host.env, command)])
  // One after the other, each under its name.
  const script = names
    .map(
      (one) =>
        `printf '\\nnetns: %s\\n' ${quote(one)}; ${NETNS_VARIABLE}=${quote(one)} ${withTools(host.env, command).map(quote).join(' ')}`,
    )
    .join('; ')
  return host.elsewhere('sh', ['-c', script])
}

/** What runs elsewhere finds the machine's tools first; inside a namespace ours are meant. */
function withTools(env: Readonly<Record<string, string | undefined>>, command: readonly string[]): string[] {
  const own = env.SKEP_SHELL_BIN
  if (own === undefined) return [...command]
  return ['env', `PATH=${own}:${env.PATH ?? '/usr/bin:/bin'}`, ...command]
}

function close(kernel: Kernel, fd: Fd): void {
  kernel.call('close', { fd })
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
