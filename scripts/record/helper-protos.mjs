// Records what the running kernel's verifier knows of each helper (argument and result kinds, GPL, packet access …) into
// test/recorded/helper-protos.json: an oracle for src/spec/helpers.ts. Needs root and a build (npm run build).
//
// The descriptions lie in the kernel's read-only data as structs whose layout BTF tells and whose first word is the
// helper's address, which /proc/kallsyms names.
import { writeFileSync } from 'node:fs'
import { release } from 'node:os'
import { HELPERS } from '../../dist/spec/index.js'
import { readBtf } from '../gen/btf.mjs'
import { CHUNK, readImage, readSymbols } from './kernel-memory.mjs'

// Functions that serve a helper under another name than bpf_<helper>.
const OTHER_NAMES = {
  bpf_user_rnd_u32: 'get_prandom_u32',
  bpf_probe_read_compat: 'probe_read',
  bpf_probe_read_compat_str: 'probe_read_str',
  bpf_xdp_redirect: 'redirect',
  bpf_xdp_redirect_map: 'redirect_map',
  bpf_lwt_in_push_encap: 'lwt_push_encap',
  bpf_lwt_xmit_push_encap: 'lwt_push_encap',
  bpf_skb_event_output: 'perf_event_output',
  bpf_xdp_event_output: 'perf_event_output',
  bpf_event_output_data: 'perf_event_output',
  bpf_get_socket_ptr_cookie: 'get_socket_cookie',
  bpf_flow_dissector_load_bytes: 'skb_load_bytes',
  bpf_sk_lookup_assign: 'sk_assign',
  sk_select_reuseport: 'sk_select_reuseport',
  sk_reuseport_load_bytes: 'skb_load_bytes',
  sk_reuseport_load_bytes_relative: 'skb_load_bytes_relative',
  get_func_arg: 'get_func_arg',
  get_func_ret: 'get_func_ret',
  get_func_arg_cnt: 'get_func_arg_cnt',
}
const PREFIXES = ['sock_addr_', 'sock_ops_', 'sk_', 'unlocked_sk_', 'xdp_', 'skb_', 'tc_']
const SUFFIXES = ['_raw_tp', '_tp', '_pe', '_tracing', '_trace', '_recur', '_sleepable', '_curr', '_sockopt', '_sk_msg']
SUFFIXES.push('_sock_ops', '_sock_addr', '_sock', '_kprobe', '_kprobe_multi', '_uprobe_multi')

const names = new Set(HELPERS.map((row) => row.name))

function helperOf(symbol) {
  if (OTHER_NAMES[symbol]) return OTHER_NAMES[symbol]
  if (!symbol.startsWith('bpf_')) return undefined
  const plain = symbol.slice(4)
  if (names.has(plain)) return plain
  for (const prefix of PREFIXES) {
    const rest = plain.slice(prefix.length)
    if (plain.startsWith(prefix) && names.has(rest)) return rest
  }
  for (const suffix of SUFFIXES) {
    const rest = plain.slice(0, -suffix.length)
    if (plain.endsWith(suffix) && names.has(rest)) return rest
  }
  return undefined
}

const types = readBtf('/sys/kernel/btf/vmlinux')
const proto = types.find((type) => type.kind === 'STRUCT' && type.name === 'bpf_func_proto')
const enumValues = (name) => types.find((type) => type.kind === 'ENUM' && type.name === name).values
const marks = enumValues('bpf_type_flag').filter((flag) => !flag.name.startsWith('__'))
const kinds = {
  ret: enumValues('bpf_return_type').filter((v) => v.value < 256 && !v.name.startsWith('__')),
  arg: enumValues('bpf_arg_type').filter((v) => v.value < 256 && !v.name.startsWith('__')),
}

function kindText(which, number) {
  const kind = kinds[which].find((v) => v.value === (number & 0xff))
  const flags = marks.filter((flag) => number & flag.value).map((flag) => flag.name)
  return [kind?.name.replace(/^(ARG|RET)_/, ''), ...flags].join('|').toLowerCase()
}

const { names: kernelSymbols, start: text } = readSymbols()
const symbols = new Map()
for (const [address, functions] of kernelSymbols) {
  const name = functions.find((candidate) => helperOf(candidate))
  if (name) symbols.set(address, name)
}
const chunks = readImage(text)

function btfName(address) {
  const at = Number(address - text)
  const chunk = chunks[Math.floor(at / CHUNK)]
  if (at < 0 || !chunk) return undefined
  return types[chunk.readUInt32LE(at % CHUNK)]?.name
}

const found = []
chunks.forEach((chunk, index) => {
  if (!chunk) return
  const next = chunks[index + 1]
  const bytes = next ? Buffer.concat([chunk, next.subarray(0, proto.size)]) : chunk
  for (let at = 0; at < CHUNK && at + proto.size <= bytes.length; at += 8) {
    const symbol = symbols.get(bytes.readBigUInt64LE(at))
    if (!symbol) continue
    const flags = [...bytes.subarray(at + 8, at + 12)]
    const args = [0, 1, 2, 3, 4].map((n) => bytes.readInt32LE(at + 16 + 4 * n))
    if (flags.some((flag) => flag > 1) || bytes.readInt32LE(at + 12) < 0 || args.some((arg) => arg < 0)) continue
    const detail = [0, 1, 2, 3, 4].map((n) => bytes.readBigUInt64LE(at + 40 + 8 * n))
    const texts = args.map((arg, n) => {
      const kind = kindText('arg', arg)
      if (kind.includes('mem_fixed_size')) return `${kind}:${detail[n]}`
      if (/^ptr_to_btf_id(\||$)/.test(kind) && detail[n] > text) return `${kind}:${btfName(detail[n])}`
      return kind
    })
    while (texts.at(-1) === 'dontcare') texts.pop()
    let ret = kindText('ret', bytes.readInt32LE(at + 12))
    if (ret.startsWith('ptr_to_btf_id') && !ret.startsWith('ptr_to_btf_id_'))
      ret += `:${btfName(bytes.readBigUInt64LE(at + 80)) ?? ''}`
    found.push({
      function: symbol,
      helper: helperOf(symbol),
      args: texts,
      ret,
      ...(flags[0] && { gplOnly: true }),
      ...(flags[1] && { pktAccess: true }),
      ...(flags[2] && { mightSleep: true }),
      ...(flags[3] && { fastcall: true }),
    })
  }
})
found.sort((a, b) => (a.helper + a.function < b.helper + b.function ? -1 : 1))
const kernel = /^\d+\.\d+(\.\d+)?/.exec(release())?.[0] ?? release()
const rows = found.map((row) => `  ${JSON.stringify(row)}`).join(',\n')
writeFileSync(
  new URL('../../test/recorded/helper-protos.json', import.meta.url),
  `{"kernel": "${kernel}", "protos": [\n${rows}\n]}\n`,
)
const missing = [...names].filter((name) => !found.some((row) => row.helper === name))
console.log(`${found.length} descriptions; none for ${missing.join(' ') || 'nobody'}`)
