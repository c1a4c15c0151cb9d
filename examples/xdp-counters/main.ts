// Drops UDP to one port and shows what was dropped and what passed.
//   node build/examples/xdp-counters/main.js [--kernel linux]
import { readFileSync } from 'node:fs'
import { attachXdp, load, openObject } from 'skep'
import { setVariable } from 'skep/object'
import { chosenKernel } from '../support/kernel.js'
import { udpPacket, wire } from '../support/traffic.js'

interface Counter {
  readonly packets: bigint
  readonly bytes: bigint
}

using kernel = chosenKernel()
const spec = openObject(new Uint8Array(readFileSync('examples/xdp-counters/counters.o')))
setVariable(spec, 'blocked_port', 5000)
using collection = await load(spec, { kernel })
const program = collection.program('count')

if (kernel.name === 'linux') {
  using net = wire(kernel)
  using attached = attachXdp(program, net.device)
  console.log(`attached to a veth, ${attached.mode} mode`)
  net.send(5000, 3)
  net.send(6000, 2)
} else {
  for (const port of [5000, 5000, 5000, 6000, 6000]) program.testRun({ dataIn: udpPacket(port) })
}

// A per-CPU map gives one value for each CPU.
const verdicts = collection.map<number, Counter[]>('verdicts')
for (const [verdict, name] of [
  [1, 'dropped'],
  [2, 'passed'],
] as const) {
  const counters = verdicts.get(verdict) ?? []
  const packets = counters.reduce((sum, counter) => sum + BigInt(counter.packets), 0n)
  const bytes = counters.reduce((sum, counter) => sum + BigInt(counter.bytes), 0n)
  console.log(`${name}: ${packets} packets, ${bytes} bytes`)
}
