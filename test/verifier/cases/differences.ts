// Where our verifier does not say what Linux says, each with its reason: by case, or by a whole area ending in `/`.
// Everything not named here must be equal; what is named and equal all the same is reported, for removal.

/** The verdict, the errno or the last line. */
export const verdictDifferences: Readonly<Record<string, string>> = {}

/** Equal verdicts, but another log or closing line. */
export const logDifferences: Readonly<Record<string, string>> = {
  'callbacks/for-each-key-write': 'line 8: of the log',
  'callbacks/for-each-value-behind': 'line 8: of the log',
  'callbacks/for-each': 'statistics of the log',
  'callbacks/global-callback': 'line 8: of the log',
  'callbacks/leak-in-callback': 'line 8: of the log',
  'callbacks/loop-flags': 'statistics of the log',
  'callbacks/loop-index-unknown': 'line 8: of the log',
  'callbacks/loop-too-large-result': 'line 8: of the log',
  'callbacks/loop-writes-stack': 'statistics of the log',
  'callbacks/loop': 'statistics of the log',
  'callbacks/no-btf': 'line 8: of the log',
  'callbacks/wants-function': 'line 7: of the log',
  'references/tail-call-with-reference': 'line 42: of the log',
  'stackdepth/callback': 'line 9: of the log',
  'timers/callback-must-return-0': 'line 14: of the log',
  'timers/init-and-start': 'line 29: of the log',
  'tracing/tp-btf-behind-arguments': 'line 8: of the log',
}
