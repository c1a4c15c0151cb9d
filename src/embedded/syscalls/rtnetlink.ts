import {
  type BpfFilter,
  type Fd,
  KernelError,
  type LinkSelector,
  type NetAddress,
  type NetDevice,
  type NetNeighbour,
  type NetRoute,
  type Qdisc,
  type Request,
} from '../../kernel/index.js'
import {
  addFilter,
  addQdisc,
  addRoute,
  changeLink,
  changeXdp,
  createLink,
  type Device,
  deleteAddress,
  deleteLink,
  deleteRoute,
  describeLink,
  listAddresses,
  listFilters,
  listQdiscs,
  type Namespace,
  NUD,
  neighbourKey,
  newAddress,
  type RoutePrograms,
  removeFilters,
  removeQdisc,
  setNeighbour,
} from '../../netdev/index.js'
import { bpf_prog_type, xdp_flags } from '../../spec/index.js'
import type { Session } from '../session.js'
import type { ProgObject } from '../state/objects.js'

// rtnetlink in the embedded kernel: requests are checked here as far as descriptors go, the rest is the network's.

interface OfDevice {
  readonly netns?: Fd
  readonly ifindex: number
}

function select(session: Session, r: LinkSelector, syscall: string): Device {
  const netns = session.netnsOf(r.netns, syscall)
  if (r.ifindex === undefined && r.name === undefined) {
    throw new KernelError('EINVAL', 'rtnetlink', { hint: 'give a device by name or ifindex' })
  }
  const device = r.ifindex === undefined ? netns.byName(r.name as string) : netns.devices.get(r.ifindex)
  if (device === undefined) {
    throw new KernelError('ENODEV', syscall, {
      hint: `there is no device '${r.name ?? r.ifindex}' in this network namespace`,
    })
  }
  return device
}

function deviceAt(session: Session, r: OfDevice, syscall: string): Device {
  return select(session, r, syscall)
}

export function rtmGetlink(session: Session, r: LinkSelector): NetDevice {
  return describeLink(select(session, r, 'rtm_getlink'))
}

export function rtmGetlinks(session: Session, r: Request<'rtm_getlinks'>): NetDevice[] {
  const { devices } = session.netnsOf(r.netns, 'rtm_getlinks')
  return [...devices.values()].sort((a, b) => a.ifindex - b.ifindex).map(describeLink)
}

export function rtmNewlink(session: Session, r: Request<'rtm_newlink'>): void {
  const syscall = 'rtm_newlink'
  const target = session.netnsOf(r.targetNetns ?? r.netns, syscall)
  const peerNetns = r.peer?.netns ?? r.peer?.targetNetns
  createLink(
    session.world.network,
    target,
    r,
    peerNetns === undefined ? session.netnsOf(r.netns, syscall) : session.netnsOf(peerNetns, syscall),
  )
}

export function rtmSetlink(session: Session, r: Request<'rtm_setlink'>): void {
  const syscall = 'rtm_setlink'
  const device = select(session, r, syscall)
  const { network } = session.world
  changeLink(network, device, r, r.targetNetns === undefined ? undefined : session.netnsOf(r.targetNetns, syscall))
  if (r.xdp !== undefined) setXdp(session, device, r.xdp)
}

const { XDP_FLAGS_REPLACE } = xdp_flags

function setXdp(session: Session, device: Device, xdp: NonNullable<Request<'rtm_setlink'>['xdp']>): void {
  const syscall = 'rtm_setlink'
  const { world } = session
  const program = (fd: Fd | -1): ProgObject | undefined => {
    if (fd < 0) return undefined
    const object = session.prog(fd, syscall)
    if (object.type !== bpf_prog_type.BPF_PROG_TYPE_XDP) throw new KernelError('EINVAL', syscall)
    return object
  }
  const wanted = program(xdp.fd)
  const before = { ...device.xdp }
  const mode = changeXdp(
    device,
    {
      program: wanted,
      flags: xdp.flags ?? 0,
      // As Linux, look at the expected program only where it is to be replaced.
      ...(xdp.expectedFd === undefined || ((xdp.flags ?? 0) & XDP_FLAGS_REPLACE) === 0
        ? {}
        : { expected: program(xdp.expectedFd) ?? null }),
    },
    syscall,
  )
  const old = before[mode]?.program
  if (old === wanted) return
  if (wanted !== undefined) world.get(wanted)
  if (old !== undefined) world.put(old as ProgObject)
}

export function rtmDellink(session: Session, r: LinkSelector): void {
  deleteLink(session.world.network, select(session, r, 'rtm_dellink'))
}

export function rtmNewaddr(session: Session, r: Request<'rtm_newaddr'>): void {
  newAddress(deviceAt(session, r, 'rtm_newaddr'), r.address, r.prefix)
}

export function rtmDeladdr(session: Session, r: Request<'rtm_deladdr'>): void {
  deleteAddress(deviceAt(session, r, 'rtm_deladdr'), r.address, r.prefix)
}

export function rtmGetaddrs(session: Session, r: Request<'rtm_getaddrs'>): NetAddress[] {
  return listAddresses(session.netnsOf(r.netns, 'rtm_getaddrs'), r.ifindex)
}

const LWT_TYPES = {
  in: bpf_prog_type.BPF_PROG_TYPE_LWT_IN,
  out: bpf_prog_type.BPF_PROG_TYPE_LWT_OUT,
  xmit: bpf_prog_type.BPF_PROG_TYPE_LWT_XMIT,
} as const

export function rtmNewroute(session: Session, r: Request<'rtm_newroute'>): void {
  const { world } = session
  const { bpf } = r
  let programs: RoutePrograms | undefined
  if (bpf !== undefined) {
    const at = (place: 'in' | 'out' | 'xmit'): ProgObject | undefined => {
      const named = bpf[place]
      if (named === undefined) return undefined
      const object = session.prog(named.fd, 'rtm_newroute')
      if (object.type !== LWT_TYPES[place]) throw new KernelError('EINVAL', 'rtm_newroute')
      return object
    }
    programs = { in: at('in'), out: at('out'), xmit: at('xmit'), headroom: bpf.headroom ?? 0 }
    if (programs.in === undefined && programs.out === undefined && programs.xmit === undefined)
      throw new KernelError('EINVAL', 'rtm_newroute')
  }
  const replaced = addRoute(session.netnsOf(r.netns, 'rtm_newroute'), r, programs)
  for (const one of programsOf(programs)) world.get(one)
  for (const one of programsOf(replaced?.programs)) world.put(one)
}

function programsOf(programs: RoutePrograms | undefined): ProgObject[] {
  if (programs === undefined) return []
  return [programs.in, programs.out, programs.xmit].filter((one) => one !== undefined) as ProgObject[]
}

export function rtmDelroute(session: Session, r: Request<'rtm_delroute'>): void {
  const route = deleteRoute(session.netnsOf(r.netns, 'rtm_delroute'), r)
  for (const one of programsOf(route.programs)) session.world.put(one)
}

const LWTUNNEL_ENCAP_BPF = 6

export function rtmGetroutes(session: Session, r: Request<'rtm_getroutes'>): NetRoute[] {
  return session
    .netnsOf(r.netns, 'rtm_getroutes')
    .routes.map((route) => ({
      family: route.family === 4 ? 2 : 10,
      destination: route.destination.slice(),
      prefix: route.prefix,
      table: route.table,
      protocol: route.protocol,
      scope: route.scope,
      type: route.type,
      gateway: route.gateway?.slice(),
      ifindex: route.device?.ifindex,
      source: route.source?.slice(),
      metric: route.metric,
      encap: route.programs === undefined ? undefined : LWTUNNEL_ENCAP_BPF,
    }))
    .filter(({ family }) => r.family === undefined || family === r.family)
}

export function rtmNewneigh(session: Session, r: Request<'rtm_newneigh'>): void {
  const device = deviceAt(session, r, 'rtm_newneigh')
  if (r.lladdr.length !== 6) throw new KernelError('EINVAL', 'rtm_newneigh', { detail: 'Invalid link address length' })
  const waiting = setNeighbour(device, r.address, r.lladdr, NUD.PERMANENT)
  session.world.network.resolved(device, waiting, r.lladdr)
}

export function rtmDelneigh(session: Session, r: Request<'rtm_delneigh'>): void {
  const device = deviceAt(session, r, 'rtm_delneigh')
  if (!device.netns.neighbours.delete(neighbourKey(device, r.address))) throw new KernelError('ENOENT', 'rtm_delneigh')
}

export function rtmGetneighs(session: Session, r: Request<'rtm_getneighs'>): NetNeighbour[] {
  return [...session.netnsOf(r.netns, 'rtm_getneighs').neighbours.values()]
    .filter(({ device }) => r.ifindex === undefined || device.ifindex === r.ifindex)
    .map(({ device, address, lladdr, state }) => ({
      ifindex: device.ifindex,
      address: address.slice(),
      lladdr: lladdr?.slice(),
      state,
    }))
}

export function rtmGetqdisc(session: Session, r: Request<'rtm_getqdisc'>): Qdisc[] {
  return listQdiscs(deviceAt(session, r, 'rtm_getqdisc'))
}

export function rtmNewqdisc(session: Session, r: Request<'rtm_newqdisc'>): void {
  addQdisc(deviceAt(session, r, 'rtm_newqdisc'), r.kind, r.handle, r.parent)
}

export function rtmDelqdisc(session: Session, r: Request<'rtm_delqdisc'>): void {
  for (const program of removeQdisc(deviceAt(session, r, 'rtm_delqdisc'), r.kind, r.parent)) {
    session.world.put(program as ProgObject)
  }
}

export function rtmGettfilter(session: Session, r: Request<'rtm_gettfilter'>): BpfFilter[] {
  return listFilters(deviceAt(session, r, 'rtm_gettfilter'), r)
}

export function rtmNewtfilter(session: Session, r: Request<'rtm_newtfilter'>): BpfFilter {
  const syscall = 'rtm_newtfilter'
  const device = deviceAt(session, r, syscall)
  if ((r.kind ?? 'bpf') !== 'bpf') {
    throw new KernelError('ENOENT', syscall, { detail: 'TC classifier not found', hint: 'only bpf filters are here' })
  }
  const program = session.prog(r.progFd, syscall)
  if (program.type !== bpf_prog_type.BPF_PROG_TYPE_SCHED_CLS) throw new KernelError('EINVAL', syscall)
  const { filter, old } = addFilter(device, {
    ...r,
    program,
    flags: r.flags ?? 0,
    flagsGen: r.flagsGen ?? 0,
    classid: r.classid ?? 0,
    replace: r.mode === 'replace',
  })
  session.world.get(program)
  if (old !== undefined) session.world.put(old as ProgObject)
  return filter
}

export function rtmDeltfilter(session: Session, r: Request<'rtm_deltfilter'>): void {
  for (const program of removeFilters(deviceAt(session, r, 'rtm_deltfilter'), r)) {
    session.world.put(program as ProgObject)
  }
}

const OWN_PATHS = /^\/proc\/(?:self|thread-self|\d+)\/ns\/net$/
const FD_PATH = /^\/proc\/self\/fd\/(\d+)$/

function normal(path: string): string {
  return path.replace(/^\/var\/run\//, '/run/')
}

export function netnsOpen(session: Session, r: Request<'netns_open'>): Fd {
  return openNetns(session, namespaceAt(session, r.path))
}

function namespaceAt(session: Session, path: string | undefined): Namespace {
  if (path === undefined || OWN_PATHS.test(path)) return session.netns
  const descriptor = FD_PATH.exec(path)
  if (descriptor !== null) return session.netnsOf(Number(descriptor[1]) as Fd, 'netns_open')
  const known = session.world.netnsNames.get(normal(path))
  if (known === undefined) throw new KernelError('ENOENT', 'netns_open', { detail: path })
  return known
}

function openNetns(session: Session, netns: Namespace): Fd {
  netns.references++
  return session.descriptors.add({ object: { kind: 'netns', netns }, readable: true, writable: false })
}

export function netnsCreate(session: Session): Fd {
  return openNetns(session, session.world.network.createNamespace())
}

export function netnsBind(session: Session, r: Request<'netns_bind'>): void {
  const { netnsNames } = session.world
  const netns = session.netnsOf(r.netns, 'netns_bind')
  const path = normal(r.path)
  if (!/^\/run\/netns\/[^/]+$/.test(path)) {
    throw new KernelError('EACCES', 'netns_bind', { hint: 'names of namespaces are below /run/netns' })
  }
  if (netnsNames.has(path)) throw new KernelError('EEXIST', 'netns_bind', { detail: r.path })
  netns.references++
  netnsNames.set(path, netns)
}

export function netnsUnbind(session: Session, r: Request<'netns_unbind'>): void {
  const { netnsNames, network } = session.world
  const path = normal(r.path)
  const netns = netnsNames.get(path)
  if (netns === undefined) throw new KernelError('ENOENT', 'netns_unbind', { detail: r.path })
  netnsNames.delete(path)
  network.putNamespace(netns)
}

export function setns(session: Session, r: Request<'setns'>): void {
  session.setNetns(session.netnsOf(r.netns, 'setns'))
}

export function ethtoolFeatures(session: Session, r: Request<'ethtool_features'>): Record<string, boolean> {
  const syscall = 'ethtool_features'
  const { features } = select(session, r, syscall)
  for (const [name, on] of Object.entries(r.set ?? {})) {
    if (!features.has(name))
      throw new KernelError('EOPNOTSUPP', syscall, { hint: `this device has no feature '${name}'` })
    features.set(name, on)
  }
  return Object.fromEntries(features)
}
