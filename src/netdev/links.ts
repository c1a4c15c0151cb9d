import type { LinkSettings, NetDevice, NewLinkRequest } from '../kernel/index.js'
import { linkLocalOf } from './address-bytes.js'
import { addAddress, dropAddresses } from './addresses.js'
import { newBridge } from './bridge-state.js'
import type { Device, DeviceKind } from './device.js'
import type { Namespace } from './namespace.js'
import type { VirtualNetwork } from './network.js'
import { ETH_P, IFF, RTPROT } from './numbers.js'
import { refuse } from './refuse.js'
import { addAddressRoutes, removeRoutes } from './routes.js'
import { vethMtuLimit, xdpState } from './xdp-slots.js'

const KINDS: ReadonlySet<string> = new Set(['veth', 'dummy', 'bridge', 'vlan', 'ifb', 'netdevsim', 'tun'])
const MAX_NAME = 15

function checkName(netns: Namespace, name: string, syscall: string): void {
  if (name.length === 0 || name.length > MAX_NAME || /[/\s:]/.test(name) || name === '.' || name === '..')
    refuse(name.length > MAX_NAME ? 'ERANGE' : 'EINVAL', syscall, undefined, `'${name}' is no device name`)
  if (netns.byName(name) !== undefined) {
    refuse('EEXIST', syscall, undefined, `a device named '${name}' exists already`)
  }
}

function checkMac(address: Uint8Array | undefined, syscall: string): void {
  if (address === undefined) return
  if (address.length !== 6) refuse('EINVAL', syscall)
  if (((address[0] as number) & 1) !== 0 || address.every((byte) => byte === 0))
    refuse('EADDRNOTAVAIL', syscall, 'Invalid MAC address')
}

/** `%d` in a name: the lowest number that is free. */
function nameFor(netns: Namespace, pattern: string): string {
  if (!pattern.includes('%d')) return pattern
  for (let number = 0; ; number++) {
    const name = pattern.replace('%d', String(number))
    if (netns.byName(name) === undefined) return name
  }
}

/** Makes a device, or a pair (RTM_NEWLINK). `peerNetns`: where the other end of a pair goes. Throws KernelError. */
export function createLink(
  network: VirtualNetwork,
  netns: Namespace,
  r: Omit<NewLinkRequest, 'netns' | 'peer'> & { readonly peer?: LinkSettings & { readonly name: string } },
  peerNetns: Namespace = netns,
): Device {
  const syscall = 'rtm_newlink'
  if (!KINDS.has(r.kind)) refuse('EOPNOTSUPP', syscall, 'Unknown device type')
  const kind = r.kind as DeviceKind
  const name = nameFor(netns, r.name)
  checkName(netns, name, syscall)
  checkMac(r.address, syscall)
  if (r.ifindex !== undefined && netns.devices.has(r.ifindex)) refuse('EBUSY', syscall)
  if (kind === 'vlan') return createVlan(network, netns, name, r)
  if (kind !== 'veth') {
    const device = network.addDevice(netns, name, {
      kind,
      mac: r.address?.slice() ?? network.randomMac(),
      mtu: r.mtu,
      queues: r.queues,
      bridge: kind === 'bridge' ? newBridge() : undefined,
      ifindex: r.ifindex,
    })
    if (r.master !== undefined) setMaster(device, r.master, syscall)
    if (r.up === true) setUp(network, device, true)
    return device
  }
  const peerName = nameFor(peerNetns, r.peer?.name ?? (peerNetns === netns && name === 'veth0' ? 'veth1' : 'veth%d'))
  if (peerNetns === netns && peerName === name) refuse('EEXIST', syscall)
  checkName(peerNetns, peerName, syscall)
  checkMac(r.peer?.address, syscall)
  // The peer is registered first: it has the lower number.
  const peer = network.addDevice(peerNetns, peerName, {
    kind,
    mac: r.peer?.address?.slice() ?? network.randomMac(),
    mtu: r.peer?.mtu,
    queues: r.peer?.queues ?? r.queues,
  })
  const device = network.addDevice(netns, name, {
    kind,
    mac: r.address?.slice() ?? network.randomMac(),
    mtu: r.mtu,
    queues: r.queues,
    ifindex: r.ifindex,
  })
  device.peer = peer
  peer.peer = device
  if (peerNetns !== netns) {
    netns.idOf(peerNetns)
    peerNetns.idOf(netns)
  }
  if (r.master !== undefined) setMaster(device, r.master, syscall)
  if (r.up === true) setUp(network, device, true)
  return device
}

function createVlan(
  network: VirtualNetwork,
  netns: Namespace,
  name: string,
  r: Pick<NewLinkRequest, 'link' | 'vlan' | 'address' | 'mtu' | 'up' | 'ifindex'>,
): Device {
  const syscall = 'rtm_newlink'
  if (r.link === undefined) return refuse('EINVAL', syscall, 'link not specified')
  const lower = netns.devices.get(r.link)
  if (lower === undefined) return refuse('ENODEV', syscall, 'link does not exist')
  if (r.vlan === undefined) return refuse('EINVAL', syscall, 'VLAN properties not specified')
  const { id, protocol = ETH_P.VLAN } = r.vlan
  if (protocol !== ETH_P.VLAN && protocol !== ETH_P.QINQ)
    return refuse('EPROTONOSUPPORT', syscall, 'Invalid VLAN protocol')
  if (id >= 4095) return refuse('ERANGE', syscall, 'Invalid VLAN id')
  const key = vlanKey(protocol, id)
  if (lower.vlans.has(key)) return refuse('EEXIST', syscall, 'VLAN device already exists')
  if (lower.loopback) return refuse('EOPNOTSUPP', syscall, 'VLANs not supported on device')
  if (r.mtu !== undefined && r.mtu > lower.mtu) return refuse('EINVAL', syscall)
  const device = network.addDevice(netns, name, {
    kind: 'vlan',
    mac: r.address?.slice() ?? lower.mac.slice(),
    mtu: r.mtu ?? lower.mtu,
    vlan: { id, protocol },
    ifindex: r.ifindex,
  })
  device.lower = lower
  lower.vlans.set(key, device)
  if (r.up === true) setUp(network, device, true)
  return device
}

export function vlanKey(protocol: number, id: number): number {
  return protocol * 0x1000 + id
}

/** Changes a device (do_setlink): what Linux does in its order. `targetNetns` is where it moves. Throws KernelError. */
export function changeLink(
  network: VirtualNetwork,
  device: Device,
  r: Omit<LinkSettings, 'targetNetns'>,
  targetNetns?: Namespace,
): void {
  const syscall = 'rtm_setlink'
  if (targetNetns !== undefined && targetNetns !== device.netns) moveLink(network, device, targetNetns, r.newName)
  else if (r.newName !== undefined && r.newName !== device.name) {
    checkName(device.netns, nameFor(device.netns, r.newName), syscall)
    device.netns.rename(device, nameFor(device.netns, r.newName))
  }
  if (r.address !== undefined) {
    checkMac(r.address, syscall)
    device.mac = r.address.slice()
  }
  if (r.mtu !== undefined && r.mtu !== device.mtu) setMtu(device, r.mtu, syscall)
  if (r.groMaxSize !== undefined) device.groMaxSize = r.groMaxSize
  if (r.master !== undefined) setMaster(device, r.master, syscall)
  if (r.up !== undefined) setUp(network, device, r.up)
}

function setMtu(device: Device, mtu: number, syscall: string): void {
  if (mtu < device.minMtu) refuse('EINVAL', syscall, 'mtu less than device minimum')
  const limit = vethMtuLimit(device)
  const most = limit ?? device.maxMtu
  if (most > 0 && mtu > most) refuse('EINVAL', syscall, 'mtu greater than device maximum')
  if (device.kind === 'vlan' && device.lower !== undefined && mtu > device.lower.mtu) refuse('ERANGE', syscall)
  device.mtu = mtu
}

function setMaster(device: Device, ifindex: number, syscall: string): void {
  const old = device.master
  if (old !== undefined) {
    const ports = old.bridge?.ports ?? []
    ports.splice(ports.indexOf(device), 1)
    for (const [key, entry] of old.bridge?.table ?? []) if (entry.port === device) old.bridge?.table.delete(key)
    device.master = undefined
  }
  if (ifindex === 0) return
  const master = device.netns.devices.get(ifindex)
  const bridge = master?.bridge
  if (master === undefined) refuse('EINVAL', syscall, 'Device does not exist')
  else if (bridge === undefined) refuse('EOPNOTSUPP', syscall, 'Device does not support enslaving')
  if (master === undefined || bridge === undefined) return
  if (device.loopback) refuse('EINVAL', syscall, 'Can not enslave a loopback device')
  if (device.bridge !== undefined) refuse('ELOOP', syscall, 'Can not enslave a bridge to a bridge')
  device.master = master
  bridge.ports.push(device)
}

/** Brings a device up or down: its addresses' routes come and go. */
export function setUp(network: VirtualNetwork, device: Device, up: boolean): void {
  if (up === device.up) return
  const { netns } = device
  if (!up) {
    device.flags &= ~IFF.UP
    device.wasUp = true
    removeRoutes(
      netns,
      (route) => route.device === device && (route.protocol !== RTPROT.KERNEL || !isLocalV4(route, device)),
    )
    for (const [key, one] of netns.neighbours) {
      if (one.device === device && one.state !== 0x80) netns.neighbours.delete(key)
    }
    // IPv6 forgets the addresses of a device that goes down.
    dropAddresses(device, (address) => address.length === 16)
    network.journeys?.note(device, 'down')
    return
  }
  if (device.kind === 'veth' && device.peer === undefined) refuse('ENOTCONN', 'rtm_setlink')
  if (device.kind === 'vlan' && device.lower?.up !== true) refuse('ENETDOWN', 'rtm_setlink')
  device.flags |= IFF.UP
  removeRoutes(netns, (route) => route.device === device && route.protocol === RTPROT.KERNEL)
  for (const { device: owner, address, prefix } of netns.addresses) {
    if (owner === device) addAddressRoutes(device, address, prefix)
  }
  if (device.loopback) {
    if (!netns.addresses.some((one) => one.device === device && one.address.length === 4))
      addAddress(device, Uint8Array.of(127, 0, 0, 1), 8)
    const one = new Uint8Array(16)
    one[15] = 1
    addAddress(device, one, 128)
  } else if ((device.flags & IFF.NOARP) === 0 || device.kind === 'dummy') {
    if (device.master === undefined) addAddress(device, linkLocalOf(device.mac), 64)
  }
}

/** IPv4 keeps the local routes of a device that is down as long as it has the address. */
function isLocalV4(route: { readonly family: number; readonly type: number }, device: Device): boolean {
  return route.family === 4 && route.type === 2 && !device.loopback
}

function moveLink(network: VirtualNetwork, device: Device, target: Namespace, newName: string | undefined): void {
  const syscall = 'rtm_setlink'
  if (device.loopback || device.kind === 'bridge') refuse('EINVAL', syscall, 'The interface netns is immutable')
  const name = newName ?? device.name
  if (target.byName(name) !== undefined) refuse('EEXIST', syscall)
  setUp(network, device, false)
  if (device.master !== undefined) setMaster(device, 0, syscall)
  forget(device)
  const from = device.netns
  from.remove(device)
  device.netns = target
  device.name = name
  if (target.devices.has(device.ifindex)) device.ifindex = ++target.lastIfindex
  else target.lastIfindex = Math.max(target.lastIfindex, device.ifindex)
  target.add(device)
  const { peer } = device
  if (peer !== undefined && peer.netns !== target) {
    target.idOf(peer.netns)
    peer.netns.idOf(target)
  }
  network.moved(device, from)
}

/** Drops what a namespace knows of a device: addresses, routes, neighbours. */
function forget(device: Device): void {
  const { netns } = device
  dropAddresses(device, () => true)
  removeRoutes(netns, (route) => route.device === device)
  for (const [key, one] of netns.neighbours) if (one.device === device) netns.neighbours.delete(key)
}

/** Deletes a device, with its peer and what stands on it. Throws KernelError. */
export function deleteLink(network: VirtualNetwork, device: Device): void {
  const syscall = 'rtm_dellink'
  if (device.loopback || device.kind === 'port') refuse('EOPNOTSUPP', syscall)
  destroyLink(network, device)
}

/** Unregisters a device of any kind. */
export function destroyLink(network: VirtualNetwork, device: Device): void {
  const { peer, lower } = device
  for (const upper of [...device.vlans.values()]) destroyLink(network, upper)
  if (lower !== undefined && device.vlan !== undefined) {
    lower.vlans.delete(vlanKey(device.vlan.protocol, device.vlan.id))
  }
  if (device.master !== undefined) setMaster(device, 0, 'rtm_dellink')
  for (const port of [...(device.bridge?.ports ?? [])]) setMaster(port, 0, 'rtm_dellink')
  device.flags &= ~IFF.UP
  forget(device)
  device.netns.remove(device)
  device.peer = undefined
  device.lower = undefined
  network.unregistered(device)
  if (peer !== undefined) {
    peer.peer = undefined
    destroyLink(network, peer)
  }
}

/** A device as RTM_NEWLINK tells of it. */
export function describeLink(device: Device): NetDevice {
  const other = device.peer ?? device.lower
  const { stats } = device
  return {
    ifindex: device.ifindex,
    name: device.name,
    kind: device.kind === 'port' ? undefined : device.kind,
    flags: device.allFlags,
    mtu: device.mtu,
    address: device.mac.slice(),
    operstate: device.operstate,
    link: other?.ifindex,
    master: device.master?.ifindex,
    txQueues: device.txQueues,
    rxQueues: device.rxQueues,
    xdp: xdpState(device),
    type: device.arpType,
    broadcast: device.broadcast.slice(),
    qdisc: device.qdiscName,
    txQueueLength: device.txQueueLength,
    group: device.group,
    promiscuity: device.promiscuity,
    minMtu: device.minMtu,
    maxMtu: device.maxMtu,
    linkNetnsId: other === undefined ? undefined : device.netns.idOf(other.netns),
    vlan: device.vlan,
    stats: {
      rxPackets: stats.rxPackets,
      txPackets: stats.txPackets,
      rxBytes: stats.rxBytes,
      txBytes: stats.txBytes,
      rxErrors: stats.rxErrors,
      txErrors: stats.txErrors,
      rxDropped: stats.rxDropped,
      txDropped: stats.txDropped,
      multicast: stats.multicast,
      collisions: stats.collisions,
    },
  }
}
