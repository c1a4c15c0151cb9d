export type { JourneyStep } from '../netdev/index.js'
export type {
  Clock,
  ClonedPacket,
  NetworkDevice,
  NetworkHost,
  NetworkOptions,
  NetworkSocket,
  Redirect,
  RouteAnswer,
  RouteQuery,
  RouteType,
  SocketQuery,
} from '../vm/index.js'
export { staticNetwork } from '../vm/index.js'
export { TRACEPOINT_FORMATS, type TracepointFormat } from './hooks/tracepoint-formats.js'
export { TRACEPOINT_NAMES, type TraceEvent } from './hooks/tracepoints.js'
export { type EmbeddedKernel, type EmbeddedOptions, embedded } from './kernel.js'
export {
  type BoundSocketOptions,
  type DeviceSelector,
  LocalSocket,
  NetworkControl,
  NetworkPort,
  type PingAnswer,
  type PingOptions,
  type PortOptions,
  type UdpOptions,
  XskQueue,
} from './network-control.js'
export { PacketRunner, type PacketRunnerOptions } from './test-run/index.js'
