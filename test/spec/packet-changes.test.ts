import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  allowedHelpers,
  HELPERS,
  type Helper,
  helperFor,
  type ProgTypeName,
  progTypeByName,
  structs,
} from '#src/spec/index.js'
import { bpf, closeFd, insns, noBpf, progLoad } from '../support/linux-bpf.js'

type Insn = [number, number, number, number]

const TYPES: readonly ProgTypeName[] = ['xdp', 'sched_cls', 'lwt_in', 'lwt_xmit', 'lwt_seg6local', 'sk_skb', 'sk_msg']

// Arguments for a call, or undefined where plain ones will not do. r6 holds the context.
function argumentsFor(row: Helper, array: number): Insn[] | undefined {
  const code: Insn[] = []
  for (const [index, arg] of row.args.entries()) {
    const register = index + 1
    switch (arg.kind) {
      case 'ptr_to_ctx':
        code.push([0xbf, 0x60 | register, 0, 0])
        break
      case 'const_map_ptr':
        code.push([0x18, 0x10 | register, 0, array], [0, 0, 0, 0])
        break
      case 'ptr_to_map_key':
      case 'ptr_to_map_value':
      case 'ptr_to_mem':
        code.push([0xbf, 0xa0 | register, 0, 0], [0x07, register, 0, -64])
        break
      case 'const_size':
      case 'const_size_or_zero':
        code.push([0xb7, register, 0, 8])
        break
      case 'anything':
        code.push([0xb7, register, 0, 0])
        break
      default:
        return undefined
    }
  }
  return code
}

// Finds the packet, calls the helper, and perhaps reads the packet through the old pointer.
function program(progType: ProgTypeName, call: readonly Insn[], again: boolean): Uint8Array {
  const { struct, fields } = progTypeByName(progType).context
  const layouts: Record<string, { offset: number; size: number }> = struct ? structs[struct].fields : {}
  const place = (kind: string) => layouts[fields.find((field) => field.kind === kind)?.name ?? '']
  const [data, end] = [place('pkt'), place('pkt_end')]
  assert.ok(data && end)
  const load = data.size === 8 ? 0x79 : 0x61
  const fill = Array.from({ length: 8 }, (_, slot): Insn => [0x7a, 10, -8 * (slot + 1), 0])
  const tail: Insn[] = again ? [[0x71, 0x70, 0, 0]] : []
  const body: Insn[] = [...call, ...tail]
  return insns(
    ...fill,
    [0xbf, 0x16, 0, 0], // r6 = r1
    [load, 0x67, data.offset, 0], // r7 = data
    [load, 0x68, end.offset, 0], // r8 = data_end
    [0xbf, 0x79, 0, 0], // r9 = r7
    [0x07, 9, 0, 1], // r9 += 1
    [0x2d, 0x89, body.length, 0], // if r9 > r8 goto end
    ...body,
    [0xb7, 0, 0, 0],
    [0x95, 0, 0, 0],
  )
}

test('helpers void packet pointers on the running kernel as the table says', { skip: noBpf }, () => {
  const array = bpf('BPF_MAP_CREATE', 'map_create', { map_type: 2, key_size: 4, value_size: 4, max_entries: 1 })
  const programs = bpf('BPF_MAP_CREATE', 'map_create', { map_type: 3, key_size: 4, value_size: 4, max_entries: 1 })
  const loads = (progType: ProgTypeName, code: Uint8Array) => {
    const { fd } = progLoad(progTypeByName(progType).id, code)
    closeFd(fd)
    return fd >= 0
  }
  const wrong: string[] = []
  const tried = new Set<string>()
  for (const progType of TYPES) {
    for (const name of allowedHelpers(progType)) {
      const row = helperFor(name, progType)
      const list = argumentsFor(row, name === 'tail_call' ? programs : array)
      if (list === undefined) continue
      const call: Insn[] = [...list, [0x85, 0, 0, row.id]]
      if (!loads(progType, program(progType, call, false))) continue
      tried.add(name)
      const kept = loads(progType, program(progType, call, true))
      if (kept === (row.changesPkt === true)) wrong.push(`${name} in ${progType}: pointers ${kept ? 'kept' : 'void'}`)
    }
  }
  closeFd(array)
  closeFd(programs)
  assert.deepEqual(wrong, [])
  const changing = HELPERS.filter((row) => 'changesPkt' in row).map((row) => row.name)
  // sock_ops programs reach no packet that store_hdr_opt could move.
  assert.deepEqual(
    changing.filter((name) => !tried.has(name)),
    ['store_hdr_opt'],
  )
})
