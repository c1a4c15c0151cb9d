import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ruleById, ruleOfMessage, tellingLine, VERIFIER_RULES, type VerifierRule } from '#src/spec/index.js'
import { root } from '../support/paths.js'
import { rulesPage } from '../support/rules-page.js'
import { readCases } from '../verifier/cases/compare.js'

const rules: VerifierRule[] = Object.values(VERIFIER_RULES).flat()

test('ids are unique and read well, texts are sentences', () => {
  assert.equal(new Set(rules.map(({ id }) => id)).size, rules.length)
  for (const { id, title, hint, messages } of rules) {
    assert.match(id, /^[a-z]+(-[a-z]+)*$/)
    assert.match(title, /\.$/, id)
    assert.match(hint, /[.)]$/, id)
    assert.ok(messages.length > 0, id)
    assert.equal(ruleById(id)?.id, id)
  }
})

test('each message of the catalogue is recognised as a rule, most as their own', () => {
  let own = 0
  let all = 0
  for (const rule of rules) {
    for (const message of rule.messages) {
      const found = ruleOfMessage(message.replaceAll('%d', '4').replaceAll('%R', 'R3').replaceAll('%s', 'x'))
      assert.ok(found !== undefined, message)
      all++
      if (found.rule.id === rule.id) own++
    }
  }
  assert.ok(own > all * 0.97, `${own} of ${all}`)
})

const source = join(root, 'src/verifier')
const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))

/** The texts of env.refuse(…) and its like, values replaced by a number. */
function refusals(text: string): string[] {
  const out: string[] = []
  for (const [, call = '', template, single, double] of text.matchAll(
    /\b(refuse|refuseSilently|new Refusal)\(\s*(?:`((?:[^`\\]|\\.)*)`|'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")/g,
  )) {
    const raw = template ?? single ?? double ?? ''
    // Of a text of several lines the last is the telling one.
    const message = withoutHoles(raw).replaceAll('\\n', '\n').trimEnd().split('\n').at(-1) ?? ''
    if (call !== '') out.push(message)
  }
  return out
}

/** `${…}` with braces inside, too. */
function withoutHoles(text: string): string {
  let out = ''
  for (let at = 0; at < text.length; at++) {
    if (!text.startsWith('${', at)) {
      out += text[at]
      continue
    }
    let depth = 0
    do {
      if (text[at] === '{') depth++
      if (text[at] === '}') depth--
      at++
    } while (depth > 0 || text[at - 1] === '$')
    at--
    out += '7'
  }
  return out
}

test('every refusal of the verifier has a rule', () => {
  const missing: string[] = []
  let found = 0
  for (const file of files) {
    for (const message of refusals(readFileSync(join(source, file), 'utf8'))) {
      found++
      // A word before a text that is put together elsewhere says too little; the cases have such messages whole.
      const open = message.endsWith('7') && message.replaceAll('7', '').trim().length < 18
      if (!open && message.replaceAll('7', '').trim() !== '' && ruleOfMessage(message) === undefined) {
        missing.push(`${file}: ${message}`)
      }
    }
  }
  assert.ok(found > 120, `${found} refusals found in the source`)
  assert.deepEqual(missing, [])
})

test('every refusal of the cases has a rule, as Linux says it', () => {
  const missing: string[] = []
  for (const [name, { recorded }] of readCases()) {
    if (recorded === undefined || recorded.verdict === 'accept' || /^func#\d+ @/.test(recorded.message)) continue
    const line = tellingLine(recorded.log ?? recorded.message)
    if (ruleOfMessage(line) === undefined) missing.push(`${name}: ${recorded.message}`)
  }
  assert.deepEqual(missing, [])
})

test('messages of older kernels, and of kernels seen in the wild', () => {
  const cases: [string, string, number | undefined][] = [
    ["R1 invalid mem access 'inv'", 'not-a-pointer', 1],
    ["R0 invalid mem access 'map_value_or_null'", 'null-dereference', 0],
    ["R2 invalid mem access 'trusted_ptr_or_null_'", 'null-dereference', 2],
    ['R3 min value is outside of the array range', 'out-of-bounds', 3],
    ['invalid access to packet, off=14 size=4, R2(id=0,off=14,r=14)', 'packet-out-of-bounds', 2],
    ['R4 !read_ok', 'uninitialized-register', 4],
    ['back-edge from insn 12 to 3', 'infinite-loop', undefined],
    ['R8 type=sock_or_null expected=sock_common, sock, tcp_sock, xdp_sock', 'null-argument', 8],
    ['R1 type=scalar expected=fp, pkt, pkt_meta', 'argument-type', 1],
    ['Unreleased reference id=2 alloc_insn=9', 'reference-leak', undefined],
    ['unknown func bpf_sock_map_update#53', 'helper-not-for-program', undefined],
    ['BPF program is too large. Processed 1000001 insn', 'too-complex', undefined],
    ['The sequence of 8193 jumps is too complex.', 'too-complex', undefined],
    ['bpf_spin_lock at off=16 must be held for bpf_list_head', 'list-without-lock', undefined],
    ['misaligned stack access off (0x0; 0x0)+-4+0 size 8', 'misaligned-access', undefined],
    ['combined stack size of 3 calls is 640. Too large', 'stack-too-deep', undefined],
    [
      'At program exit the register R0 has value (0x7; 0x0) should have been in (0x0; 0x1)',
      'return-value-out-of-range',
      undefined,
    ],
    ['math between pkt pointer and register with unbounded min value is not allowed', 'unbounded-value', undefined],
  ]
  for (const [message, id, register] of cases) {
    const found = ruleOfMessage(message)
    assert.equal(found?.rule.id, id, message)
    assert.equal(found?.register, register, message)
  }
  for (const line of [
    '',
    '; int x = 5; @ a.c:3',
    '0: (b7) r0 = 0',
    'processed 4 insns (limit 1000000)',
    'R1=ctx() R10=fp0',
  ]) {
    assert.equal(ruleOfMessage(line), undefined, line)
  }
})

test('the page of rules says what the catalogue says (node scripts/gen/verifier-rules.mjs)', () => {
  assert.equal(readFileSync(join(root, 'docs/reference/verifier-rules.md'), 'utf8'), rulesPage())
})
