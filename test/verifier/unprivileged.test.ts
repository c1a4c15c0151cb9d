import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { linuxUnavailable } from '../support/kernels.js'
import { testSeed } from '../support/seed.js'
import type { Finding } from './support/unprivileged-child.js'

/** What is known to differ, with the reason. */
const DIFFERENT: ReadonlySet<string> = new Set([
  // Refused by both, here because no such program may call them, there because no tracing program is bound to a function.
  ...['syscall sk_storage_get', 'syscall sk_storage_delete', 'syscall d_path'],
  // The same message with another errno.
  'btf/argument-of-unknown-struct',
])

const RARE: ReadonlySet<string> = new Set(['log', 'insns'])

// A process that gave up CAP_PERFMON loads programs on the running kernel and asks our verifier with the same rights.

const drops = '-perfmon,-sys_admin'
const tool = ['setpriv', '--bounding-set', drops, '--inh-caps', drops]
const works = spawnSync(tool[0] as string, [...tool.slice(1), 'true']).status === 0
const skip = linuxUnavailable() || (works ? false : 'setpriv cannot drop capabilities here')

test('programs loaded without CAP_PERFMON get the running kernel’s verdict, message and count', { skip }, async (t) => {
  const child = fileURLToPath(new URL('./support/unprivileged-child.js', import.meta.url))
  const args = [...tool.slice(1), process.execPath, child, String(testSeed), '5']
  const run = spawnSync(tool[0] as string, args, { encoding: 'utf8', maxBuffer: 1 << 28 })
  assert.equal(run.status, 0, run.stderr)
  const found = JSON.parse(run.stdout) as Record<'own' | 'cases' | 'helpers' | 'generated', Finding[]>
  for (const [part, findings] of Object.entries(found)) {
    await t.test(part, (t) => {
      const tally = new Map<string, number>()
      for (const { agreement } of findings) tally.set(agreement, (tally.get(agreement) ?? 0) + 1)
      const accepted = findings.filter((each) => each.accepted).length
      t.diagnostic(
        `${findings.length} asked, ${accepted} accepted: ${[...tally].map((each) => each.join(' ')).join(', ')}`,
      )
      const off = findings.filter(
        ({ agreement, name }) =>
          agreement !== 'equal' &&
          agreement !== 'not modelled' &&
          (agreement === 'false accept' || !DIFFERENT.has(name)),
      )
      const text = off.map((each) => `${each.agreement}: ${each.name}\n  - ${each.linux}\n  + ${each.ours}`).join('\n')
      assert.ok(accepted > 0 && accepted < findings.length, `${accepted} of ${findings.length}`)
      const [rare, wrong] = [
        off.filter(({ agreement }) => RARE.has(agreement)),
        off.filter(({ agreement }) => !RARE.has(agreement)),
      ]
      assert.equal(wrong.length, 0, text)
      // As with all rights, rare orders of loops and states are not followed to the last byte of the log.
      assert.ok(rare.length <= (part === 'generated' ? findings.length / 100 : 0), text)
    })
  }
})
