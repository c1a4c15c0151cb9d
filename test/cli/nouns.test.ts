import assert from 'node:assert/strict'
import { test } from 'node:test'
import { skep, skepJson } from '../support/skep.js'

const OBJECT = 'test/fixtures/net/xdp_count.o'

test('prog load shows what would be loaded, and leaves nothing', () => {
  const { programs, maps } = skepJson('prog', 'load', 'test/fixtures/object/subprogs.o')
  assert.deepEqual(
    programs.map((prog: { name: string; type: string }) => [prog.name, prog.type]),
    [
      ['first', 'xdp'],
      ['second', 'xdp'],
      ['third', 'sched_cls'],
      ['alone', 'sched_cls'],
    ],
  )
  for (const prog of programs) assert.match(prog.tag, /^[0-9a-f]{16}$/)
  assert.deepEqual(
    maps.map((map: Record<string, unknown>) =>
      ['name', 'type', 'bytes_key', 'bytes_value', 'max_entries'].map((key) => map[key]),
    ),
    [['subprogs.bss', 'array', 4, 4, 1]],
  )
  assert.deepEqual(skepJson('prog', 'list'), [])
  assert.match(skep('prog', 'load', 'test/fixtures/object/subprogs.o').stdout, /^PROGRAM +TYPE +TAG.*\nfirst +xdp /)
})

test("show prints bpftool's lines and keys", () => {
  const maps = skep('map', 'list', '--load', OBJECT).stdout
  assert.match(
    maps,
    /^\d+: percpu_array {2}name protocols {2}flags 0x0\n\tkey 4B {2}value 8B {2}max_entries 256 {2}memlock 6456B\n\tbtf_id \d+\n/,
  )
  const [first] = skepJson('map', 'show', '--load', OBJECT)
  assert.deepEqual(first, {
    id: first.id,
    type: 'percpu_array',
    name: 'protocols',
    flags: 0,
    bytes_key: 4,
    bytes_value: 8,
    max_entries: 256,
    bytes_memlock: 6456,
    frozen: 0,
    btf_id: first.btf_id,
  })
  const prog = skepJson('prog', 'show', 'name', 'count_packets', '--load', OBJECT)
  assert.equal(prog.type, 'xdp')
  assert.equal(prog.gpl_compatible, true)
  assert.equal(prog.map_ids.length, 4)
  assert.deepEqual(skepJson('prog', 'show', 'tag', prog.tag, '--load', OBJECT).name, 'count_packets')
  const [btf] = skepJson('btf', 'list', '--load', OBJECT)
  assert.equal(btf.prog_ids.length, 1)
  assert.equal(btf.map_ids.length, 4)
  assert.deepEqual(skepJson('link', 'list', '--load', OBJECT), [])
})

test('dump xlated: heads, source lines, opcodes', () => {
  const text = skep('prog', 'dump', 'xlated', 'name', 'count_packets', 'opcodes', 'linum', '--load', OBJECT).stdout
  const [head, source, insn, bytes] = text.split('\n')
  assert.equal(head, 'int count_packets(struct xdp_md * ctx):')
  assert.match(source ?? '', /^; void \*data = .* \[file:\S*xdp_count\.c line_num:\d+ line_col:\d+\]$/)
  assert.match(insn ?? '', /^ {3}0: \(79\) r2 = \*\(u64 \*\)\(r1 \+0\)$/)
  assert.equal(bytes, '       79 12 00 00 00 00 00 00')
  const json = skepJson('prog', 'dump', 'xlated', 'name', 'count_packets', 'opcodes', '--load', OBJECT)
  assert.deepEqual(json[0].opcodes, {
    code: '0x79',
    src_reg: '0x1',
    dst_reg: '0x2',
    off: ['0x00', '0x00'],
    imm: ['0x00', '0x00', '0x00', '0x00'],
  })
})

test('elements: by bytes, by hex, by JSON, through BTF', () => {
  const at = (...words: string[]) => skepJson('map', 'lookup', 'name', 'kinds', 'key', ...words, '--load', OBJECT)
  const expected = at('2', '0', '0', '0')
  assert.deepEqual(expected.formatted, { key: 2, value: { packets: 0, bytes: 0 } })
  assert.deepEqual(at('hex', '02', '00', '00', '00'), expected)
  assert.deepEqual(at('json', '2'), expected)
  assert.equal(skepJson('map', 'dump', 'name', 'kinds', '--load', OBJECT).length, 12)
  assert.equal(skep('map', 'lookup', 'name', 'kinds', 'key', '99', '0', '0', '0', '--load', OBJECT).status, 1)
})

test('wrong words name themselves and the usage', () => {
  const cases: [string[], RegExp][] = [
    [['map', 'show', 'id'], /what is 'id'\?.*usage: skep map show/s],
    [['map', 'show', 'id', 'x'], /can't parse x as ID/],
    [['map', 'show', 'colour', 'red'], /expected 'id', 'name' or 'pinned', got: 'colour'\?/],
    [['map', 'dump', 'name', 'nothere'], /no map has the name 'nothere'.*--load/s],
    [['map', 'lookup', 'name', 'kinds', 'key', '1', '--load', OBJECT], /key expected 4 bytes got 1/],
    [['map', 'lookup', 'name', 'kinds', 'key', '1', '0', '0', '256', '--load', OBJECT], /error parsing byte: 256/],
    [['map', 'lookup', 'name', 'kinds', 'key', 'hex', 'zz', '--load', OBJECT], /error parsing byte: zz/],
    [['map', 'update', 'name', 'kinds', 'key', 'json', '{', 'value', '1', '--load', OBJECT], /'\{' is not JSON/],
    [['map', 'create', '/sys/fs/bpf/x', 'type', 'wish'], /'create' needs at least 7 arguments, 3 found/],
    [['map', 'create', '/sys/fs/bpf/x', 'type', 'wish', 'key', '4', 'value', '4'], /unrecognized map type: wish/],
    [['prog', 'dump', 'machine', 'id', '1'], /expected 'xlated' or 'jited', got: machine/],
    [['prog', 'run', 'name', 'count_packets', '--load', OBJECT], /'run' needs at least 4 arguments, 2 found/],
    [['feature', 'probe', 'everything'], /got: 'everything'/],
  ]
  for (const [words, expected] of cases) {
    const { status, stderr } = skep(...words)
    assert.equal(status, 2, `${words.join(' ')}: ${stderr}`)
    assert.match(stderr, expected)
  }
  const gone = skep('map', 'show', 'id', '999999')
  assert.equal(gone.status, 1)
  assert.match(gone.stderr, /ENOENT/)
})

test('prog run: data in and out through files', () => {
  const { retval, data_out: dataOut } = skepJson(
    ...[
      'prog',
      'run',
      'name',
      'count_packets',
      'data_in',
      'README.md',
      'data_out',
      '-',
      'repeat',
      '2',
      '--load',
      OBJECT,
    ],
  )
  assert.equal(retval, 2)
  assert.ok(dataOut.length > 100)
})
