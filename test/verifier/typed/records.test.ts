import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { BtfBuilder, type BtfMember, parseBtf, resolve } from '#src/btf/index.js'
import { mapTypeById } from '#src/spec/index.js'
import { verify } from '#src/verifier/index.js'
import { bpf, closeFd, insns, noBpf, progLoad } from '../../support/linux-bpf.js'
import { testSeed } from '../../support/seed.js'
import { type Code, RETURN_0, SIZES, vmlinux } from './both.js'

const skip = noBpf !== false ? noBpf : existsSync('/sys/kernel/btf/vmlinux') ? false : "needs the kernel's BTF"

class Random {
  #state = testSeed
  below(limit: number): number {
    this.#state = (Math.imul(this.#state, 1103515245) + 12345) & 0x7fffffff
    return (this.#state >> 8) % limit
  }
}

const comparable = (log: string) =>
  log.replace(/^(verification time|stack depth).*\n/gm, '').replace(/\(18\) r(\d) = 0x[0-9a-f]+ */g, '(18) r$1 = … ')

/** A program of three functions, its BTF, and records that are right. */
function threeFunctions(returnsVoid: boolean, body: Code) {
  const code: Code = [
    [0xbf, 0x16, 0, 0],
    [0x85, 0x10, 0, 3],
    [0x85, 0x10, 0, 5 + body.length],
    [0xb7, 0, 0, 0],
    [0x95, 0, 0, 0],
    [0xbf, 0x16, 0, 0],
    ...body,
    ...RETURN_0,
    ...RETURN_0,
  ]
  const starts = [0, 5, 8 + body.length]
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
  const params = [{ name: 'ctx', type: int }]
  const proto = build.add({ kind: 'func_proto', name: '', type: int, params })
  const other = build.add({ kind: 'func_proto', name: '', type: returnsVoid ? 0 : int, params })
  const funcs = starts.map((_, i) =>
    build.add({ kind: 'func', name: `f${i}`, type: i === 1 ? other : proto, linkage: 'static' }),
  )
  const text = build.addString('int x = 1;')
  const file = build.addString('a.c')
  return { code, starts, funcs, int, bytes: build.build(), text, file }
}

const BODIES: readonly Code[] = [
  [],
  [[0x20, 0, 0, 4]],
  [
    [0xb7, 3, 0, 0],
    [0xb7, 2, 0, 0],
  ],
]

test('function and line records that are wrong are refused as on Linux', { skip }, (t) => {
  const random = new Random()
  let accepted = 0
  const messages = new Set<string>()
  for (let i = 0; i < 400; i++) {
    const { code, starts, funcs, int, bytes, text, file } = threeFunctions(
      random.below(4) === 0,
      BODIES[random.below(3)] ?? [],
    )
    const funcInfo = starts.map((insnOff, n) => ({ insnOff, typeId: funcs[n] ?? 0 }))
    const lineInfo = [...starts, ...starts.map((at) => at + 1)]
      .sort((a, b) => a - b)
      .map((insnOff, n) => ({ insnOff, fileNameOff: file, lineOff: text, line: n + 1, column: 1 }))
    switch (random.below(9)) {
      case 0: {
        const at = random.below(3)
        funcInfo[at] = { insnOff: random.below(12), typeId: funcs[at] ?? 0 }
        break
      }
      case 1: {
        const at = random.below(3)
        funcInfo[at] = { insnOff: starts[at] ?? 0, typeId: [int, 0, 999, funcs[0] ?? 0][random.below(4)] ?? 0 }
        break
      }
      case 2:
        funcInfo.length = random.below(4)
        break
      case 3: {
        const at = random.below(lineInfo.length)
        const old = lineInfo[at]
        if (old !== undefined) lineInfo[at] = { ...old, insnOff: random.below(20) }
        break
      }
      case 4: {
        const at = random.below(lineInfo.length)
        const old = lineInfo[at]
        if (old !== undefined) lineInfo[at] = { ...old, [random.below(2) === 0 ? 'lineOff' : 'fileNameOff']: 100_000 }
        break
      }
      case 5:
        lineInfo.splice(random.below(lineInfo.length), 1 + random.below(2))
        break
      case 6:
        funcInfo.length = 0
        lineInfo.length = 0
        break
    }
    const btfFd = bpf('BPF_BTF_LOAD', 'btf_load', { btf: bytes, btf_size: bytes.length })
    assert.ok(btfFd >= 0)
    const program = insns(...code)
    const words = (list: readonly number[]) => new Uint8Array(new Uint32Array(list).buffer)
    const theirs = progLoad('BPF_PROG_TYPE_SOCKET_FILTER', program, {
      ...(funcInfo.length + lineInfo.length === 0 ? {} : { prog_btf_fd: btfFd }),
      func_info: words(funcInfo.flatMap(({ insnOff, typeId }) => [insnOff, typeId])),
      func_info_cnt: funcInfo.length,
      func_info_rec_size: funcInfo.length === 0 ? 0 : 8,
      line_info: words(
        lineInfo.flatMap(({ insnOff, fileNameOff, lineOff, line, column }) => [
          insnOff,
          fileNameOff,
          lineOff,
          (line << 10) | column,
        ]),
      ),
      line_info_cnt: lineInfo.length,
      line_info_rec_size: lineInfo.length === 0 ? 0 : 16,
      log_level: 2,
    })
    closeFd(theirs.fd)
    closeFd(btfFd)
    const ours = verify(
      {
        insns: program,
        type: 'socket_filter',
        license: 'GPL',
        map: () => undefined,
        kernelBtf: vmlinux(),
        btf: funcInfo.length + lineInfo.length === 0 ? undefined : parseBtf(bytes),
        funcInfo,
        lineInfo: lineInfo.map((record) => ({ ...record, fileName: 'a.c', text: 'int x = 1;' })),
        cpus: 2,
      },
      { logLevel: 2 },
    )
    const what = `seed ${testSeed}, program ${i}`
    assert.equal(ours.ok, theirs.fd >= 0, `${what}\n${theirs.log}\nours\n${ours.log}`)
    assert.equal(comparable(ours.log), comparable(theirs.log), what)
    if (ours.ok) accepted++
    else messages.add((ours.diagnostics[0]?.message ?? '').replace(/\d+/g, 'N'))
  }
  assert.ok(messages.size >= 8, [...messages].join('\n'))
  t.diagnostic(`${accepted} of 400 accepted, ${messages.size} messages, seed ${testSeed}`)
})

/** Maps to create: [type, key, value, entries, flags]. */
const MAPS = [
  [1, 4, 8, 2, 0],
  [2, 4, 8, 2, 0],
  [3, 4, 4, 2, 0],
  [4, 4, 4, 2, 0],
  [5, 4, 8, 2, 0],
  [6, 4, 8, 2, 0],
  [7, 4, 8, 2, 0],
  [8, 4, 4, 2, 0],
  [9, 4, 8, 2, 0],
  [11, 8, 8, 2, 1],
  [14, 4, 4, 2, 0],
  [15, 4, 4, 2, 0],
  [16, 4, 4, 2, 0],
  [17, 4, 4, 2, 0],
  [18, 4, 4, 2, 0],
  [20, 4, 8, 2, 0],
  [22, 0, 8, 2, 0],
  [23, 0, 8, 2, 0],
  [25, 4, 4, 2, 0],
  [27, 0, 0, 4096, 0],
  [30, 0, 8, 2, 0],
  [31, 0, 0, 4096, 0],
] as const

test('map pointers are read as the kernel’s structs', { skip }, (t) => {
  const random = new Random()
  const btf = vmlinux()
  const bpfMap = btf.type(btf.findByName('bpf_map', 'struct') ?? 0)
  assert.ok(bpfMap.kind === 'struct')
  let accepted = 0
  let asked = 0
  for (const [type, keySize, valueSize, maxEntries, flags] of MAPS) {
    const fd = bpf('BPF_MAP_CREATE', 'map_create', {
      map_type: type,
      key_size: keySize,
      value_size: valueSize,
      max_entries: maxEntries,
      map_flags: flags,
      map_name: 'm',
    })
    if (fd < 0) continue
    for (let i = 0; i < 20; i++) {
      const member: BtfMember | undefined = bpfMap.members[random.below(bpfMap.members.length)]
      if (member === undefined) continue
      const pointer: boolean = resolve(btf, member.type).kind === 'ptr'
      const size: (typeof SIZES)[number] =
        pointer && random.below(4) > 0 ? SIZES[3] : (SIZES[random.below(4)] ?? SIZES[0])
      const off = (member.bitOffset >> 3) + (random.below(6) === 0 ? random.below(600) : 0)
      const access: Code = random.below(10) === 0 ? [[0x63 | size[1], 0x11, off, 0]] : [[0x61 | size[1], 0x11, off, 0]]
      const next: Code = pointer && random.below(2) === 0 ? [[0x61, 0x11, random.below(8) * 4, 0]] : []
      const shift: Code = random.below(10) === 0 ? [[0x07, 1, 0, random.below(2) * 8]] : []
      const program = insns([0x18, 0x11, 0, fd], [0, 0, 0, 0], ...shift, ...access, ...next, ...RETURN_0)
      const theirs = progLoad('BPF_PROG_TYPE_SCHED_CLS', program, { log_level: 2 })
      closeFd(theirs.fd)
      const ours = verify(
        {
          insns: program,
          type: 'sched_cls',
          license: 'GPL',
          map: () => ({ name: 'm', type, keySize, valueSize, maxEntries, flags }),
          kernelBtf: btf,
          cpus: 2,
        },
        { logLevel: 2 },
      )
      const what: string = `${mapTypeById(type)?.name}, ${size[0]} bytes at ${off}, seed ${testSeed}`
      assert.equal(comparable(ours.log), comparable(theirs.log), what)
      assert.equal(ours.ok, theirs.fd >= 0, what)
      asked++
      if (ours.ok) accepted++
    }
    closeFd(fd)
  }
  assert.ok(asked > 200 && accepted > 50, `${accepted} of ${asked} accepted`)
  t.diagnostic(`${accepted} of ${asked} accepted, seed ${testSeed}`)
})
