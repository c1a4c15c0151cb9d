// Network namespaces of a test's own, and the machine's tools run inside them.
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { EmbeddedKernel } from '#src/embedded/index.js'
import type { Kernel } from '#src/kernel/index.js'
import { type Collection, type Device, load, NetNamespace } from '#src/sdk/index.js'
import { root } from './paths.js'

/** Path of a namespace for tools: it lives in this process. */
export function netnsPath(netns: NetNamespace): string {
  return `/proc/${process.pid}/fd/${netns.fd}`
}

/**
 * Runs a program in a namespace; its output. Throws with stderr when it fails. Loaders mount a BPF file system where there is none:
 * each run has mounts of its own, so the machine's stay as they are.
 */
export function inside(netns: NetNamespace, command: string, ...args: readonly string[]): string {
  const away = ['--mount', '--propagation', 'private', 'nsenter', `--net=${netnsPath(netns)}`]
  return execFileSync('unshare', [...away, command, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

/** False where the tool runs, else the reason a test is skipped. */
export function toolMissing(...tools: readonly string[]): string | false {
  const missing = tools.filter((tool) => spawnSync(tool, ['--version'], { stdio: 'ignore' }).error !== undefined)
  return missing.length === 0 ? false : `${missing.join(', ')} not installed`
}

/** Sends UDP datagrams, one system call each; nothing need listen. */
export function sendUdp(netns: NetNamespace, address: string, count = 1): void {
  if (netns.kernel.name === 'embedded') {
    const { network } = netns.kernel as EmbeddedKernel
    for (let sent = 0; sent < count; sent++) network.sendUdp({ netns: netns.fd, to: address, port: 9 })
    return
  }
  inside(netns, 'bash', '-c', `for i in $(seq ${count}); do echo skep >/dev/udp/${address}/9; done`)
}

export interface Wire extends Disposable {
  readonly kernel: Kernel
  /** Sender, 10.9.0.1. */
  readonly left: NetNamespace
  /** Receiver, 10.9.0.2. */
  readonly right: NetNamespace
  readonly leftDevice: Device
  readonly rightDevice: Device
}

/** Two namespaces joined by a veth pair. */
export function wire(kernel: Kernel): Wire {
  const left = NetNamespace.create(kernel)
  const right = NetNamespace.create(kernel)
  const [leftDevice, rightDevice] = left.createVeth('left0', 'right0', { peerNetns: right })
  leftDevice.addAddress('10.9.0.1/24')
  rightDevice.addAddress('10.9.0.2/24')
  for (const netns of [left, right]) netns.device('lo').set({ up: true })
  const [leftInfo, rightInfo] = [leftDevice.info(), rightDevice.info()]
  leftDevice.addNeighbour('10.9.0.2', rightInfo.address)
  rightDevice.addNeighbour('10.9.0.1', leftInfo.address)
  return {
    kernel,
    left,
    right,
    leftDevice,
    rightDevice,
    [Symbol.dispose]() {
      left.close()
      right.close()
    },
  }
}

export function fixture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(join(root, 'test/fixtures', name)))
}

/** Some programs of an object, in a kernel. */
export function loadFixture(kernel: Kernel, name: string, ...programs: readonly string[]): Promise<Collection> {
  return load(fixture(name), { kernel, programs })
}

/** What the program with this number counted. */
export function hits(collection: Collection, number: number): number {
  return Number(collection.map<number, bigint>('hits').get(number))
}
