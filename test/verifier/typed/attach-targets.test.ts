import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { BtfBuilder, parseBtf } from '#src/btf/index.js'
import type { AttachTypeName } from '#src/spec/index.js'
import { type AttachProgram, type VerifyProgram, verify } from '#src/verifier/index.js'
import { insns, noBpf } from '../../support/linux-bpf.js'
import { type Bound, judge, RETURN_0, vmlinux } from './both.js'

const noBtf = existsSync('/sys/kernel/btf/vmlinux') ? false : "needs the kernel's BTF"
const skip = noBpf !== false ? noBpf : noBtf
const TRACE_RAW_TP = 23
const TRACE_ITER = 28

test('what a program cannot be bound to is refused as on Linux', { skip }, () => {
  const btf = vmlinux()
  const id = (name: string, kind: 'func' | 'typedef' | 'struct' | 'int') => btf.findByName(name, kind) ?? 0
  const congestion = id('tcp_congestion_ops', 'struct')
  const members = btf.type(congestion)
  assert.ok(members.kind === 'struct')
  const member = (name: string) => members.members.findIndex((each) => each.name === name)
  const tracing = (attach: number, btfId: number): Bound => ({ type: 'tracing', attach, btfId })
  const bad: readonly (readonly [Bound, RegExp])[] = [
    [tracing(TRACE_RAW_TP, id('task_struct', 'struct')), /is not a typedef/],
    [tracing(TRACE_RAW_TP, id('u32', 'typedef')), /points to wrong type name u32/],
    [tracing(TRACE_ITER, id('task_struct', 'struct')), /is not a function/],
    [tracing(TRACE_ITER, id('tcp_v4_connect', 'func')), /^processed|\nprocessed/],
    [tracing(TRACE_ITER, id('bpf_iter_init_array_map', 'func')), /processed/],
    [{ ...tracing(TRACE_RAW_TP, id('btf_trace_sched_switch', 'typedef')), sleepable: true }, /can be sleepable/],
    [{ type: 'xdp', sleepable: true }, /can be sleepable/],
    [{ type: 'syscall' }, /Syscall programs can only be sleepable/],
    [{ type: 'struct_ops', attach: 0, btfId: id('task_struct', 'struct') }, /is not a supported struct/],
    [{ type: 'struct_ops', attach: 999, btfId: congestion }, /invalid member idx 999/],
    [{ type: 'struct_ops', attach: member('flags'), btfId: congestion }, /attach to invalid member flags/],
    [{ type: 'struct_ops', attach: member('get_info'), btfId: congestion }, /attach to unsupported member get_info/],
    [
      { type: 'struct_ops', attach: 0, btfId: id('bpf_dummy_ops', 'struct'), sleepable: true },
      /attach to unsupported member test_1/,
    ],
  ]
  for (const [bound, text] of bad) {
    const found = judge(RETURN_0, bound)
    if (found.silent) continue
    assert.equal(found.difference, undefined)
    assert.equal(found.ours, false)
    assert.equal(found.linux, false)
    assert.match(found.log, text)
  }
})

const RETURN = (value: number) => insns([0xb7, 0, 0, value], [0x95, 0, 0, 0])

function ours(attachType: AttachTypeName, func: string, more: Partial<VerifyProgram> = {}, value = 0) {
  const btf = vmlinux()
  return verify({
    insns: RETURN(value),
    type: attachType.startsWith('lsm') ? 'lsm' : 'tracing',
    attachType,
    attachBtfId: btf.findByName(func, 'func') ?? 0,
    license: 'GPL',
    map: () => undefined,
    kernelBtf: btf,
    ...more,
  })
}

// This kernel refuses these programs before its verifier looks; the texts are those of its source.
test('functions, hooks and their return values', { skip: noBtf }, () => {
  const accepts = (result: ReturnType<typeof ours>) => assert.equal(result.diagnostics[0]?.message, undefined)
  const refuses = (result: ReturnType<typeof ours>, text: RegExp) => {
    assert.equal(result.ok, false)
    assert.equal(result.diagnostics[0]?.unsupported, false)
    assert.match(result.diagnostics[0]?.message ?? '', text)
  }
  accepts(ours('trace_fentry', 'tcp_v4_connect'))
  accepts(ours('trace_fexit', 'tcp_v4_connect'))
  refuses(ours('trace_fentry', 'tcp_v4_connect', {}, 1), /should have been in \[0, 0\]/)
  refuses(ours('trace_fentry', 'no such function'), /Tracing programs must provide btf_id/)
  refuses(ours('modify_return', 'tcp_v4_connect'), /tcp_v4_connect\(\) is not modifiable/)
  accepts(ours('modify_return', 'bpf_modify_return_test'))
  refuses(ours('trace_fentry', 'tcp_v4_connect', { sleepable: true }), /is not sleepable/)
  accepts(ours('lsm_mac', 'bpf_lsm_file_open'))
  accepts(ours('lsm_mac', 'bpf_lsm_file_open', {}, -1))
  refuses(ours('lsm_mac', 'bpf_lsm_file_open', {}, 1), /should have been in \[-4095, 0\]/)
  accepts(ours('lsm_mac', 'bpf_lsm_file_open', { sleepable: true }))
  refuses(ours('lsm_mac', 'bpf_lsm_file_permission', { sleepable: true }), /is not sleepable/)
  refuses(ours('lsm_mac', 'bpf_lsm_getprocattr'), /points to disabled hook/)
  refuses(ours('lsm_mac', 'tcp_v4_connect'), /points to wrong type name tcp_v4_connect/)
  refuses(ours('lsm_mac', 'bpf_lsm_file_open', { license: 'Proprietary' }), /GPL compatible license/)
  accepts(ours('lsm_mac', 'bpf_lsm_audit_rule_known', {}, 1))
  refuses(ours('lsm_mac', 'bpf_lsm_audit_rule_known', {}, 2), /should have been in \[0, 1\]/)
  accepts(ours('lsm_cgroup', 'bpf_lsm_socket_bind', {}, 1))
  refuses(ours('lsm_cgroup', 'bpf_lsm_sk_clone_security', {}, 0), /should have been in \[1, 1\]/)
})

/** A program `main(struct xdp_md *)` that has `name(struct CONTEXT *, int)` of the given linkage. */
function programBtf(name: string, context: string, linkage: 'global' | 'static', params = 2) {
  const build = new BtfBuilder()
  const int = build.add({
    kind: 'int',
    name: 'int',
    size: 4,
    bits: 32,
    bitOffset: 0,
    signed: true,
    char: false,
    bool: false,
  })
  const struct = build.add({ kind: 'struct', name: context, size: 0, kindFlag: false, members: [] })
  const pointer = build.add({ kind: 'ptr', name: '', type: struct })
  const args = [
    { name: 'ctx', type: pointer },
    { name: 'n', type: int },
  ].slice(0, params)
  const proto = build.add({ kind: 'func_proto', name: '', type: int, params: args })
  const func = build.add({ kind: 'func', name, type: proto, linkage })
  return { btf: parseBtf(build.build()), func }
}

test('a function that replaces another one has its prototype', { skip: noBtf }, () => {
  const target = programBtf('handle', 'xdp_md', 'global')
  const attachProg: AttachProgram = {
    type: 'xdp',
    attachType: 'xdp',
    btf: target.btf,
    funcInfo: [{ insnOff: 0, typeId: target.func }],
  }
  const replace = (own: ReturnType<typeof programBtf>, to: AttachProgram = attachProg) =>
    verify({
      insns: insns([0xb7, 0, 0, 7], [0x95, 0, 0, 0]),
      type: 'ext',
      license: 'GPL',
      map: () => undefined,
      kernelBtf: vmlinux(),
      btf: own.btf,
      funcInfo: [{ insnOff: 0, typeId: own.func }],
      attachBtfId: target.func,
      attachProg: to,
    })
  const message = (result: ReturnType<typeof replace>) => result.diagnostics[0]?.message
  assert.equal(message(replace(programBtf('better', 'xdp_md', 'global'))), undefined)
  assert.equal(message(replace(programBtf('better', 'xdp_md', 'static'))), 'better() is not a global function')
  assert.equal(
    message(replace(programBtf('better', 'xdp_md', 'global', 1))),
    'better() has 1 args while handle() has 2 args',
  )
  assert.match(
    message(replace(programBtf('better', '__sk_buff', 'global'))) ?? '',
    /^arg0 better\(struct __sk_buff \*\) doesn't match handle\(struct xdp_md \*\)$/,
  )
  assert.equal(
    message(replace(programBtf('better', 'xdp_md', 'global'), { ...attachProg, funcInfo: [] })),
    "Subprog handle doesn't exist",
  )
  assert.equal(
    message(replace(programBtf('better', 'xdp_md', 'global'), { ...attachProg, type: 'ext' })),
    'Cannot recursively attach',
  )
  assert.equal(
    message(replace(programBtf('better', 'xdp_md', 'global'), { ...attachProg, functions: [{ unreliable: true }] })),
    'Cannot replace static functions',
  )
})
