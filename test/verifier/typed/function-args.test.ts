import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { after, test } from 'node:test'
import { BtfBuilder, type NewBtfType, parseBtf } from '#src/btf/index.js'
import { type MapDescription, verify } from '#src/verifier/index.js'
import { bpf, closeFd, insns, noBpf, progLoad } from '../../support/linux-bpf.js'
import { testSeed } from '../../support/seed.js'
import { type Code, vmlinux } from './both.js'

// Global functions with arguments of many types and tags, called with registers of many kinds: Linux's verdict and log.

const skip = noBpf !== false ? noBpf : existsSync('/sys/kernel/btf/vmlinux') ? false : "needs the kernel's BTF"
const PROGRAMS = 700

const map: MapDescription = { name: 'm', type: 1, keySize: 4, valueSize: 24, maxEntries: 1, flags: 0 }
const mapFd =
  skip === false
    ? bpf('BPF_MAP_CREATE', 'map_create', { map_type: 1, key_size: 4, value_size: 24, max_entries: 1, map_name: 'm' })
    : -1
after(() => closeFd(mapFd))

/** Adds a parameter's type; returns its id. */
type Param = (build: BtfBuilder, int: number) => number

const pointerTo = (build: BtfBuilder, type: number) => build.add({ kind: 'ptr', name: '', type })
const struct = (build: BtfBuilder, int: number, name: string, words: number) =>
  build.add({
    kind: 'struct',
    name,
    size: words * 4,
    kindFlag: false,
    members: Array.from({ length: words }, (_, i) => ({ name: `m${i}`, type: int, bitOffset: i * 32, bitSize: 0 })),
  })

const PARAMS: Readonly<Record<string, Param>> = {
  int: (_, int) => int,
  'int *': (build, int) => pointerTo(build, int),
  'const int *': (build, int) => pointerTo(build, build.add({ kind: 'const', name: '', type: int })),
  'void *': (build) => pointerTo(build, 0),
  'struct pair *': (build, int) => pointerTo(build, struct(build, int, 'pair', 4)),
  'struct large *': (build, int) => pointerTo(build, struct(build, int, 'large', 10)),
  'struct pair': (build, int) => struct(build, int, 'pair', 4),
  'struct unknown *': (build) => pointerTo(build, build.add({ kind: 'fwd', name: 'unknown', union: false })),
  'int **': (build, int) => pointerTo(build, pointerTo(build, int)),
  'int (*)[3]': (build, int) =>
    pointerTo(build, build.add({ kind: 'array', name: '', type: int, indexType: int, length: 3 })),
  'struct __sk_buff *': (build, int) => pointerTo(build, struct(build, int, '__sk_buff', 1)),
  'struct xdp_md *': (build, int) => pointerTo(build, struct(build, int, 'xdp_md', 1)),
  'struct pt_regs *': (build, int) => pointerTo(build, struct(build, int, 'pt_regs', 1)),
  'struct task_struct *': (build, int) => pointerTo(build, struct(build, int, 'task_struct', 1)),
  'struct task_struct___mine *': (build, int) => pointerTo(build, struct(build, int, 'task_struct___mine', 1)),
  'struct bpf_dynptr *': (build, int) => pointerTo(build, struct(build, int, 'bpf_dynptr', 4)),
  'enum e': (build) =>
    build.add({ kind: 'enum', name: 'e', size: 4, signed: false, values: [{ name: 'one', value: 1 }] }),
  float: (build) => build.add({ kind: 'float', name: 'float', size: 4 }),
}

const TAGS: readonly (readonly string[])[] = [
  [],
  [],
  [],
  ['ctx'],
  ['nonnull'],
  ['nullable'],
  ['trusted'],
  ['trusted', 'nullable'],
  ['trusted', 'nonnull'],
  ['untrusted'],
  ['untrusted', 'nonnull'],
  ['arena'],
  ['ctx', 'nonnull'],
  ['unknown'],
]

/** What the caller has in r1. */
const VALUES: Readonly<Record<string, Code>> = {
  zero: [[0xb7, 1, 0, 0]],
  constant: [[0xb7, 1, 0, 7]],
  'a number': [
    [0x85, 0, 0, 7],
    [0xbf, 0x01, 0, 0],
  ],
  context: [],
  'context + 8': [[0x07, 1, 0, 8]],
  'stack, written': [
    [0x7a, 10, -16, 0],
    [0x7a, 10, -8, 0],
    [0xbf, 0xa1, 0, 0],
    [0x07, 1, 0, -16],
  ],
  'stack, half written': [
    [0x7a, 10, -8, 0],
    [0xbf, 0xa1, 0, 0],
    [0x07, 1, 0, -16],
  ],
  'stack, too short': [
    [0x7a, 10, -8, 0],
    [0xbf, 0xa1, 0, 0],
    [0x07, 1, 0, -8],
  ],
  map: [
    [0x18, 0x11, 0, mapFd],
    [0, 0, 0, 0],
  ],
  'value or null': [
    [0x62, 10, -4, 0],
    [0xbf, 0xa2, 0, 0],
    [0x07, 2, 0, -4],
    [0x18, 0x11, 0, mapFd],
    [0, 0, 0, 0],
    [0x85, 0, 0, 1],
    [0xbf, 0x01, 0, 0],
  ],
  'current task': [
    [0x85, 0, 0, 158],
    [0xbf, 0x01, 0, 0],
  ],
}

const PROGRAM_TYPES = ['socket_filter', 'sched_cls', 'xdp', 'kprobe', 'raw_tracepoint', 'perf_event'] as const
const NUMBERS = { socket_filter: 1, kprobe: 2, sched_cls: 3, xdp: 6, perf_event: 7, raw_tracepoint: 17 } as const

function typesOf(param: Param, tags: readonly string[], void_: boolean) {
  const build = new BtfBuilder()
  const add = (type: NewBtfType) => build.add(type)
  const int = add({ kind: 'int', name: 'int', size: 4, bits: 32, bitOffset: 0, signed: true, char: false, bool: false })
  const main = add({
    kind: 'func_proto',
    name: '',
    type: int,
    params: [{ name: 'ctx', type: pointerTo(build, struct(build, int, '__sk_buff', 1)) }],
  })
  const mainFunc = add({ kind: 'func', name: 'main', type: main, linkage: 'global' })
  const type = param(build, int)
  const proto = add({ kind: 'func_proto', name: '', type: void_ ? 0 : int, params: [{ name: 'arg', type }] })
  const func = add({ kind: 'func', name: 'other', type: proto, linkage: 'global' })
  for (const tag of tags) {
    add({ kind: 'decl_tag', name: `arg:${tag}`, type: func, componentIdx: 0, attribute: false })
  }
  return { bytes: build.build(), funcs: [mainFunc, func] as const }
}

test('arguments of global functions are judged as on Linux', { skip }, (t) => {
  let state = testSeed
  const pick = <T>(list: readonly T[]): T => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
    return list[(state >> 8) % list.length] as T
  }
  let accepted = 0
  for (let i = 0; i < PROGRAMS; i++) {
    const [paramName, param] = pick(Object.entries(PARAMS))
    const [valueName, value] = pick(Object.entries(VALUES))
    const tags = pick(TAGS)
    const type = pick(PROGRAM_TYPES)
    const { bytes, funcs } = typesOf(param, tags, pick([0, 0, 0, 0, 0, 0, 0, 1]) === 1)
    const body = pick<Code>([[], [], [[0x71, 0x12, 0, 0]], [[0x61, 0x12, 8, 0]], [[0x72, 1, 0, 1]]])
    const check = pick<Code>([[], [[0x15, 1, body.length, 0]]])
    const code: Code = [
      ...value,
      [0x85, 0x10, 0, 2],
      [0xb7, 0, 0, 0],
      [0x95, 0, 0, 0],
      ...check,
      ...body,
      [0xb7, 0, 0, 0],
      [0x95, 0, 0, 0],
    ]
    const second = value.length + 3
    const what = `${type}: other(${paramName} ${tags.join(' ')}) called with ${valueName}, seed ${testSeed}, ${i}`
    const btfFd = bpf('BPF_BTF_LOAD', 'btf_load', { btf: bytes, btf_size: bytes.length })
    if (btfFd < 0) continue
    const program = insns(...code)
    const records = new Uint8Array(new Uint32Array([0, funcs[0], second, funcs[1]]).buffer)
    const theirs = progLoad(NUMBERS[type], program, {
      prog_btf_fd: btfFd,
      func_info: records,
      func_info_cnt: 2,
      func_info_rec_size: 8,
      log_level: 2,
    })
    closeFd(theirs.fd)
    closeFd(btfFd)
    const ours = verify(
      {
        insns: program,
        type,
        license: 'GPL',
        map: (fd) => (fd === mapFd ? map : undefined),
        kernelBtf: vmlinux(),
        btf: parseBtf(bytes),
        funcInfo: [
          { insnOff: 0, typeId: funcs[0] },
          { insnOff: second, typeId: funcs[1] },
        ],
        cpus: 2,
      },
      { logLevel: 2 },
    )
    const comparable = (log: string) =>
      log.replace(/^(verification time|stack depth).*\n/gm, '').replace(/\(18\) r1 = 0x[0-9a-f]+ */g, '(18) r1 = … ')
    assert.equal(ours.ok, theirs.fd >= 0, `${what}: Linux's log\n${theirs.log}ours\n${ours.log}`)
    assert.equal(comparable(ours.log), comparable(theirs.log), what)
    if (ours.ok) accepted++
  }
  assert.ok(accepted > 20 && accepted < PROGRAMS, `${accepted} accepted`)
  t.diagnostic(`${accepted} of ${PROGRAMS} accepted, seed ${testSeed}`)
})
