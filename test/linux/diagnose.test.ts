import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { KernelError, mapLimitHint, progLimitHint } from '#src/kernel/index.js'
import { explainEperm, type Rights } from '#src/linux/diagnose.js'
import { bpf_map_type, bpf_prog_type, MAP_TYPES } from '#src/spec/index.js'
import { linuxUnavailable, openLinux } from '../support/kernels.js'
import { root } from '../support/paths.js'

const ROOT: Rights = {
  effective: 0x1ffffffffffn,
  seccomp: 0,
  initialUserNamespace: true,
  lockdown: undefined,
  unprivilegedBpfDisabled: 2,
  memlock: undefined,
}
const map = { mapType: bpf_map_type.BPF_MAP_TYPE_HASH, keySize: 4, valueSize: 4, maxEntries: 1 }
const prog = { progType: bpf_prog_type.BPF_PROG_TYPE_KPROBE, insns: new Uint8Array(16), license: 'GPL' }

test('EPERM is what is missing', () => {
  const cases: [ReturnType<typeof explainEperm>, RegExp][] = [
    [explainEperm('map_create', map, { ...ROOT, effective: 0n }), /lacks CAP_BPF: .*unprivileged_bpf_disabled is 2/],
    [explainEperm('prog_load', prog, { ...ROOT, effective: 1n << 39n }), /lacks CAP_PERFMON: run/],
    [explainEperm('prog_load', { ...prog, progType: 6 }, { ...ROOT, effective: 1n << 39n }), /lacks CAP_NET_ADMIN/],
    [explainEperm('map_get_fd_by_id', { id: 1 }, { ...ROOT, effective: 1n << 39n }), /lacks CAP_SYS_ADMIN/],
    [explainEperm('prog_load', prog, { ...ROOT, initialUserNamespace: false }), /user namespace/],
    [explainEperm('prog_load', prog, { ...ROOT, lockdown: 'confidentiality' }), /locked down \(confidentiality\)/],
    [explainEperm('map_create', map, { ...ROOT, memlock: 65536 }), /RLIMIT_MEMLOCK \(now 65536 bytes\)/],
    [explainEperm('prog_load', prog, { ...ROOT, seccomp: 2 }), /seccomp/],
    [explainEperm('map_update_elem', {}, ROOT), /frozen/],
    [explainEperm('prog_load', prog, ROOT), /security module/],
  ]
  for (const [hint, expected] of cases) assert.match(hint, expected)
  // CAP_SYS_ADMIN includes the newer ones.
  assert.doesNotMatch(explainEperm('map_create', map, { ...ROOT, effective: 1n << 21n }), /lacks/)
})

test('EINVAL and E2BIG are the limit that was met, on the real kernel too', (t) => {
  const reason = linuxUnavailable()
  if (reason) return t.skip(reason)
  using kernel = openLinux()
  const hintOf = (run: () => unknown): string => {
    try {
      run()
    } catch (error) {
      assert.ok(error instanceof KernelError)
      return `${error.code}: ${error.hint}`
    }
    return assert.fail('the call worked')
  }
  const create = (more: object) => hintOf(() => kernel.call('map_create', { ...map, ...more }))
  assert.match(create({ keySize: 0 }), /^EINVAL: key_size of a hash is at least 1/)
  assert.match(create({ maxEntries: 0 }), /^EINVAL: max_entries of a hash is at least 1/)
  assert.match(create({ mapType: 2, keySize: 8 }), /^EINVAL: key_size of a array is 4, not 8/)
  assert.match(
    create({ mapType: 27, keySize: 0, valueSize: 0, maxEntries: 5000 }),
    /^EINVAL: max_entries of a ringbuf .*power of two, not 5000/,
  )
  assert.match(create({ keySize: 5 << 20 }), /^E2BIG: key_size of a hash is .*at most/)
  assert.match(create({ mapType: 11, keySize: 8 }), /^EINVAL: a lpm_trie needs BPF_F_NO_PREALLOC/)
  assert.match(create({ mapType: 2, mapFlags: 1 }), /^EINVAL: a array does not take BPF_F_NO_PREALLOC/)
  assert.match(create({ mapType: 999 }), /^EINVAL: map type 999 is none/)
  const load = (more: object) => hintOf(() => kernel.call('prog_load', { ...prog, ...more }))
  assert.match(load({ insns: new Uint8Array(0) }), /^E2BIG: 0 instructions/)
  assert.match(load({ progType: 999 }), /^EINVAL: program type 999 is none/)
  assert.match(
    load({ progType: bpf_prog_type.BPF_PROG_TYPE_TRACING, expectedAttachType: 23 }),
    /EINVAL: a tracing program needs the BTF id/,
  )
  return undefined
})

test('no hint where the tables see nothing wrong', () => {
  const error = new KernelError('EINVAL', 'map_create')
  assert.equal(mapLimitHint(map, error), undefined)
  assert.equal(progLimitHint(prog, new KernelError('EACCES', 'prog_load')), undefined)
  for (const { id } of MAP_TYPES) mapLimitHint({ ...map, mapType: id }, error)
  const own = new KernelError('EINVAL', 'map_create', { hint: 'mine', detail: 'a detail' })
  assert.equal(own.withHint('other'), own)
  assert.match(error.withHint('new').message, /EINVAL/)
  assert.match(new KernelError('EPERM', 'x', { detail: 'a detail' }).withHint('new').message, /: a detail$/)
})

test('a process without capabilities is told which', (t) => {
  const reason = linuxUnavailable()
  if (reason) return t.skip(reason)
  const drop = ['--bounding-set=-all', '--inh-caps=-all', '--reuid=65534', '--clear-groups']
  const script = `import { linux } from '${join(root, 'dist/linux/index.js')}'
try { linux().call('map_create', { mapType: 1, keySize: 4, valueSize: 4, maxEntries: 1 }) } catch (error) { console.log(error.code, error.hint) }`
  const run = spawnSync('setpriv', [...drop, process.execPath, '--input-type=module', '-e', script], {
    encoding: 'utf8',
  })
  if (run.error !== undefined) return t.skip('setpriv is not installed')
  assert.match(run.stdout, /^EPERM this process lacks CAP_BPF: /, run.stderr)
  return undefined
})
