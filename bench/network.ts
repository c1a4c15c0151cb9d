// The virtual network: how long 1,000 namespaces with 2,000 ends of veth pairs take to build, and how many packets a
// second native XDP redirects between two pairs, next to the same on Linux (in namespaces of its own, live frames).
//   node build/bench/network.js [packets] [namespaces]
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { embedded } from '#src/embedded/index.js'
import type { Fd, Kernel } from '#src/kernel/index.js'
import { linux } from '#src/linux/index.js'
import { attachXdp, load, NetNamespace } from '#src/sdk/index.js'

const packets = Number(process.argv[2] ?? 1_000_000)
const namespaces = Number(process.argv[3] ?? 1000)
const object = join(fileURLToPath(new URL('../..', import.meta.url)), 'test/fixtures/net/hooks.o')

function build(): void {
  using kernel = embedded()
  const start = performance.now()
  const all: Fd[] = []
  for (let i = 0; i < namespaces; i++) all.push(kernel.call('netns_create', {}))
  for (let i = 0; i < namespaces; i++) {
    const netns = all[i] as Fd
    const next = all[(i + 1) % namespaces] as Fd
    kernel.call('rtm_newlink', { netns, name: `r${i}`, kind: 'veth', peer: { name: `l${i}`, netns: next } })
    kernel.call('rtm_setlink', { netns, name: `r${i}`, up: true })
    kernel.call('rtm_setlink', { netns: next, name: `l${i}`, up: true })
    const { ifindex } = kernel.call('rtm_getlink', { netns, name: `r${i}` })
    const address = Uint8Array.of(10, (i >> 8) & 255, i & 255, 1)
    kernel.call('rtm_newaddr', { netns, ifindex, address, prefix: 24 })
  }
  const seconds = (performance.now() - start) / 1000
  console.log(`${namespaces} namespaces, ${2 * namespaces} veth ends, addresses: ${seconds.toFixed(2)} s`)
}

/** in0 = out0 ... in1 = out1: what arrives at in0 is redirected to in1, and is received at out1, where it is dropped. */
async function topology(kernel: Kernel) {
  const netns = NetNamespace.create(kernel)
  netns.createVeth('out0', 'in0')
  netns.createVeth('in1', 'out1')
  const programs = await load(object, { kernel, programs: ['x_redirect', 'x_drop', 'x_pass'] })
  const bss = programs.map<number, Record<string, number>>('hooks.bss')
  bss.set(0, { ...bss.get(0), target_ifindex: netns.device('in1').ifindex })
  attachXdp(programs.program('x_redirect'), netns.device('in0'), { mode: 'native' })
  attachXdp(programs.program('x_drop'), netns.device('out1'), { mode: 'native' })
  return { netns, programs }
}

function frame(): Uint8Array {
  const bytes = new Uint8Array(64)
  bytes.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45])
  return bytes
}

async function ours(): Promise<number> {
  using kernel = embedded({ cpus: 1 })
  const { netns } = await topology(kernel)
  const burst = 256
  const send = (count: number): void => {
    for (let sent = 0; sent < count; sent += burst) {
      kernel.network.flood({ netns: netns.fd, name: 'out0' }, frame(), Math.min(burst, count - sent))
    }
  }
  send(Math.min(packets, 300_000))
  const before = kernel.network.stats({ netns: netns.fd, name: 'out1' }).xdpDrops
  const start = performance.now()
  send(packets)
  const seconds = (performance.now() - start) / 1000
  const arrived = kernel.network.stats({ netns: netns.fd, name: 'out1' }).xdpDrops - before
  const rate = arrived / seconds / 1e6
  console.log(`embedded: ${arrived} of ${packets} redirected and received, ${rate.toFixed(2)} Mpps`)
  return rate
}

/** Linux: live frames of a test run that redirects to in1, received and dropped by XDP at out1. */
async function theirs(): Promise<number> {
  const kernel = linux()
  const { netns, programs } = await topology(kernel)
  const name = 'in0'
  const ctxIn = new Uint8Array(24)
  const view = new DataView(ctxIn.buffer)
  view.setUint32(4, 64, true)
  view.setUint32(12, netns.device(name).ifindex, true)
  const count = (): number => Number(programs.map<number, { runs: number }>('seen').get(2)?.runs)
  const { withNetns } = await import('#src/linux/index.js')
  const run = (repeat: number): void => {
    withNetns(`/proc/${process.pid}/fd/${netns.fd}`, () =>
      kernel.call('prog_test_run', {
        progFd: programs.program('x_redirect').fd,
        dataIn: frame(),
        dataSizeOut: 0,
        ctxIn,
        ctxSizeOut: 0,
        flags: 2,
        repeat,
        batchSize: 64,
      }),
    )
  }
  run(100_000)
  const received = (): number => netns.device('out1').info().stats.rxPackets
  const [ran, got] = [count(), received()]
  const start = performance.now()
  run(packets)
  const seconds = (performance.now() - start) / 1000
  const arrived = received() - got
  void ran
  const rate = arrived / seconds / 1e6
  console.log(`linux:    ${arrived} of ${packets} redirected and received, ${rate.toFixed(2)} Mpps`)
  kernel[Symbol.dispose]()
  return rate
}

build()
const mine = await ours()
try {
  const kernels = await theirs()
  console.log(`ratio embedded / linux: ${(mine / kernels).toFixed(2)}`)
} catch (error) {
  console.log(`linux was not measured: ${(error as Error).message}`)
}
