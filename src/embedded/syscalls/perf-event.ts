import { type Fd, KernelError, type PerfEventOpenRequest, type Request } from '../../kernel/index.js'
import { PerfBuffer } from '../../maps/index.js'
import type { Session } from '../session.js'
import { openTracepoint, tracepointIoctl } from './tracepoint-event.js'

const TYPE_SOFTWARE = 1
const TYPE_TRACEPOINT = 2
const COUNT_SW_BPF_OUTPUT = 10n

const SAMPLE_TIME = 1n << 2n
const DISABLED = 1n
const IOC_ENABLE = 0x2400
const IOC_DISABLE = 0x2401

let lastId = 0n

/** perf_event_open(2) of the software event BPF_OUTPUT: a buffer for bpf_perf_event_output on one CPU. */
export function perfEventOpen(session: Session, r: PerfEventOpenRequest): Fd {
  const { machine } = session.world
  const syscall = 'perf_event_open'
  const { pid = -1, cpu = -1 } = r
  if (pid === -1 && cpu === -1) throw new KernelError('EINVAL', syscall, { hint: 'name a process or a CPU' })
  if (cpu >= machine.cpus || cpu < -1) {
    throw new KernelError('EINVAL', syscall, { hint: `there are CPUs 0 to ${machine.cpus - 1}` })
  }
  if (r.type === TYPE_TRACEPOINT) return openTracepoint(session, r)
  if (r.type !== TYPE_SOFTWARE || r.config !== COUNT_SW_BPF_OUTPUT) {
    throw new KernelError('ENOENT', syscall, {
      hint: 'the embedded kernel has the software event BPF_OUTPUT and no other',
    })
  }
  lastId++
  const event = new PerfBuffer(machine, {
    cpu,
    wakeupEvents: r.wakeupEvents ?? 0,
    id: lastId,
    timestamps: ((r.sampleType ?? 0n) & SAMPLE_TIME) !== 0n,
  })
  event.enabled = ((r.attrFlags ?? 0n) & DISABLED) === 0n
  return session.descriptors.add({
    object: { kind: 'perf_event', event, references: 1 },
    readable: true,
    writable: true,
  })
}

/** ioctl(2) of events: enable and disable. */
export function ioctl(session: Session, r: Request<'ioctl'>): number {
  const { object } = session.descriptors.file(r.fd, 'ioctl')
  if (object.kind === 'tracepoint') return tracepointIoctl(session, object, r)
  if (object.kind !== 'perf_event') throw new KernelError('ENOTTY', 'ioctl')
  if (r.request === IOC_ENABLE) object.event.enabled = true
  else if (r.request === IOC_DISABLE) object.event.enabled = false
  else
    throw new KernelError('ENOTTY', 'ioctl', {
      hint: 'events of the embedded kernel are enabled and disabled, no more',
    })
  return 0
}
