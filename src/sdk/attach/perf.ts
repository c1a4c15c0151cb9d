import { UsageError } from '../../base/index.js'
import { errorCode, type Fd, type Kernel, KernelError, type PerfEventOpenRequest } from '../../kernel/index.js'
import { bpf_attach_type, perf_event_ioc, perf_type_id } from '../../spec/index.js'
import { BpfLink } from '../bpf-link.js'
import type { BpfProgram } from '../bpf-program.js'
import { Handle } from '../handle.js'
import { readKernelFile, readTraceFile, syscallFunction } from '../tracing/kernel-functions.js'
import { type Attachment, attachmentOf, requireType } from './attachment.js'
import type { CookieOptions } from './tracing.js'

const { PERF_EVENT_IOC_ENABLE, PERF_EVENT_IOC_SET_BPF } = perf_event_ioc

/**
 * Opens a perf event and sets the program on it: by a link, or by ioctl where the kernel has no such links (before 5.15).
 * A cookie needs a link.
 */
export function attachPerf(
  program: BpfProgram,
  request: PerfEventOpenRequest,
  options: CookieOptions = {},
): Attachment {
  const { kernel } = program
  const event = new Handle(kernel, kernel.call('perf_event_open', request))
  const { cookie } = options
  let link: Fd | undefined
  try {
    try {
      link = kernel.call('link_create', {
        progFd: program.fd,
        targetFd: event.fd,
        attachType: bpf_attach_type.BPF_PERF_EVENT,
        ...(cookie === undefined ? {} : { perfEventBpfCookie: cookie }),
      })
    } catch (error) {
      if (errorCode(error) !== 'EINVAL' || cookie !== undefined) throw error
      kernel.call('ioctl', { fd: event.fd, request: PERF_EVENT_IOC_SET_BPF, arg: program.fd })
    }
    kernel.call('ioctl', { fd: event.fd, request: PERF_EVENT_IOC_ENABLE })
    if (link === undefined) return attachmentOf('perf_event', () => event.close())
    return new BpfLink(new Handle(kernel, link), [event])
  } catch (error) {
    if (link !== undefined) kernel.call('close', { fd: link })
    event.close()
    throw error
  }
}

/** As `perf_event_open` and ioctl did before there were links: no cookie, no id. */
export function attachPerfIoctl(program: BpfProgram, request: PerfEventOpenRequest): Attachment {
  const { kernel } = program
  const event = new Handle(kernel, kernel.call('perf_event_open', request))
  try {
    kernel.call('ioctl', { fd: event.fd, request: PERF_EVENT_IOC_SET_BPF, arg: program.fd })
    kernel.call('ioctl', { fd: event.fd, request: PERF_EVENT_IOC_ENABLE })
  } catch (error) {
    event.close()
    throw error
  }
  return attachmentOf('perf_event', () => event.close())
}

export interface TracepointOptions extends CookieOptions {
  /** 'ioctl': without a link. */
  readonly via?: 'link' | 'ioctl'
}

/** Runs a program at a tracepoint: 'sched/sched_switch', default the section's. Throws KernelError ENOENT, UsageError. */
export function attachTracepoint(program: BpfProgram, name?: string, options: TracepointOptions = {}): Attachment {
  requireType(program, 'a tracepoint', 'tracepoint')
  const [category, event, more] = (name ?? program.origin?.attachTarget ?? '').split(/[/:]/)
  if (!category || !event || more !== undefined) {
    throw new UsageError(`program '${program.name}' does not tell its tracepoint`, "give it as 'category/name'")
  }
  const config = tracepointId(program.kernel, category, event)
  const request = { type: perf_type_id.PERF_TYPE_TRACEPOINT, config, samplePeriod: 1n, cpu: 0 }
  return options.via === 'ioctl' ? attachPerfIoctl(program, request) : attachPerf(program, request, options)
}

/** A tracepoint's number, from tracefs: where it is mounted, else in a mount of our own. Throws KernelError. */
export function tracepointId(kernel: Kernel, category: string, event: string): bigint {
  if (!/^[\w-]+$/.test(category) || !/^[\w-]+$/.test(event)) {
    throw new UsageError(`'${category}/${event}' is no tracepoint name`)
  }
  try {
    return BigInt(readTraceFile(kernel, `events/${category}/${event}/id`).trim())
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
    throw new KernelError('ENOENT', 'open', { hint: `the kernel has no tracepoint ${category}:${event}` })
  }
}

export interface PerfEventOptions extends CookieOptions {
  /** PERF_TYPE_*; default software. */
  readonly type?: number
  /** Default PERF_COUNT_SW_CPU_CLOCK. */
  readonly config?: bigint
  /** Events between two runs of the program (nanoseconds for clocks) … */
  readonly samplePeriod?: bigint
  /** … or how often a second. Default 99. */
  readonly sampleFreq?: bigint
  /** One process on every CPU; default every process. */
  readonly pid?: number
  /** Default: every possible CPU that is online, or any for one process. */
  readonly cpu?: number
}

/** Runs a program when a counter overflows. One perf event a CPU; detaching takes all off. Throws KernelError ENOENT. */
export function attachPerfEvent(program: BpfProgram, options: PerfEventOptions = {}): Attachment {
  requireType(program, 'a perf event', 'perf_event')
  const { pid, cpu, samplePeriod, sampleFreq = 99n, type = perf_type_id.PERF_TYPE_SOFTWARE, config = 0n } = options
  const rate = samplePeriod === undefined ? { sampleFreq } : { samplePeriod }
  const cpus = cpu !== undefined ? [cpu] : pid !== undefined ? [-1] : range(program.kernel.possibleCpus)
  const made: Attachment[] = []
  const undo = (): void => {
    for (const one of made) one.detach()
  }
  try {
    for (const each of cpus) {
      const request = { type, config, ...rate, pid: pid ?? -1, cpu: each }
      try {
        made.push(attachPerf(program, request, options))
      } catch (error) {
        // A CPU that is possible but not online.
        if (errorCode(error) !== 'ENODEV' || cpus.length === 1) throw error
      }
    }
  } catch (error) {
    undo()
    throw error
  }
  return attachmentOf('perf_event', undo)
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index)
}

/** Number of a dynamic PMU ('uprobe', 'kprobe'), and the bit of its config that means "on return". */
export function probePmu(
  kernel: Kernel,
  name: 'uprobe' | 'kprobe',
): { readonly type: number; readonly retprobe: bigint } {
  const directory = `/sys/bus/event_source/devices/${name}`
  try {
    const bit = /config:(\d+)/.exec(readKernelFile(kernel, `${directory}/format/retprobe`))?.[1] ?? '0'
    return { type: Number(readKernelFile(kernel, `${directory}/type`)), retprobe: 1n << BigInt(bit) }
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
    throw new KernelError('EOPNOTSUPP', 'perf_event_open', {
      hint: `this kernel is built without ${name}s (CONFIG_${name === 'kprobe' ? 'KPROBE' : 'UPROBE'}_EVENTS)`,
    })
  }
}

export interface KprobeOptions extends CookieOptions {
  /** Kernel function; default the section's. */
  readonly function?: string
  /** Bytes behind its start. */
  readonly offset?: number
  /** Run on return; default as the section says. */
  readonly return?: boolean
}

/** Runs a program at a kernel function, or at a system call for `ksyscall` sections. Throws KernelError, UsageError. */
export function attachKprobe(program: BpfProgram, options: KprobeOptions = {}): Attachment {
  requireType(program, 'a kernel function', 'kprobe')
  const section = program.origin?.section ?? ''
  const [, plain = '', plus] = /^([^+]*)(?:\+(0x[0-9a-f]+|\d+))?$/i.exec(program.origin?.attachTarget ?? '') ?? []
  const syscall = /^k(ret)?syscall(\/|$)/.test(section)
  const wanted = options.function ?? plain
  if (wanted === '') throw new UsageError(`program '${program.name}' does not tell its function`, 'give `function`')
  const onReturn = options.return ?? /^kret/.test(section)
  const { type, retprobe } = probePmu(program.kernel, 'kprobe')
  const name = syscall && options.function === undefined ? syscallFunction(program.kernel, wanted) : wanted
  const request = {
    type,
    config: onReturn ? retprobe : 0n,
    probeName: name,
    config2: BigInt(options.offset ?? Number(plus ?? 0)),
    cpu: 0,
  }
  return attachPerf(program, request, options)
}
