export { ObjectError, type ObjectErrorPlace } from './object-error.js'
export { type OpenOptions, openObject } from './open-object.js'
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
