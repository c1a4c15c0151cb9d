// A load balancer with three backends, twice: between its client and them (redirect), and on one arm (XDP_TX).
//   node build/examples/load-balancer/main.js [--picture FILE.svg]

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadCollection } from 'skep'
import { embedded } from 'skep/embedded'
import { openObject, setVariable } from 'skep/object'
import { Network } from '../support/lab.js'
import { type PictureLink, type PictureNode, picture, savePicture } from '../support/picture.js'

const file = join(fileURLToPath(new URL('../../..', import.meta.url)), 'examples/load-balancer/balancer.o')
const BACKENDS = [1, 2, 3]
const SERVICE = '10.0.0.100'

interface Outcome {
  readonly counters: string
  readonly journey: string
  readonly got: readonly number[]
  readonly sent: number
}

function run(oneArmed: boolean): Outcome {
  using kernel = embedded({ cpus: 1 })
  const net = new Network(kernel)
  const places = oneArmed ? onOneArm(net) : between(net)
  for (const number of BACKENDS) {
    // Each has the service's address itself, where nobody asks for it by ARP.
    net.address(`backend${number}:lo`, `${SERVICE}/32`)
    net.address(`backend${number}:eth0`, `10.0.0.${number}/24`)
  }
  const spec = openObject(new Uint8Array(readFileSync(file)), { file })
  setVariable(spec, 'service', 0x6400_000a)
  setVariable(spec, 'one_armed', oneArmed ? 1 : 0)
  using programs = loadCollection(spec, { kernel })
  const own = net.mac('balancer:eth0')
  for (const number of BACKENDS) {
    const mac = [...net.mac(`backend${number}:eth0`)]
    programs.map('backends').set(number - 1, { mac, own: [...own], pad: 0, packets: 0n })
  }
  if (!oneArmed) {
    // Devices are looked up where the map is filled.
    const home = kernel.call('netns_open', {})
    kernel.call('setns', { netns: net.netns('balancer') })
    for (const number of BACKENDS) {
      programs.map<number, number>('devices').set(number - 1, net.device(`balancer:to${number}`).ifindex)
    }
    kernel.call('setns', { netns: home })
  }
  net.attach('balancer:eth0', programs.program('balance'))
  // The other end of a veth takes frames from a driver only where a program runs.
  for (const place of oneArmed ? ['switch:lb'] : BACKENDS.map((number) => `backend${number}:eth0`)) {
    net.attach(place, programs.program('take'))
  }
  const sockets = BACKENDS.map((number) =>
    kernel.network.listen({ netns: net.netns(`backend${number}`), protocol: 'udp', port: 80, address: SERVICE }),
  )
  const client = net.netns('client')
  const question = (fromPort: number): void =>
    kernel.network.sendUdp({ netns: client, to: SERVICE, port: 80, fromPort, data: new Uint8Array(20) })
  // The switch learns where everybody is.
  for (const number of BACKENDS) kernel.network.ping({ netns: net.netns(`backend${number}`), to: '10.0.0.9' })
  question(999)
  const journey = net.journey(() => question(1000))
  for (let port = 1001; port < 1999; port++) question(port)
  return { counters: net.counters(places), journey, got: sockets.map(({ packets }) => packets), sent: 1000 }
}

/** client -- balancer -- three backends, each at a device of its own. */
function between(net: Network): string[] {
  net.wire('client:eth0 balancer:eth0')
  for (const number of BACKENDS) net.wire(`balancer:to${number} backend${number}:eth0`)
  net.address('client:eth0', '10.0.0.9/24')
  net.device('client:eth0').addNeighbour(SERVICE, net.mac('balancer:eth0'))
  return [
    'client:eth0',
    'balancer:eth0',
    ...BACKENDS.map((n) => `balancer:to${n}`),
    ...BACKENDS.map((n) => `backend${n}:eth0`),
  ]
}

/** A switch, and everybody at it. */
function onOneArm(net: Network): string[] {
  const hosts = ['client', 'balancer', ...BACKENDS.map((number) => `backend${number}`)]
  const ports = ['cl', 'lb', 'b1', 'b2', 'b3']
  hosts.forEach((host, index) => void net.wire(`switch:${ports[index]} ${host}:eth0`))
  const bridge = net.space('switch').create('br0', 'bridge', { up: true })
  for (const port of ports) net.device(`switch:${port}`).set({ master: bridge })
  net.address('client:eth0', '10.0.0.9/24')
  net.device('client:eth0').addNeighbour(SERVICE, net.mac('balancer:eth0'))
  return [...hosts.map((host) => `${host}:eth0`), ...ports.map((port) => `switch:${port}`)]
}

const outcomes = [run(false), run(true)] as const
const titles = ['between client and backends: bpf_redirect_map', 'on one arm: XDP_TX by a switch'] as const
outcomes.forEach(({ counters, journey, got, sent }, index) => {
  console.log(`${titles[index]}\n${journey}`)
  console.log(
    `${sent} questions; the backends got ${got.join(', ')}: ${got.reduce((a, b) => a + b, 0)} in all\n${counters}\n`,
  )
})

const nodes: PictureNode[] = []
const links: PictureLink[] = []
outcomes.forEach(({ got, sent }, index) => {
  const y = 16 + index * 34
  const way = index === 0 ? 'redirect' : 'XDP_TX'
  nodes.push({ id: `client${index}`, x: 12, y, title: 'client', lines: [`${sent} flows`], colour: '#fdf1e3' })
  const middle = index === 0 ? `balancer${index}` : `switch${index}`
  nodes.push({
    id: `balancer${index}`,
    x: 46,
    y: index === 0 ? y : y - 11,
    title: 'balancer',
    lines: [SERVICE, way],
    colour: '#fbe9e7',
  })
  if (index === 1) {
    nodes.push({ id: middle, x: 46, y, title: 'switch', lines: ['bridge'] })
    links.push({ from: middle, to: `balancer${index}`, packets: 2 * sent })
  }
  links.push({ from: `client${index}`, to: middle, text: String(sent), packets: sent })
  got.forEach((count, at) => {
    nodes.push({
      id: `backend${index}${at}`,
      x: 84,
      y: y - 11 + at * 11,
      title: `backend ${at + 1}`,
      lines: [`${count} questions`],
      colour: '#e8f5e9',
    })
    links.push({ from: middle, to: `backend${index}${at}`, text: String(count), packets: count })
  })
})
savePicture(picture('One address, three backends', nodes, links))
