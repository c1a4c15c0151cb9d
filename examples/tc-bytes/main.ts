// Counts bytes by direction in one map that two collections share by its pin.
//   node build/examples/tc-bytes/main.js [--kernel linux]   (BPFFS names a mounted bpffs; default /sys/fs/bpf)
import { attachTc, load } from 'skep'
import { chosenKernel } from '../support/kernel.js'
import { udpPacket, wire } from '../support/traffic.js'

interface Key {
  readonly direction: number
  readonly ether_type: number
}
interface Traffic {
  readonly packets: bigint
  readonly bytes: bigint
}

using kernel = chosenKernel()
const pinPath = process.env.BPFFS ?? '/sys/fs/bpf'
const object = 'examples/tc-bytes/bytes.o'

// The first load makes the map and pins it by its name; the second finds it there.
using incoming = await load(object, { kernel, pinPath, programs: ['count_ingress'] })
using outgoing = await load(object, { kernel, pinPath, programs: ['count_egress'] })
try {
  const ingress = incoming.program('count_ingress')
  const egress = outgoing.program('count_egress')
  if (kernel.name === 'linux') {
    using net = wire(kernel)
    using _in = attachTc(ingress, net.device, { direction: 'ingress' })
    using _out = attachTc(egress, net.device, { direction: 'egress' })
    // Nobody listens: each datagram is answered by an ICMP error, which is what goes out.
    net.send(5000, 3)
  } else {
    for (let i = 0; i < 3; i++) ingress.testRun({ dataIn: udpPacket(5000) })
    egress.testRun({ dataIn: udpPacket(6000) })
  }
  const same = incoming.map('tc_bytes').info().id === outgoing.map('tc_bytes').info().id
  console.log(`both programs use ${same ? 'the same map' : 'maps of their own'}`)
  const rows = [...incoming.map<Key, Traffic>('tc_bytes')]
  for (const [name, direction] of [
    ['ingress', 0],
    ['egress', 1],
  ] as const) {
    const ipv4 = rows.find(([key]) => key.direction === direction && key.ether_type === 0x0800)?.[1]
    console.log(`${name}: ${ipv4?.packets ?? 0} IPv4 packets, ${ipv4?.bytes ?? 0} bytes`)
  }
} finally {
  // The pin would outlive the process: that is what pins are for. An example tidies up.
  kernel.call('unlink', { path: `${pinPath}/tc_bytes` })
}
