// Where the kernels differ: the cases of the shared suites that one of them does not pass, each with its reason. Linux is
// right. A case listed here must fail there: the list cannot go stale unnoticed.

export interface Difference {
  /** 'suite: case', as the suites name them. */
  readonly case: string
  readonly kernel: 'embedded' | 'linux'
  readonly reason: string
}

export const DIFFERENCES: readonly Difference[] = []
