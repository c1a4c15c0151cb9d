// Program arrays on the embedded kernel and on Linux: what fits, what is called, what happens when the last descriptor goes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { embedded } from '#src/embedded/index.js'
import type { Fd, Kernel } from '#src/kernel/index.js'
import { linuxUnavailable, openLinux } from '../support/kernels.js'
import { outcome } from '../support/map-kernel.js'

const XDP = 6
const SCHED_CLS = 3
const XDP_DEVMAP = 33
const XDP_CPUMAP = 35

function u32(...values: number[]): Uint8Array {
  return new Uint8Array(new Uint32Array(values).buffer)
}

function insn(code: number, dst: number, src: number, off: number, imm: number): number[] {
  return [code, (src << 4) | dst, off & 0xff, (off >> 8) & 0xff, ...new Uint8Array(new Int32Array([imm]).buffer)]
}

function returns(value: number): Uint8Array {
  return Uint8Array.from([...insn(0xb7, 0, 0, 0, value), ...insn(0x95, 0, 0, 0, 0)])
}

/** Tail-calls the program at an index; returns 99 where that fails. */
function tailCall(mapFd: Fd, index: number): Uint8Array {
  return Uint8Array.from([
    ...insn(0x18, 2, 1, 0, mapFd),
    ...insn(0, 0, 0, 0, 0),
    ...insn(0xb7, 3, 0, 0, index),
    ...insn(0x85, 0, 0, 0, 12),
    ...returns(99),
  ])
}

async function story(kernel: Kernel): Promise<unknown[]> {
  const seen: unknown[] = []
  const load = (progType: number, insns: Uint8Array, expectedAttachType = 0, progFlags = 0): Fd | string => {
    const result = outcome(() =>
      kernel.call('prog_load', { progType, insns, license: 'GPL', expectedAttachType, progFlags }),
    )
    return typeof result === 'string' ? result : result.fd
  }
  const run = (progFd: Fd): number => kernel.call('prog_test_run', { progFd, dataIn: new Uint8Array(64) }).retval
  const close = (fd: Fd): void => kernel.call('close', { fd })
  const map = kernel.call('map_create', { mapType: 3, keySize: 4, valueSize: 4, maxEntries: 4 })
  const put = (index: number, fd: Fd | string, flags = 0n): unknown =>
    outcome(() => kernel.call('map_update_elem', { mapFd: map, key: u32(index), value: u32(Number(fd)), flags }))

  const seven = load(XDP, returns(7)) as Fd
  const caller = load(XDP, tailCall(map, 1)) as Fd
  seen.push('empty', run(caller))
  seen.push('put', put(1, seven), run(caller))
  seen.push('types', load(SCHED_CLS, tailCall(map, 1)), put(2, load(SCHED_CLS, returns(1))))
  seen.push('frags', load(XDP, tailCall(map, 1), 0, 1 << 5), put(2, load(XDP, returns(1), 0, 1 << 5)))
  seen.push('attach types', load(XDP, tailCall(map, 1), XDP_DEVMAP), put(2, load(XDP, returns(1), XDP_CPUMAP)))
  seen.push('wrong', put(9, seven), put(1, map), put(1, 9999 as Fd), put(1, seven, 1n))
  const id = kernel.call('obj_get_info_by_fd', { fd: seven }).id
  seen.push(
    'id',
    outcome(() => kernel.call('map_lookup_elem', { mapFd: map, key: u32(1) })).toString() === u32(id).toString(),
  )
  seen.push('replaced', put(1, load(XDP, returns(8))), run(caller))
  seen.push('itself', put(0, caller), put(1, caller), run(caller))
  seen.push(
    'deleted',
    outcome(() => kernel.call('map_delete_elem', { mapFd: map, key: u32(1) })),
    run(caller),
  )
  put(1, seven)
  const mapId = kernel.call('obj_get_info_by_fd', { fd: map }).id
  const callerId = kernel.call('obj_get_info_by_fd', { fd: caller }).id
  seen.push('before', run(caller))
  close(map)
  // Linux empties the array a moment later.
  await delay(50)
  seen.push('after the last descriptor', run(caller))
  const again = kernel.call('map_get_fd_by_id', { id: mapId })
  seen.push(
    'still there',
    outcome(() => kernel.call('map_lookup_elem', { mapFd: again, key: u32(1) })),
  )
  seen.push(
    put.length,
    outcome(() => kernel.call('map_update_elem', { mapFd: again, key: u32(1), value: u32(seven) })),
  )
  seen.push(run(caller))
  close(again)
  close(caller)
  // Looking at once would be wrong: Linux loses count of a program array whose last descriptor goes twice before it is emptied.
  await delay(100)
  for (let tries = 0; tries < 40; tries++) {
    const fd = outcome(() => kernel.call('map_get_fd_by_id', { id: mapId }))
    if (typeof fd === 'string') break
    close(fd)
    await delay(100)
  }
  seen.push(
    'gone',
    outcome(() => kernel.call('map_get_fd_by_id', { id: mapId })),
  )
  seen.push(outcome(() => kernel.call('prog_get_fd_by_id', { id: callerId })))
  return seen
}

test('program arrays as on Linux', { skip: linuxUnavailable() }, async () => {
  using linux = openLinux()
  using ours = embedded({ cpus: linux.possibleCpus })
  assert.deepEqual(await story(ours), await story(linux))
})

test('a program array in a cycle of programs goes when user space lets go of it', async () => {
  using kernel = embedded()
  const seen = await story(kernel)
  assert.deepEqual(seen.slice(-3), ['gone', 'ENOENT', 'ENOENT'])
  assert.ok(seen.includes('after the last descriptor'))
  assert.equal(seen[seen.indexOf('after the last descriptor') + 1], 99)
})

test('programs of device and CPU maps', { skip: linuxUnavailable() }, () => {
  using linux = openLinux()
  using ours = embedded({ cpus: linux.possibleCpus })
  const results = [linux, ours].map((kernel) => {
    const load = (progType: number, expectedAttachType: number): Fd =>
      kernel.call('prog_load', { progType, insns: returns(2), license: 'GPL', expectedAttachType }).fd
    const programs = [load(XDP, 0), load(XDP, XDP_DEVMAP), load(XDP, XDP_CPUMAP), load(SCHED_CLS, 0)]
    return [14, 25, 16].flatMap((mapType) => {
      const mapFd = kernel.call('map_create', { mapType, keySize: 4, valueSize: 8, maxEntries: 2 })
      return programs.map((fd) => {
        const put = outcome(() => kernel.call('map_update_elem', { mapFd, key: u32(0), value: u32(1, fd) }))
        const value = outcome(() => kernel.call('map_lookup_elem', { mapFd, key: u32(0) }))
        const ids = programs.map((prog) => kernel.call('obj_get_info_by_fd', { fd: prog }).id)
        if (typeof value === 'string') return [mapType, put, value]
        const id = new DataView(value.buffer, value.byteOffset).getUint32(4, true)
        return [mapType, put, value[0], id === 0 ? 0 : `program ${ids.indexOf(id)}`]
      })
    })
  })
  assert.deepEqual(results[1], results[0])
})
