import assert from 'node:assert/strict'
import type { Fd, Kernel } from '#src/kernel/index.js'
import { openObject } from '#src/object/index.js'
import { fixture } from '../support/net.js'
import { type Cases, refused, u32, u64 } from './suite.js'

function newMap(kernel: Kernel, mapName = 'suite_map'): Fd {
  return kernel.call('map_create', { mapType: 1, keySize: 4, valueSize: 8, maxEntries: 4, mapName })
}

function newProg(kernel: Kernel): Fd {
  const insns = Uint8Array.of(0xb7, 0, 0, 0, 1, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0)
  return kernel.call('prog_load', { progType: 6, insns, license: 'GPL', progName: 'suite' }).fd
}

function idOf(kernel: Kernel, fd: Fd): number {
  return kernel.call('obj_get_info_by_fd', { fd }).id
}

/** All ids that a walk gives. */
function walk(kernel: Kernel, call: 'map_get_next_id' | 'prog_get_next_id' | 'btf_get_next_id'): number[] {
  const ids: number[] = []
  for (let startId = 0; ; ids.push(startId)) {
    try {
      startId = kernel.call(call, { startId })
    } catch (error) {
      refused('ENOENT')(error)
      return ids
    }
  }
}

function objectBtf(): Uint8Array {
  const { btf } = openObject(fixture('net/xdp_count.o'))
  assert.ok(btf !== undefined)
  return btf
}

export const objectCases: Cases = {
  'ids: a walk finds what is open, ids open it again, closing the last ends it'(kernel) {
    const map = newMap(kernel)
    const prog = newProg(kernel)
    const [mapId, progId] = [idOf(kernel, map), idOf(kernel, prog)]
    assert.ok(walk(kernel, 'map_get_next_id').includes(mapId))
    assert.ok(walk(kernel, 'prog_get_next_id').includes(progId))
    const again = kernel.call('map_get_fd_by_id', { id: mapId })
    kernel.call('map_update_elem', { mapFd: map, key: u32(1), value: u64(9n) })
    assert.deepEqual(kernel.call('map_lookup_elem', { mapFd: again, key: u32(1) }), u64(9n))
    kernel.call('close', { fd: map })
    assert.equal(idOf(kernel, again), mapId)
    assert.throws(() => kernel.call('map_get_fd_by_id', { id: 0xfff_ffff }), refused('ENOENT'))
    assert.throws(() => kernel.call('prog_get_fd_by_id', { id: 0xfff_ffff }), refused('ENOENT'))
    const reopened = kernel.call('prog_get_fd_by_id', { id: progId })
    assert.equal(idOf(kernel, reopened), progId)
  },

  'descriptors: a copy lives on its own, a closed one is EBADF, twice too'(kernel) {
    const fd = newMap(kernel)
    const copy = kernel.call('dup', { fd })
    kernel.call('close', { fd })
    kernel.call('map_update_elem', { mapFd: copy, key: u32(1), value: u64(1n) })
    assert.throws(() => kernel.call('close', { fd }), refused('EBADF'))
    assert.throws(() => kernel.call('map_lookup_elem', { mapFd: fd, key: u32(1) }), refused('EBADF'))
    assert.throws(() => kernel.call('obj_get_info_by_fd', { fd }), refused('EBADF'))
    const prog = newProg(kernel)
    assert.throws(() => kernel.call('map_lookup_elem', { mapFd: prog, key: u32(1) }), refused('EINVAL'))
  },

  'pins: an object outlives its descriptor under a name'(kernel, subject) {
    const directory = subject.pinDirectory(kernel)
    const map = newMap(kernel)
    const id = idOf(kernel, map)
    const pathname = `${directory}/kept`
    kernel.call('obj_pin', { bpfFd: map, pathname })
    assert.throws(() => kernel.call('obj_pin', { bpfFd: map, pathname }), refused('EEXIST'))
    kernel.call('close', { fd: map })
    const opened = kernel.call('obj_get', { pathname })
    assert.equal(idOf(kernel, opened), id)
    assert.deepEqual(kernel.call('readdir', { path: directory }), ['kept'])
    kernel.call('rename', { from: pathname, to: `${directory}/moved` })
    assert.throws(() => kernel.call('obj_get', { pathname }), refused('ENOENT'))
    const prog = newProg(kernel)
    kernel.call('obj_pin', { bpfFd: prog, pathname })
    const info = kernel.call('obj_get_info_by_fd', { fd: kernel.call('obj_get', { pathname }) })
    assert.equal(info.kind, 'prog')
    kernel.call('unlink', { path: pathname })
    kernel.call('unlink', { path: `${directory}/moved` })
    assert.throws(() => kernel.call('unlink', { path: pathname }), refused('ENOENT'))
  },

  'pins: directories, and the names a BPF file system refuses'(kernel, subject) {
    const directory = subject.pinDirectory(kernel)
    const map = newMap(kernel)
    kernel.call('mkdir', { path: `${directory}/below` })
    assert.throws(() => kernel.call('mkdir', { path: `${directory}/below` }), refused('EEXIST'))
    assert.equal(kernel.call('stat', { path: `${directory}/below` }).type, 'directory')
    kernel.call('obj_pin', { bpfFd: map, pathname: `${directory}/below/map` })
    assert.throws(() => kernel.call('rmdir', { path: `${directory}/below` }), refused('ENOTEMPTY'))
    assert.throws(() => kernel.call('obj_pin', { bpfFd: map, pathname: `${directory}/a.b` }), refused('EPERM'))
    assert.throws(() => kernel.call('obj_pin', { bpfFd: map, pathname: `${directory}/none/map` }), refused('ENOENT'))
    assert.throws(() => kernel.call('obj_get', { pathname: `${directory}/below` }), refused('EACCES'))
    kernel.call('unlink', { path: `${directory}/below/map` })
    kernel.call('rmdir', { path: `${directory}/below` })
    assert.deepEqual(kernel.call('readdir', { path: directory }), [])
  },

  'BTF: loaded bytes come back, have an id and a size'(kernel) {
    const btf = objectBtf()
    const { fd } = kernel.call('btf_load', { btf })
    const info = kernel.call('obj_get_info_by_fd', { fd, details: true })
    assert.ok(info.kind === 'btf')
    assert.equal(info.btfSize, btf.length)
    assert.deepEqual(info.btf, btf)
    assert.equal(info.kernelBtf, false)
    assert.ok(walk(kernel, 'btf_get_next_id').includes(info.id))
    assert.equal(idOf(kernel, kernel.call('btf_get_fd_by_id', { id: info.id })), info.id)
  },

  'BTF: what is none is refused'(kernel) {
    const btf = objectBtf()
    assert.throws(() => kernel.call('btf_load', { btf: new Uint8Array(0) }), refused('EINVAL'))
    assert.throws(() => kernel.call('btf_load', { btf: btf.subarray(0, 20) }), refused('EINVAL'))
    const wrong = btf.slice()
    wrong[0] = 0
    assert.throws(() => kernel.call('btf_load', { btf: wrong }), refused('EINVAL'))
    assert.throws(() => kernel.call('btf_get_fd_by_id', { id: 0xfff_ffff }), refused('ENOENT'))
  },

  'sysctls are read; an unknown one is ENOENT'(kernel) {
    assert.match(kernel.call('sysctl_read', { name: 'kernel.unprivileged_bpf_disabled' }), /^[012]$/)
    assert.throws(() => kernel.call('sysctl_read', { name: 'kernel.no_such_thing' }), refused('ENOENT'))
  },
}
