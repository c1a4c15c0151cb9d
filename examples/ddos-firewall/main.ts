// A flood meets a firewall in front of a small network. One command: traffic, counters, journeys, a picture.
//   node build/examples/ddos-firewall/main.js [--picture FILE.svg]
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { load } from 'skep'
import { embedded } from 'skep/embedded'
import { Network } from '../support/lab.js'
import { picture, savePicture } from '../support/picture.js'

const object = join(fileURLToPath(new URL('../../..', import.meta.url)), 'examples/ddos-firewall/firewall.o')

using kernel = embedded({ cpus: 1 })
const net = new Network(kernel)

// internet -- router -- a switch with a web server and a database behind it.
net.wire('internet:up0 router:wan0')
net.wire('router:lan1 web:eth0')
net.wire('router:lan2 database:eth0')
const router = net.space('router')
const lan = router.create('lan0', 'bridge', { up: true })
for (const port of ['lan1', 'lan2']) router.device(port).set({ master: lan })
net.address('internet:up0', '198.51.100.1/24', '203.0.113.1/24')
net.address('router:wan0', '198.51.100.254/24')
net.address('router:lan0', '10.0.0.254/24')
net.address('web:eth0', '10.0.0.10/24')
net.address('database:eth0', '10.0.0.20/24')
for (const host of ['web', 'database']) net.space(host).addRoute('0.0.0.0/0', { gateway: '10.0.0.254' })
net.space('internet').addRoute('10.0.0.0/24', { gateway: '198.51.100.254' })
router.addRoute('203.0.113.0/24', { gateway: '198.51.100.1' })
kernel.network.setForwarding(net.netns('router'), true)

using programs = await load(object, { kernel })
programs.map('blocked').set({ length: 24, address: 0x0071_00cb }, 0n)
net.attach('router:wan0', programs.program('firewall'))
const web = kernel.network.listen({ netns: net.netns('web'), protocol: 'udp', port: 53 })

/** A datagram of any source, put on the wire before the router. */
const header = new Uint8Array(42 + 18)
header.set(net.mac('router:wan0'))
header.set(net.mac('internet:up0'), 6)
header.set([8, 0, 0x45, 0, 0, 46, 0, 0, 0x40, 0, 64, 17], 12)
function datagram(source: readonly number[], port: number): Uint8Array {
  const frame = header.slice()
  frame.set(source, 26)
  frame.set([10, 0, 0, 10], 30)
  frame.set([port >> 8, port & 255, 0, 53, 0, 26, 0, 0], 34)
  let sum = 0
  for (let at = 14; at < 34; at += 2) sum += ((frame[at] as number) << 8) | (frame[at + 1] as number)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16)
  frame.set([(~sum >> 8) & 255, ~sum & 255], 24)
  return frame
}
const send = (frame: Uint8Array): void => kernel.network.transmit({ netns: net.netns('internet'), name: 'up0' }, frame)

console.log('a question of a customer:')
console.log(net.journey(() => send(datagram([198, 51, 100, 7], 4000))))
console.log('one packet of the flood:')
console.log(net.journey(() => send(datagram([203, 0, 113, 99], 4000))))

for (let i = 0; i < 200; i++) send(datagram([198, 51, 100, 10 + (i % 50)], 4000 + i))
for (let i = 0; i < 5000; i++) send(datagram([203, 0, 113, i & 255], i))
for (let i = 0; i < 1000; i++) send(datagram([198, 51, 100, 66], i))
const answer = kernel.network.ping({ netns: net.netns('internet'), to: '10.0.0.20' })

const counts = ['passed', 'blocked', 'too many', 'fragment', 'not IPv4'].map((name, key) => {
  const sum = (programs.map<number, bigint[]>('verdicts').get(key) ?? []).reduce((a, b) => a + b, 0n)
  return [name, Number(sum)] as const
})
console.log(`\nfirewall: ${counts.map(([name, count]) => `${name} ${count}`).join(', ')}`)
console.log(
  `the web server got ${web.packets} questions, the database ${answer?.reply === true ? 'answers' : 'does not answer'}\n`,
)
console.log(net.counters(['internet:up0', 'router:wan0', 'router:lan1', 'router:lan2', 'web:eth0', 'database:eth0']))

const wan = net.stats('router:wan0')
const ends = (place: string): number => net.stats(place).rxPackets
savePicture(
  picture(
    'A firewall at the first device: what came, and what got through',
    [
      { id: 'internet', x: 12, y: 20, title: 'internet', lines: ['customers and a flood'], colour: '#fdf1e3' },
      {
        id: 'router',
        x: 46,
        y: 20,
        title: 'router: wan0',
        lines: counts.map(([name, count]) => `${name}: ${count}`),
        colour: '#fbe9e7',
      },
      { id: 'lan', x: 74, y: 20, title: 'lan0', lines: ['bridge 10.0.0.254'] },
      { id: 'web', x: 104, y: 11, title: 'web', lines: ['10.0.0.10', `${web.packets} questions`], colour: '#e8f5e9' },
      { id: 'database', x: 104, y: 29, title: 'database', lines: ['10.0.0.20'], colour: '#e8f5e9' },
    ],
    [
      { from: 'internet', to: 'router', text: `${wan.rxPackets} packets`, packets: wan.rxPackets, lost: true },
      { from: 'router', to: 'lan', packets: wan.rxPackets - wan.xdpDrops },
      { from: 'lan', to: 'web', text: String(ends('web:eth0')), packets: ends('web:eth0') },
      { from: 'lan', to: 'database', text: String(ends('database:eth0')), packets: ends('database:eth0') },
    ],
  ),
)
