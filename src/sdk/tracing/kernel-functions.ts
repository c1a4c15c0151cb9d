import { decodeText } from '../../base/index.js'
import { errorCode, type Kernel, KernelError } from '../../kernel/index.js'
import { Handle } from '../handle.js'

const PORTION = 1 << 16

/** Reads a file of the machine the kernel runs on. Throws KernelError. */
export function readKernelFile(kernel: Kernel, path: string): string {
  using file = new Handle(kernel, kernel.call('open', { path }))
  let text = ''
  for (;;) {
    const bytes = kernel.call('read', { fd: file.fd, size: PORTION })
    if (bytes.length === 0) return text
    text += decodeText(bytes)
  }
}

/** Reads a file below tracefs: where that is mounted, else in a mount of our own. Throws KernelError. */
export function readTraceFile(kernel: Kernel, file: string): string {
  for (const root of ['/sys/kernel/tracing', '/sys/kernel/debug/tracing']) {
    try {
      return readKernelFile(kernel, `${root}/${file}`)
    } catch (error) {
      if (errorCode(error) !== 'ENOENT' && errorCode(error) !== 'EACCES') throw error
    }
  }
  using mount = new Handle(kernel, kernel.call('fsmount', { fsName: 'tracefs' }))
  return readKernelFile(kernel, `/proc/thread-self/fd/${mount.fd}/${file}`)
}

/** A pattern of `*` (any text) and `?` (one character) as libbpf and tracefs understand it. */
export function globOf(pattern: string): RegExp {
  const escaped = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  return new RegExp(`^${escaped}$`)
}

/**
 * Names of the functions of a kernel that match a pattern, sorted: those that can be traced (tracefs' available_filter_functions)
 * where the kernel tells, else all that kallsyms has. Names that several functions share are left out, as nobody could tell which is
 * meant. Throws KernelError where neither can be read.
 */
export function kernelFunctions(kernel: Kernel, pattern: string): string[] {
  const wanted = globOf(pattern)
  const seen = new Map<string, number>()
  for (const { name, module } of symbols(kernel)) {
    if (module === undefined && wanted.test(name)) seen.set(name, (seen.get(name) ?? 0) + 1)
  }
  let traceable: Set<string> | undefined
  try {
    const lines = readTraceFile(kernel, 'available_filter_functions').split('\n')
    traceable = new Set(lines.filter((line) => !line.includes('[')).map((line) => line.trim()))
  } catch (error) {
    // Built without function tracing: kprobes find out by themselves.
    if (!(error instanceof KernelError)) throw error
  }
  return [...seen]
    .filter(([name, count]) => count === 1 && (traceable === undefined || traceable.has(name)))
    .map(([name]) => name)
    .sort()
}

/** Prefixes of system call functions, by architecture; none of them before Linux 4.17 or where they have no wrapper. */
const PREFIXES = ['__x64_sys_', '__arm64_sys_', '__riscv_sys_', '__s390x_sys_', '__s390_sys_', '__se_sys_', 'sys_']

/** The function behind a system call: `__x64_sys_nanosleep`. Looked up among the kernel's symbols. Throws KernelError ENOENT. */
export function syscallFunction(kernel: Kernel, name: string): string {
  const there = new Set<string>()
  for (const symbol of symbols(kernel)) {
    if (symbol.module === undefined && symbol.name.endsWith(`sys_${name}`)) there.add(symbol.name)
  }
  const found = PREFIXES.map((prefix) => prefix + name).find((one) => there.has(one))
  if (found !== undefined) return found
  throw new KernelError('ENOENT', 'perf_event_open', { hint: `the kernel has no system call '${name}'` })
}

/** Functions of /proc/kallsyms. */
function* symbols(kernel: Kernel): Generator<{ readonly name: string; readonly module: string | undefined }> {
  for (const [, name = '', module] of readKernelFile(kernel, '/proc/kallsyms').matchAll(
    /^[0-9a-f]+ [tTwW] ([^\s]+)(?:\t\[(\w+)\])?$/gm,
  )) {
    yield { name, module }
  }
}
