export type {
  BtfRef,
  Diagnostic,
  MapDescription,
  VerifyOptions,
  VerifyProgram,
  VerifyResult,
  VerifyStats,
} from './types.js'
export { verify } from './verify.js'
