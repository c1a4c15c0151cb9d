import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  ATTACH_TYPES,
  type AttachTypeName,
  allowedHelpers,
  attachTypeByName,
  type ContextField,
  contextFields,
  HELPER_MATRIX,
  HELPERS,
  helperFor,
  PROG_TYPE_NAMES,
  type ProgTypeName,
  progTypeById,
  progTypeByName,
  progTypeId,
  returnRange,
  structs,
  verdictName,
} from '#src/spec/index.js'
import { closeFd, insns, noBpf, progLoad } from '../support/linux-bpf.js'
import { root } from '../support/paths.js'

interface Recorded {
  readonly returns: string
  readonly packet: string
  readonly sleepable: boolean
  readonly loadsWith: string
  readonly testRun: { readonly data: number; readonly context: number; readonly nothing: number }
  readonly read: Readonly<Record<string, string>>
  readonly write: Readonly<Record<string, string>>
  readonly kinds: Readonly<Record<string, string>>
}

const recorded: { readonly kernel: string; readonly types: Readonly<Record<string, Recorded>> } = JSON.parse(
  readFileSync(join(root, 'test/recorded/prog-types.json'), 'utf8'),
)

const LAST_OFFSET = 264
const SIZES = [1, 2, 4, 8] as const

// `xdp/xdp_devmap`, or `sock_ops` for a type whose attach types are all alike.
function parts(key: string): [ProgTypeName, AttachTypeName | undefined] {
  const [progType = '', attach] = key.split('/')
  const only = ATTACH_TYPES.filter((row) => (row.progTypes as readonly string[]).includes(progType))
  const name = attach ?? (only.length === 1 ? only[0]?.name : undefined)
  assert.ok(progTypeByName(progType), key)
  return [progType as ProgTypeName, name as AttachTypeName | undefined]
}

function offsets(text = '', step = 1): number[] {
  return text
    .split(' ')
    .filter((range) => range !== '')
    .flatMap((range) => {
      const [from = 0, to = from] = range.split('-').map(Number)
      return Array.from({ length: (to - from) / step + 1 }, (_, index) => from + index * step)
    })
}

// Offsets of an access the table allows.
function tableOffsets(progType: ProgTypeName, attach: AttachTypeName | undefined, size: 1 | 2 | 4 | 8, write: boolean) {
  const { struct, bytes, tpBuffer } = progTypeByName(progType).context
  const found = new Set<number>()
  if (bytes?.read.includes(size) && (!write || bytes.write))
    for (let at = bytes.from ?? 0; at + size <= bytes.size && at <= LAST_OFFSET; at += size)
      if (!(tpBuffer && at === 0 && size < 8)) found.add(at)
  const layouts: Record<string, { offset: number; size: number }> = struct ? structs[struct].fields : {}
  for (const field of contextFields(progType, attach)) {
    const layout = layouts[field.name]
    assert.ok(layout, `${progType} ${field.name}`)
    const all: ContextField['read'] = (write ? field.write : field.read) ?? []
    const first: ContextField['read'] = (write ? field.writeStart : field.readStart) ?? []
    const end = layout.offset + (field.bytes ?? layout.size)
    if (all.includes(size))
      for (let at = Math.ceil(layout.offset / size) * size; at + size <= end; at += size) found.add(at)
    if (first.includes(size)) found.add(layout.offset)
  }
  return [...found].sort((a, b) => a - b)
}

test('program types stand under their names and numbers', () => {
  for (const name of PROG_TYPE_NAMES) {
    const row = progTypeByName(name)
    assert.equal(row.name, name)
    assert.equal(row.id, progTypeId(name))
    assert.equal(progTypeById(row.id), row)
  }
  assert.equal(progTypeById(0), undefined)
  assert.equal(progTypeByName('toString'), undefined)
})

test(`helpers of each type are those of the recorded kernel (Linux ${recorded.kernel})`, () => {
  for (const [key, names] of Object.entries(HELPER_MATRIX)) {
    const [progType, attach] = parts(key)
    assert.deepEqual([...allowedHelpers(progType, attach)].sort(), names.split(' ').sort(), key)
  }
})

test(`context rights are those of the recorded kernel (Linux ${recorded.kernel})`, () => {
  for (const [key, answer] of Object.entries(recorded.types)) {
    const [progType, attach] = parts(key)
    if (progTypeByName(progType).context.typedArgs) continue
    for (const size of SIZES) {
      const read = offsets(answer.read[size], size)
      const write = offsets(answer.write[size], size)
      assert.deepEqual(tableOffsets(progType, attach, size, false), read, `${key}: loads of ${size}`)
      assert.deepEqual(tableOffsets(progType, attach, size, true), write, `${key}: stores of ${size}`)
    }
    const { struct, tpBuffer } = progTypeByName(progType).context
    const layouts: Record<string, { offset: number; size: number }> = struct ? structs[struct].fields : {}
    const kinds = contextFields(progType, attach)
      .filter((field) => field.kind !== undefined)
      .map((field) => [`${layouts[field.name]?.offset}:${layouts[field.name]?.size}`, field.kind])
    if (tpBuffer) kinds.push(['0:8', 'tp_buffer'])
    assert.deepEqual(Object.fromEntries(kinds), answer.kinds, key)
  }
})

test(`returns, packet rights, attach types and test runs are those of the recorded kernel (Linux ${recorded.kernel})`, () => {
  for (const [key, answer] of Object.entries(recorded.types)) {
    const [progType, attach] = parts(key)
    const row = progTypeByName(progType)
    const range = returnRange(progType, attach)
    assert.equal(range === 'any' ? 'any' : `${range[0]}..${range[1]}`, answer.returns, key)
    assert.equal(row.packet, answer.packet, key)
    const sleepable = row.sleepableOn?.includes(attach as AttachTypeName) ?? true
    assert.equal(row.sleepable !== 'never' && sleepable, answer.sleepable, key)
    const types = offsets(answer.loadsWith)
    if (row.expectedAttach === 'ignored') assert.equal(types.length, 61, key)
    if (row.expectedAttach === 'zero') assert.deepEqual(types, [0], key)
    if (row.expectedAttach === 'checked' && !row.context.typedArgs) {
      const mine = ATTACH_TYPES.filter((type) => (type.progTypes as readonly string[]).includes(progType))
      const ids: number[] = mine.map((type) => type.id)
      if (row.expectedAttachDefault !== undefined) {
        assert.ok(attachTypeByName(row.expectedAttachDefault))
        ids.push(0)
      }
      assert.deepEqual(
        types,
        ids.sort((a, b) => a - b),
        key,
      )
    }
    if (attach === 'xdp_devmap' || attach === 'xdp_cpumap') continue
    const run = answer.testRun.data === 0 ? 'packet' : answer.testRun.context === 0 ? 'context' : undefined
    if (run !== undefined) assert.equal(row.testRun, run, key)
    if (answer.testRun.data === -524) assert.equal(row.testRun, 'none', key)
  }
})

test('first arguments of helpers are what the running kernel expects', { skip: noBpf }, () => {
  const wrong: string[] = []
  for (const key of Object.keys(HELPER_MATRIX)) {
    const [progType, attach] = parts(key)
    const row = progTypeByName(progType)
    if (row.context.typedArgs) continue
    const more = {
      expected_attach_type: attachTypeByName(attach ?? '')?.id ?? 0,
      prog_flags: progType === 'syscall' ? 16 : 0,
    }
    for (const name of allowedHelpers(progType, attach)) {
      if (helperFor(name, progType).mightSleep && row.sleepable !== 'always') continue
      const first = helperFor(name, progType).args[0]?.kind ?? 'none'
      const id = HELPERS.find((helper) => helper.name === name)?.id ?? 0
      const given = progLoad(row.id, insns([0x85, 0, 0, id], [0xb7, 0, 0, 1], [0x95, 0, 0, 0]), more)
      // After another call r1 is unreadable: only a helper without arguments does not mind.
      const without = progLoad(row.id, insns([0x85, 0, 0, 5], [0x85, 0, 0, id], [0xb7, 0, 0, 1], [0x95, 0, 0, 0]), more)
      closeFd(given.fd)
      closeFd(without.fd)
      const complains = /R1 type=ctx expected=(.*)/.exec(given.log)?.[1]
      const needsOne = /R1 !read_ok/.test(without.log)
      if (needsOne !== (first !== 'none'))
        wrong.push(`${key} ${name}: ${first}, but R1 is ${needsOne ? '' : 'not '}read`)
      if (first === 'ptr_to_ctx' && complains) wrong.push(`${key} ${name}: ${first}, but expected ${complains}`)
      if (/sock/.test(first) !== /sock/.test(complains ?? ''))
        wrong.push(`${key} ${name}: ${first}, expected ${complains}`)
    }
  }
  assert.deepEqual(wrong, [])
})

test('verdicts by name', () => {
  assert.equal(verdictName('xdp', 1), 'XDP_DROP')
  assert.equal(verdictName('xdp', 17), '17')
  assert.equal(verdictName('sched_cls', 2), 'TC_ACT_SHOT')
  assert.equal(verdictName('sched_cls', 0xffffffff), 'TC_ACT_UNSPEC')
  assert.equal(verdictName('sched_act', 0x20000001), 'TC_ACT_GOTO_CHAIN')
  assert.equal(verdictName('socket_filter', 0), 'drop')
  assert.equal(verdictName('socket_filter', 0x40000), 'keep')
  assert.equal(verdictName('lwt_xmit', 7), 'BPF_REDIRECT')
  assert.equal(verdictName('sk_msg', 1), 'SK_PASS')
  assert.equal(verdictName('kprobe', -3), '-3')
})
