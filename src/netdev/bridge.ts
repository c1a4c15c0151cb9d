import { addressKey, equalBytes } from './address-bytes.js'
import type { BridgeState } from './bridge-state.js'
import type { Device } from './device.js'
import { dropFrame } from './drop.js'
import type { Frame } from './frame.js'
import type { VirtualNetwork } from './network.js'
import { ETH_HLEN } from './numbers.js'
import { transmit } from './transmit.js'

/** A learned address is forgotten after 300 s. */
const AGEING = 300_000_000_000n

/** A frame came in by a port. The bridge, where the frame is for the host itself too; undefined: it went on or is gone. */
export function bridgeReceive(network: VirtualNetwork, bridge: Device, port: Device, frame: Frame): Device | undefined {
  const state = bridge.bridge as BridgeState
  if (!bridge.up) {
    dropFrame(network, port, frame, 'bridge', 'SKB_DROP_REASON_BRIDGE_INGRESS_STP_STATE', `${bridge.name} is down`)
    return undefined
  }
  const destination = frame.bytes.slice(frame.start, frame.start + 6)
  const source = frame.bytes.slice(frame.start + 6, frame.start + 12)
  if (((source[0] as number) & 1) === 0) state.table.set(addressKey(source), { port, seen: network.now() })
  const group = ((destination[0] as number) & 1) !== 0
  const own = equalBytes(destination, bridge.mac) || state.ports.some((one) => equalBytes(destination, one.mac))
  if (group) {
    flood(network, bridge, port, frame.clone())
    return toHost(network, bridge, frame)
  }
  if (own) return toHost(network, bridge, frame)
  forward(network, bridge, port, destination, frame)
  return undefined
}

function toHost(network: VirtualNetwork, bridge: Device, frame: Frame): Device {
  bridge.stats.rxPackets++
  bridge.stats.rxBytes += frame.length - ETH_HLEN
  network.journeys?.step(bridge, frame, { hook: 'bridge', what: 'receive' })
  return bridge
}

function forward(
  network: VirtualNetwork,
  bridge: Device,
  from: Device | undefined,
  destination: Uint8Array,
  frame: Frame,
): void {
  const { table } = bridge.bridge as BridgeState
  const key = addressKey(destination)
  const known = table.get(key)
  if (known !== undefined && network.now() - known.seen > AGEING) table.delete(key)
  else if (known !== undefined) {
    if (known.port === from || !known.port.up) {
      dropFrame(
        network,
        bridge,
        frame,
        'bridge',
        'SKB_DROP_REASON_NOT_SPECIFIED',
        `${known.port.name} is where it came from, or down`,
      )
      return
    }
    network.journeys?.step(bridge, frame, { hook: 'bridge', what: 'forward', target: known.port.name })
    transmit(network, known.port, frame)
    return
  }
  flood(network, bridge, from, frame)
}

function flood(network: VirtualNetwork, bridge: Device, from: Device | undefined, frame: Frame): void {
  const { ports } = bridge.bridge as BridgeState
  const to = ports.filter((port) => port !== from && port.up && port.carrier)
  network.journeys?.step(bridge, frame, { hook: 'bridge', what: 'flood', target: to.map(({ name }) => name).join(' ') })
  for (const port of to) transmit(network, port, frame.clone())
}

/** What the host sends by the bridge device (br_dev_xmit). */
export function bridgeTransmit(network: VirtualNetwork, bridge: Device, frame: Frame): void {
  const destination = frame.bytes.slice(frame.start, frame.start + 6)
  if (((destination[0] as number) & 1) !== 0) flood(network, bridge, undefined, frame)
  else forward(network, bridge, undefined, destination, frame)
}
