import { errnoText } from '../../../base/index.js'
import { KernelError } from '../../../kernel/index.js'
import type { CommandHost } from '../../host/host.js'
import { ToolError } from '../iproute2/tool-error.js'
import { openToolKernel } from '../iproute2/tool-kernel.js'

/** Short names of features that ethtool knows, and the kernel's. */
const SHORT: Readonly<Record<string, string>> = {
  gro: 'rx-gro',
  gso: 'tx-generic-segmentation',
  lro: 'rx-lro',
  tx: 'tx-checksum-ip-generic',
  rx: 'rx-checksum',
  tso: 'tx-tcp-segmentation',
}

/** `ethtool -k DEV`, `ethtool -K DEV FEATURE on|off …`: what a device of ours can switch. On Linux the machine's own does it. */
export function ethtool(args: readonly string[], host: CommandHost): number {
  if (host.env.SKEP_KERNEL === 'linux') return host.elsewhere('ethtool', args)
  const [option, name, ...words] = args
  const show = option === '-k' || option === '--show-features' || option === '--show-offload'
  const set = option === '-K' || option === '--features' || option === '--offload'
  if ((!show && !set) || name === undefined) {
    host.err('ethtool: bad command line argument(s)\nFor more information run ethtool -h\n')
    return 1
  }
  try {
    using kernel = openToolKernel(host, undefined)
    const features = kernel.call('ethtool_features', { name })
    if (show) {
      host.out(`Features for ${name}:\n`)
      for (const [feature, on] of Object.entries(features)) host.out(`${feature}: ${on ? 'on' : 'off'}\n`)
      return 0
    }
    const wanted: Record<string, boolean> = {}
    for (let at = 0; at < words.length; at += 2) {
      const feature = words[at] as string
      const value = words[at + 1]
      if (value !== 'on' && value !== 'off') {
        host.err('ethtool: bad command line argument(s)\nFor more information run ethtool -h\n')
        return 1
      }
      const own = feature in features ? feature : (SHORT[feature] ?? feature)
      // A device that lacks it stays as it is, which ethtool says and takes as done where several were asked for.
      if (own in features) wanted[own] = value === 'on'
      else {
        host.err(`Could not change any device features\n`)
        return 1
      }
    }
    kernel.call('ethtool_features', { name, set: wanted })
    return 0
  } catch (error) {
    if (error instanceof ToolError) {
      host.err(`${error.message}\n`)
      return error.status
    }
    if (!(error instanceof KernelError)) throw error
    host.err(`netlink error: no device matches name (offset 24)\nnetlink error: ${errnoText(error.errno)}\n`)
    return 75
  }
}
