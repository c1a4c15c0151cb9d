export {
  type FunctionTarget,
  type HandleTarget,
  hostClock,
  type LoadedProgram,
  Machine,
  type MachineOptions,
} from './machine.js'
export { Memory, OutOfMemoryError } from './memory.js'
export type { PacketContext } from './net/types.js'
export { copyValue, readValue, releaseFields } from './special-fields.js'
export type {
  Addr,
  BpfMap,
  CgroupStorageMap,
  Clock,
  Engine,
  HelperFunction,
  LocalStorageMap,
  PacketAccess,
  PerfEventArray,
  PrintkSink,
  ProgramImage,
  RandomSource,
  RingBuffer,
  Runner,
  SpecialField,
  SpecialFieldKind,
  StackTraceMap,
  Status,
  UserRingBuffer,
} from './types.js'
