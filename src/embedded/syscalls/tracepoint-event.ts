import { type Fd, KernelError, type PerfEventOpenRequest, type Request } from '../../kernel/index.js'
import { bpf_prog_type } from '../../spec/index.js'
import { TRACEPOINT_FORMATS, tracepointById } from '../hooks/tracepoint-formats.js'
import { runOnTracepoint } from '../hooks/tracepoint-programs.js'
import type { Session } from '../session.js'
import type { TracepointFile } from '../state/descriptors.js'
import type { ProgObject } from '../state/objects.js'
import type { World } from '../world.js'

// Tracepoints as perf_event_open(2) knows them: by the number that tracefs tells.

const ID_FILE = /^\/sys\/kernel\/(?:debug\/)?tracing\/events\/xdp\/(\w+)\/id$/
const TRACEPOINT = bpf_prog_type.BPF_PROG_TYPE_TRACEPOINT
const IOC_ENABLE = 0x2400
const IOC_DISABLE = 0x2401
const IOC_SET_BPF = 0x4004_2408

/** The file that tells a tracepoint's number; undefined for other paths. */
export function openTracepointId(session: Session, path: string): Fd | undefined {
  const [, name = ''] = ID_FILE.exec(path) ?? []
  const format = TRACEPOINT_FORMATS[name]
  if (format === undefined) return undefined
  const rest = new TextEncoder().encode(`${format.id}\n`)
  return session.descriptors.add({ object: { kind: 'text', rest }, readable: true, writable: false })
}

/** perf_event_open(2) of PERF_TYPE_TRACEPOINT. Throws KernelError ENOENT. */
export function openTracepoint(session: Session, r: PerfEventOpenRequest): Fd {
  const name = tracepointById(r.config)
  if (name === undefined) {
    throw new KernelError('ENOENT', 'perf_event_open', { hint: `no tracepoint here has the number ${r.config}` })
  }
  const enabled = ((r.attrFlags ?? 0n) & 1n) === 0n
  const object: TracepointFile = { kind: 'tracepoint', name, enabled, references: 1, attached: undefined }
  return session.descriptors.add({ object, readable: true, writable: true })
}

/** Runs a program at an event from now on. Throws KernelError EINVAL for one of another type. */
export function listenAt(
  world: World,
  file: TracepointFile,
  program: ProgObject,
  cookie: bigint,
  syscall: string,
): Disposable {
  if (program.type !== TRACEPOINT) throw new KernelError('EINVAL', syscall)
  return world.hooks.subscribe({
    names: [file.name],
    fire: (event) => {
      if (file.enabled) runOnTracepoint(world, program, event, cookie)
    },
  })
}

export function tracepointIoctl(session: Session, file: TracepointFile, r: Request<'ioctl'>): number {
  if (r.request === IOC_ENABLE) file.enabled = true
  else if (r.request === IOC_DISABLE) file.enabled = false
  else if (r.request === IOC_SET_BPF) {
    if (file.attached !== undefined) throw new KernelError('EEXIST', 'ioctl')
    const { world } = session
    const program = session.prog(r.arg, 'ioctl')
    const listening = listenAt(world, file, program, 0n, 'ioctl')
    file.attached = { program: world.get(program), listening }
  } else throw new KernelError('ENOTTY', 'ioctl')
  return 0
}

/** A descriptor of an event is gone; the last takes its program along. */
export function closeTracepoint(world: World, file: TracepointFile): void {
  file.references--
  if (file.references > 0 || file.attached === undefined) return
  const { program, listening } = file.attached
  file.attached = undefined
  listening[Symbol.dispose]()
  world.put(program)
}
