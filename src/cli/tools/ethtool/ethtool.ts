import { errnoText } from '../../../base/index.js'
import { KernelError } from '../../../kernel/index.js'
import type { CommandHost } from '../../host/host.js'
import { embeddedKernel } from '../files/kernel-files.js'

/** ethtool's names for what the kernel calls otherwise. */
const NAMES: Readonly<Record<string, string>> = {
  gro: 'rx-gro',
  'generic-receive-offload': 'rx-gro',
  rxvlan: 'rx-vlan-hw-parse',
  txvlan: 'tx-vlan-hw-insert',
  sg: 'tx-scatter-gather',
  'scatter-gather': 'tx-scatter-gather',
  tx: 'tx-checksum-ip-generic',
  'tx-checksumming': 'tx-checksum-ip-generic',
  tso: 'tx-tcp-segmentation',
  'tcp-segmentation-offload': 'tx-tcp-segmentation',
}
const LONG: Readonly<Record<string, string>> = {
  'rx-vlan-hw-parse': 'rx-vlan-offload',
  'tx-vlan-hw-insert': 'tx-vlan-offload',
  'rx-gro': 'generic-receive-offload',
  'tx-scatter-gather': 'scatter-gather',
  'tx-checksum-ip-generic': 'tx-checksumming',
  'tx-tcp-segmentation': 'tcp-segmentation-offload',
}

/** `ethtool -k DEV`, `ethtool -K DEV FEATURE (on | off) …`: features of a device. On Linux the machine's own does it. */
export function ethtool(args: readonly string[], host: CommandHost): number {
  const [mode = '', name, ...words] = args
  const setting = mode === '-K' || mode === '--features' || mode === '--offload'
  const showing = mode === '-k' || mode === '--show-features' || mode === '--show-offload'
  using kernel = embeddedKernel(host)
  if (kernel === undefined) return host.elsewhere('ethtool', args)
  if ((!setting && !showing) || name === undefined) {
    host.err('ethtool: bad command line argument(s)\nFor more information run ethtool -h\n')
    return 1
  }
  try {
    if (showing) {
      const features = kernel.call('ethtool_features', { name })
      const lines = Object.entries(features).map(([each, on]) => `${LONG[each] ?? each}: ${on ? 'on' : 'off'}`)
      host.out([`Features for ${name}:`, ...lines, ''].join('\n'))
      return 0
    }
    const set: Record<string, boolean> = {}
    for (let at = 0; at < words.length; at += 2) {
      const [feature = '', value] = words.slice(at, at + 2)
      if (value !== 'on' && value !== 'off') {
        host.err('ethtool: bad command line argument(s)\nFor more information run ethtool -h\n')
        return 1
      }
      set[NAMES[feature] ?? feature] = value === 'on'
    }
    const before = kernel.call('ethtool_features', { name })
    const unknown = Object.keys(set).find((feature) => !Object.hasOwn(before, feature))
    if (unknown !== undefined) {
      host.err('Could not change any device features\n')
      return 1
    }
    kernel.call('ethtool_features', { name, set })
    return 0
  } catch (error) {
    if (!(error instanceof KernelError)) throw error
    host.err(`netlink error: ${errnoText(error.errno)}\n`)
    return 1
  }
}
