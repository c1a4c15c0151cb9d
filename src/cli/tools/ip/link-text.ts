import type { LinkStats, NetDevice } from '../../../kernel/index.js'
import type { Json } from '../iproute2/json.js'
import type { ToolOptions } from '../iproute2/options.js'
import { progJson, progText } from '../iproute2/prog-text.js'
import { groupName, type LinkTable, lladdrText, stateName, typeName, xdpFlag, xdpPrograms } from './link-words.js'

const GSO_SIZE = 65536
const GSO_SEGS = 65535
const TSO_SIZE = 524280

interface Shape {
  readonly options: ToolOptions
  /** `ip link` tells the link mode, `ip address` does not. */
  readonly mode: boolean
}

/** A device as `ip link show` and `ip address show` print it, without a new line at its end. */
export function linkText(table: LinkTable, device: NetDevice, { options, mode }: Shape): string {
  const line = options.oneline ? '\\' : '\n'
  const xdp = xdpFlag(device)
  const words = [
    `${device.ifindex}: ${table.fullName(device)}: <${table.flags(device).join(',')}> mtu ${device.mtu}`,
    // `ip address` tells the program here, `ip link` in a line of its own.
    ...(xdp === undefined ? [] : [mode ? xdp : `${xdp}/id:${device.xdp.progId}`]),
    `qdisc ${device.qdisc}`,
    ...(device.master === undefined ? [] : [`master ${table.nameOf(device.master)}`]),
    `state ${stateName(device)}`,
    ...(mode ? ['mode DEFAULT'] : []),
    `group ${groupName(device.group)}`,
    ...(device.txQueueLength > 0 ? [`qlen ${device.txQueueLength}`] : []),
  ]
  let text = words.join(' ')
  if (options.family === undefined || mode) {
    text += `${line}    link/${typeName(device)} ${lladdrText(device.address)}`
    if (device.broadcast.length > 0) text += ` brd ${lladdrText(device.broadcast)}`
    text += netnsText(table, device)
    if (options.details) text += detailText(device, line)
  } else text += netnsText(table, device)
  for (const { suffix, id } of mode ? xdpPrograms(device) : []) {
    text += `${line}    prog/xdp${suffix} ${progText(table.kernel, id, options.details)}`
  }
  if (options.stats > 0) text += line + statsText(device.stats, options.stats, line)
  return text
}

function netnsText(table: LinkTable, { linkNetnsId }: NetDevice): string {
  if (linkNetnsId === undefined) return ''
  const name = table.netnsName(linkNetnsId)
  return name === undefined ? ` link-netnsid ${linkNetnsId}` : ` link-netns ${name}`
}

function detailText(device: NetDevice, line: string): string {
  const { promiscuity, minMtu, maxMtu, kind, txQueues, rxQueues, vlan } = device
  let text = ` promiscuity ${promiscuity}  allmulti 0 minmtu ${minMtu} maxmtu ${maxMtu} `
  if (kind !== undefined) text += `${line}    ${kind} `
  if (vlan !== undefined)
    text += `protocol ${vlan.protocol === 0x88a8 ? '802.1ad' : '802.1Q'} id ${vlan.id} <REORDER_HDR> `
  text += `addrgenmode eui64 numtxqueues ${txQueues} numrxqueues ${rxQueues} `
  text += `gso_max_size ${GSO_SIZE} gso_max_segs ${GSO_SEGS} tso_max_size ${TSO_SIZE} tso_max_segs ${GSO_SEGS} gro_max_size ${GSO_SIZE} `
  return text
}

/** Counters in columns as wide as their widest number. */
function statsText(stats: LinkStats, level: number, line: string): string {
  const width = [10, 7, 6, 7, 7, 7]
  const rows = [
    [stats.rxBytes, stats.rxPackets, stats.rxErrors, stats.rxDropped, 0, stats.multicast],
    [stats.txBytes, stats.txPackets, stats.txErrors, stats.txDropped, 0, stats.collisions],
  ]
  for (const row of rows)
    for (const [i, value] of row.entries()) width[i] = Math.max(width[i] ?? 0, String(value).length)
  const [first = 10, ...rest] = width
  const head = (title: string, names: readonly string[]): string =>
    `    ${title} ${'bytes'.padStart(first - 4)} ${names.map((name, i) => name.padStart(rest[i] ?? 0)).join(' ')} ${' '.repeat(10)}${line}`
  const numbers = (row: readonly number[]): string =>
    `    ${row.map((value, i) => `${String(value).padStart(width[i] ?? 0)} `).join('')}`
  const errors = (title: string, names: readonly string[]): string =>
    `${line}    ${title}${' '.repeat(first - 10)} ${names.map((name, i) => name.padStart(rest[i] ?? 0)).join(' ')}${line}` +
    `${' '.repeat(first + 5)}${names.map((_, i) => `${'0'.padStart(rest[i] ?? 0)} `).join('')}`
  let text = head('RX:', ['packets', 'errors', 'dropped', 'missed', 'mcast']) + numbers(rows[0] ?? [])
  if (level > 1) text += errors('RX errors:', ['length', 'crc', 'frame', 'fifo', 'overrun'])
  text += line + head('TX:', ['packets', 'errors', 'dropped', 'carrier', 'collsns']) + numbers(rows[1] ?? [])
  if (level > 1) text += errors('TX errors:', ['aborted', 'fifo', 'window', 'heartbt', 'transns'])
  return text
}

/** The members of a device in JSON, up to where the addresses of `ip address` follow. */
export function linkJson(
  table: LinkTable,
  device: NetDevice,
  { options, mode }: Shape,
): Record<string, Json | undefined> {
  const { details, stats } = options
  const lower = table.lower(device)
  return {
    ifindex: device.ifindex,
    ...(device.link === undefined ? {} : lower === undefined ? { link_index: device.link } : { link: lower.name }),
    ifname: device.name,
    flags: table.flags(device),
    mtu: device.mtu,
    xdp: xdpJson(table, device, details),
    qdisc: device.qdisc,
    master: device.master === undefined ? undefined : table.nameOf(device.master),
    operstate: stateName(device),
    linkmode: mode ? 'DEFAULT' : undefined,
    group: groupName(device.group),
    txqlen: device.txQueueLength > 0 ? device.txQueueLength : undefined,
    ...(options.family === undefined || mode
      ? {
          link_type: typeName(device),
          address: lladdrText(device.address),
          broadcast: device.broadcast.length > 0 ? lladdrText(device.broadcast) : undefined,
        }
      : {}),
    link_netnsid: device.linkNetnsId,
    ...(details ? detailJson(device) : {}),
    stats64: stats > 0 ? statsJson(device.stats) : undefined,
  }
}

function detailJson(device: NetDevice): Record<string, Json | undefined> {
  const { kind, vlan } = device
  return {
    promiscuity: device.promiscuity,
    allmulti: 0,
    min_mtu: device.minMtu,
    max_mtu: device.maxMtu,
    linkinfo:
      kind === undefined
        ? undefined
        : {
            info_kind: kind,
            info_data:
              vlan === undefined
                ? undefined
                : { protocol: vlan.protocol === 0x88a8 ? '802.1ad' : '802.1Q', id: vlan.id, flags: ['REORDER_HDR'] },
          },
    inet6_addr_gen_mode: 'eui64',
    num_tx_queues: device.txQueues,
    num_rx_queues: device.rxQueues,
    gso_max_size: GSO_SIZE,
    gso_max_segs: GSO_SEGS,
    tso_max_size: TSO_SIZE,
    tso_max_segs: GSO_SEGS,
    gro_max_size: GSO_SIZE,
  }
}

function statsJson(stats: LinkStats): Json {
  return {
    rx: {
      bytes: stats.rxBytes,
      packets: stats.rxPackets,
      errors: stats.rxErrors,
      dropped: stats.rxDropped,
      over_errors: 0,
      multicast: stats.multicast,
    },
    tx: {
      bytes: stats.txBytes,
      packets: stats.txPackets,
      errors: stats.txErrors,
      dropped: stats.txDropped,
      carrier_errors: 0,
      collisions: stats.collisions,
    },
  }
}

function xdpJson(table: LinkTable, device: NetDevice, details: boolean): Json | undefined {
  const programs = xdpPrograms(device)
  if (programs.length === 0) return undefined
  const attached = programs.map(({ mode, id }) => ({ mode, prog: progJson(table.kernel, id, details) }))
  return {
    mode: device.xdp.attached,
    prog: device.xdp.attached === 4 ? undefined : attached[0]?.prog,
    attached,
  }
}

/** `v0@v1            UP             16:20:94:a0:31:ca <BROADCAST,UP> `: the first columns of -br. */
export function briefText(table: LinkTable, device: NetDevice): string {
  return `${table.fullName(device).padEnd(16)} ${stateName(device).padEnd(14)} `
}
