import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { explainLog, parseLog, verify } from '#src/verifier/index.js'
import { CaseProgram } from './cases/case-program.js'
import { readCases, vmlinuxBtf } from './cases/compare.js'

const cases = readCases()
const vmlinux = vmlinuxBtf()

/** Our explanation of a case's refusal, and that of Linux's recorded log (level 2). */
function explain(name: string) {
  const of = cases.get(name)
  assert.ok(of?.recorded !== undefined, name)
  const program = new CaseProgram(of, vmlinux).question()
  const result = verify(program, { logLevel: 1 })
  assert.equal(result.ok, false, name)
  const options = { insns: program.insns, visits: result.visits }
  return { ours: explainLog(result.log, options), linux: explainLog(of.recorded.log ?? '', options) }
}

/** Kinds of steps with their instructions, and what is missing. */
const outline = ({ steps, missing }: ReturnType<typeof explainLog>): string =>
  [
    ...steps.map(({ kind, pc, location }) => `${kind}${location === '' ? '' : ` ${location}`}@${pc}`),
    missing ?? '',
  ].join('; ')

const expected: Readonly<Record<string, readonly [rule: string, outline: string]>> = {
  'mapvalue/no-null-check': ['null-dereference', 'born r0@5; fault r0@6; no comparison of r0 with NULL on this path'],
  'mapvalue/null-check-of-other-lookup': [
    'null-dereference',
    'born r0@5; copied r7@6; fault r7@13; no comparison of r7 with NULL on this path',
  ],
  'ranges/index-off-by-one': [
    'out-of-bounds',
    'born r6@0; born r0@6; compared r0@7; narrowed r6@8; computed r0@9; fault r0@10; ',
  ],
  'packet/pointers-gone-after-adjust-head': ['not-a-pointer', 'born r7@1; lost r7@7; fault r7@8; '],
  'registers/r0-on-one-branch-only': [
    'uninitialized-register',
    'branch r0@1; fault r0@3; nothing is written to r0 on this path',
  ],
  'registers/arguments-gone-after-call': ['uninitialized-register', 'lost r1@1; fault r1@2; '],
  'references/released-on-one-path': [
    'reference-leak',
    'acquired r0@8; branch@9; branch@10; fault@14; nothing on this path releases it',
  ],
  'references/used-after-release': [
    'not-a-pointer',
    'born r0@7; narrowed r0@8; copied r6@9; lost r6@11; fault r6@12; ',
  ],
  'spills/pointer-partly-overwritten': [
    'not-a-pointer',
    'born r1@0; spilled fp-8@0; lost fp-8@1; filled r2@2; fault r2@3; ',
  ],
  'locks/not-given-back': ['lock-unbalanced', 'acquired@8; fault@10; nothing on this path closes the section'],
  'subprograms/argument-not-set': [
    'uninitialized-register',
    'passed r2@0; fault frame1 r2@2; nothing is written to r2 on this path',
  ],
  'sizes/unbounded': ['negative-value', ''],
}

for (const [name, [rule, steps]] of Object.entries(expected)) {
  test(`the causal slice of ${name}, from our log and from Linux's`, () => {
    const { ours, linux } = explain(name)
    assert.equal(ours.ruleId, rule)
    assert.equal(linux.ruleId, rule)
    if (steps !== '') {
      assert.equal(outline(ours), steps)
      assert.equal(outline(linux), steps)
    }
    assert.equal(ours.steps.at(-1)?.kind, 'fault')
    for (const step of ours.steps) assert.ok(step.text.length > 3, name)
  })
}

test('every refusal of the cases is explained: a rule, a hint, and the instruction where the path reached one', () => {
  let slices = 0
  let refusals = 0
  for (const [name, of] of cases) {
    if (of.recorded === undefined || of.recorded.verdict === 'accept' || of.recorded.log === undefined) continue
    const explanation = explainLog(of.recorded.log)
    if (/^func#\d+ @/.test(of.recorded.message)) continue
    refusals++
    assert.ok(explanation.ruleId !== undefined && explanation.hint !== undefined, name)
    if (explanation.steps.length > 1) slices++
  }
  assert.ok(refusals > 250 && slices > 180, `${slices} slices of ${refusals} refusals`)
})

test('too complex: the hottest instructions, by the number processed', () => {
  const of = cases.get('loops/unbounded')
  assert.ok(of !== undefined)
  const program = new CaseProgram(of, vmlinux).question()
  const result = verify(program, { logLevel: 0, maxInsns: 30_000 })
  const { ruleId, hottest, steps } = explainLog('BPF program is too large. Processed 30001 insn\n', {
    insns: program.insns,
    visits: result.visits,
  })
  assert.equal(ruleId, 'too-complex')
  assert.deepEqual(steps, [])
  assert.ok((hottest[0]?.share ?? 0) > 0.3)
  const total = result.visits.reduce((sum, count) => sum + count, 0)
  assert.ok(Math.abs(total - result.stats.insnsProcessed) <= 1)
})

// Logs as other releases print them, written down from their formats: 4.20-5.10 without states behind instructions and with `inv`,
// 5.18-6.13 with liveness marks, level 1 with a branch that goes on in the line of its jump.
const OLD = `0: (bf) r6 = r1
1: (61) r2 = *(u32 *)(r6 +76)
2: (b7) r0 = 0
3: (79) r0 = *(u64 *)(r2 +0)
R2 invalid mem access 'inv'
processed 4 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`
const MARKED = `func#0 @0
0: R1=ctx(off=0,imm=0) R10=fp0
; u32 key = 0; @ prog.c:12
0: (b7) r1 = 0                        ; R1_w=0
1: (63) *(u32 *)(r10 -4) = r1         ; R1_w=0 R10=fp0 fp-8=0000????
2: (bf) r2 = r10                      ; R2_w=fp0 R10=fp0
3: (07) r2 += -4                      ; R2_w=fp-4
; value = bpf_map_lookup_elem(&counts, &key); @ prog.c:13
4: (18) r1 = 0xffff888100800000       ; R1_w=map_ptr(map=counts,ks=4,vs=8)
6: (85) call bpf_map_lookup_elem#1    ; R0_w=map_value_or_null(id=1,map=counts,ks=4,vs=8)
; *value += 1; @ prog.c:14
7: (79) r1 = *(u64 *)(r0 +0)
R0 invalid mem access 'map_value_or_null'
processed 7 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`
const STATES_APART = `0: (85) call bpf_get_prandom_u32#7
1: R0_w=inv(id=0) R10=fp0
1: (25) if r0 > 0xf goto pc+2
 R0_w=inv(id=0,umax_value=15,var_off=(0x0; 0xf)) R10=fp0
2: R0_w=inv(id=0,umax_value=15,var_off=(0x0; 0xf)) R10=fp0
2: (b7) r1 = 0
3: (95) exit

from 1 to 4: R0=inv(id=0,umin_value=16) R10=fp0
4: (79) r0 = *(u64 *)(r0 +0)
R0 invalid mem access 'inv'
`

test('logs of other releases are read', () => {
  assert.deepEqual(
    parseLog(OLD).path.map(({ pc }) => pc),
    [0, 1, 2, 3],
  )
  assert.equal(explainLog(OLD).ruleId, 'not-a-pointer')
  const marked = explainLog(MARKED)
  assert.equal(outline(marked), 'born r0@6; fault r0@7; no comparison of r0 with NULL on this path')
  assert.deepEqual(marked.source, { file: 'prog.c', line: 14, text: '*value += 1;', column: 0 })
  assert.equal(marked.steps[0]?.value, 'map_value_or_null(id=1,map=counts,ks=4,vs=8)')
  const apart = parseLog(STATES_APART)
  assert.deepEqual(
    apart.path.map(({ pc }) => pc),
    [0, 1, 4],
  )
  assert.equal(outline(explainLog(STATES_APART)), 'born r0@0; narrowed r0@1; fault r0@4; ')
})

test('a log inside a loader report, with time stamps or CRLF, is found', () => {
  const report = `libbpf: prog 'x': BPF program load failed: Permission denied\nlibbpf: prog 'x': -- BEGIN PROG LOAD LOG --\n${MARKED}-- END PROG LOAD LOG --\nlibbpf: prog 'x': failed to load: -13\nlibbpf: failed to load object 'x.o'\n`
  assert.equal(explainLog(report).ruleId, 'null-dereference')
  assert.equal(explainLog(MARKED.replaceAll('\n', '\r\n')).ruleId, 'null-dereference')
  assert.equal(explainLog(MARKED.replace(/^/gm, '[  12.345678] ')).steps.length, 2)
  assert.equal(explainLog('').message, '')
})

test('no text makes the reader fail or hang', () => {
  const logs = [...cases.values()].flatMap(({ recorded }) => (recorded?.log === undefined ? [] : [recorded.log]))
  const piece = fc.oneof(
    fc.constantFrom(...logs),
    fc.string({ maxLength: 80 }),
    fc.constantFrom(
      'from 1 to 2: R0=',
      '0: (b7) r0 = 0 ; R0=',
      ' frame7: R1=',
      '9: (85) call pc+3',
      'R11=P',
      '1: (95) exit',
    ),
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(piece, fc.nat(400), fc.nat(400)), { maxLength: 12 }), (parts) => {
      const text = parts.map(([log, from, length]) => log.slice(from, from + length)).join('\n')
      explainLog(text)
    }),
    { numRuns: 300 },
  )
})
