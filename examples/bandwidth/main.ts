// A bandwidth monitor whose meter is replaced while it runs.
//   node build/examples/bandwidth/main.js [--kernel linux]
import { attachSocketFilter, type BpfProgram, load, openPacketSocket } from 'skep'
import { chosenKernel } from '../support/kernel.js'
import { udpPacket, wire } from '../support/traffic.js'

interface Usage {
  readonly packets: bigint
  readonly bytes: bigint
}

using kernel = chosenKernel()
using collection = await load('examples/bandwidth/bandwidth.o', { kernel })
const monitor = collection.program('monitor')
const meter = collection.map<Uint8Array, BpfProgram>('meter')
const usage = collection.map<number, Usage>('usage')
const slot = new Uint8Array(4)

let last = 0n
function report(what: string): void {
  const { packets, bytes } = usage.get(0) ?? { packets: 0n, bytes: 0n }
  console.log(`${what}: ${packets} packets so far, ${BigInt(bytes) - last} bytes since`)
  last = BigInt(bytes)
}

function measure(send: () => void): void {
  send()
  report('no meter')
  meter.set(slot, collection.program('meter_wire'))
  send()
  report('on the wire')
  // One write: the next packet goes through the other program, and none through neither.
  meter.set(slot, collection.program('meter_network'))
  send()
  report('above Ethernet')
}

if (kernel.name === 'linux') {
  using net = wire(kernel)
  using socket = openPacketSocket(kernel, net.netns)
  using _filter = attachSocketFilter(monitor, socket)
  measure(() => net.send(5000, 4))
} else {
  // A test run takes the Ethernet header off before a socket filter sees the packet; a raw socket's filter sees it whole.
  const frame = udpPacket(5000, 'hello\n')
  const packet = Uint8Array.from([...frame.subarray(0, 14), ...frame])
  measure(() => {
    for (let i = 0; i < 4; i++) monitor.testRun({ dataIn: packet })
  })
}
