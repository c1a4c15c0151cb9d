import type { LogSource } from './parse-log.js'

/** Where something happened to the value at fault. */
export interface CausalStep {
  readonly pc: number
  readonly insn: string
  readonly source: (LogSource & { readonly column: number }) | undefined
  readonly kind:
    | 'born'
    | 'copied'
    | 'computed'
    | 'spilled'
    | 'filled'
    | 'narrowed'
    | 'compared'
    | 'passed'
    | 'returned'
    | 'lost'
    | 'acquired'
    | 'branch'
    | 'fault'
  /** `r3`, `fp-8`; with the frame where it is not the main program's: `frame1 r3`. '' for none. */
  readonly location: string
  /** What the location holds behind the instruction, as the log prints it; undefined for nothing. */
  readonly value: string | undefined
  /** The event in words. */
  readonly text: string
}

/** Source lines (or instructions) that took most of the verification. */
export interface HotLine {
  readonly pc: number
  readonly source: LogSource | undefined
  /** How many of the processed instructions were this line's. */
  readonly insnsProcessed: number
  /** Of all, 0 to 1. */
  readonly share: number
}

export interface Explanation {
  /** Linux's last telling line. */
  readonly message: string
  /** Lines before it that belong to it. */
  readonly details: readonly string[]
  readonly ruleId: string | undefined
  readonly title: string | undefined
  readonly hint: string | undefined
  readonly check: string | undefined
  readonly pc: number | undefined
  readonly insn: string | undefined
  readonly register: number | undefined
  readonly source: (LogSource & { readonly column: number }) | undefined
  /** Birth to fault. */
  readonly steps: readonly CausalStep[]
  /** What is absent on the path, in words. */
  readonly missing: string | undefined
  /** For programs that are too complex. */
  readonly hottest: readonly HotLine[]
}
