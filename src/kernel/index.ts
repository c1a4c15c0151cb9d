export { errorCode, KernelError } from './error.js'
export type { BtfInfo, LinkDetails, LinkInfo, MapInfo, ObjectInfo, ProgInfo } from './info.js'
export type { Kernel } from './kernel.js'
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
  ProgAttachRequest,
  ProgLoadRequest,
  ProgLoadResult,
  ProgQueryResult,
  Request,
  Result,
  TestRunRequest,
  TestRunResult,
} from './operations.js'
