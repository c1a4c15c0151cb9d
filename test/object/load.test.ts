import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { encodeBtf, encodeFuncInfo, encodeLineInfo, parseBtf } from '#src/btf/index.js'
import { writeElf } from '#src/elf/index.js'
import type { Fd, Kernel } from '#src/kernel/index.js'
import {
  applyKconfig,
  type BtfFeature,
  kernelName,
  linkProgram,
  loadableBtf,
  type MapSpec,
  mapCreation,
  type ObjectSpec,
  openObject,
  patchProgram,
} from '#src/object/index.js'
import { attachTypeByName, progTypeId } from '#src/spec/index.js'
import { linuxUnavailable, openLinux } from '../support/kernels.js'
import { fixtureNames, openFixture } from './fixtures.js'

const skip = linuxUnavailable()

function createMap(kernel: Kernel, map: MapSpec, btfFd: Fd | undefined): Fd {
  const { needsInner, ...creation } = mapCreation(map, { cpus: kernel.possibleCpus, pageSize: 4096 })
  const { btfKeyTypeId, btfValueTypeId } = creation
  const inner = needsInner && map.inner !== undefined ? createMap(kernel, map.inner, btfFd) : undefined
  return kernel.call('map_create', {
    ...creation,
    ...(inner === undefined ? {} : { innerMapFd: inner }),
    ...(btfFd === undefined || (btfKeyTypeId === 0 && btfValueTypeId === 0) ? {} : { btfFd }),
  })
}

/** Loads every program of these types; returns what was loaded. */
function load(kernel: Kernel, spec: ObjectSpec, types: readonly string[]): string[] {
  applyKconfig(spec, {
    text: 'CONFIG_BPF_SYSCALL=y\nCONFIG_IPV6=y\nCONFIG_SMP=y\nCONFIG_HZ=100',
    kernelVersion: 0x061200,
  })
  const btf = loadableBtf(spec)
  const btfFd = btf === undefined ? undefined : kernel.call('btf_load', { btf, logLevel: 1, logSize: 65536 }).fd
  const fds = new Map<string, Fd>()
  for (const map of spec.maps) {
    if (map.origin === '.struct_ops') continue
    const mapFd = createMap(kernel, map, btfFd)
    fds.set(map.name, mapFd)
    if (map.contents !== undefined && map.type === 'array') {
      kernel.call('map_update_elem', { mapFd, key: new Uint8Array(4), value: map.contents })
    }
    if (map.frozen) kernel.call('map_freeze', { mapFd })
  }
  const vmlinux = parseBtf(readFileSync('/sys/kernel/btf/vmlinux'))
  const loaded: string[] = []
  for (const program of spec.programs) {
    const expectedAttachType = attachTypeByName(program.attachType ?? '')?.id ?? 0
    const progType = progTypeId(program.type)
    if (progType === undefined || !types.includes(program.type)) continue
    const linked = linkProgram(spec, program.name, { targets: [vmlinux] })
    const insns = patchProgram(spec, linked, {
      mapFd: (name) => fds.get(name),
      kfunc: ({ name }) => {
        const btfId = vmlinux.findByName(name, 'func')
        return btfId === undefined ? undefined : { btfId, fdIndex: 0 }
      },
    })
    kernel.call('prog_load', {
      progType,
      insns,
      license: spec.license,
      progName: kernelName(program.name),
      expectedAttachType,
      progFlags: (program.sleepable ? 16 : 0) | (program.frags ? 32 : 0),
      logLevel: 1,
      logSize: 1 << 20,
      ...(btfFd === undefined || linked.funcInfo.length === 0
        ? {}
        : {
            progBtfFd: btfFd,
            funcInfo: encodeFuncInfo(linked.funcInfo),
            funcInfoRecSize: 8,
            lineInfo: encodeLineInfo(linked.lineInfo),
            lineInfoRecSize: 16,
          }),
    })
    loaded.push(program.name)
  }
  return loaded
}

const TYPES = [
  'xdp',
  'sched_cls',
  'sched_act',
  'socket_filter',
  'raw_tracepoint',
  'syscall',
  'cgroup_skb',
  'sk_msg',
  'perf_event',
]
// Not meant to load: these show what is refused or missing; and callbacks (subprogs_nobtf.o) need BTF.
const UNLOADABLE = new Set([
  'elf_map_long.o',
  'mixed_maps.o',
  'mixed_maps_btf.o',
  'broken_refs.o',
  'text_only_nobtf.o',
  'subprogs_nobtf.o',
])

for (const name of fixtureNames) {
  if (UNLOADABLE.has(name) || name.endsWith('_be.o')) continue
  test(`${name}: Linux takes what was linked`, { skip }, () => {
    using kernel = openLinux()
    const spec = openFixture(name)
    const wanted = spec.programs.filter(({ type }) => TYPES.includes(type)).map((program) => program.name)
    // 'nothing_known' of old_sections.o and tracing programs have no type here.
    assert.deepEqual(load(kernel, spec, TYPES), wanted)
  })
}

test("Rust's names are made into what kernels take", { skip }, () => {
  const unsigned = { kind: 'int', bitOffset: 0, signed: false, char: false, bool: false } as const
  const bytes = encodeBtf([
    { ...unsigned, name: 'u32', size: 4, bits: 32 },
    { kind: 'ptr', name: '*mut core::ffi::c_void', type: 0 },
    {
      kind: 'struct',
      name: 'HashMap<u32, [u8; 4]>',
      size: 8,
      kindFlag: false,
      members: [{ name: '0', type: 1, bitOffset: 0, bitSize: 0 }],
    },
    { kind: 'enum', name: '{impl#0}', size: 4, signed: false, values: [{ name: 'Ok(())', value: 0 }] },
    { kind: 'func_proto', name: '', type: 1, params: [{ name: 'self.0', type: 2 }] },
    { kind: 'func', name: '_ZN4core3ptr<impl>', type: 5, linkage: 'static' },
    {
      kind: 'struct',
      name: 'plain.name',
      size: 4,
      kindFlag: false,
      members: [{ name: 'x', type: 1, bitOffset: 0, bitSize: 0 }],
    },
  ])
  const spec = openObject(writeElf({ sections: [{ name: '.BTF', flags: 0, data: bytes }] }))
  const btf = loadableBtf(spec)
  assert.ok(btf)
  const parsed = parseBtf(btf)
  assert.equal(parsed.typeName(3), 'HashMap_u32___u8__4__')
  assert.equal(parsed.typeName(2), '')
  assert.equal(parsed.typeName(7), 'plain.name')
  using kernel = openLinux()
  kernel.call('btf_load', { btf, logLevel: 1, logSize: 65536 })
  assert.throws(() => kernel.call('btf_load', { btf: bytes, logLevel: 1, logSize: 65536 }), /Invalid/)
})

test('what a kernel lacks in BTF is rewritten into what it takes', { skip }, () => {
  const features: BtfFeature[] = [
    'func',
    'global_func',
    'datasec',
    'float',
    'decl_tag',
    'type_tag',
    'enum64',
    'qmark_datasec',
  ]
  using kernel = openLinux()
  for (const name of fixtureNames) {
    if (UNLOADABLE.has(name)) continue
    const spec = openFixture(name)
    const whole = loadableBtf(spec)
    if (whole === undefined) continue
    for (const lacks of [[], ...features.map((feature) => [feature]), features]) {
      const btf = loadableBtf(spec, { lacks })
      assert.ok(btf)
      const { fd } = kernel.call('btf_load', { btf, logLevel: 1, logSize: 65536 })
      kernel.call('close', { fd })
      const kinds = new Set<string>()
      const parsed = parseBtf(btf)
      for (let id = 1; id < parsed.typeCount; id++) kinds.add(parsed.kindOf(id))
      if (lacks.includes('func')) assert.ok(!kinds.has('func') && !kinds.has('func_proto'))
      if (lacks.includes('datasec')) assert.ok(!kinds.has('datasec') && !kinds.has('var'))
      if (lacks.includes('decl_tag')) assert.ok(!kinds.has('decl_tag'))
      if (lacks.includes('enum64')) assert.ok(!kinds.has('enum64'))
    }
  }
})
