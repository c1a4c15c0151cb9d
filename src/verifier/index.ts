export { type BtfInfoProblem, checkFuncLayout, checkFuncRecords, checkLineRecords } from './check/btf-info.js'
export { type ExplainOptions, explainLog } from './explain/explain.js'
export { type LogSource, type LogStats, type ParsedLog, parseLog } from './explain/parse-log.js'
export type { CausalStep, Explanation, HotLine } from './explain/types.js'
export type { Rewritten } from './rewrite/rewrite.js'
export type {
  AttachProgram,
  BtfRef,
  Diagnostic,
  MapDescription,
  VerifiedFunction,
  VerifyOptions,
  VerifyProgram,
  VerifyResult,
  VerifyStats,
} from './types.js'
export { verify } from './verify.js'
