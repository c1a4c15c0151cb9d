import { ERRNO, errnoText } from '../../../base/index.js'
import type { EmbeddedKernel } from '../../../embedded/index.js'
import { errorCode, type Fd, type Kernel, type NetDevice } from '../../../kernel/index.js'
import type { CommandHost, KernelName } from '../../host/host.js'
import { noDevice, ToolError } from './tool-error.js'

/** Set by `ip netns exec` for what it runs: the namespace that ip, tc and bpftool of the embedded kernel work in. */
export const NETNS_VARIABLE = 'SKEP_NETNS'

/** The kernel a command works on, in the namespace that -n or `ip netns exec` names. */
export function openToolKernel(host: CommandHost, netns: string | undefined): Kernel {
  const name = (host.env.SKEP_KERNEL ?? 'embedded') as KernelName
  const kernel = host.openKernel(name)
  const wanted = netns ?? (name === 'linux' ? undefined : host.env[NETNS_VARIABLE])
  if (wanted !== undefined) {
    try {
      enterNetns(kernel, wanted)
    } catch (error) {
      kernel[Symbol.dispose]()
      throw error
    }
  }
  return kernel
}

/** Opens a namespace by its name under /run/netns, or a path. The caller closes it. */
export function openNetns(kernel: Kernel, name: string): Fd {
  try {
    return kernel.call('netns_open', { path: name.includes('/') ? name : `/run/netns/${name}` })
  } catch (error) {
    const code = errorCode(error)
    if (code === undefined) throw error
    throw new ToolError(`Cannot open network namespace "${name}": ${errnoText(ERRNO[code as 'ENOENT'] ?? 2)}`)
  }
}

function enterNetns(kernel: Kernel, name: string): void {
  const fd = openNetns(kernel, name)
  kernel.call('setns', { netns: fd })
  kernel.call('close', { fd })
}

/** Names of network namespaces, the newest first as Linux lists them in its memory file system. */
export function netnsNames(kernel: Kernel): readonly string[] {
  try {
    return kernel.call('readdir', { path: '/run/netns' })
  } catch (error) {
    if (errorCode(error) === undefined) throw error
    return []
  }
}

/** The id that this namespace has given to a named one; undefined for none, and where the kernel is not ours. */
export function netnsIdOf(kernel: Kernel, name: string): number | undefined {
  return kernel.name === 'embedded' ? (kernel as EmbeddedKernel).network.namespaceId(`/run/netns/${name}`) : undefined
}

/** A device by name. */
export function findDevice(kernel: Kernel, name: string): NetDevice | undefined {
  try {
    return kernel.call('rtm_getlink', { name })
  } catch (error) {
    if (errorCode(error) === 'ENODEV') return undefined
    throw error
  }
}

/** A device by name, which must be there. */
export function theDevice(kernel: Kernel, name: string): NetDevice {
  const device = findDevice(kernel, name)
  if (device === undefined) throw noDevice(name)
  return device
}
