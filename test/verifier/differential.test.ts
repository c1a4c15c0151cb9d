import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linux } from '#src/linux/index.js'
import { linuxUnavailable } from '../support/kernels.js'
import { Random } from '../support/random.js'
import { testSeed } from '../support/seed.js'
import { Comparer, linesOf } from './support/compare.js'
import { Generator } from './support/generate.js'

// Generated programs are loaded on the running kernel, never attached, and verified here: verdict, message, instructions
// processed and the whole log of level 2 must agree. `SKEP_PROGRAMS=100000 npm test -- verifier/differential` does more, without logs.

const skip = linuxUnavailable()
const programs = Number(process.env['SKEP_PROGRAMS'] ?? 0)
const seconds = programs > 0 ? Number.POSITIVE_INFINITY : 10

test('generated programs get the running kernel’s verdict, message and log', { skip }, (t) => {
  using kernel = linux()
  const comparer = new Comparer(kernel, { level: programs > 0 ? 4 : 2, most: 20_000 })
  const tally = new Map<string, number>()
  const findings: string[] = []
  const end = performance.now() + seconds * 1000
  let accepted = 0
  let count = 0
  for (; (programs === 0 || count < programs) && performance.now() < end; count++) {
    const seed = (testSeed * 7919 + count * 104_729) | 0
    const program = new Generator(new Random(seed), comparer.maps).program()
    const { linux: theirs, ours, difference, line } = comparer.compare(program)
    if (difference === 'too long') continue
    if (theirs.ok) accepted++
    tally.set(difference, (tally.get(difference) ?? 0) + 1)
    if (difference === 'equal') continue
    const [a, b] = [linesOf(theirs.log)[line] ?? '(end)', linesOf(ours.log)[line] ?? '(end)']
    findings.push(
      `${difference}: seed ${testSeed}, program ${count} (${program.type}), line ${line + 1}\n  - ${a}\n  + ${b}`,
    )
  }
  t.diagnostic(
    `${count} programs, ${accepted} accepted by Linux: ${[...tally].map((each) => each.join(' ')).join(', ')}`,
  )
  for (const finding of findings.slice(0, 20)) t.diagnostic(finding)
  assert.ok(accepted > 0 && accepted < count)
  assert.equal(tally.get('false accept') ?? 0, 0, findings.join('\n'))
  assert.equal(tally.get('false refusal') ?? 0, 0, findings.join('\n'))
  assert.equal(tally.get('unsupported') ?? 0, 0, findings.join('\n'))
  // Rare orders of loops and states are not followed to the last byte of the log.
  assert.ok(findings.length <= count / 100, findings.join('\n'))
})
