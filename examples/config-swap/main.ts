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

if (kernel.name === 'linux') {
  using net = wire(kernel)
  using attached = attachXdp(filter, net.device)
  console.log(`attached to a veth, ${attached.mode} mode`)
  show('blue')
  active.set(0, collection.map('green'))
  show('green')
} else {
  show('blue')
  active.set(0, collection.map('green'))
  show('green')
}

function show(name: string): void {
  const dropped = [5000, 6000, 7000].filter((port) => filter.testRun({ dataIn: udpPacket(port) }).retval === XDP_DROP)
  console.log(`${name}: drops ${dropped.join(', ')}`)
}
