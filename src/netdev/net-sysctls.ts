import type { Namespace } from './namespace.js'
import { refuse } from './refuse.js'

interface NetSysctl {
  readonly min: number
  readonly max: number
  get(netns: Namespace): number
  set(netns: Namespace, value: number): void
}

const flag = (value: boolean): number => (value ? 1 : 0)

/** The sysctls of a namespace that this network heeds, by name; `conf.DEV` is looked up below. */
const SYSCTLS: Readonly<Record<string, NetSysctl>> = {
  'net.ipv4.ip_forward': {
    min: 0,
    max: 1,
    get: ({ sysctls }) => flag(sysctls.forwarding4),
    set: (netns, value) => forwardAll(netns, 4, value !== 0),
  },
  'net.ipv4.ip_default_ttl': {
    min: 1,
    max: 255,
    get: ({ sysctls }) => sysctls.ttl,
    set: ({ sysctls }, value) => {
      sysctls.ttl = value
    },
  },
  'net.ipv4.icmp_echo_ignore_all': {
    min: 0,
    max: 1,
    get: ({ sysctls }) => flag(sysctls.echoIgnoreAll),
    set: ({ sysctls }, value) => {
      sysctls.echoIgnoreAll = value !== 0
    },
  },
}

/** Writing for all takes back what single devices were told. */
function forwardAll(netns: Namespace, family: 4 | 6, on: boolean): void {
  if (family === 4) netns.sysctls.forwarding4 = on
  else netns.sysctls.forwarding6 = on
  for (const device of netns.devices.values()) {
    if (family === 4) device.forwarding4 = undefined
    else device.forwarding6 = undefined
  }
}

const FORWARDING = /^net\.ipv([46])\.conf\.(.+)\.forwarding$/

function find(netns: Namespace, name: string): NetSysctl | undefined {
  const known = SYSCTLS[name]
  if (known !== undefined) return known
  const [, version, which = ''] = FORWARDING.exec(name) ?? []
  if (version === undefined) return undefined
  const family = version === '4' ? 4 : 6
  const device = netns.byName(which)
  if (which !== 'all' && which !== 'default' && device === undefined) return undefined
  return {
    min: 0,
    max: 1,
    get({ sysctls }) {
      if (device !== undefined) return flag(family === 4 ? device.forwardIpv4 : device.forwardIpv6)
      return flag(family === 4 ? sysctls.forwarding4 : sysctls.forwarding6)
    },
    set(_, value) {
      if (device === undefined) forwardAll(netns, family, value !== 0)
      else if (family === 4) device.forwarding4 = value !== 0
      else device.forwarding6 = value !== 0
    },
  }
}

function normal(name: string): string {
  return name.replace(/^\/proc\/sys\//, '').replaceAll('/', '.')
}

/** A sysctl of the network in a namespace; undefined where it is none of those here. */
export function readNetSysctl(netns: Namespace, name: string): string | undefined {
  const row = find(netns, normal(name))
  return row === undefined ? undefined : String(row.get(netns))
}

/** False where it is none of those here. Throws KernelError EINVAL. */
export function writeNetSysctl(netns: Namespace, name: string, text: string): boolean {
  const row = find(netns, normal(name))
  if (row === undefined) return false
  const value = /^\s*-?\d+\s*$/.test(text) ? Number(text) : Number.NaN
  if (!(value >= row.min && value <= row.max)) {
    refuse('EINVAL', 'sysctl', undefined, `${name} takes ${row.min} to ${row.max}`)
  }
  row.set(netns, value)
  return true
}
