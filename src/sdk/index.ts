export { FormatError, UsageError } from '../base/index.js'
export {
  errorCode,
  type Fd,
  type Kernel,
  KernelError,
  type LinkInfo,
  type MapInfo,
  type ProgInfo,
} from '../kernel/index.js'
export { ObjectError, type ObjectSpec, openObject } from '../object/index.js'
export { type AttachTargets, attach } from './attach/attach.js'
export type { Attachment, FdLike } from './attach/attachment.js'
export { attachCgroup, attachCgroupProg, type CgroupAttachOptions, type CgroupOptions } from './attach/cgroup.js'
export { attachIter, BpfIterator, type CgroupOrder, type IterOptions } from './attach/iter.js'
export { attachLwt, type LwtOptions } from './attach/lwt.js'
export type { Neighbour, OrderOptions } from './attach/order.js'
export {
  attachKprobe,
  attachPerfEvent,
  attachTracepoint,
  type KprobeOptions,
  type PerfEventOptions,
  type TracepointOptions,
} from './attach/perf.js'
export {
  attachNetfilter,
  attachNetns,
  attachReuseport,
  attachSocketFilter,
  attachSockmap,
  linkSockmap,
  type NetfilterOptions,
  openPacketSocket,
} from './attach/socket.js'
export { attachStructOps } from './attach/struct-ops.js'
export { attachTc, type Direction, removeClsact, type TcAttachment, type TcOptions, tcFilters } from './attach/tc.js'
export { attachNetkit, attachTcx, type NetkitOptions, type TcxOptions } from './attach/tcx.js'
export {
  attachFreplace,
  attachKprobeMulti,
  attachRawTracepoint,
  attachTracing,
  type CookieOptions,
  type FreplaceOptions,
  type KprobeMultiOptions,
} from './attach/tracing.js'
export {
  attachUprobe,
  attachUprobeMulti,
  attachUsdt,
  listUsdt,
  type UprobeMultiOptions,
  type UprobeOptions,
  type UsdtOptions,
} from './attach/uprobe.js'
export { attachXdp, type XdpAttachment, type XdpMode, type XdpOptions } from './attach/xdp.js'
export type { AttachTo } from './attach-target.js'
export { BpfLink, type LinkUpdateOptions } from './bpf-link.js'
export { BpfMap, type LookupBatchOptions, type MapBatch, type MapTypes, type UpdateMode } from './bpf-map.js'
export { BpfProgram, type ProgramOrigin } from './bpf-program.js'
export { btfCodec, bytesCodec, type Codec, int64Codec, intCodec } from './codec.js'
export { Collection, type CollectionOptions, loadCollection } from './collection.js'
export type { MapPlacement } from './create-maps.js'
export { type Abortable, EventStream, type RecordsOptions } from './event-stream.js'
export {
  type Availability,
  type BtfFeature,
  CONFIG_OPTIONS,
  type ConfigOption,
  type Features,
  hasKfunc,
  type InstructionFeature,
  type ProbeOptions,
  probeAttachType,
  probeBtfKind,
  probeFeatures,
  probeHelper,
  probeHelpers,
  probeInstructions,
  probeMapType,
  probeProgType,
} from './features/index.js'
export { globalVariables } from './globals.js'
export { KernelBtf, type KernelType } from './kernel-btf.js'
export { load } from './load.js'
export { MappedArray, type MappedArrayOptions } from './mapped-array.js'
export { Device, type DeviceLike, type DeviceSettings, NetNamespace } from './net/net-namespace.js'
export { PerfBuffer, type PerfBufferOptions, type PerfSample } from './perf-buffer.js'
export { Printk, type PrintkLine } from './printk.js'
export { programStream } from './program-stream.js'
export { recordDecoder } from './record-decoder.js'
export { type DecodeRecord, type RecordSpans, RingBuffer, type RingBufferOptions } from './ring-buffer.js'
export { kernelFunctions, syscallFunction } from './tracing/kernel-functions.js'
export { UserRingBuffer } from './user-ring-buffer.js'
export { VerifierError } from './verifier-error.js'
