// Where our verifier does not say what Linux says, each with its reason: by case, or by a whole area ending in `/`.
// Everything not named here must be equal; what is named and equal all the same is reported, for removal.

/** The verdict, the errno or the last line. */
export const verdictDifferences: Readonly<Record<string, string>> = {}

/** Equal verdicts, but another log or closing line. */
export const logDifferences: Readonly<Record<string, string>> = {}
