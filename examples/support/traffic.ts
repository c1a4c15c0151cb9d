// UDP for the examples: packets as bytes for test runs, and two namespaces joined by a wire for the real kernel.
import { execFileSync } from 'node:child_process'
import { type Device, type Kernel, NetNamespace } from 'skep'
import { buildPacket } from 'skep/packet'

/** An Ethernet frame with a UDP datagram to a port. */
export function udpPacket(port: number, data = 'hello'): Uint8Array {
  return buildPacket([
    { kind: 'ethernet' },
    { kind: 'ipv4', source: '10.9.0.1', destination: '10.9.0.2' },
    { kind: 'udp', sourcePort: 4000, destinationPort: port },
    { kind: 'payload', data },
  ])
}

export interface Wire extends Disposable {
  /** The receiver's end, where programs are attached. */
  readonly device: Device
  /** The receiver's namespace. */
  readonly netns: NetNamespace
  /** Sends datagrams from the other end. */
  send(port: number, count: number): void
}

/** Two namespaces of our own with a veth pair between them: the machine's own devices are never touched. */
export function wire(kernel: Kernel): Wire {
  const sender = NetNamespace.create(kernel)
  const netns = NetNamespace.create(kernel)
  const [near, device] = sender.createVeth('near', 'far', { peerNetns: netns })
  near.addAddress('10.9.0.1/24')
  device.addAddress('10.9.0.2/24')
  near.addNeighbour('10.9.0.2', device.info().address)
  return {
    device,
    netns,
    send(port, count) {
      const script = `for i in $(seq ${count}); do echo hello >/dev/udp/10.9.0.2/${port}; done`
      execFileSync('nsenter', [`--net=/proc/${process.pid}/fd/${sender.fd}`, 'bash', '-c', script])
    },
    [Symbol.dispose]() {
      sender.close()
      netns.close()
    },
  }
}
