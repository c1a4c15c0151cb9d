export type {
  AttachProgram,
  BtfRef,
  Diagnostic,
  MapDescription,
  VerifyOptions,
  VerifyProgram,
  VerifyResult,
  VerifyStats,
} from './types.js'
export { verify } from './verify.js'
