import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { hasKernelSymbol } from '#src/cli/verify/kernel-symbols.js'
import { noBpf } from '../../support/linux-bpf.js'
import { testSeed } from '../../support/seed.js'
import { type Code, judge, RETURN_0, vmlinux } from './both.js'

// Variables and functions of the kernel by their BTF ids: Linux's verdict and log.

const skip = noBpf !== false ? noBpf : existsSync('/sys/kernel/btf/vmlinux') ? false : "needs the kernel's BTF"
const PROGRAMS = 300

const BODIES: readonly Code[] = [
  [],
  [[0x61, 0x11, 0, 0]],
  [[0x79, 0x11, 8, 0]],
  [[0x63, 0x11, 0, 0]],
  [
    [0x07, 1, 0, 4],
    [0x71, 0x11, 0, 0],
  ],
]

test('kernel variables and functions are taken as on Linux', { skip }, (t) => {
  const btf = vmlinux()
  let state = testSeed
  const below = (limit: number) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
    return (state >> 8) % limit
  }
  const named: number[] = []
  for (let id = 1; id < btf.typeCount; id++) {
    const kind = btf.kindOf(id)
    if (kind === 'var' || (kind === 'func' && id % 7 === 0)) named.push(id)
  }
  let accepted = 0
  for (let i = 0; i < PROGRAMS; i++) {
    const odd = [0, -1, btf.typeCount, below(btf.typeCount)]
    const id = below(6) === 0 ? (odd[below(4)] ?? 0) : (named[below(named.length)] ?? 0)
    const code: Code = [[0x18, 0x31, 0, id], [0, 0, 0, 0], ...(BODIES[below(BODIES.length)] ?? []), ...RETURN_0]
    const found = judge(code, { type: 'raw_tracepoint' }, { hasSymbol: hasKernelSymbol })
    const what = `type ${id}, seed ${testSeed}: ${found.difference}`
    assert.equal(found.ours, found.linux, what)
    assert.equal(found.difference, undefined, what)
    if (found.linux) accepted++
  }
  assert.ok(accepted > 10 && accepted < PROGRAMS, `${accepted} accepted`)
  t.diagnostic(`${accepted} of ${PROGRAMS} accepted, seed ${testSeed}`)
})
