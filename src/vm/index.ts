export {
  type FunctionTarget,
  type HandleTarget,
  hostClock,
  type LoadedProgram,
  Machine,
  type MachineOptions,
} from './machine.js'
export { Memory, OutOfMemoryError } from './memory.js'
export type {
  Addr,
  BpfMap,
  Clock,
  Engine,
  HelperEnv,
  HelperFunction,
  PrintkSink,
  ProgramImage,
  RandomSource,
  Runner,
  Status,
} from './types.js'
