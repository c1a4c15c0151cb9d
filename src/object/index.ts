export { type DescribedMap, type DescribedObject, type DescribedProgram, describeObject } from './describe.js'
export { applyKconfig, type KconfigSource, unresolvedKconfig } from './kconfig.js'
export {
  type CoreOutcome,
  type Fixup,
  type LinkedFunction,
  type LinkedLine,
  type LinkedProgram,
  type LinkOptions,
  linkProgram,
  programNamed,
} from './link-program.js'
export { type BtfFeature, type LoadableBtfOptions, loadableBtf } from './loadable-btf.js'
export { kernelName, type Machine, type MapCreation, mapCreation } from './map-creation.js'
export { ObjectError, type ObjectErrorPlace } from './object-error.js'
export { type OpenOptions, openObject } from './open-object.js'
export { hasCoreRelocations, objectBtf, objectBtfExt } from './parsed.js'
export { externKernelName, type ProgramResolver, patchProgram, type ResolvedKsym } from './patch-program.js'
export { type LinkInput, linkObjects } from './static-link/link-objects.js'
export type {
  ExternSpec,
  FunctionSpec,
  InitialEntry,
  KconfigKind,
  MapOrigin,
  MapSpec,
  ObjectSpec,
  ProgramSpec,
  Reference,
  StructOpsFunction,
  StructOpsSpec,
  VariableSpec,
} from './types.js'
export { readVariable, setVariable, variableBytes, variableNamed } from './variables.js'
