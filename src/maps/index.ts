export { ARENA_PAGE, type ArenaMap } from './arena-map.js'
export type { FlatArray } from './array-map.js'
export {
  checkCommonAttributes,
  checkedEarly,
  checkInnerTemplate,
  checkMapAttributes,
  innerMapMatches,
} from './check-attributes.js'
export { createMap, setSpecialFields } from './create-map.js'
export type { HandleArray } from './handle-array.js'
export { hasSpinLock } from './header.js'
export { jenkinsHash, tailMaskOf } from './jenkins-hash.js'
export { lastUserGone } from './last-user.js'
export { MAP_TYPE } from './map-type.js'
export { PerfBuffer, type PerfBufferOptions } from './perf-buffer.js'
export type { PerfEvents } from './perf-event-array.js'
export { programFits, programOwnerType } from './program-owner.js'
export { type MappableRing, ringOfRecord } from './ring-buffer.js'
export type { StackTraces } from './stack-trace-map.js'
export type { CgroupStorage, OwnedStorage } from './storage-map.js'
export type { BucketMap, CpuMap, DeviceMap, HandleMap, MapAttributes, PerCpuMap } from './types.js'
