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
export { type EmbeddedKernel, type EmbeddedOptions, embedded } from './kernel.js'
export { PacketRunner, type PacketRunnerOptions } from './test-run/index.js'
