export { deleteAddress, listAddresses, newAddress } from './addresses.js'
export { Device, type DeviceKind } from './device.js'
export type { DropReason } from './drop.js'
export { addFilter, listFilters, removeFilters } from './filters.js'
export { Frame } from './frame.js'
export type {
  CloneRequest,
  PacketHooks,
  RedirectTarget,
  SkbStart,
  TcResult,
  XdpTarget,
  XskSocket,
} from './hooks.js'
export { ICMP, ICMPV6, sumIcmp } from './icmp.js'
export { IPPROTO, type SendOptions, sendIp } from './ip-output.js'
export { type JourneySink, type JourneyStep, Journeys, type StepDetails } from './journey.js'
export { changeLink, createLink, deleteLink, describeLink } from './links.js'
export { findSocket, type SocketWanted } from './local.js'
export { Namespace } from './namespace.js'
export { findNeighbour, neighbourAddress, neighbourKey, setNeighbour } from './neighbours.js'
export { readNetSysctl, writeNetSysctl } from './net-sysctls.js'
export { type IcmpSeen, type NetworkClock, VirtualNetwork, type VirtualNetworkOptions } from './network.js'
export { ETH_HLEN, ETH_P, NUD, RT_TABLE, RTN, TC_ACT, XDP } from './numbers.js'
export type { HookLink, HookProgram } from './program.js'
export {
  attachToList,
  BPF_F,
  detachFromList,
  type ListEntry,
  type ProgramList,
  type Relative,
} from './program-list.js'
export { addQdisc, type Classifier, type Filter, listQdiscs, removeQdisc } from './qdisc.js'
export { addRoute, deleteRoute, lookupRoute, type Route, type RoutePrograms } from './routes.js'
export type { ReceivedData, Socket } from './sockets.js'
export { transmit } from './transmit.js'
export { changeXdp, type XdpChange, type XdpMode, xdpState } from './xdp-slots.js'
