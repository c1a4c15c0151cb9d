import assert from 'node:assert/strict'
import { test } from 'node:test'
import { matchSection, SECTION_FORMS, tailSection } from '#src/spec/sections.js'

test('there are 116 forms, each reached by its own name', () => {
  assert.equal(SECTION_FORMS.length, 116)
  for (const form of SECTION_FORMS) {
    const name = form.pattern.replace(/\+$/, '')
    assert.equal(matchSection(name)?.form, form, form.pattern)
    if (form.pattern.endsWith('+')) {
      const match = matchSection(`${name}/some/thing`)
      assert.equal(match?.form, form)
      assert.equal(match?.target, 'some/thing')
      assert.notEqual(form.target, undefined)
    } else {
      assert.notEqual(matchSection(`${name}x`)?.form, form)
    }
  }
})

test('types, attach types and flags', () => {
  const row = (name: string) => {
    const match = matchSection(name)
    return match && [match.type, match.attachType, match.sleepable, match.frags, match.target, match.autoload]
  }
  assert.deepEqual(row('xdp'), ['xdp', 'xdp', false, false, undefined, true])
  assert.deepEqual(row('xdp.frags/devmap'), ['xdp', 'xdp_devmap', false, true, undefined, true])
  assert.deepEqual(row('?tc'), ['sched_cls', undefined, false, false, undefined, false])
  assert.deepEqual(row('tcx/egress'), ['sched_cls', 'tcx_egress', false, false, undefined, true])
  assert.deepEqual(row('lsm.s/bprm_check'), ['lsm', 'lsm_mac', true, false, 'bprm_check', true])
  assert.deepEqual(row('uprobe.multi.s//bin/sh:read*'), [
    'kprobe',
    'trace_uprobe_multi',
    true,
    false,
    '/bin/sh:read*',
    true,
  ])
  assert.deepEqual(row('usdt/libc.so.6:libc:setjmp'), [
    'kprobe',
    undefined,
    false,
    false,
    'libc.so.6:libc:setjmp',
    true,
  ])
  assert.equal(matchSection('fentry/x')?.form?.btfPrefix, '')
  assert.equal(matchSection('iter/task')?.form?.btfPrefix, 'bpf_iter_')
  assert.equal(matchSection('tp_btf/sched_switch')?.form?.btfPrefix, 'btf_trace_')
})

test('names of other times and tools are guessed, and said to be', () => {
  for (const [name, type] of [
    ['prog', 'xdp'],
    ['xdp_prog', 'xdp'],
    ['xdp1', 'xdp'],
    ['socket/0', 'socket_filter'],
    ['socket1', 'socket_filter'],
    ['filter', 'socket_filter'],
    ['tc/entry', 'sched_cls'],
    ['cls', 'sched_cls'],
    ['act', 'sched_act'],
    ['ingress', 'sched_cls'],
    ['egress', 'sched_cls'],
    ['classifier/x', 'sched_cls'],
    ['from-netdev', 'sched_cls'],
    ['to-container', 'sched_cls'],
    ['2/0', 'sched_cls'],
    ['0x1f/3', 'sched_cls'],
    ['kprobe_foo', 'kprobe'],
    ['lwt_seg6local_x', 'lwt_seg6local'],
    ['cgroup/skb1', 'cgroup_skb'],
  ] as const) {
    const match = matchSection(name)
    assert.equal(match?.type, type, name)
    assert.equal(match?.guessed, true)
    assert.ok(match?.reason)
  }
  for (const name of ['', '.text', 'test', 'other', 'license', 'maps'])
    assert.equal(matchSection(name), undefined, name)
})

test('tail sections', () => {
  assert.deepEqual(tailSection('2/17'), { id: 2, key: 17 })
  assert.deepEqual(tailSection('0xCAFE/0x1'), { id: 0xcafe, key: 1 })
  assert.equal(tailSection('4294967296/0'), undefined)
  assert.equal(tailSection('a/b'), undefined)
})
