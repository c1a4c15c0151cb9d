import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ERRNO } from '#src/base/index.js'
import {
  bpf_map_create_flags,
  bpf_map_type,
  type HelperName,
  helperByName,
  MAP_TYPES,
  type MapCommand,
  type MapType,
  mapTypeById,
  mapTypeByName,
  mapTypeName,
  type ProgTypeName,
  progTypeId,
  type SizeRule,
  sizeError,
} from '#src/spec/index.js'
import { bpf, closeFd, insns, noBpf, progLoad } from '../support/linux-bpf.js'

const rows: readonly MapType[] = MAP_TYPES
const FLAGS: Readonly<Record<string, number>> = bpf_map_create_flags

// A BTF with one type: a signed 32-bit int.
function intBtf(): Uint8Array {
  const types = [1, 1 << 24, 4, (1 << 24) | 32]
  const strings = new TextEncoder().encode('\0int\0')
  const bytes = new Uint8Array(24 + types.length * 4 + strings.length)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, 0xeb9f, true)
  view.setUint8(2, 1)
  view.setUint32(4, 24, true)
  view.setUint32(12, types.length * 4, true)
  view.setUint32(16, types.length * 4, true)
  view.setUint32(20, strings.length, true)
  types.forEach((word, index) => {
    view.setUint32(24 + index * 4, word, true)
  })
  bytes.set(strings, 24 + types.length * 4)
  return bytes
}

interface Attributes {
  readonly key_size: number
  readonly value_size: number
  readonly max_entries: number
  readonly map_flags: number
}

function pick(rule: SizeRule, wanted: number): number {
  if (rule.only !== undefined) return rule.only.includes(wanted) ? wanted : (rule.only.at(-1) ?? 0)
  return Math.max(wanted, rule.min ?? 0)
}

function good(row: MapType): Attributes {
  const flags = (row.requires ?? []).reduce((sum, flag) => sum | (FLAGS[flag] ?? 0), 0)
  return {
    key_size: pick(row.key, 4),
    value_size: pick(row.value, 4),
    max_entries: pick(row.entries, 2),
    map_flags: flags,
  }
}

// BPF_MAP_CREATE with what else the type needs; closes what it made for that.
function create(row: MapType, attributes: Attributes): number {
  const inner = row.inner ? bpf('BPF_MAP_CREATE', 'map_create', { map_type: 2, ...good(mapTypeByName('array')) }) : 0
  const code = intBtf()
  const btf = row.btf ? bpf('BPF_BTF_LOAD', 'btf_load', { btf: code, btf_size: code.length }) : 0
  const types = row.btf ? { btf_fd: btf, btf_key_type_id: 1, btf_value_type_id: 1 } : {}
  const fd = bpf('BPF_MAP_CREATE', 'map_create', { map_type: row.id, ...attributes, ...types, inner_map_fd: inner })
  if (row.inner) closeFd(inner)
  if (row.btf) closeFd(btf)
  return fd
}

function outcome(row: MapType, attributes: Attributes): string {
  const fd = create(row, attributes)
  closeFd(fd)
  if (fd >= 0) return 'ok'
  return Object.entries(ERRNO).find(([, number]) => number === -fd)?.[0] ?? String(fd)
}

// struct_ops maps need a kernel type's BTF id to exist at all; others are newer than the kernel at hand may be.
const creatable = rows.filter((row) => row.name !== 'struct_ops' && row.since === undefined)

test('map types are those of linux/bpf.h, in order', () => {
  for (const [index, row] of rows.entries()) {
    assert.equal(row.id, index + 1)
    const constant = `BPF_MAP_TYPE_${row.name.toUpperCase()}`
    assert.equal((bpf_map_type as Record<string, number>)[constant], row.id)
    assert.equal(mapTypeById(row.id), row)
    assert.equal(mapTypeByName(row.name), row)
    assert.equal(mapTypeName(row.id), row.name)
  }
  assert.equal(mapTypeById(0), undefined)
  assert.equal(mapTypeByName('nothing'), undefined)
})

test('size rules', () => {
  assert.equal(sizeError({ only: [4, 8] }, 4), undefined)
  assert.equal(sizeError({ only: [4, 8] }, 6), 'EINVAL')
  assert.equal(sizeError({ min: 1, max: 8, above: 'E2BIG' }, 9), 'E2BIG')
  assert.equal(sizeError({ min: 1, max: 8 }, 9), 'EINVAL')
  assert.equal(sizeError({ min: 4096, powerOfTwo: true }, 8192), undefined)
  assert.equal(sizeError({ min: 4096, powerOfTwo: true }, 12288), 'EINVAL')
  assert.equal(sizeError({ min: 8, max: 1016, multipleOf: 8 }, 12), 'EINVAL')
})

test('every map type can be made on the running kernel, and wrong sizes get the errno the table tells', {
  skip: noBpf,
}, () => {
  const wrong: string[] = []
  for (const row of creatable) {
    const base = good(row)
    assert.equal(outcome(row, base), 'ok', row.name)
    const field = { key_size: row.key, value_size: row.value, max_entries: row.entries } as const
    for (const [name, rule] of Object.entries(field)) {
      const sizes = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 17, 24, 260, 261, 512, 513, 4095, 4096, 8192, 12288]
      if (name !== 'max_entries') sizes.push(32768, 32769, 0xffffffff)
      const edge = rule.max
      if (edge !== undefined && edge < 0x7fffffff) sizes.push(edge, edge + 1)
      for (const size of sizes) {
        // The number of CPUs limits a cpumap; a type's BTF fixes the value of local storages.
        if (row.name === 'cpumap' && name === 'max_entries' && size > 24) continue
        if (row.btf && name === 'value_size' && size !== 4 && size <= 65407) continue
        const attributes = { ...base, max_entries: row.entries.only ? 0 : pick(row.entries, 1), [name]: size }
        const sum = attributes.key_size + attributes.value_size
        const tooBig = row.together !== undefined && sum > row.together ? 'E2BIG' : 'ok'
        const expected = sizeError(rule, size) ?? tooBig
        const actual = outcome(row, attributes)
        if (actual !== expected) wrong.push(`${row.name} ${name} ${size}: ${actual}, the table says ${expected}`)
      }
    }
  }
  assert.deepEqual(wrong, [])
})

test('the running kernel takes the flags of the table and no others', { skip: noBpf }, () => {
  const wrong: string[] = []
  for (const row of creatable) {
    const base = good(row)
    for (const [flag, bit] of Object.entries(FLAGS)) {
      if (flag === 'BPF_F_TOKEN_FD' || flag === 'BPF_F_VTYPE_BTF_OBJ_FD') continue
      const build = flag === 'BPF_F_STACK_BUILD_ID' ? { value_size: 32 } : {}
      const actual = outcome(row, { ...base, ...build, map_flags: base.map_flags | bit })
      const mine = row.flags.some((name) => name === flag)
      // LRU maps are always preallocated and say so in their own way.
      const refusal = row.name.startsWith('lru_') && flag === 'BPF_F_NO_PREALLOC' ? 'ENOTSUPP' : 'EINVAL'
      if (actual !== (mine ? 'ok' : build.value_size && row.name !== 'stack_trace' ? actual : refusal))
        wrong.push(`${row.name} ${flag}: ${actual}`)
    }
    for (const flag of row.requires ?? []) {
      const actual = outcome(row, { ...base, map_flags: base.map_flags & ~(FLAGS[flag] ?? 0) })
      if (actual !== 'EINVAL') wrong.push(`${row.name} without ${flag}: ${actual}`)
    }
  }
  assert.deepEqual(wrong, [])
})

test('the running kernel answers the commands of the table', { skip: noBpf }, () => {
  const refusals = new Set([-ERRNO.EINVAL, -ERRNO.EOPNOTSUPP, -ERRNO.ENOTSUPP])
  const wrong: string[] = []
  for (const row of creatable) {
    const fd = create(row, good(row))
    const room = () => new Uint8Array(4096)
    const key = good(row).key_size > 0 ? { key: room() } : {}
    // A descriptor that is not open where a descriptor is wanted: EBADF tells that the command works.
    const fill = row.holds !== undefined && row.holds !== 'netdev' && row.holds !== 'cpu' ? 0x7f : 0
    const value = () => room().fill(fill)
    const one = (cmd: Parameters<typeof bpf>[0]) => bpf(cmd, 'map_elem', { map_fd: fd, ...key, value: value() })
    const batch = (cmd: Parameters<typeof bpf>[0]) =>
      bpf(cmd, 'batch', { map_fd: fd, keys: room(), values: value(), count: 1, out_batch: room() })
    const answers: Record<MapCommand, number> = {
      lookup: one('BPF_MAP_LOOKUP_ELEM'),
      update: one('BPF_MAP_UPDATE_ELEM'),
      next: bpf('BPF_MAP_GET_NEXT_KEY', 'map_elem', { map_fd: fd, next_key: room() }),
      lookup_and_delete: one('BPF_MAP_LOOKUP_AND_DELETE_ELEM'),
      delete: bpf('BPF_MAP_DELETE_ELEM', 'map_elem', { map_fd: fd, ...key }),
      lookup_batch: batch('BPF_MAP_LOOKUP_BATCH'),
      update_batch: batch('BPF_MAP_UPDATE_BATCH'),
      lookup_and_delete_batch: batch('BPF_MAP_LOOKUP_AND_DELETE_BATCH'),
      delete_batch: batch('BPF_MAP_DELETE_BATCH'),
    }
    closeFd(fd)
    for (const [command, answer] of Object.entries(answers)) {
      const has = row.commands.some((name) => name === command)
      // These refuse device 0 and the empty slot, not the command.
      if (row.name === 'devmap_hash' && command === 'update' && answer === -ERRNO.EINVAL) continue
      if (row.name === 'sockmap' && command === 'delete' && answer === -ERRNO.EINVAL) continue
      if (has === refusals.has(answer)) wrong.push(`${row.name} ${command}: ${answer}, the table says ${has}`)
    }
  }
  assert.deepEqual(wrong, [])
})

// Which program type to try a helper in, where XDP may not call it.
const TRY_IN: Readonly<Partial<Record<HelperName, ProgTypeName>>> = {
  get_stackid: 'tracepoint',
  perf_event_read: 'tracepoint',
  skb_under_cgroup: 'sched_cls',
  get_local_storage: 'cgroup_skb',
  sk_redirect_map: 'sk_skb',
  sk_redirect_hash: 'sk_skb',
  msg_redirect_map: 'sk_msg',
  msg_redirect_hash: 'sk_msg',
  sock_map_update: 'sock_ops',
  sock_hash_update: 'sock_ops',
  sk_select_reuseport: 'sk_reuseport',
}

// A program that calls one helper with a map and otherwise plain, valid arguments.
function callWithMap(name: HelperName, fd: number, row: MapType): Uint8Array | undefined {
  const code: [number, number, number, number][] = [[0xbf, 0x16, 0, 0]] // r6 = r1
  for (let slot = 8; slot <= 64; slot += 8) code.push([0x7a, 10, -slot, 0]) // *(u64 *)(r10 - slot) = 0
  for (const [index, arg] of helperByName(name).args.entries()) {
    const register = index + 1
    switch (arg.kind) {
      case 'ptr_to_ctx':
        code.push([0xbf, 0x60 | register, 0, 0])
        break
      case 'const_map_ptr':
        code.push([0x18, 0x10 | register, 0, fd], [0, 0, 0, 0])
        break
      case 'ptr_to_map_key':
      case 'ptr_to_map_value':
      case 'ptr_to_mem':
        if (good(row).key_size > 64 || good(row).value_size > 64) return undefined
        code.push([0xbf, 0xa0 | register, 0, 0], [0x07, register, 0, -64])
        break
      case 'const_size':
      case 'const_size_or_zero':
        code.push([0xb7, register, 0, name === 'perf_event_read_value' ? 24 : 8])
        break
      case 'const_alloc_size_or_zero':
      case 'anything':
        code.push([0xb7, register, 0, 0])
        break
      default:
        return undefined
    }
  }
  code.push([0x85, 0, 0, helperByName(name).id], [0xb7, 0, 0, 1], [0x95, 0, 0, 0])
  return insns(...code)
}

test('the running kernel lets helpers use the map types of the table', { skip: noBpf }, () => {
  const wrong: string[] = []
  const helpers = new Set(rows.flatMap((row) => row.helpers))
  let tried = 0
  for (const row of creatable) {
    const fd = create(row, good(row))
    for (const name of helpers) {
      const code = callWithMap(name, fd, row)
      const progType = TRY_IN[name] ?? 'xdp'
      if (code === undefined || name === 'for_each_map_elem') continue
      const attach = progType === 'cgroup_skb' ? 0 : progType === 'sk_reuseport' ? 39 : 0
      // Only sock_ops and the like may put sockets into a map; there update is refused for want of a socket.
      if (name === 'map_update_elem' && row.holds === 'sock') continue
      const { fd: prog, log } = progLoad(progTypeId(progType), code, { expected_attach_type: attach })
      closeFd(prog)
      if (/cannot use helper/.test(log)) continue
      tried += 1
      // A reference that the program keeps shows that the call itself was fine.
      const works = prog >= 0 || /[Uu]nreleased reference|reference leak/.test(log)
      const mine = row.helpers.some((helper) => helper === name)
      if (works !== mine) wrong.push(`${name} on ${row.name}: ${works ? 'works' : log.trim().split('\n').at(-2)}`)
    }
    closeFd(fd)
  }
  assert.ok(tried > 500, `only ${tried} programs tried`)
  assert.deepEqual(wrong, [])
})
