// What attaching asks of a kernel, on a kernel that only takes notes: for hooks that must not be touched on a machine
// at work (LSM), and for what older kernels answer.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parseBtf } from '#src/btf/index.js'
import { type ErrnoName, type Fd, type Kernel, KernelError } from '#src/kernel/index.js'
import {
  attach,
  attachFreplace,
  attachKprobe,
  attachKprobeMulti,
  attachTracing,
  attachXdp,
  Device,
  load,
  NetNamespace,
  UsageError,
} from '#src/sdk/index.js'
import { fixture } from '../support/net.js'

const VMLINUX = '/sys/kernel/btf/vmlinux'
const noBtf = existsSync(VMLINUX) ? false : 'this kernel publishes no BTF'

interface Note {
  readonly name: string
  readonly request: Readonly<Record<string, unknown>>
}

interface Answers {
  readonly vmlinux?: Uint8Array
  readonly refuse?: Readonly<Record<string, ErrnoName>>
  readonly files?: Readonly<Record<string, string>>
  readonly answer?: Readonly<Record<string, unknown>>
}

/** A kernel that notes every call and opens a descriptor for each. */
function noting({ vmlinux, refuse = {}, files = {}, answer = {} }: Answers = {}) {
  const notes: Note[] = []
  const open = new Set<number>()
  const reading = new Map<number, string>()
  let next = 100
  const objects = new Map<number, Record<string, unknown>>()
  const newFd = (object: Record<string, unknown> = {}): Fd => {
    open.add(++next)
    objects.set(next, object)
    return next as Fd
  }
  const call = (name: string, request: Record<string, unknown>): unknown => {
    notes.push({ name, request })
    const refused = refuse[name]
    if (refused !== undefined) throw new KernelError(refused, name)
    if (name in answer) return answer[name]
    switch (name) {
      case 'close':
        assert.ok(open.delete(request.fd as number), `descriptor ${request.fd} is closed once`)
        return undefined
      case 'prog_load':
        return { fd: newFd({ kind: 'prog', id: 7, type: request.progType, name: request.progName }), log: '' }
      case 'btf_load':
        return { fd: newFd({ kind: 'btf' }), log: '' }
      case 'map_create': {
        const { mapType: type, mapName, keySize, valueSize, maxEntries } = request
        const flags = { mapFlags: request.mapFlags ?? 0 }
        return newFd({ kind: 'map', id: 8, type, name: mapName, keySize, valueSize, maxEntries, ...flags })
      }
      case 'obj_get_info_by_fd':
        return objects.get(request.fd as number)
      case 'open': {
        const text = files[request.path as string]
        if (text === undefined) throw new KernelError('ENOENT', 'open')
        const fd = newFd()
        reading.set(fd, text)
        return fd
      }
      case 'read': {
        const text = reading.get(request.fd as number) ?? ''
        reading.set(request.fd as number, '')
        return new TextEncoder().encode(text)
      }
      case 'btf_get_next_id':
        throw new KernelError('ENOENT', name)
      case 'prog_bind_map':
      case 'map_update_elem':
      case 'map_freeze':
      case 'ioctl':
      case 'rtm_setlink':
        return undefined
      default:
        return newFd()
    }
  }
  const kernel = {
    name: 'noting',
    release: '6.18.0',
    possibleCpus: 2,
    call,
    vmlinuxBtf: () => vmlinux,
    config: () => undefined,
  } as unknown as Kernel
  const asked = (name: string) => notes.filter((note) => note.name === name).map((note) => note.request)
  return { kernel, notes, asked, open }
}

test('an LSM program is loaded for its hook and linked to it, and nothing else is asked', { skip: noBtf }, async () => {
  const vmlinux = new Uint8Array(readFileSync(VMLINUX))
  const { kernel, asked, open } = noting({ vmlinux })
  const programs = await load(fixture('attach/tracing.o'), { kernel, programs: ['lsm_file_open'] })
  const hook = parseBtf(vmlinux).findByName('bpf_lsm_file_open', 'func')
  const [loaded] = asked('prog_load')
  assert.deepEqual(
    [loaded?.progType, loaded?.expectedAttachType, loaded?.attachBtfId, loaded?.attachBtfObjFd],
    [29, 27, hook, undefined],
  )
  const link = attach(programs, 'lsm_file_open')
  assert.deepEqual(asked('link_create'), [{ progFd: programs.program('lsm_file_open').fd, attachType: 27 }])
  link[Symbol.dispose]()
  programs.close()
  assert.equal(open.size, 0)
})

test('functions, hooks and iterators are found in kernel BTF by their prefix', { skip: noBtf }, async () => {
  const vmlinux = new Uint8Array(readFileSync(VMLINUX))
  const btf = parseBtf(vmlinux)
  const cases = [
    ['btf_sys_enter', 'btf_trace_sys_enter', 'typedef', 23],
    ['enter_nanosleep', 'do_nanosleep', 'func', 24],
    ['exit_nanosleep', 'do_nanosleep', 'func', 25],
    ['modify_open', 'security_file_open', 'func', 26],
    ['each_task', 'bpf_iter_task', 'func', 28],
  ] as const
  for (const [program, name, kind, attachType] of cases) {
    const { kernel, asked } = noting({ vmlinux })
    using programs = await load(fixture('attach/tracing.o'), { kernel, programs: [program] })
    const [loaded] = asked('prog_load')
    assert.deepEqual(
      [loaded?.attachBtfId, loaded?.expectedAttachType],
      [btf.findByName(name, kind), attachType],
      program,
    )
    using _link = attach(programs, program, attachType === 23 ? { cookie: 5n } : {})
    assert.equal(asked('link_create')[0]?.attachType, attachType)
    if (attachType === 23) assert.deepEqual(asked('link_create')[0]?.tracing, { cookie: 5n })
  }
})

test('kernels without tracing links get raw_tracepoint_open', { skip: noBtf }, async () => {
  const vmlinux = new Uint8Array(readFileSync(VMLINUX))
  const { kernel, asked } = noting({ vmlinux, refuse: { link_create: 'EINVAL' } })
  using programs = await load(fixture('attach/tracing.o'), { kernel, programs: ['enter_nanosleep'] })
  const program = programs.program('enter_nanosleep')
  using _link = attachTracing(program)
  assert.deepEqual(asked('raw_tracepoint_open'), [{ progFd: program.fd }])
  assert.throws(() => attachTracing(program, { cookie: 1n }), KernelError)
})

test('kprobes: event source, retprobe bit, offset; ioctl where there are no perf links', async () => {
  const files = {
    '/sys/bus/event_source/devices/kprobe/type': '8\n',
    '/sys/bus/event_source/devices/kprobe/format/retprobe': 'config:3\n',
  }
  const { kernel, asked, open } = noting({ files, refuse: { link_create: 'EINVAL' } })
  const programs = await load(fixture('attach/tracing.o'), { kernel, programs: ['on_nanosleep', 'on_functions'] })
  const program = programs.program('on_nanosleep')
  const attached = attachKprobe(program, { return: true, offset: 4 })
  const [event] = asked('perf_event_open')
  assert.deepEqual([event?.type, event?.config, event?.probeName, event?.config2], [8, 8n, 'do_nanosleep', 4n])
  assert.equal(asked('ioctl').length, 2)
  attached.detach()
  attached.detach()
  assert.throws(
    () => attachKprobeMulti(programs.program('on_functions'), { functions: ['a', 'b'], cookies: [1n] }),
    UsageError,
  )
  programs.close()
  assert.equal(open.size, 0)
})

test('a failed attachment leaves no descriptor behind', async () => {
  const files = {
    '/sys/bus/event_source/devices/kprobe/type': '8',
    '/sys/bus/event_source/devices/kprobe/format/retprobe': 'config:0',
  }
  for (const call of ['perf_event_open', 'link_create', 'ioctl'] as const) {
    const { kernel, open } = noting({ files, refuse: { [call]: 'EPERM' } })
    const programs = await load(fixture('attach/tracing.o'), { kernel, programs: ['on_nanosleep'] })
    const before = open.size
    assert.throws(() => attachKprobe(programs.program('on_nanosleep')), KernelError)
    assert.equal(open.size, before, call)
    programs.close()
  }
})

test('XDP without links goes by netlink, and the taking off names its own program', async () => {
  const xdp = { attached: 1, progId: 7, drvProgId: 7, skbProgId: 0, hwProgId: 0 }
  const answer = { rtm_getlink: { ifindex: 3, name: 'x0', mtu: 1500, xdp } }
  const { kernel, asked, open } = noting({ answer, refuse: { link_create: 'EINVAL' } })
  const programs = await load(fixture('attach/net.o'), { kernel, programs: ['xdp_pass'] })
  const netns = NetNamespace.open(kernel)
  const attached = attachXdp(programs.program('xdp_pass'), new Device(netns, 3))
  assert.equal(attached.via, 'netlink')
  attached.detach()
  const [on, off] = asked('rtm_setlink').map((request) => request.xdp as Record<string, number>)
  assert.deepEqual([on?.fd, on?.flags], [programs.program('xdp_pass').fd, 1])
  assert.deepEqual([off?.fd, off?.flags], [-1, 4 | 16])
  assert.ok((off?.expectedFd ?? 0) > 100)
  for (const request of asked('rtm_setlink')) assert.equal(request.netns, netns.fd)
  netns.close()
  programs.close()
  assert.equal(open.size, 0)
})

test('attach() by section says what it needs', async () => {
  const { kernel } = noting()
  const names = ['xdp_pass', 'cg_connect4', 'filter_all', 'message', 'nf_accept', 'on_xmit']
  using programs = await load(fixture('attach/net.o'), { kernel, programs: names })
  const needs = [
    ['xdp_pass', /`device`/],
    ['cg_connect4', /`cgroup`/],
    ['filter_all', /`socket`/],
    ['message', /`map`/],
    ['nf_accept', /`netfilter`/],
    ['on_xmit', /lwt_xmit/],
  ] as const
  for (const [name, text] of needs) {
    assert.throws(
      () => attach(programs, name),
      (error) => error instanceof UsageError && text.test(error.message),
      name,
    )
  }
  assert.throws(() => attach(programs, 'no such program'), UsageError)
})

test('freplace takes replacements only', async () => {
  const { kernel, asked } = noting()
  using programs = await load(fixture('attach/net.o'), { kernel, programs: ['xdp_pass'] })
  assert.throws(() => attachFreplace(programs.program('xdp_pass')), UsageError)
  assert.equal(asked('link_create').length, 0)
})
