import type { Device } from './device.js'
import type { Frame } from './frame.js'
import type { VirtualNetwork } from './network.js'
import { ETH_P } from './numbers.js'
import { SOCKET_QUEUE } from './sockets.js'

/** True if one listened. Packet sockets see each packet before the hooks of tc do, and what leaves after them. */
export function deliverToTaps(network: VirtualNetwork, device: Device, frame: Frame, ingress: boolean): boolean {
  const { packetSockets } = network
  if (packetSockets === 0) return false
  let told = false
  for (const socket of device.netns.sockets) {
    if (socket.protocol !== 'packet') continue
    if (socket.boundIfindex !== 0 && socket.boundIfindex !== device.ifindex) continue
    if (socket.etherType !== ETH_P.ALL && (!ingress || socket.etherType !== frame.u16(12))) continue
    told = true
    let keep = frame.length
    if (socket.filter !== undefined && network.hooks !== undefined) {
      keep = Math.min(keep, network.hooks.socketFilter(socket.filter, socket, device, frame, 'mac'))
    }
    if (keep === 0) {
      socket.drops++
      continue
    }
    socket.packets++
    socket.bytes += frame.length
    if (socket.received.length < SOCKET_QUEUE) {
      const data = frame.bytes.slice(frame.start, frame.start + keep)
      socket.received.push({
        data,
        from: frame.bytes.slice(frame.start + 6, frame.start + 12),
        fromPort: 0,
        device,
        outgoing: !ingress,
      })
    }
  }
  return told
}
