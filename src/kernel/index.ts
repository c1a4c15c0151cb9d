export type { ErrnoName } from '../base/index.js'
export { errorCode, KernelError } from './error.js'
export { type FaultPlan, type FaultPoint, type FaultyKernel, fault } from './fault.js'
export type { BtfInfo, LinkDetails, LinkInfo, MapInfo, ObjectInfo, ProgInfo } from './info.js'
export type { Kernel, MapAccess, Watch, WatchOptions } from './kernel.js'
export { mapLimitHint, progLimitHint } from './limits-hint.js'
export type {
  AddressRequest,
  BpfFilter,
  FilterSelector,
  LinkSelector,
  LinkSettings,
  LinkStats,
  NeighbourRequest,
  NeighbourSelector,
  NetAddress,
  NetDevice,
  NetNeighbour,
  NetRoute,
  NewFilterRequest,
  NewLinkRequest,
  Qdisc,
  QdiscRequest,
  RouteRequest,
  SetLinkRequest,
  XdpState,
} from './netlink.js'
export type {
  Fd,
  FileStatus,
  LinkCreateRequest,
  MapBatchKeysRequest,
  MapBatchRequest,
  MapBatchResult,
  MapCreateRequest,
  MapElemRequest,
  MapUpdateRequest,
  OperationName,
  Operations,
  PerfEventOpenRequest,
  ProgAttachRequest,
  ProgLoadRequest,
  ProgLoadResult,
  ProgQueryResult,
  Request,
  Result,
  TestRunRequest,
  TestRunResult,
} from './operations.js'
export { formatCall, type TracedCall, trace } from './trace.js'
