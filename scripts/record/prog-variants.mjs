// Program types and what each needs, besides instructions, to reach the running kernel's verifier.
import { existsSync } from 'node:fs'
import { ATTACH_TYPES, bpf_prog_type, PROG_TYPE_NAMES } from '../../dist/spec/index.js'
import { readBtf } from '../gen/btf.mjs'

const BPF_F_SLEEPABLE = 16

const types = existsSync('/sys/kernel/btf/vmlinux') ? readBtf('/sys/kernel/btf/vmlinux') : []
const btfId = (kind, name) => types.findIndex((type) => type.kind === kind && type.name === name)

const ATTACH_TO = {
  trace_raw_tp: { attach_btf_id: btfId('TYPEDEF', 'btf_trace_sys_enter') },
  trace_iter: { attach_btf_id: btfId('FUNC', 'bpf_iter_task') },
  trace_fentry: { attach_btf_id: btfId('FUNC', 'tcp_v4_connect') },
  trace_fexit: { attach_btf_id: btfId('FUNC', 'tcp_v4_connect') },
  modify_return: { attach_btf_id: btfId('FUNC', 'bpf_modify_return_test') },
  lsm_mac: { attach_btf_id: btfId('FUNC', 'bpf_lsm_file_open') },
  lsm_cgroup: { attach_btf_id: btfId('FUNC', 'bpf_lsm_socket_bind') },
}

function variantsOf(progType) {
  if (progType === 'syscall') return [{ key: 'syscall', more: { prog_flags: BPF_F_SLEEPABLE } }]
  if (progType === 'struct_ops') {
    // The first member of tcp_congestion_ops is ssthresh.
    const congestion = btfId('STRUCT', 'tcp_congestion_ops')
    return [{ key: 'struct_ops', more: { attach_btf_id: congestion, expected_attach_type: 0 } }]
  }
  const attach = ATTACH_TYPES.filter((row) => row.progTypes.includes(progType) && !/_multi$|_session$/.test(row.name))
  if (attach.length === 0) return [{ key: progType, more: {} }]
  return attach.map((row) => ({
    key: attach.length === 1 ? progType : `${progType}/${row.name}`,
    more: { expected_attach_type: row.id, ...ATTACH_TO[row.name] },
  }))
}

/** One entry per program type, or per attach type of it: `{ key, progType, number, more }`; `more` goes into prog_load. */
export const PROG_VARIANTS = PROG_TYPE_NAMES.flatMap((progType) =>
  variantsOf(progType).map((variant) => ({
    ...variant,
    progType,
    number: bpf_prog_type[`BPF_PROG_TYPE_${progType.toUpperCase()}`],
  })),
)

/** Folds the attach types of a program type whose answers are equal into one entry under the type's own name. */
export function foldAttachTypes(answers) {
  for (const progType of PROG_TYPE_NAMES) {
    const keys = [...answers.keys()].filter((key) => key.startsWith(`${progType}/`))
    const first = JSON.stringify(answers.get(keys[0]))
    if (keys.length === 0 || !keys.every((key) => JSON.stringify(answers.get(key)) === first)) continue
    answers.set(progType, answers.get(keys[0]))
    for (const key of keys) answers.delete(key)
  }
  return answers
}
