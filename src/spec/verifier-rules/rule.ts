// A rule of Linux's verifier: how its messages read, what they mean, and what a programmer does about it.

/** Which history of the value at fault explains a refusal. */
export type RuleCause =
  /** It may be NULL: where it came from, and that no branch excluded NULL. */
  | 'null'
  /** Its bounds are missing or too wide: where they were set and lost. */
  | 'bounds'
  /** Nothing was written to it on this path. */
  | 'uninitialized'
  /** It is of another kind than wanted: where it became so. */
  | 'kind'
  /** Something acquired is still held, or is no longer. */
  | 'held'
  /** The way the program took, not a value. */
  | 'path'
  /** A property of the whole program. */
  | 'program'

export interface VerifierRule {
  /** Stable name: `packet-out-of-bounds`. */
  readonly id: string
  /** What the rule demands, in a sentence. */
  readonly title: string
  /**
   * Linux's messages, of 6.18 and of older releases where they differ: `%d` is a number (decimal or hexadecimal), `%R` a register,
   * `%s` any text of the line.
   */
  readonly messages: readonly string[]
  readonly cause: RuleCause
  /** What usually is behind it and what helps, in our own words. */
  readonly hint: string
  /** The check (or change) in C that satisfies the rule, where there is a typical one. */
  readonly check?: string
}
