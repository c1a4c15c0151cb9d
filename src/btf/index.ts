export { Btf, type BtfLayout, type ParseBtfOptions, parseBtf } from './btf.js'
export { BtfBuilder, type BtfBuilderOptions, encodeBtf, reencodeBtf } from './builder.js'
export { declareC, defineC, type PrintCOptions, printC } from './c/print-c.js'
export { type BtfVerdict, type CheckOptions, checkBtf } from './check/check-btf.js'
export { type CoreUser, minimalBtf } from './core/minimal.js'
export { applyCoreRelo, CORE_POISON_IMM, type CorePatch } from './core/patch.js'
export {
  type CoreCandidate,
  type CoreFailed,
  type CoreMemSize,
  type CoreResolved,
  CoreResolver,
  type CoreResult,
} from './core/resolver.js'
export { type AccessSpec, CORE_RELO_TEXT, formatAccess, formatSpec, parseAccess } from './core/spec.js'
export { type DatasecPlace, fixDatasecs } from './datasec.js'
export { dumpJson, dumpRaw, formatRawType } from './dump.js'
export type { NewBtfType } from './encode-type.js'
export {
  type BtfExt,
  type BtfExtGroup,
  CORE_RELO_KINDS,
  type CoreRelo,
  type CoreReloKind,
  encodeBtfExt,
  encodeFuncInfo,
  encodeLineInfo,
  type FuncInfo,
  type LineInfo,
  parseBtfExt,
} from './ext.js'
export { dedupBtf, type MergedBtf, mergeBtf } from './merge/merge.js'
export { retarget } from './merge/retarget.js'
export { essentialName } from './name-index.js'
export { alignOf, isModifier, resolve, sizeOf, skipModifiers } from './resolve.js'
export {
  BTF_KINDS,
  BTF_LINKAGES,
  type BtfAlias,
  type BtfArray,
  type BtfComposite,
  type BtfDatasec,
  type BtfDeclTag,
  type BtfEnum,
  type BtfEnum64,
  type BtfEnum64Value,
  type BtfEnumValue,
  type BtfFloat,
  type BtfFunc,
  type BtfFuncProto,
  type BtfFwd,
  type BtfInt,
  type BtfKind,
  type BtfLinkage,
  type BtfMember,
  type BtfParam,
  type BtfPtr,
  type BtfSecVar,
  type BtfType,
  type BtfTypeTag,
  type BtfVar,
  type BtfVoid,
} from './types.js'
export { type Codec as ValueCodec, codecFor as valueCodec } from './value/codec.js'
export {
  type FormatOptions,
  formatMap,
  formatValue,
  type MapEntry,
  type MapTypes,
  type ValueStyle,
} from './value/format.js'
export { JsonWriter } from './value/json-writer.js'
export { decodeValue, encodeValue } from './value/value.js'
