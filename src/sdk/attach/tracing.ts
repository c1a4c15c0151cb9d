import { UsageError } from '../../base/index.js'
import { errorCode, KernelError } from '../../kernel/index.js'
import { bpf_attach_type } from '../../spec/index.js'
import { BpfLink } from '../bpf-link.js'
import type { BpfProgram } from '../bpf-program.js'
import { Handle } from '../handle.js'
import { kernelFunctions } from '../tracing/kernel-functions.js'
import { requireType } from './attachment.js'

export interface CookieOptions {
  /** What bpf_get_attach_cookie() gives. */
  readonly cookie?: bigint
}

/** Links a raw tracepoint program to a tracepoint by name: 'sched_switch'. Default: the section's. Throws KernelError ENOENT. */
export function attachRawTracepoint(program: BpfProgram, name?: string, options: CookieOptions = {}): BpfLink {
  requireType(program, 'a raw tracepoint', 'raw_tracepoint', 'raw_tracepoint_writable')
  const { kernel } = program
  const wanted = name ?? program.origin?.attachTarget
  if (wanted === undefined)
    throw new UsageError(`program '${program.name}' does not tell its tracepoint`, 'give its name')
  try {
    const fd = kernel.call('raw_tracepoint_open', { name: wanted, progFd: program.fd, ...options })
    return new BpfLink(new Handle(kernel, fd))
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
    throw new KernelError('ENOENT', 'raw_tracepoint_open', { hint: `the kernel has no tracepoint '${wanted}'` })
  }
}

/**
 * Links a program that named its target when it was loaded: tp_btf, fentry, fexit, fmod_ret, lsm. Throws KernelError
 * (EBUSY: too many programs on that function; EPERM, EOPNOTSUPP: this kernel does not allow it).
 */
export function attachTracing(program: BpfProgram, options: CookieOptions = {}): BpfLink {
  requireType(program, 'a kernel function', 'tracing', 'lsm')
  const { kernel, expectedAttachType: attachType } = program
  const { cookie } = options
  const request = { progFd: program.fd, attachType, ...(cookie === undefined ? {} : { tracing: { cookie } }) }
  try {
    return new BpfLink(new Handle(kernel, kernel.call('link_create', request)))
  } catch (error) {
    // Kernels before 5.19 make these links by BPF_RAW_TRACEPOINT_OPEN only.
    if (errorCode(error) !== 'EINVAL' || cookie !== undefined) throw error
    return new BpfLink(new Handle(kernel, kernel.call('raw_tracepoint_open', { progFd: program.fd })))
  }
}

export interface FreplaceOptions {
  /** Another program with the same function than the one named when loading. */
  readonly target?: { readonly program: BpfProgram; readonly btfId: number }
}

/** Puts a replacement (freplace) in place of the function of the program it was loaded for. */
export function attachFreplace(program: BpfProgram, options: FreplaceOptions = {}): BpfLink {
  requireType(program, 'the place of a function', 'ext')
  const { kernel } = program
  const { target } = options
  const request = { progFd: program.fd, attachType: 0 }
  const fd = kernel.call(
    'link_create',
    target === undefined ? request : { ...request, targetFd: target.program.fd, targetBtfId: target.btfId },
  )
  return new BpfLink(new Handle(kernel, fd))
}

export interface KprobeMultiOptions {
  /** Function names, or one pattern with `*` and `?`. */
  readonly functions?: readonly string[] | string
  readonly addresses?: readonly bigint[]
  /** One for each function, in the same order. */
  readonly cookies?: readonly bigint[]
  /** Run on return. */
  readonly return?: boolean
}

/** Links one program to many kernel functions. Throws KernelError (EOPNOTSUPP: not built in; ESRCH: no such function). */
export function attachKprobeMulti(program: BpfProgram, options: KprobeMultiOptions): BpfLink {
  requireType(program, 'kernel functions', 'kprobe')
  const { functions, addresses: addrs, cookies } = options
  const { kernel } = program
  const syms = typeof functions === 'string' ? kernelFunctions(kernel, functions) : functions
  if (typeof functions === 'string' && syms?.length === 0) {
    throw new UsageError(`no function of the kernel matches '${functions}'`)
  }
  const count = syms?.length ?? addrs?.length ?? 0
  if (count === 0 || (syms !== undefined && addrs !== undefined)) {
    throw new UsageError('give `functions` or `addresses`, at least one')
  }
  if (cookies !== undefined && cookies.length !== count) {
    throw new UsageError(`${cookies.length} cookies for ${count} functions`)
  }
  const session = program.expectedAttachType === bpf_attach_type.BPF_TRACE_KPROBE_SESSION
  const fd = kernel.call('link_create', {
    progFd: program.fd,
    attachType: session ? bpf_attach_type.BPF_TRACE_KPROBE_SESSION : bpf_attach_type.BPF_TRACE_KPROBE_MULTI,
    kprobeMulti: {
      flags: options.return === true ? 1 : 0,
      ...(syms === undefined ? {} : { syms }),
      ...(addrs === undefined ? {} : { addrs }),
      ...(cookies === undefined ? {} : { cookies }),
    },
  })
  return new BpfLink(new Handle(kernel, fd))
}
