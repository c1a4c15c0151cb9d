import { fromHex, UsageError } from '../../base/index.js'
import { buildPacket, formatMac, LINK_TYPE, toEthernet } from '../../packet/index.js'
import { readCapture } from '../capture/read-capture.js'

/** One packet to send. */
export type Packets = AsyncGenerator<Uint8Array, void, undefined>

export interface TrafficOptions {
  readonly pcap?: string
  readonly packet: readonly string[]
  readonly generate?: string
  readonly count?: string
}

/** The packets that the options name, in order: --packet, --pcap, --generate. `mac`: the device's, for what is generated. */
export async function* traffic(options: TrafficOptions, mac: () => Uint8Array): Packets {
  for (const text of options.packet) yield fromHex(text)
  if (options.pcap !== undefined) yield* captured(options.pcap)
  if (options.generate !== undefined) {
    const count = options.count === undefined ? 1 : Number(options.count)
    if (!Number.isInteger(count) || count < 1)
      throw new UsageError(`--count takes a whole number, not '${options.count}'`)
    for (let index = 0; index < count; index++) yield generated(options.generate, mac(), index)
  }
}

async function* captured(path: string): Packets {
  const source = await readCapture(path)
  for await (const burst of source) {
    for (let index = 0; index < burst.count; index++) {
      const offset = burst.offsets[index] as number
      const bytes = burst.bytes.subarray(offset, offset + (burst.lengths[index] as number))
      const linkType = source.linkTypeOf(burst.interfaceIds[index] as number)
      const frame = linkType === LINK_TYPE.ETHERNET ? bytes : toEthernet(linkType, bytes)
      if (frame.length >= 14) yield frame.slice()
    }
  }
}

const FLOW = /^(udp|tcp|icmp)\s+(\S+?)(?::(\d+))?\s*>\s*(\S+?)(?::(\d+))?$/

/** `udp 10.0.0.9:4000 > 10.0.0.1:53`: each packet comes from the next port. */
function generated(flow: string, mac: Uint8Array, index: number): Uint8Array {
  const [, protocol, source = '', sourcePort = '4000', destination = '', destinationPort = '9'] =
    FLOW.exec(flow.trim()) ?? []
  if (protocol === undefined) {
    throw new UsageError(
      `--generate does not understand '${flow}'`,
      "write 'udp 10.0.0.9:4000 > 10.0.0.1:53' (udp, tcp, icmp)",
    )
  }
  const to = formatMac(mac)
  const v6 = source.includes(':')
  const port = (text: string): number => (Number(text) + index) & 0xffff
  return buildPacket([
    { kind: 'ethernet', source: '02:00:00:00:99:01', destination: to },
    v6 ? { kind: 'ipv6', source, destination } : { kind: 'ipv4', source, destination },
    protocol === 'udp'
      ? { kind: 'udp', sourcePort: port(sourcePort), destinationPort: Number(destinationPort) }
      : protocol === 'tcp'
        ? { kind: 'tcp', sourcePort: port(sourcePort), destinationPort: Number(destinationPort), flags: 'S' }
        : { kind: v6 ? 'icmpv6' : 'icmp', type: v6 ? 128 : 8, code: 0 },
    { kind: 'payload', data: new Uint8Array(22) },
  ])
}
