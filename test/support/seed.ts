/**
 * The run's seed. `npm test` fixes it, so that what passed passes again; `SKEP_SEED=random npm test` explores, and prints
 * the seed that repeats a finding.
 */
export const testSeed: number = Number(process.env['SKEP_SEED'] ?? 1) || 1
