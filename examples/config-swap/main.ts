// Prepares a configuration beside the one in force and swaps them with one write.
//   node build/examples/config-swap/main.js [--kernel linux]
import { attachXdp, type BpfMap, load } from 'skep'
import { chosenKernel } from '../support/kernel.js'
import { udpPacket, wire } from '../support/traffic.js'

const XDP_DROP = 1

using kernel = chosenKernel()
using collection = await load('examples/config-swap/config.o', { kernel })
const active = collection.map<number, BpfMap>('active')
const filter = collection.program('filter')

// Blue is in force from the start (the object says so) and still empty: fill it. Green waits.
collection.map<number, number>('blue').set(5000, XDP_DROP)
collection.map<number, number>('green').set(6000, XDP_DROP).set(7000, XDP_DROP)

function run(send: (port: number) => void): void {
  show('blue', send)
  // The next packet sees green whole: no packet ever sees half of each.
  active.set(0, collection.map('green'))
  show('green', send)
}

/** One packet to each port, and what became of them. */
function show(name: string, send: (port: number) => void): void {
  const dropped = collection.map<number, bigint>('dropped')
  dropped.clear()
  for (const port of [5000, 6000, 7000]) send(port)
  console.log(`${name}: dropped ${[...dropped.keys()].sort().join(', ')}`)
}

if (kernel.name === 'linux') {
  using net = wire(kernel)
  using attached = attachXdp(filter, net.device)
  console.log(`attached to a veth, ${attached.mode} mode`)
  run((port) => net.send(port, 1))
} else {
  run((port) => void filter.testRun({ dataIn: udpPacket(port) }))
}
