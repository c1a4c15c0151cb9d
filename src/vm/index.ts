export { type Callable, type CallTable, callTable, hasHelper, hasKfunc, type Kfunc, kfuncNames } from './calls.js'
export { BudgetError, ExecutionError, MemoryFault, type ProgramPlace, UnsupportedError } from './errors.js'
export { type FormatArgument, type Formatted, formatText } from './format.js'
export { Interpreter, InterpreterRunner } from './interpreter/interpreter.js'
export type { StepHook } from './interpreter/state.js'
export { WasmInterpreter, WasmInterpreterRunner } from './interpreter/wasm-interpreter.js'
export {
  type ImageFunction,
  type JitImage,
  PLACES_SECTION,
  readPlaces,
  readSource,
  SOURCE_SECTION,
  withSource,
} from './jit/image.js'
export { Jit, JitRunner } from './jit/jit.js'
export type { JitOptions } from './jit/state.js'
export {
  type CgroupTarget,
  type FunctionTarget,
  type HandleTarget,
  hostClock,
  type LoadedProgram,
  Machine,
  type MachineOptions,
  type SystemCalls,
} from './machine.js'
export { type RawRunOptions, type RawRunResult, rawImage, runRaw } from './machine-run.js'
export type { MemoryTables } from './memory.js'
export { Memory, OutOfMemoryError } from './memory.js'
export { Network } from './net/network.js'
export type {
  NetworkDevice,
  NetworkHost,
  NetworkSocket,
  RouteAnswer,
  RouteQuery,
  RouteType,
  SocketQuery,
} from './net/network-host.js'
export { type ClonedPacket, Redirect, type RedirectKind } from './net/redirect.js'
export { SKB, SkbPacket } from './net/skb-packet.js'
export type { KernelSocket } from './net/socket-table.js'
export { type NetworkOptions, staticNetwork } from './net/static-network.js'
export type { PacketContext } from './net/types.js'
export { XdpPacket } from './net/xdp-packet.js'
export { Objects } from './objects.js'
export { PacketBurst, type PacketColumns } from './packet-burst.js'
export { PacketClock } from './packet-clock.js'
export { SeededRandom } from './seeded-random.js'
export { copyValue, readValue, releaseFields } from './special-fields.js'
export { type Attachment, type CurrentTask, initTask, noAttachment } from './task.js'
export { Timers } from './timers.js'
export type {
  Addr,
  BpfMap,
  CgroupStorageMap,
  Clock,
  Engine,
  HelperFunction,
  LocalStorageMap,
  LookupLayout,
  MapFunctions,
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
export {
  above,
  above64,
  add,
  add64,
  and,
  atLeast,
  atMost,
  below,
  below64,
  call,
  choose,
  type Expression,
  eq,
  extend,
  FunctionBuilder,
  i64,
  isZero,
  type Jump,
  type Local,
  leadingZeros,
  load8,
  load16,
  load32,
  load64,
  mul,
  ne,
  ne64,
  or,
  push,
  rotl,
  rotr,
  shl,
  shr,
  shrSigned,
  sub,
  sub64,
  type Value,
  wrap,
  xor,
} from './wasm/expressions.js'
export { functionNames, insnText, type PrintOptions, printFunction, printModule } from './wasm/print-module.js'
export {
  readModule,
  type WasmFunctionText,
  type WasmImport,
  type WasmInsn,
  type WasmModuleText,
} from './wasm/read-module.js'
export { lazyFunctions, type WasmFunction, WasmUnit } from './wasm/wasm-unit.js'
