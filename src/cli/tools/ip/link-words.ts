import type { Kernel, NetDevice } from '../../../kernel/index.js'
import { formatAddress, formatMac } from '../../../packet/index.js'
import { netnsIdOf, netnsNames } from '../iproute2/tool-kernel.js'

const UP = 1
const RUNNING = 0x40
const FLAGS: readonly [string, number][] = [
  ['LOOPBACK', 8],
  ['BROADCAST', 2],
  ['POINTOPOINT', 0x10],
  ['MULTICAST', 0x1000],
  ['NOARP', 0x80],
  ['ALLMULTI', 0x200],
  ['PROMISC', 0x100],
  ['MASTER', 0x400],
  ['SLAVE', 0x800],
  ['DEBUG', 4],
  ['DYNAMIC', 0x8000],
  ['AUTOMEDIA', 0x4000],
  ['PORTSEL', 0x2000],
  ['NOTRAILERS', 0x20],
  ['UP', 1],
  ['LOWER_UP', 0x1_0000],
  ['DORMANT', 0x2_0000],
  ['ECHO', 0x4_0000],
]
const STATES = ['UNKNOWN', 'NOTPRESENT', 'DOWN', 'LOWERLAYERDOWN', 'TESTING', 'DORMANT', 'UP'] as const

/** Devices of one namespace and what their numbers stand for. */
export class LinkTable {
  readonly kernel: Kernel
  readonly devices: readonly NetDevice[]
  readonly #byIndex: ReadonlyMap<number, NetDevice>
  #names: ReadonlyMap<number, string> | undefined

  constructor(kernel: Kernel) {
    this.kernel = kernel
    this.devices = kernel.call('rtm_getlinks', {})
    this.#byIndex = new Map(this.devices.map((device) => [device.ifindex, device]))
  }

  at(ifindex: number): NetDevice | undefined {
    return this.#byIndex.get(ifindex)
  }

  nameOf(ifindex: number): string {
    return this.at(ifindex)?.name ?? `if${ifindex}`
  }

  /** Name of the namespace that has this id here. */
  netnsName(id: number): string | undefined {
    this.#names ??= new Map(
      netnsNames(this.kernel).flatMap((name) => {
        const own = netnsIdOf(this.kernel, name)
        return own === undefined ? [] : [[own, name] as const]
      }),
    )
    return this.#names.get(id)
  }

  /** The other end, where it has one here. */
  lower(device: NetDevice): NetDevice | undefined {
    return device.link === undefined || device.linkNetnsId !== undefined ? undefined : this.at(device.link)
  }

  /** `v0@v1`, `x0@if2`, `lo`. */
  fullName(device: NetDevice): string {
    if (device.link === undefined) return device.name
    return `${device.name}@${this.lower(device)?.name ?? `if${device.link}`}`
  }

  flags(device: NetDevice): string[] {
    const found: string[] = []
    if ((device.flags & UP) !== 0 && (device.flags & RUNNING) === 0) found.push('NO-CARRIER')
    for (const [name, bit] of FLAGS) if ((device.flags & bit) !== 0) found.push(name)
    const lower = this.lower(device)
    if (lower !== undefined && (lower.flags & UP) === 0) found.push('M-DOWN')
    return found
  }
}

export function stateName(device: NetDevice): string {
  return STATES[device.operstate] ?? `${device.operstate}`
}

export function groupName(group: number): string {
  return group === 0 ? 'default' : String(group)
}

export function typeName(device: NetDevice): string {
  return device.type === 772
    ? 'loopback'
    : device.type === 1
      ? 'ether'
      : device.type === 65534
        ? 'none'
        : `${device.type}`
}

/** A link-layer address, or an IP address for a tunnel. */
export function lladdrText(bytes: Uint8Array): string {
  if (bytes.length === 6) return formatMac(bytes)
  return bytes.length === 4 || bytes.length === 16
    ? formatAddress(bytes)
    : [...bytes].map((one) => one.toString(16)).join(':')
}

/** Where an XDP program runs, as the flag in a link's first line: xdp, xdpgeneric, xdpoffload, xdpmulti. */
export function xdpFlag({ xdp }: NetDevice): string | undefined {
  return [undefined, 'xdp', 'xdpgeneric', 'xdpoffload', 'xdpmulti'][xdp.attached]
}

/** The attached programs: what stands behind `prog/xdp`, the mode's number, the id. */
export function xdpPrograms({
  xdp,
}: NetDevice): { readonly suffix: string; readonly mode: number; readonly id: number }[] {
  if (xdp.attached === 0) return []
  if (xdp.attached !== 4) return [{ suffix: '', mode: xdp.attached, id: xdp.progId }]
  return [
    { suffix: 'generic', mode: 2, id: xdp.skbProgId },
    { suffix: '', mode: 1, id: xdp.drvProgId },
    { suffix: 'offload', mode: 3, id: xdp.hwProgId },
  ].filter(({ id }) => id !== 0)
}
