import { KernelError } from './error.js'
import type { Kernel } from './kernel.js'
import type { OperationName } from './operations.js'

/** One call of a kernel, after it returned. */
export interface TracedCall {
  readonly name: OperationName | 'watch' | 'mmap' | 'munmap'
  readonly request: unknown
  /** Undefined where it failed. */
  readonly result: unknown
  readonly error: KernelError | undefined
  /** ms. */
  readonly duration: number
}

/**
 * The same kernel, telling `sink` of each call: strace for BPF. Requests and results are the caller's own objects: they must not be
 * changed, and byte arrays must be copied to be kept.
 */
export function trace<K extends Kernel>(kernel: K, sink: (call: TracedCall) => void): K {
  const traced = <T>(name: TracedCall['name'], request: unknown, run: () => T): T => {
    const start = performance.now()
    const tell = (result: unknown, error: unknown): void => {
      if (error !== undefined && !(error instanceof KernelError)) return
      sink({ name, request, result, error, duration: performance.now() - start })
    }
    let result: T
    try {
      result = run()
    } catch (error) {
      tell(undefined, error)
      throw error
    }
    tell(result, undefined)
    return result
  }
  const overrides: Pick<Kernel, 'call' | 'mapAccess' | 'watch' | 'mmap' | 'munmap'> = {
    // Every element goes through call(), to be seen.
    mapAccess: () => undefined,
    call: (name, request) => traced(name, request, () => kernel.call(name, request)),
    watch: (fd, ready, options) => traced('watch', { fd }, () => kernel.watch(fd, ready, options)),
    mmap: (fd, offset, length, writable) =>
      traced('mmap', { fd, offset, length, writable }, () => kernel.mmap(fd, offset, length, writable)),
    munmap: (bytes) => traced('munmap', { length: bytes.length }, () => kernel.munmap(bytes)),
  }
  return Object.assign(Object.create(kernel), overrides) as K
}

/** A call in one line, as strace prints: `map_create({mapType: 1, keySize: 4, …}) = 5`. Long byte arrays are cut. */
export function formatCall(call: TracedCall): string {
  const outcome =
    call.error === undefined ? formatValue(call.result) : `-1 ${call.error.message.split(': ').slice(1).join(': ')}`
  return `${call.name}(${formatValue(call.request)}) = ${outcome}`
}

const BYTES = 16

function formatValue(value: unknown): string {
  if (value === undefined) return '0'
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'string') return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value)
  if (value instanceof Uint8Array) {
    const hex = [...value.subarray(0, BYTES)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')
    return `<${hex}${value.length > BYTES ? ` … ${value.length} bytes` : ''}>`
  }
  if (Array.isArray(value)) return `[${value.map(formatValue).join(', ')}]`
  if (typeof value !== 'object' || value === null) return String(value)
  const fields = Object.entries(value).filter(([, field]) => field !== undefined && typeof field !== 'function')
  return `{${fields.map(([key, field]) => `${key}: ${formatValue(field)}`).join(', ')}}`
}
