import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  ATTACH_TYPES,
  attachTypeByName,
  attachTypeName,
  bpf_attach_type,
  bpf_cmd,
  bpf_link_type,
  bpf_prog_type,
  COMMANDS,
  commandByName,
  commandName,
  LINK_TYPES,
  linkTypeByName,
  linkTypeName,
  PROG_TYPE_NAMES,
  progTypeId,
  progTypeName,
} from '#src/spec/index.js'

type Row = { readonly id: number; readonly name: string }

function follows(rows: readonly Row[], numbers: Record<string, number>, prefix: string, skip: readonly string[]) {
  assert.equal(new Set(rows.map((row) => row.id)).size, rows.length)
  for (const [constant, value] of Object.entries(numbers)) {
    if (skip.includes(constant)) continue
    const row = rows.find((candidate) => candidate.id === value)
    assert.equal(row?.name, constant.slice(prefix.length).toLowerCase(), constant)
  }
}

test('every number of linux/bpf.h has its row and its name', () => {
  follows(ATTACH_TYPES, bpf_attach_type, 'BPF_', [])
  follows(COMMANDS, bpf_cmd, 'BPF_', ['BPF_PROG_RUN'])
  follows(LINK_TYPES, bpf_link_type, 'BPF_LINK_TYPE_', ['BPF_LINK_TYPE_UNSPEC'])
  const progTypes = PROG_TYPE_NAMES.map((name) => ({ name, id: progTypeId(name) }))
  follows(progTypes, bpf_prog_type, 'BPF_PROG_TYPE_', ['BPF_PROG_TYPE_UNSPEC'])
})

test('names and numbers find each other', () => {
  for (const { id, name } of ATTACH_TYPES) assert.equal(attachTypeByName(attachTypeName(id) ?? '')?.name, name)
  for (const { id, name } of COMMANDS) assert.equal(commandByName(commandName(id) ?? '')?.name, name)
  for (const { id, name } of LINK_TYPES) assert.equal(linkTypeByName(linkTypeName(id) ?? '')?.name, name)
  for (const name of PROG_TYPE_NAMES) assert.equal(progTypeName(progTypeId(name)), name)
  assert.equal(progTypeName(0), undefined)
  assert.equal(progTypeName(33), undefined)
  assert.equal(progTypeId('nothing'), undefined)
  assert.equal(attachTypeByName('nothing'), undefined)
  assert.equal(linkTypeName(0), undefined)
})

test('links of attach types exist', () => {
  for (const row of ATTACH_TYPES) if ('link' in row) assert.ok(linkTypeByName(row.link), row.name)
})
