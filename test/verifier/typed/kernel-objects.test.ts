import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { type Btf, type BtfType, resolve } from '#src/btf/index.js'
import { noBpf } from '../../support/linux-bpf.js'
import { testSeed } from '../../support/seed.js'
import { type Bound, type Code, judge, RETURN_0, SIZES, vmlinux } from './both.js'

// Walks through kernel structs from every kind of typed context, at random: verdict and whole log are Linux's.

const skip = noBpf !== false ? noBpf : existsSync('/sys/kernel/btf/vmlinux') ? false : "needs the kernel's BTF"
const PROGRAMS = 600
const TRACE_RAW_TP = 23
const TRACE_ITER = 28

interface Start {
  readonly bound: Bound
  readonly arg: number
  readonly struct: BtfType
}

const isComposite = (type: BtfType): boolean => type.kind === 'struct' || type.kind === 'union'

/** Arguments that are pointers to structs: of tracepoints, iterators, congestion controls. */
function starts(btf: Btf): Start[] {
  const out: Start[] = []
  const add = (bound: Bound, params: readonly { readonly type: number }[]) => {
    params.slice(0, 12).forEach((param, arg) => {
      const pointer = resolve(btf, param.type)
      const struct = pointer.kind === 'ptr' ? resolve(btf, pointer.type) : undefined
      if (struct !== undefined && isComposite(struct)) out.push({ bound, arg, struct })
    })
  }
  for (let id = 1; id < btf.typeCount; id++) {
    const kind = btf.kindOf(id)
    const name = btf.typeName(id)
    if (kind === 'typedef' && name.startsWith('btf_trace_')) {
      const proto = resolve(btf, (resolve(btf, id) as { type: number }).type)
      if (proto.kind === 'func_proto') {
        add({ type: 'tracing', attach: TRACE_RAW_TP, btfId: id }, proto.params.slice(1))
      }
    } else if (kind === 'func' && /^bpf_iter_(task|tcp|udp|cgroup|bpf_map|task_vma|task_file|unix)$/.test(name)) {
      const proto = resolve(btf, (btf.type(id) as { type: number }).type)
      if (proto.kind !== 'func_proto') continue
      for (let i = 0; i < 20; i++) {
        add({ type: 'tracing', attach: TRACE_ITER, btfId: id, sleepable: i % 2 === 1 }, proto.params)
      }
    }
  }
  const table = btf.findByName('tcp_congestion_ops', 'struct') ?? 0
  const ops = btf.type(table)
  if (ops.kind === 'struct') {
    ops.members.forEach((member, index) => {
      const pointer = resolve(btf, member.type)
      const proto = pointer.kind === 'ptr' ? resolve(btf, pointer.type) : undefined
      if (proto?.kind !== 'func_proto') return
      for (let i = 0; i < 10; i++) add({ type: 'struct_ops', attach: index, btfId: table }, proto.params)
    })
  }
  return out
}

class Random {
  #state: number
  constructor(seed: number) {
    this.#state = seed
  }
  below(limit: number): number {
    this.#state = (Math.imul(this.#state, 1103515245) + 12345) & 0x7fffffff
    return (this.#state >> 8) % limit
  }
}

/** A place inside a struct: most often where a member is. */
function place(btf: Btf, random: Random, type: BtfType, base: number, depth = 0): { type: BtfType; off: number } {
  if ((type.kind !== 'struct' && type.kind !== 'union') || type.members.length === 0 || depth > 5) {
    return { type, off: base }
  }
  const member = type.members[random.below(type.members.length)]
  if (member === undefined) return { type, off: base }
  let inner = resolve(btf, member.type)
  let off = base + (member.bitOffset >> 3)
  for (let i = 0; inner.kind === 'array' && i < 3; i++) {
    const element = resolve(btf, inner.type)
    const size = 'size' in element ? element.size : 8
    if (inner.length > 0 && random.below(2) === 1) off += size * random.below(Math.min(inner.length, 9))
    inner = element
  }
  return place(btf, random, inner, off, depth + 1)
}

function program(btf: Btf, random: Random, start: Start): Code {
  const code: [number, number, number, number][] = [[0x79, 0x11, start.arg * 8, 0]]
  const leaveIfNull = () => code.push([0x55, 1, 2, 0], [0xb7, 0, 0, 0], [0x95, 0, 0, 0])
  if (random.below(8) > 0) leaveIfNull()
  let struct = start.struct
  const depth = 1 + random.below(4)
  for (let i = 0; i < depth; i++) {
    const found = place(btf, random, struct, 0)
    let { off } = found
    const size = 'size' in found.type && random.below(4) > 0 ? found.type.size : undefined
    const width =
      found.type.kind === 'ptr'
        ? SIZES[3]
        : (SIZES.find(([bytes]) => bytes === size) ?? SIZES[random.below(4)] ?? SIZES[0])
    if (random.below(12) === 0) off += random.below(9) - 4
    if (random.below(40) === 0 && 'size' in struct) off = struct.size
    if (random.below(30) === 0) code.push([0x07, 1, 0, random.below(16) * 8])
    if (off > 32767 || off < -32768) break
    if (random.below(15) === 0) {
      code.push([0xb7, 2, 0, 1], [0x63 | width[1], 0x21, off, 0])
      break
    }
    code.push([0x61 | width[1], 0x11, off, 0])
    if (found.type.kind !== 'ptr') break
    struct = resolve(btf, found.type.type)
    if (random.below(2) === 1) leaveIfNull()
  }
  return [...code, ...RETURN_0]
}

test('loads and stores through kernel objects have Linux’s verdict and log', { skip }, (t) => {
  const btf = vmlinux()
  const random = new Random(testSeed)
  const from = starts(btf)
  assert.ok(from.length > 1000, `${from.length} arguments`)
  let accepted = 0
  for (let i = 0; i < PROGRAMS; i++) {
    const start = from[random.below(from.length)]
    if (start === undefined) continue
    const code = program(btf, random, start)
    const found = judge(code, start.bound)
    const what = `seed ${testSeed}, program ${i}, bound to ${btf.typeName(start.bound.btfId ?? 0)}`
    assert.equal(found.ours, found.linux, `${what}: ${found.difference}`)
    assert.equal(found.difference, undefined, what)
    if (found.linux) accepted++
  }
  assert.ok(accepted > PROGRAMS / 10 && accepted < PROGRAMS, `${accepted} accepted`)
  t.diagnostic(`${accepted} of ${PROGRAMS} accepted, seed ${testSeed}`)
})
