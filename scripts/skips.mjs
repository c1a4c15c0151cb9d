// What a test run left out, and whether it may: a run that skips silently says nothing.

/** Reasons that may not occur where bpf(2) works: the test would have run. */
const NEEDS_LINUX = /bpf\(2\)|\blinux\b/i

/**
 * The summary of the reporter's lines, and the skips that are failures.
 * @param {readonly { file: string, name: string, reason: string }[]} skips
 * @param {boolean} bpfWorks
 */
export function summarizeSkips(skips, bpfWorks) {
  const byReason = new Map()
  for (const { file, name, reason } of skips) {
    const key = reason || 'no reason given'
    byReason.set(key, [...(byReason.get(key) ?? []), `${file}: ${name}`])
  }
  const lines = []
  for (const [reason, tests] of [...byReason].sort(([a], [b]) => a.localeCompare(b))) {
    lines.push(`  ${tests.length} × ${reason}`)
    for (const test of tests.slice(0, 5)) lines.push(`      ${test}`)
    if (tests.length > 5) lines.push(`      and ${tests.length - 5} more`)
  }
  const wrong = skips.filter(({ reason }) => reason === '' || (bpfWorks && NEEDS_LINUX.test(reason)))
  return { lines, wrong }
}
