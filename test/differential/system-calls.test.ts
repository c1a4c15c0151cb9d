// Right and wrong requests on both kernels: the same result or the same errno. Each scenario gets a fresh bench of objects.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { toHex } from '#src/base/index.js'
import { embedded } from '#src/embedded/index.js'
import { assemble, encodeInsns, insnFields, type ProgramBuilder, programBuilder } from '#src/isa/index.js'
import { type Fd, type Kernel, KernelError, type ProgLoadRequest } from '#src/kernel/index.js'
import { loadableBtf, openObject } from '#src/object/index.js'
import { bpf_attach_type, bpf_map_type, bpf_prog_type } from '#src/spec/index.js'
import { linuxUnavailable, openLinux } from '../support/kernels.js'
import { root } from '../support/paths.js'

const T = bpf_prog_type
const M = bpf_map_type
const PASS = assemble('r0 = 2\nexit')
const NO_FD = 9999 as Fd

/** What a scenario works on. Descriptors are the kernel's own; results must not depend on their numbers. */
interface Bench {
  readonly kernel: Kernel
  /** Directory of a BPF file system. */
  readonly bpffs: string
  readonly array: Fd
  readonly hash: Fd
  readonly queue: Fd
  readonly xdp: Fd
  readonly tc: Fd
  readonly btf: Fd
}

type Scenario = (bench: Bench) => unknown

const btfBytes = (): Uint8Array =>
  loadableBtf(openObject(readFileSync(join(root, 'test/fixtures/object/subprogs.o')))) as Uint8Array

function bench(kernel: Kernel, bpffs: string): Bench {
  const map = (mapType: number, keySize: number) =>
    kernel.call('map_create', { mapType, keySize, valueSize: 4, maxEntries: 4 })
  const prog = (progType: number) => kernel.call('prog_load', { progType, insns: PASS, license: 'GPL' }).fd
  return {
    kernel,
    bpffs,
    array: map(M.BPF_MAP_TYPE_ARRAY, 4),
    hash: map(M.BPF_MAP_TYPE_HASH, 4),
    queue: map(M.BPF_MAP_TYPE_QUEUE, 0),
    xdp: prog(T.BPF_PROG_TYPE_XDP),
    tc: prog(T.BPF_PROG_TYPE_SCHED_CLS),
    btf: kernel.call('btf_load', { btf: btfBytes() }).fd,
  }
}

const load =
  (request: Partial<ProgLoadRequest> | ((b: Bench) => Partial<ProgLoadRequest>)): Scenario =>
  (b) => {
    const more = typeof request === 'function' ? request(b) : request
    const { fd } = b.kernel.call('prog_load', {
      progType: T.BPF_PROG_TYPE_SOCKET_FILTER,
      insns: PASS,
      license: 'GPL',
      ...more,
    })
    const info = b.kernel.call('obj_get_info_by_fd', { fd })
    if (info.kind !== 'prog') return info.kind
    return [info.type, info.name, toHex(info.tag), info.gplCompatible, info.mapIds.length, info.btfId > 0].join(' ')
  }
const asm = (text: string, more: Partial<ProgLoadRequest> = {}): Scenario => load({ insns: assemble(text), ...more })
const built = (build: (builder: ProgramBuilder, b: Bench) => ProgramBuilder, more: Partial<ProgLoadRequest> = {}) =>
  load((b) => ({ insns: build(programBuilder(), b).build(), ...more }))
const raw = (...slots: Parameters<typeof insnFields>[]): Scenario =>
  load({ insns: encodeInsns(slots.map((slot) => insnFields(...slot))) })

/** struct bpf_func_info and bpf_line_info records out of numbers. */
const words = (...values: number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer)
/** Id of the first FUNC in the BTF of the bench, which both kernels take as it is. */
const withBtf = (more: (b: Bench) => Partial<ProgLoadRequest>): Scenario =>
  load((b) => ({ progBtfFd: b.btf, ...more(b) }))

const run =
  (which: 'xdp' | 'tc', request: object): Scenario =>
  (b) => {
    const { retval, dataOut, ctxOut } = b.kernel.call('prog_test_run', { progFd: b[which], ...request })
    return `${retval} ${toHex(dataOut)} ${toHex(ctxOut)}`
  }
const packet = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 7) & 0xff)

const scenarios: Readonly<Record<string, Scenario>> = {
  // prog_load: the request itself
  'load: a name': load({ progName: 'a_name.with.dots'.slice(0, 15) }),
  'load: a name with a space': load({ progName: 'a name' }),
  'load: a name with a slash': load({ progName: 'a/b' }),
  'load: not ASCII': load({ progName: 'größe' }),
  'load: no instructions': load({ insns: new Uint8Array(0) }),
  'load: half an instruction': load({ insns: new Uint8Array(12) }),
  'load: unknown type': load({ progType: 99 }),
  'load: type 0': load({ progType: 0 }),
  'load: unknown flags': load({ progFlags: 1 << 20 }),
  'load: strict alignment': load({ progFlags: 1 }),
  'load: sleepable socket filter': load({ progFlags: 16 }),
  'load: frags without XDP': load({ progFlags: 32 }),
  'load: frags': load({ progFlags: 32, progType: T.BPF_PROG_TYPE_XDP }),
  'load: long license': load({ license: 'x'.repeat(200) }),
  'load: license of 127 letters': load({ license: 'x'.repeat(127) }),
  'load: license of 128 letters': load({ license: 'x'.repeat(128) }),
  'load: empty license': load({ license: '' }),
  'load: GPL v2': load({ license: 'GPL v2' }),
  'load: gpl in small letters': load({ license: 'gpl' }),
  'load: GPL and additional rights': load({ license: 'GPL and additional rights' }),
  'load: Dual MIT/GPL': load({ license: 'Dual MIT/GPL' }),
  'load: Apache-2.0': load({ license: 'Apache-2.0' }),
  'load: log level 8': load({ logLevel: 8, logSize: 4096 }),
  'load: attach type of cgroup_skb': load({
    progType: T.BPF_PROG_TYPE_CGROUP_SKB,
    expectedAttachType: bpf_attach_type.BPF_CGROUP_INET_INGRESS,
    insns: assemble('r0 = 1\nexit'),
  }),
  'load: wrong attach type of cgroup_skb': load({
    progType: T.BPF_PROG_TYPE_CGROUP_SKB,
    expectedAttachType: bpf_attach_type.BPF_XDP,
    insns: assemble('r0 = 1\nexit'),
  }),
  'load: wrong attach type of cgroup_sock': load({
    progType: T.BPF_PROG_TYPE_CGROUP_SOCK,
    expectedAttachType: bpf_attach_type.BPF_XDP,
    insns: assemble('r0 = 1\nexit'),
  }),
  'load: cgroup_sock without attach type': load({
    progType: T.BPF_PROG_TYPE_CGROUP_SOCK,
    insns: assemble('r0 = 1\nexit'),
  }),
  'load: cgroup_sock_addr without attach type': load({
    progType: T.BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
    insns: assemble('r0 = 1\nexit'),
  }),
  'load: cgroup_sockopt without attach type': load({
    progType: T.BPF_PROG_TYPE_CGROUP_SOCKOPT,
    insns: assemble('r0 = 1\nexit'),
  }),
  'load: sk_lookup without attach type': load({
    progType: T.BPF_PROG_TYPE_SK_LOOKUP,
    insns: assemble('r0 = 1\nexit'),
  }),
  'load: sk_reuseport of another attach type': load({
    progType: T.BPF_PROG_TYPE_SK_REUSEPORT,
    expectedAttachType: bpf_attach_type.BPF_XDP,
  }),
  'load: syscall with attach type': load({
    progType: T.BPF_PROG_TYPE_SYSCALL,
    progFlags: 16,
    expectedAttachType: 1,
  }),
  'load: syscall that does not sleep': load({ progType: T.BPF_PROG_TYPE_SYSCALL, insns: assemble('r0 = 0\nexit') }),
  'load: netfilter of another attach type': load({ progType: T.BPF_PROG_TYPE_NETFILTER, expectedAttachType: 1 }),
  'load: attach type beyond all': load({ progType: T.BPF_PROG_TYPE_XDP, expectedAttachType: 500 }),
  'load: xdp of an unrelated attach type': load({ progType: T.BPF_PROG_TYPE_XDP, expectedAttachType: 3 }),
  'load: socket filter with attach_btf_id': load({ attachBtfId: 5 }),
  'load: prog_ifindex of nothing': load({ progIfindex: 4242 }),
  'load: prog_btf_fd that is not open, without records': load({ progBtfFd: NO_FD }),

  // prog_load: the instructions
  'insns: last is no exit': asm('r0 = 2'),
  'insns: jump out': raw(['goto', { off: 5 }], ['exit']),
  'insns: unreachable': asm('r0 = 0\nexit\nr0 = 1\nexit'),
  'insns: unreachable by a constant branch': asm('r0 = 0\nif r0 == 0 goto +1\nr0 = 1\nexit'),
  'insns: register 11': load({ insns: Uint8Array.of(0xb7, 11, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0) }),
  'insns: register 11 in dead code': load({
    insns: Uint8Array.of(
      0xb7,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0x15,
      0,
      1,
      0,
      0,
      0,
      0,
      0,
      0xb7,
      11,
      0,
      0,
      0,
      0,
      0,
      0,
      0x95,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
    ),
  }),
  'insns: writes r10': asm('r10 = 1\nr0 = 0\nexit'),
  'insns: reserved field': load({ insns: Uint8Array.of(0xb7, 0x10, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0) }),
  'insns: division by 0': asm('r0 = 1\nr0 /= 0\nexit'),
  'insns: shift of 64': asm('r0 = 1\nr0 <<= 64\nexit'),
  'insns: shift of 32 in 32 bits': asm('w0 = 1\nw0 <<= 32\nexit'),
  'insns: unknown opcode': load({ insns: Uint8Array.of(0xff, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0) }),
  'insns: half an ld_imm64': load({ insns: Uint8Array.of(0x18, 0, 0, 0, 0, 0, 0, 0) }),
  'insns: ld_imm64 with a wrong second half': load({
    insns: Uint8Array.of(0x18, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0),
  }),
  'insns: jump into an ld_imm64': raw(['goto', { off: 1 }], ['ld_imm64', { dst: 0, imm64: 1n }], ['exit']),
  'insns: helper that there is not': asm('call 9999\nexit'),
  'insns: helper 0': asm('call 0\nexit'),
  'insns: helper that there is not, in dead code': asm('r0 = 0\nif r0 == 0 goto +1\ncall 9999\nexit'),
  'insns: helper of another type': asm('call bpf_xdp_adjust_head\nexit'),
  'insns: GPL helper without GPL': asm('call bpf_ktime_get_ns\nr0 = 0\nexit', { license: 'BSD' }),
  'insns: GPL only helper without GPL': load({
    progType: T.BPF_PROG_TYPE_KPROBE,
    license: 'BSD',
    insns: assemble('r1 = r10\nr1 += -8\nr2 = 8\nr3 = 0\ncall bpf_probe_read_kernel\nr0 = 0\nexit'),
  }),
  'insns: calls beyond the end': load({
    insns: Uint8Array.of(0x85, 0x10, 0, 0, 9, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0),
  }),
  'insns: kfunc 0': load({
    insns: Uint8Array.of(0x85, 0x20, 0, 0, 0, 0, 0, 0, 0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0),
  }),
  'insns: kfunc of an id beyond all': load({
    insns: Uint8Array.of(
      0x85,
      0x20,
      0,
      0,
      0xff,
      0xff,
      0xff,
      0x7f,
      0xb7,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0x95,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
    ),
  }),
  'insns: may_goto': asm('r0 = 0\nmay_goto +0\nexit'),
  'insns: map': built((p, b) => p.ldMapFd(1, b.array).mov64Imm(0, 0).exit()),
  'insns: the same map twice': built((p, b) => p.ldMapFd(1, b.hash).ldMapFd(2, b.hash).mov64Imm(0, 0).exit()),
  'insns: map that is not open': built((p) => p.ldMapFd(1, NO_FD).mov64Imm(0, 0).exit()),
  'insns: map that is a program': built((p, b) => p.ldMapFd(1, b.xdp).mov64Imm(0, 0).exit()),
  'insns: map value': load((b) => {
    const global = b.kernel.call('map_create', {
      mapType: M.BPF_MAP_TYPE_ARRAY,
      keySize: 4,
      valueSize: 16,
      maxEntries: 1,
    })
    return { insns: programBuilder().ldMapValue(1, global, 8).ldx(64, 0, 1, 0).exit().build() }
  }),
  'insns: map value beyond': load((b) => {
    const global = b.kernel.call('map_create', {
      mapType: M.BPF_MAP_TYPE_ARRAY,
      keySize: 4,
      valueSize: 16,
      maxEntries: 1,
    })
    return { insns: programBuilder().ldMapValue(1, global, 16).mov64Imm(0, 0).exit().build() }
  }),
  'insns: map value of an array of many': built((p, b) => p.ldMapValue(1, b.array, 0).mov64Imm(0, 0).exit()),
  'insns: map value of a hash': built((p, b) => p.ldMapValue(1, b.hash, 0).mov64Imm(0, 0).exit()),
  'insns: map by index': load((b) => ({
    insns: encodeInsns([
      insnFields('ld_map_idx', { dst: 1, imm64: 0n }),
      insnFields('mov64_imm', { dst: 0 }),
      insnFields('exit'),
    ]),
    fdArray: [b.array],
  })),
  'insns: map by index without fd_array': raw(
    ['ld_map_idx', { dst: 1, imm64: 0n }],
    ['mov64_imm', { dst: 0 }],
    ['exit'],
  ),
  'insns: 65 maps': load((b) => {
    const builder = programBuilder()
    for (let i = 0; i < 65; i++) {
      builder.ldMapFd(1, b.kernel.call('map_create', { mapType: 2, keySize: 4, valueSize: 4, maxEntries: 1 }))
    }
    return { insns: builder.mov64Imm(0, 0).exit().build() }
  }),
  'insns: BTF id that there is not': raw(
    ['ld_btf_id', { dst: 1, imm64: 0x7fff_ffffn }],
    ['mov64_imm', { dst: 0 }],
    ['exit'],
  ),
  'insns: callback without BTF': asm('r1 = sub\nr0 = 0\nexit\nsub:\nr0 = 0\nexit'),

  // prog_load: BTF records
  'records: none': withBtf(() => ({})),
  'records: first not at 0': withBtf(() => ({ funcInfo: words(1, 1), funcInfoRecSize: 8 })),
  'records: type that is no function': withBtf(() => ({ funcInfo: words(0, 1), funcInfoRecSize: 8 })),
  'records: type beyond all': withBtf(() => ({ funcInfo: words(0, 99999), funcInfoRecSize: 8 })),
  'records: func_info records of 4 bytes': withBtf(() => ({ funcInfo: words(0, 1), funcInfoRecSize: 4 })),
  'records: func_info records of 10 bytes': withBtf(() => ({ funcInfo: new Uint8Array(10), funcInfoRecSize: 10 })),
  'records: func_info records of 256 bytes': withBtf(() => ({ funcInfo: new Uint8Array(256), funcInfoRecSize: 256 })),
  'records: tail that is not zero': withBtf(() => ({ funcInfo: words(0, 1, 7), funcInfoRecSize: 12 })),
  'records: BTF not open': load({ progBtfFd: NO_FD, funcInfo: words(0, 1), funcInfoRecSize: 8 }),
  'records: BTF is a map': load((b) => ({ progBtfFd: b.array, funcInfo: words(0, 1), funcInfoRecSize: 8 })),
  'records: line_info alone': withBtf(() => ({ lineInfo: words(0, 0, 0, 0), lineInfoRecSize: 16 })),
  'records: line_info beyond the end': withBtf(() => ({ lineInfo: words(7, 0, 0, 0), lineInfoRecSize: 16 })),
  'records: line_info without the first line': withBtf(() => ({ lineInfo: words(1, 0, 0, 0), lineInfoRecSize: 16 })),
  'records: line_info twice at one place': withBtf(() => ({
    lineInfo: words(0, 0, 0, 0, 0, 0, 0, 0),
    lineInfoRecSize: 16,
  })),
  'records: line_info with strings beyond': withBtf(() => ({ lineInfo: words(0, 1 << 20, 0, 0), lineInfoRecSize: 16 })),
  'records: line_info records of 12 bytes': withBtf(() => ({ lineInfo: words(0, 0, 0), lineInfoRecSize: 12 })),

  // prog_test_run
  'run: xdp': run('xdp', { dataIn: packet(60) }),
  'run: xdp, no data': run('xdp', {}),
  'run: xdp, short': run('xdp', { dataIn: packet(13) }),
  'run: xdp, room for less': run('xdp', { dataIn: packet(60), dataSizeOut: 20 }),
  'run: xdp, no room': run('xdp', { dataIn: packet(60), dataSizeOut: 0 }),
  'run: xdp, long': run('xdp', { dataIn: packet(9000) }),
  'run: xdp, too long': run('xdp', { dataIn: packet(80_000) }),
  'run: xdp, flags': run('xdp', { dataIn: packet(60), flags: 1 }),
  'run: xdp, cpu': run('xdp', { dataIn: packet(60), cpu: 1 }),
  'run: xdp, batch': run('xdp', { dataIn: packet(60), batchSize: 3 }),
  'run: xdp, empty context': run('xdp', { dataIn: packet(60), ctxIn: new Uint8Array(0) }),
  'run: xdp, zero context': run('xdp', { dataIn: packet(60), ctxIn: words(0, 60, 0, 0, 0, 0) }),
  'run: xdp, long context': run('xdp', { dataIn: packet(60), ctxIn: words(0, 60, 0, 0, 0, 0, 1) }),
  'run: xdp, device that there is not': run('xdp', { dataIn: packet(60), ctxIn: words(0, 60, 0, 4242, 0, 0) }),
  'run: xdp, repeat': run('xdp', { dataIn: packet(60), repeat: 3 }),
  'run: tc': run('tc', { dataIn: packet(60) }),
  'run: tc, no data': run('tc', {}),
  'run: tc, long': run('tc', { dataIn: packet(9000) }),
  'run: tc, flags': run('tc', { dataIn: packet(60), flags: 2 }),
  'run: tc, cpu': run('tc', { dataIn: packet(60), cpu: 1 }),
  'run: tc, room for less': run('tc', { dataIn: packet(60), dataSizeOut: 20 }),
  'run: tc, short context': run('tc', { dataIn: packet(60), ctxIn: words(0, 0, 5) }),
  'run: tc, context with the length': run('tc', { dataIn: packet(60), ctxIn: words(60) }),
  'run: a map': (b) => b.kernel.call('prog_test_run', { progFd: b.array, dataIn: packet(60) }),
  'run: not open': (b) => b.kernel.call('prog_test_run', { progFd: NO_FD, dataIn: packet(60) }),
  'run: a type without test runs': (b) => {
    const { fd } = b.kernel.call('prog_load', {
      progType: T.BPF_PROG_TYPE_SOCK_OPS,
      insns: assemble('r0 = 1\nexit'),
      license: 'GPL',
    })
    return b.kernel.call('prog_test_run', { progFd: fd, dataIn: packet(60) })
  },

  // Names, pins, ids
  'map: a name': (b) => {
    const fd = b.kernel.call('map_create', { mapType: 2, keySize: 4, valueSize: 4, maxEntries: 1, mapName: 'a_map.x' })
    const info = b.kernel.call('obj_get_info_by_fd', { fd })
    return info.kind === 'map' ? info.name : info.kind
  },
  'map: a wrong name': (b) =>
    b.kernel.call('map_create', { mapType: 2, keySize: 4, valueSize: 4, maxEntries: 1, mapName: 'a-map' }),
  'pin: a map': (b) => {
    b.kernel.call('obj_pin', { bpfFd: b.array, pathname: `${b.bpffs}/m` })
    const fd = b.kernel.call('obj_get', { pathname: `${b.bpffs}/m` })
    const same =
      b.kernel.call('obj_get_info_by_fd', { fd }).id === b.kernel.call('obj_get_info_by_fd', { fd: b.array }).id
    b.kernel.call('unlink', { path: `${b.bpffs}/m` })
    return same
  },
  'pin: twice': (b) => {
    b.kernel.call('obj_pin', { bpfFd: b.array, pathname: `${b.bpffs}/m` })
    try {
      b.kernel.call('obj_pin', { bpfFd: b.xdp, pathname: `${b.bpffs}/m` })
      return 'pinned'
    } finally {
      b.kernel.call('unlink', { path: `${b.bpffs}/m` })
    }
  },
  'pin: BTF': (b) => b.kernel.call('obj_pin', { bpfFd: b.btf, pathname: `${b.bpffs}/btf` }),
  'pin: no such directory': (b) => b.kernel.call('obj_pin', { bpfFd: b.array, pathname: `${b.bpffs}/no/m` }),
  'pin: a name with a dot': (b) => b.kernel.call('obj_pin', { bpfFd: b.array, pathname: `${b.bpffs}/a.b` }),
  'pin: a long name': (b) => b.kernel.call('obj_pin', { bpfFd: b.array, pathname: `${b.bpffs}/${'x'.repeat(256)}` }),
  'pin: the mount point': (b) => b.kernel.call('obj_pin', { bpfFd: b.array, pathname: b.bpffs }),
  'pin: elsewhere': (b) => b.kernel.call('obj_pin', { bpfFd: b.array, pathname: join(tmpdir(), 'skep-nothing') }),
  'pin: a relative path that is not there': (b) => b.kernel.call('obj_pin', { bpfFd: b.array, pathname: '' }),
  'pin: not open': (b) => b.kernel.call('obj_pin', { bpfFd: NO_FD, pathname: `${b.bpffs}/m` }),
  'pin: flags': (b) => b.kernel.call('obj_pin', { bpfFd: b.array, pathname: `${b.bpffs}/m`, fileFlags: 8 }),
  'get: nothing': (b) => b.kernel.call('obj_get', { pathname: `${b.bpffs}/nothing` }),
  'get: a directory': (b) => b.kernel.call('obj_get', { pathname: b.bpffs }),
  'get: both rights refused': (b) => b.kernel.call('obj_get', { pathname: `${b.bpffs}/nothing`, fileFlags: 24 }),
  'get: a program read-only': (b) => {
    b.kernel.call('obj_pin', { bpfFd: b.xdp, pathname: `${b.bpffs}/p` })
    try {
      b.kernel.call('obj_get', { pathname: `${b.bpffs}/p`, fileFlags: 8 })
      return 'opened'
    } finally {
      b.kernel.call('unlink', { path: `${b.bpffs}/p` })
    }
  },
  'get: a map read-only, written': (b) => {
    b.kernel.call('obj_pin', { bpfFd: b.array, pathname: `${b.bpffs}/m` })
    try {
      const mapFd = b.kernel.call('obj_get', { pathname: `${b.bpffs}/m`, fileFlags: 8 })
      b.kernel.call('map_update_elem', { mapFd, key: words(0), value: words(1) })
      return 'written'
    } finally {
      b.kernel.call('unlink', { path: `${b.bpffs}/m` })
    }
  },
  'directories: made, moved, removed': (b) => {
    const { kernel, bpffs } = b
    kernel.call('mkdir', { path: `${bpffs}/d` })
    kernel.call('obj_pin', { bpfFd: b.array, pathname: `${bpffs}/d/m` })
    const full = outcome(() => kernel.call('rmdir', { path: `${bpffs}/d` }))
    kernel.call('rename', { from: `${bpffs}/d/m`, to: `${bpffs}/d/n` })
    const names = kernel.call('readdir', { path: `${bpffs}/d` }).join()
    kernel.call('unlink', { path: `${bpffs}/d/n` })
    kernel.call('rmdir', { path: `${bpffs}/d` })
    return `${full} ${names}`
  },
  'directories: twice': (b) => {
    b.kernel.call('mkdir', { path: `${b.bpffs}/d` })
    try {
      b.kernel.call('mkdir', { path: `${b.bpffs}/d` })
      return 'made'
    } finally {
      b.kernel.call('rmdir', { path: `${b.bpffs}/d` })
    }
  },
  'directories: unlink one': (b) => {
    b.kernel.call('mkdir', { path: `${b.bpffs}/d` })
    try {
      b.kernel.call('unlink', { path: `${b.bpffs}/d` })
      return 'gone'
    } finally {
      b.kernel.call('rmdir', { path: `${b.bpffs}/d` })
    }
  },
  'ids: a map by its id': (b) => {
    const { id } = b.kernel.call('obj_get_info_by_fd', { fd: b.hash })
    const fd = b.kernel.call('map_get_fd_by_id', { id })
    return b.kernel.call('obj_get_info_by_fd', { fd }).id === id
  },
  'ids: 0': (b) => b.kernel.call('map_get_fd_by_id', { id: 0 }),
  'ids: none': (b) => b.kernel.call('prog_get_fd_by_id', { id: 0x7fff_ffff }),
  'ids: BTF none': (b) => b.kernel.call('btf_get_fd_by_id', { id: 0x7fff_ffff }),
  'ids: link none': (b) => b.kernel.call('link_get_fd_by_id', { id: 0x7fff_ffff }),
  'ids: a map with flags': (b) => {
    const { id } = b.kernel.call('obj_get_info_by_fd', { fd: b.hash })
    return b.kernel.call('map_get_fd_by_id', { id, openFlags: 1 })
  },
  'ids: beyond the last': (b) => b.kernel.call('prog_get_next_id', { startId: 0x7fff_fff0 }),
  'ids: startId beyond s32': (b) => b.kernel.call('prog_get_next_id', { startId: 0xffff_fff0 }),
  'ids: next of ours': (b) => {
    const { id } = b.kernel.call('obj_get_info_by_fd', { fd: b.hash })
    return b.kernel.call('map_get_next_id', { startId: id - 1 }) === id
  },
  'info: not open': (b) => b.kernel.call('obj_get_info_by_fd', { fd: NO_FD }),
  'bind: a map': (b) => {
    b.kernel.call('prog_bind_map', { progFd: b.xdp, mapFd: b.array })
    b.kernel.call('prog_bind_map', { progFd: b.xdp, mapFd: b.array })
    const info = b.kernel.call('obj_get_info_by_fd', { fd: b.xdp })
    return info.kind === 'prog' ? info.mapIds.length : info.kind
  },
  'bind: the wrong way round': (b) => b.kernel.call('prog_bind_map', { progFd: b.array, mapFd: b.xdp }),
  'bind: flags': (b) => b.kernel.call('prog_bind_map', { progFd: b.xdp, mapFd: b.array, flags: 1 }),
  'stats: unknown type': (b) => b.kernel.call('enable_stats', { type: 7 }),
  'stats: counted': (b) => {
    const fd = b.kernel.call('enable_stats', { type: 0 })
    b.kernel.call('prog_test_run', { progFd: b.xdp, dataIn: packet(60), repeat: 5 })
    b.kernel.call('close', { fd })
    b.kernel.call('prog_test_run', { progFd: b.xdp, dataIn: packet(60), repeat: 5 })
    const info = b.kernel.call('obj_get_info_by_fd', { fd: b.xdp })
    return info.kind === 'prog' ? info.runCnt : info.kind
  },
  'close: twice': (b) => {
    b.kernel.call('close', { fd: b.btf })
    b.kernel.call('close', { fd: b.btf })
  },
  'btf: garbage': (b) => b.kernel.call('btf_load', { btf: packet(64) }),
  'btf: empty': (b) => b.kernel.call('btf_load', { btf: new Uint8Array(0) }),
  'btf: unknown flags': (b) => b.kernel.call('btf_load', { btf: btfBytes(), btfFlags: 1 << 5 }),
  'btf: size': (b) => {
    const info = b.kernel.call('obj_get_info_by_fd', { fd: b.btf, details: true })
    return info.kind === 'btf'
      ? `${info.btfSize} ${toHex(info.btf?.subarray(0, 64) ?? packet(0))} ${info.kernelBtf}`
      : ''
  },
  'tail calls: a program of another type': (b) => {
    const array = b.kernel.call('map_create', {
      mapType: M.BPF_MAP_TYPE_PROG_ARRAY,
      keySize: 4,
      valueSize: 4,
      maxEntries: 2,
    })
    b.kernel.call('map_update_elem', { mapFd: array, key: words(0), value: words(b.xdp) })
    return b.kernel.call('map_update_elem', { mapFd: array, key: words(1), value: words(b.tc) })
  },
  'tail calls: a map': (b) => {
    const array = b.kernel.call('map_create', {
      mapType: M.BPF_MAP_TYPE_PROG_ARRAY,
      keySize: 4,
      valueSize: 4,
      maxEntries: 2,
    })
    return b.kernel.call('map_update_elem', { mapFd: array, key: words(0), value: words(b.hash) })
  },
  'tail calls: a program of another type uses the array': (b) => {
    const array = b.kernel.call('map_create', {
      mapType: M.BPF_MAP_TYPE_PROG_ARRAY,
      keySize: 4,
      valueSize: 4,
      maxEntries: 2,
    })
    b.kernel.call('map_update_elem', { mapFd: array, key: words(0), value: words(b.xdp) })
    const insns = programBuilder().ldMapFd(2, array).mov64Imm(3, 0).call('tail_call').mov64Imm(0, 0).exit().build()
    return b.kernel.call('prog_load', { progType: T.BPF_PROG_TYPE_SCHED_CLS, insns, license: 'GPL' })
  },
}

function outcome(run: () => unknown): string {
  try {
    const result = run()
    return typeof result === 'object' ? 'done' : String(result)
  } catch (error) {
    if (error instanceof KernelError) return error.code
    throw error
  }
}

const skip = linuxUnavailable()
let linuxFs = ''
before(() => {
  if (skip !== false) return
  linuxFs = mkdtempSync(join(tmpdir(), 'skep-bpffs-'))
  const mounted = spawnSync('mount', ['-t', 'bpf', 'bpf', linuxFs])
  assert.equal(mounted.status, 0, String(mounted.stderr))
})
after(() => {
  if (linuxFs === '') return
  spawnSync('umount', [linuxFs])
  rmdirSync(linuxFs)
})

for (const [name, scenario] of Object.entries(scenarios)) {
  test(name, { skip }, () => {
    using ours = embedded({ cpus: 2 })
    using theirs = openLinux()
    const result = (kernel: Kernel, bpffs: string): string => {
      const objects = bench(kernel, bpffs)
      const text = outcome(() => scenario(objects))
      // Descriptors differ.
      return /^\d+$/.test(text) && !/stats|bind/.test(name) ? 'a descriptor' : text
    }
    assert.equal(result(ours, '/sys/fs/bpf'), result(theirs, linuxFs))
  })
}
