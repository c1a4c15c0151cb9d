import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  abiParts,
  bpf_func_id,
  HELPER_VARIANTS,
  HELPERS,
  type Helper,
  type HelperArg,
  type HelperReturn,
  helperById,
  helperByName,
  helperFor,
  helperName,
  helperParams,
} from '#src/spec/index.js'
import { root } from '../support/paths.js'

interface RecordedProto {
  readonly function: string
  readonly helper: string
  readonly args: readonly string[]
  readonly ret: string
  readonly gplOnly?: true
  readonly pktAccess?: true
  readonly mightSleep?: true
  readonly fastcall?: true
}

const recorded: { readonly kernel: string; readonly protos: readonly RecordedProto[] } = JSON.parse(
  readFileSync(join(root, 'test/recorded/helper-protos.json'), 'utf8'),
)
const rows: readonly Helper[] = HELPERS

// The kernel's spelling of a kind and its marks, in the order of its flag bits.
function argText(arg: HelperArg): string {
  const marks = [
    arg.maybeNull && 'ptr_maybe_null',
    arg.rdonly && 'mem_rdonly',
    arg.release && 'obj_release',
    arg.uninit && 'mem_uninit',
    arg.dynptr === 'local' && 'dynptr_type_local',
    arg.bytes !== undefined && 'mem_fixed_size',
    arg.dynptr === 'ringbuf' && 'dynptr_type_ringbuf',
    arg.aligned && 'mem_aligned',
    arg.write && 'mem_write',
  ]
  return joined(arg.kind, marks, arg.bytes ?? arg.btf)
}

function returnText(ret: HelperReturn): string {
  const marks = [
    ret.maybeNull && 'ptr_maybe_null',
    ret.rdonly && 'mem_rdonly',
    ret.ringbuf && 'mem_ringbuf',
    ret.trusted && 'ptr_trusted',
  ]
  const plain = ret.kind === 'ptr_to_btf_id' ? (ret.btf ?? '') : ret.btf
  return joined(ret.kind, marks, plain)
}

function joined(kind: string, marks: readonly (string | false | undefined)[], detail: string | number | undefined) {
  const text = [kind, ...marks.filter((mark) => mark)].join('|')
  return detail === undefined ? text : `${text}:${detail}`
}

function sorted(text: string): string {
  const [kinds = '', detail = ''] = text.split(':')
  return `${kinds.split('|').sort().join('|')}:${detail}`
}

function same(row: { readonly args: readonly HelperArg[]; readonly ret: HelperReturn }, proto: RecordedProto): boolean {
  const mine = [...row.args.map(argText), returnText(row.ret)].map(sorted)
  return mine.join(', ') === [...proto.args, proto.ret].map(sorted).join(', ')
}

test('helpers are those of linux/bpf.h, in order', () => {
  assert.equal(HELPERS.length, 211)
  for (const row of rows) {
    assert.equal((bpf_func_id as Record<string, number>)[`BPF_FUNC_${row.name}`], row.id)
    assert.equal(helperName(row.id), row.name)
    assert.equal(helperById(row.id), row)
    assert.equal(helperByName(row.name), row)
    assert.match(row.c, new RegExp(`\\bbpf_${row.name}\\(.*\\)$`))
  }
  assert.equal(helperById(0), undefined)
  assert.equal(helperById(212), undefined)
})

test('signatures follow from the C prototypes', () => {
  for (const row of rows) {
    const { args, result } = abiParts(row.abi)
    const params = helperParams(row)
    const types = params.flatMap((param) => (param.type === '...' ? ['u64', 'u64', 'u64'] : [param.type]))
    assert.equal(args.length, types.length, row.name)
    types.forEach((type, index) => {
      const kind = row.args[index]?.kind
      const invented = type.includes('*') && (kind === 'anything' || kind === undefined)
      const wide = invented || /^(u64|s64|size_t|long)$/.test(type)
      const expected = wide ? 'l' : type.includes('*') ? 'p' : 'i'
      assert.equal(args[index], expected, `${row.name} argument ${index + 1}`)
    })
    const c = row.c.slice(0, row.c.indexOf(`bpf_${row.name}(`)).trim()
    const plain = c.endsWith('*') ? 'p' : ({ u64: 'l', s64: 'l', u32: 'u', long: 'i', int: 'i', void: 'v' } as const)[c]
    const exceptions: Record<string, string> = {
      spin_lock: 'v',
      spin_unlock: 'v',
      tail_call: 'v',
      set_hash_invalid: 'i', // the verifier lets programs read r0
      task_pt_regs: 'p',
      btf_find_by_name_kind: 'l', // the file descriptor is in the upper half
    }
    assert.equal(result, exceptions[row.name] ?? plain, row.name)
    if (row.ret.kind === 'void') assert.equal(result, 'v', row.name)
    if (row.ret.kind.startsWith('ptr_')) assert.equal(result, 'p', row.name)
  }
})

test(`argument and result kinds are those of the recorded kernel (Linux ${recorded.kernel})`, () => {
  const wrong: string[] = []
  for (const row of rows) {
    const protos = recorded.protos.filter((proto) => proto.helper === row.name)
    if (protos.length > 0 && !protos.some((proto) => same(row, proto)))
      wrong.push(`${row.name}: ${row.args.map(argText)} -> ${returnText(row.ret)}`)
    for (const mark of ['gplOnly', 'pktAccess', 'mightSleep', 'fastcall'] as const)
      if (protos.length > 0 && !protos.some((proto) => proto[mark] === row[mark])) wrong.push(`${row.name} ${mark}`)
  }
  assert.deepEqual(wrong, [])
})

test('every recorded description is the row or one of its variants', () => {
  const wrong = recorded.protos.filter((proto) => {
    const row = helperByName(proto.helper)
    assert.ok(row)
    const seen = HELPER_VARIANTS.filter((variant) => variant.helper === row.name).flatMap((variant) =>
      variant.progTypes.map((type) => helperFor(row.name, type)),
    )
    const output = row.name === 'perf_event_output' ? [helperByName('skb_output'), helperByName('xdp_output')] : []
    return ![row, ...seen, ...output].some((candidate) => same(candidate, proto))
  })
  assert.deepEqual(wrong, [])
})

test('parameters are read from the prototype', () => {
  assert.deepEqual(helperParams(helperByName('map_lookup_elem')), [
    { name: 'map', type: 'struct bpf_map *' },
    { name: 'key', type: 'const void *' },
  ])
  assert.deepEqual(helperParams(helperByName('ktime_get_ns')), [])
  assert.equal(helperParams(helperByName('trace_printk')).at(-1)?.type, '...')
})
