import assert from 'node:assert/strict'
import { test } from 'node:test'
import { embedded } from '#src/embedded/index.js'
import { errorCode, type Fd, type Kernel } from '#src/kernel/index.js'

const TWO = Uint8Array.of(0xb7, 0, 0, 0, 2, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0)
const array = (kernel: Kernel) => kernel.call('map_create', { mapType: 2, keySize: 4, valueSize: 4, maxEntries: 1 })
const fails = (code: string, run: () => unknown): void =>
  assert.throws(run, (error) => {
    assert.equal(errorCode(error), code)
    return true
  })

test('descriptors: lowest free number, EBADF after close, dup shares the object', () => {
  using kernel = embedded()
  const a = array(kernel)
  const b = array(kernel)
  assert.deepEqual([a, b], [3, 4])
  kernel.call('close', { fd: a })
  fails('EBADF', () => kernel.call('close', { fd: a }))
  assert.equal(array(kernel), 3)
  const copy = kernel.call('dup', { fd: b })
  kernel.call('close', { fd: b })
  assert.equal(kernel.call('obj_get_info_by_fd', { fd: copy }).id, 2)
  fails('EINVAL', () => kernel.call('prog_test_run', { progFd: copy, dataIn: new Uint8Array(64) }))
})

test('objects live as long as something refers to them', () => {
  using kernel = embedded()
  const fd = array(kernel)
  const { id } = kernel.call('obj_get_info_by_fd', { fd })
  kernel.call('obj_pin', { bpfFd: fd, pathname: '/sys/fs/bpf/kept' })
  kernel.call('close', { fd })
  const again = kernel.call('map_get_fd_by_id', { id })
  kernel.call('close', { fd: again })
  kernel.call('unlink', { path: '/sys/fs/bpf/kept' })
  fails('ENOENT', () => kernel.call('map_get_fd_by_id', { id }))
  fails('ENOENT', () => kernel.call('map_get_next_id', { startId: 0 }))
})

test('a session that ends takes its descriptors along, pins stay', () => {
  using kernel = embedded()
  {
    using child = kernel.fork()
    child.call('obj_pin', { bpfFd: array(child), pathname: '/sys/fs/bpf/pinned' })
    array(child)
  }
  assert.deepEqual(kernel.call('readdir', { path: '/sys/fs/bpf' }), ['pinned'])
  const ids: number[] = []
  for (let id = 0; ; ) {
    try {
      ids.push((id = kernel.call('map_get_next_id', { startId: id })))
    } catch {
      break
    }
  }
  assert.deepEqual(ids, [1])
})

test('bpffs: directories, names, errors', () => {
  using kernel = embedded()
  const fd = array(kernel)
  const root = '/sys/fs/bpf'
  kernel.call('mkdir', { path: `${root}/a` })
  kernel.call('obj_pin', { bpfFd: fd, pathname: `${root}/a/map` })
  fails('EEXIST', () => kernel.call('obj_pin', { bpfFd: fd, pathname: `${root}/a/map` }))
  fails('ENOENT', () => kernel.call('obj_pin', { bpfFd: fd, pathname: `${root}/b/map` }))
  fails('EPERM', () => kernel.call('obj_pin', { bpfFd: fd, pathname: `${root}/has.dot` }))
  fails('EPERM', () => kernel.call('obj_pin', { bpfFd: fd, pathname: '/tmp/elsewhere' }))
  fails('ENOENT', () => kernel.call('obj_get', { pathname: `${root}/nothing` }))
  fails('ENOTEMPTY', () => kernel.call('rmdir', { path: `${root}/a` }))
  kernel.call('rename', { from: `${root}/a/map`, to: `${root}/moved` })
  assert.equal(kernel.call('stat', { path: `${root}/moved` }).type, 'map')
  kernel.call('rmdir', { path: `${root}/a` })
  assert.deepEqual(kernel.call('readdir', { path: root }), ['moved'])
  const readOnly = kernel.call('obj_get', { pathname: `${root}/moved`, fileFlags: 1 << 3 })
  fails('EPERM', () =>
    kernel.call('map_update_elem', { mapFd: readOnly, key: new Uint8Array(4), value: new Uint8Array(4) }),
  )
})

test('sysctls: ranges and the one-way setting', () => {
  using kernel = embedded()
  assert.equal(kernel.call('sysctl_read', { name: 'net.core.bpf_jit_harden' }), '0')
  kernel.call('sysctl_write', { name: 'net/core/bpf_jit_harden', value: '2' })
  assert.equal(kernel.call('sysctl_read', { name: 'net.core.bpf_jit_harden' }), '2')
  fails('EINVAL', () => kernel.call('sysctl_write', { name: 'net.core.bpf_jit_harden', value: '3' }))
  kernel.call('sysctl_write', { name: 'kernel.unprivileged_bpf_disabled', value: '1' })
  fails('EPERM', () => kernel.call('sysctl_write', { name: 'kernel.unprivileged_bpf_disabled', value: '0' }))
  fails('ENOENT', () => kernel.call('sysctl_read', { name: 'kernel.nothing' }))
})

test('programs: refusals say what and where', () => {
  using kernel = embedded()
  const load = (insns: Uint8Array, more: object = {}) =>
    kernel.call('prog_load', { progType: 6, insns, license: 'GPL', ...more })
  fails('E2BIG', () => load(new Uint8Array(0)))
  fails('EINVAL', () => load(TWO, { progType: 99 }))
  fails('EINVAL', () => load(TWO, { progName: 'a-b' }))
  fails('EINVAL', () => load(TWO.subarray(0, 8)))
  fails('EINVAL', () => load(Uint8Array.of(0x85, 0, 0, 0, 0xff, 0xff, 0, 0, ...TWO)))
  // r1 = map_fd 77
  fails('EBADF', () => load(Uint8Array.of(0x18, 0x11, 0, 0, 77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ...TWO)))
  const { fd } = load(TWO)
  const info = kernel.call('obj_get_info_by_fd', { fd })
  assert.ok(info.kind === 'prog')
  assert.deepEqual([...info.tag], [0x61, 0x4b, 0x43, 0x4c, 0xd8, 0x32, 0x4e, 0xcc])
})

test('an endless program ends with its budget, the kernel goes on', () => {
  using kernel = embedded({ budget: 1_000_000, verifier: 'off' })
  const endless = Uint8Array.of(0xb7, 0, 0, 0, 0, 0, 0, 0, 0x15, 0, 0xff, 0xff, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0)
  const { fd } = kernel.call('prog_load', { progType: 6, insns: endless, license: 'GPL' })
  fails('ETIMEDOUT', () => kernel.call('prog_test_run', { progFd: fd, dataIn: new Uint8Array(64) }))
  const two = kernel.call('prog_load', { progType: 6, insns: TWO, license: 'GPL' })
  assert.equal(kernel.call('prog_test_run', { progFd: two.fd, dataIn: new Uint8Array(64) }).retval, 2)
})

test('closing everything frees the machine: a thousand loads do not grow it', () => {
  using kernel = embedded()
  const cycle = (): void => {
    const map = kernel.call('map_create', { mapType: 1, keySize: 4, valueSize: 64, maxEntries: 1000 })
    const { fd } = kernel.call('prog_load', { progType: 6, insns: TWO, license: 'GPL' })
    kernel.call('prog_test_run', { progFd: fd, dataIn: new Uint8Array(1000) })
    for (const each of [map, fd] as Fd[]) kernel.call('close', { fd: each })
  }
  for (let i = 0; i < 50; i++) cycle()
  const { size } = kernel.machine.memory
  for (let i = 0; i < 1000; i++) cycle()
  assert.equal(kernel.machine.memory.size, size)
})
