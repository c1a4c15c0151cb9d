// Every call of every way to attach fails in turn: nothing stays attached, no descriptor stays open.
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, rmdirSync } from 'node:fs'
import { test } from 'node:test'
import { type FaultyKernel, fault, type Kernel, KernelError } from '#src/kernel/index.js'
import {
  type Attachment,
  attachCgroup,
  attachCgroupProg,
  attachIter,
  attachLwt,
  attachNetfilter,
  attachNetns,
  attachPerfEvent,
  attachRawTracepoint,
  attachSockmap,
  attachTc,
  attachTcx,
  attachTracepoint,
  attachTracing,
  attachUprobe,
  attachUprobeMulti,
  attachXdp,
  type BpfMap,
  BpfProgram,
  type Collection,
  Device,
  NetNamespace,
  removeClsact,
  tcFilters,
} from '#src/sdk/index.js'
import { linuxUnavailable, openLinux } from '../support/kernels.js'
import { loadFixture, netnsPath, type Wire, wire } from '../support/net.js'

const skip = linuxUnavailable()
const openDescriptors = (): number => readdirSync('/proc/self/fd').length

/** The same object in a session whose calls fail. */
interface Faulty {
  readonly kernel: FaultyKernel<Kernel>
  readonly program: BpfProgram
  readonly device: Device
  readonly netns: NetNamespace
}

interface Way {
  readonly program: string
  attach(faulty: Faulty, collection: Collection): Attachment
  /** What is attached, in any form that compares. */
  state(net: Wire, kernel: Kernel): unknown
}

const links = (kernel: Kernel, program: BpfProgram): number[] => {
  const found: number[] = []
  for (let startId = 0; ; ) {
    try {
      startId = kernel.call('link_get_next_id', { startId })
    } catch {
      return found
    }
    try {
      const fd = kernel.call('link_get_fd_by_id', { id: startId })
      const info = kernel.call('obj_get_info_by_fd', { fd })
      kernel.call('close', { fd })
      if (info.kind === 'link' && info.progId === program.info().id) found.push(startId)
    } catch {
      // A link of somebody else that went meanwhile.
    }
  }
}

const xdpState = (net: Wire) => net.rightDevice.info().xdp.attached
const tcState = (net: Wire) => {
  const filters = tcFilters(net.rightDevice, 'ingress').length
  removeClsact(net.rightDevice)
  return filters
}

const WAYS: Readonly<Record<string, Way>> = {
  'XDP by link': { program: 'xdp_pass', attach: (f) => attachXdp(f.program, f.device), state: xdpState },
  'XDP by netlink': {
    program: 'xdp_pass',
    attach: (f) => attachXdp(f.program, f.device, { via: 'netlink' }),
    state: xdpState,
  },
  'tc filter': {
    program: 'tc_ok',
    attach: (f) => attachTc(f.program, f.device, { direction: 'ingress' }),
    state: tcState,
  },
  tcx: {
    program: 'tcx_first',
    attach: (f) => attachTcx(f.program, f.device, { direction: 'ingress' }),
    state: () => 0,
  },
  netns: { program: 'lookup', attach: (f) => attachNetns(f.program, f.netns), state: () => 0 },
  netfilter: {
    program: 'nf_accept',
    attach: (f) => attachNetfilter(f.program, { netns: f.netns, family: 'ipv4', hook: 'input', priority: 5 }),
    state: () => 0,
  },
  lwt: {
    program: 'on_xmit',
    attach: (f) => attachLwt({ netns: f.netns, destination: '10.66.0.0/16', gateway: '10.9.0.1', xmit: f.program }),
    state: () => 0,
  },
  sockmap: {
    program: 'message',
    attach: (f, collection) => {
      const { fd } = collection.map('sockets')
      return attachSockmap(f.program, { fd, kernel: f.kernel } as unknown as BpfMap)
    },
    state: () => 0,
  },
}

/** Calls made by the set-up below before the attaching begins. */
const SETUP = 2

for (const [name, way] of Object.entries(WAYS)) {
  test(`${name}: each call failing in turn leaves nothing`, { skip }, async () => {
    using kernel = openLinux()
    using net = wire(kernel)
    using programs = await loadFixture(kernel, 'attach/net.o', way.program)
    const program = programs.program(way.program)
    const clean = way.state(net, kernel)
    let failures = 0
    for (let at = 1; at < 60; at++) {
      const before = openDescriptors()
      const faulty = fault(kernel, { at: at + SETUP })
      const own = BpfProgram.fromFd(faulty, kernel.call('dup', { fd: program.fd }))
      const netns = NetNamespace.open(faulty, netnsPath(net.right))
      const device = new Device(netns, net.rightDevice.ifindex)
      let attached: Attachment | undefined
      try {
        attached = way.attach({ kernel: faulty, program: own, device, netns }, programs)
      } catch (error) {
        assert.ok(error instanceof KernelError, String(error))
      }
      failures += faulty.faults.failed
      try {
        attached?.detach()
      } catch (error) {
        // Taking it off was what failed: once more.
        assert.ok(error instanceof KernelError, String(error))
        attached?.detach()
      }
      own.close()
      netns.close()
      assert.deepEqual(way.state(net, kernel), clean, `call ${at}`)
      assert.deepEqual(links(kernel, program), [], `call ${at}`)
      assert.equal(openDescriptors(), before, `call ${at}`)
      if (faulty.faults.failed === 0) {
        assert.ok(failures > 0 && attached !== undefined)
        return
      }
    }
    assert.fail('the calls never ended')
  })
}

test('tracing and cgroups: each call failing in turn leaves nothing', { skip }, async () => {
  using kernel = openLinux()
  const names = ['raw_sys_enter', 'tp_sys_enter', 'each_task', 'btf_sys_enter', 'sample', 'on_entry', 'on_many']
  using tracing = await loadFixture(kernel, 'attach/tracing.o', ...names)
  const { pid } = process
  using net = await loadFixture(kernel, 'attach/net.o', 'cg_connect4')
  const path = `/sys/fs/cgroup/unified/skep-faults-${process.pid}`
  let cgroup = true
  try {
    mkdirSync(path)
  } catch {
    cgroup = false
  }
  const ways: (readonly [BpfProgram, (program: BpfProgram) => Attachment])[] = [
    [tracing.program('raw_sys_enter'), (program) => attachRawTracepoint(program, 'sys_enter')],
    [tracing.program('tp_sys_enter'), (program) => attachTracepoint(program, 'raw_syscalls/sys_enter')],
    [tracing.program('each_task'), (program) => attachIter(program)],
    [tracing.program('btf_sys_enter'), (program) => attachTracing(program)],
    [tracing.program('sample'), (program) => attachPerfEvent(program, { pid, sampleFreq: 1n })],
    [tracing.program('on_entry'), (program) => attachUprobe(program, { binary: 'libc', symbol: 'kill', pid })],
    [
      tracing.program('on_many'),
      (program) => attachUprobeMulti(program, { binary: 'libc', functions: ['kill', 'killpg'], pid }),
    ],
  ]
  if (cgroup) {
    const connect = { attachType: 'cgroup_inet4_connect' }
    ways.push([net.program('cg_connect4'), (program) => attachCgroup(program, path, connect)])
    ways.push([net.program('cg_connect4'), (program) => attachCgroupProg(program, path, connect)])
  }
  try {
    for (const [program, attach] of ways) {
      for (let at = 1; ; at++) {
        assert.ok(at < 60)
        const before = openDescriptors()
        const faulty = fault(kernel, { at: at + 1 })
        const own = BpfProgram.fromFd(faulty, kernel.call('dup', { fd: program.fd }))
        let attached: Attachment | undefined
        try {
          attached = attach(own)
          attached.detach()
        } catch (error) {
          assert.ok(error instanceof KernelError, String(error))
          attached?.detach()
        }
        own.close()
        assert.deepEqual(links(kernel, program), [], `${program.name}, call ${at}`)
        assert.equal(openDescriptors(), before, `${program.name}, call ${at}`)
        if (faulty.faults.failed === 0) break
      }
    }
  } finally {
    if (cgroup) rmdirSync(path)
  }
})
