import { UsageError } from '../../base/index.js'
import { Executable, type StaticProbe } from '../../elf/index.js'
import { bpf_attach_type } from '../../spec/index.js'
import { BpfLink } from '../bpf-link.js'
import type { BpfMap } from '../bpf-map.js'
import type { BpfProgram } from '../bpf-program.js'
import type { Collection } from '../collection.js'
import { Handle } from '../handle.js'
import { readHostFile } from '../host-files.js'
import { findBinary } from '../tracing/find-binary.js'
import { globOf } from '../tracing/kernel-functions.js'
import { encodeUsdtSpec, parseUsdtArgs, USDT_SPEC_SIZE, type UsdtArg } from '../tracing/usdt-args.js'
import { type Attachment, attachmentOf, requireType } from './attachment.js'
import { attachPerf, probePmu } from './perf.js'
import type { CookieOptions } from './tracing.js'

export interface UprobeOptions extends CookieOptions {
  /** Path, library ('libc.so.6', 'libc') or program name; default the section's. */
  readonly binary?: string
  /** Function; default the section's. */
  readonly symbol?: string
  /** Bytes behind the function's start; without a symbol, behind the start of the file. */
  readonly offset?: number
  /** One process only; default all that run the file. */
  readonly pid?: number
  /** Run on return; default as the section says. */
  readonly return?: boolean
}

/** Runs a program at a place of user code. Throws KernelError, UsageError (no such file or function), FormatError. */
export function attachUprobe(program: BpfProgram, options: UprobeOptions = {}): Attachment {
  requireType(program, 'user code', 'kprobe')
  const place = placeOf(program, options)
  const path = findBinary(place.binary, options.pid)
  const onReturn = options.return ?? /^uretprobe/.test(program.origin?.section ?? '')
  const offset = place.symbol === undefined ? place.offset : functionOffset(path, place.symbol) + place.offset
  return probeAt(program, { path, offset, onReturn, refCtrOffset: 0, ...options })
}

interface ProbePlace extends CookieOptions {
  readonly path: string
  readonly offset: number
  readonly onReturn: boolean
  readonly refCtrOffset: number
  readonly pid?: number
}

function probeAt(program: BpfProgram, place: ProbePlace): Attachment {
  const { type, retprobe } = probePmu(program.kernel, 'uprobe')
  const { cookie, pid } = place
  const request = {
    type,
    config: (place.onReturn ? retprobe : 0n) | (BigInt(place.refCtrOffset) << 32n),
    probeName: place.path,
    config2: BigInt(place.offset),
    pid: pid ?? -1,
    cpu: pid === undefined ? 0 : -1,
  }
  return attachPerf(program, request, cookie === undefined ? {} : { cookie })
}

/** `uprobe/BINARY:FUNCTION+OFFSET`, as libbpf reads section names. */
function placeOf(program: BpfProgram, options: UprobeOptions) {
  const target = program.origin?.attachTarget
  const colon = target?.lastIndexOf(':') ?? -1
  const [, named = '', plus] =
    /^(.*?)(?:\+(0x[0-9a-f]+|\d+))?$/i.exec(colon < 0 ? '' : (target ?? '').slice(colon + 1)) ?? []
  const absolute = /^(0x[0-9a-f]+|\d+)$/i.test(named)
  const binary = options.binary ?? (colon < 0 ? target : target?.slice(0, colon))
  const symbol = options.symbol ?? (named === '' || absolute ? undefined : named)
  const offset = options.offset ?? Number(absolute ? named : (plus ?? 0))
  if (binary === undefined || binary === '' || (symbol === undefined && offset === 0)) {
    throw new UsageError(
      `program '${program.name}' does not tell where in which binary it goes`,
      'give `binary` and `symbol`, or name the section uprobe/BINARY:FUNCTION',
    )
  }
  return { binary, symbol, offset }
}

/** File offset of a function. Throws UsageError with names that are like it. */
function functionOffset(path: string, symbol: string): number {
  const executable = new Executable(readHostFile(path))
  const found = executable.function(symbol)
  if (found !== undefined) return found.fileOffset
  const like = executable.functions((name) => name.includes(symbol)).slice(0, 5)
  throw new UsageError(
    `no function '${symbol}' in ${path}`,
    like.length === 0
      ? 'the file may be stripped: give `offset`'
      : `there are ${like.map((one) => one.name).join(', ')}`,
  )
}

export interface UprobeMultiOptions {
  readonly binary: string
  /** Function names, or one pattern with `*` and `?`. */
  readonly functions?: readonly string[] | string
  /** File offsets, in place of functions. */
  readonly offsets?: readonly number[]
  /** One for each place. */
  readonly cookies?: readonly bigint[]
  readonly pid?: number
  readonly return?: boolean
}

/** Links one program to many places of a binary at once (Linux 6.6). Throws as attachUprobe(). */
export function attachUprobeMulti(program: BpfProgram, options: UprobeMultiOptions): BpfLink {
  requireType(program, 'user code', 'kprobe')
  const { pid, cookies, functions } = options
  const path = findBinary(options.binary, pid)
  const offsets = options.offsets ?? (functions === undefined ? [] : functionOffsets(path, functions))
  if (offsets.length === 0) throw new UsageError('give `functions` that exist, or `offsets`')
  if (cookies !== undefined && cookies.length !== offsets.length) {
    throw new UsageError(`${cookies.length} cookies for ${offsets.length} places`)
  }
  const onReturn = options.return ?? /^uretprobe/.test(program.origin?.section ?? '')
  return multiAt(program, {
    path,
    offsets,
    onReturn,
    ...(cookies && { cookies }),
    ...(pid === undefined ? {} : { pid }),
  })
}

interface MultiPlace {
  readonly path: string
  readonly offsets: readonly number[]
  readonly refCtrOffsets?: readonly number[]
  readonly cookies?: readonly bigint[]
  readonly pid?: number
  readonly onReturn: boolean
}

function multiAt(program: BpfProgram, place: MultiPlace): BpfLink {
  const { kernel } = program
  const { BPF_TRACE_UPROBE_MULTI, BPF_TRACE_UPROBE_SESSION } = bpf_attach_type
  const { cookies, refCtrOffsets, pid } = place
  const fd = kernel.call('link_create', {
    progFd: program.fd,
    attachType:
      program.expectedAttachType === BPF_TRACE_UPROBE_SESSION ? BPF_TRACE_UPROBE_SESSION : BPF_TRACE_UPROBE_MULTI,
    uprobeMulti: {
      path: place.path,
      offsets: place.offsets.map(BigInt),
      flags: place.onReturn ? 1 : 0,
      ...(refCtrOffsets === undefined ? {} : { refCtrOffsets: refCtrOffsets.map(BigInt) }),
      ...(cookies === undefined ? {} : { cookies }),
      ...(pid === undefined ? {} : { pid }),
    },
  })
  return new BpfLink(new Handle(kernel, fd))
}

function functionOffsets(path: string, functions: readonly string[] | string): number[] {
  if (typeof functions !== 'string') return functions.map((name) => functionOffset(path, name))
  const pattern = globOf(functions)
  return new Executable(readHostFile(path)).functions((name) => pattern.test(name)).map((one) => one.fileOffset)
}

export interface UsdtOptions extends CookieOptions {
  /** Path, library or program name; these three default to the section's: usdt/BINARY:PROVIDER:NAME. */
  readonly binary?: string
  readonly provider?: string
  readonly probe?: string
  readonly pid?: number
}

/** The static probes of a binary, with decoded arguments. Throws UsageError, FormatError. */
export function listUsdt(binary: string, pid?: number) {
  const executable = new Executable(readHostFile(findBinary(binary, pid)))
  return executable.staticProbes().map((probe) => ({ ...probe, decodedArgs: argsOf(executable, probe) }))
}

function argsOf(executable: Executable, probe: StaticProbe): UsdtArg[] {
  return parseUsdtArgs(probe.args, executable.machine, (name) => {
    const address = executable.address(name)
    return address === undefined ? undefined : address - probe.address
  })
}

/**
 * Runs a program at every place of a static probe, raising its semaphore. Programs built with libbpf's usdt.bpf.h find
 * the arguments: their records are put into the collection's `__bpf_usdt_specs`. Throws as attachUprobe().
 */
export function attachUsdt(collection: Collection, program: BpfProgram, options: UsdtOptions = {}): Attachment {
  requireType(program, 'a static probe', 'kprobe')
  const parts = /^(.*):([^:]+):([^:]+)$/.exec(program.origin?.attachTarget ?? '')
  const binary = options.binary ?? parts?.[1]
  const provider = options.provider ?? parts?.[2]
  const name = options.probe ?? parts?.[3]
  if (binary === undefined || provider === undefined || name === undefined) {
    throw new UsageError(
      `program '${program.name}' does not tell its probe`,
      'name the section usdt/BINARY:PROVIDER:NAME',
    )
  }
  const path = findBinary(binary, options.pid)
  const executable = new Executable(readHostFile(path))
  const places = executable.staticProbes().filter((one) => one.provider === provider && one.name === name)
  if (places.length === 0) {
    const there = [...new Set(executable.staticProbes().map((one) => `${one.provider}:${one.name}`))].slice(0, 8)
    throw new UsageError(
      `no static probe ${provider}:${name} in ${path}`,
      there.length === 0 ? 'the file has none' : `there are ${there.join(', ')}`,
    )
  }
  const specs = collection.maps.get('__bpf_usdt_specs')
  const made: Attachment[] = []
  const slots: number[] = []
  const undo = (): void => {
    for (const one of made) one.detach()
    if (specs !== undefined) release(specs, slots)
  }
  try {
    for (const place of places) {
      const cookie = specs === undefined ? options.cookie : fillSpec(specs, slots, place, executable, options)
      const { fileOffset: offset, semaphoreOffset: refCtrOffset } = place
      const target = {
        path,
        offset,
        refCtrOffset,
        onReturn: false,
        ...(options.pid === undefined ? {} : { pid: options.pid }),
      }
      made.push(probeAt(program, cookie === undefined ? target : { ...target, cookie }))
    }
  } catch (error) {
    undo()
    throw error
  }
  return attachmentOf('usdt', undo)
}

/** Slots of a specs map that attachments of this process use. */
const used = new WeakMap<BpfMap, Set<number>>()

function fillSpec(
  specs: BpfMap,
  slots: number[],
  place: StaticProbe,
  executable: Executable,
  options: UsdtOptions,
): bigint {
  if (specs.valueSize < USDT_SPEC_SIZE) {
    throw new UsageError(`__bpf_usdt_specs holds ${specs.valueSize} bytes, usdt.bpf.h has ${USDT_SPEC_SIZE}`)
  }
  const taken = used.get(specs) ?? new Set<number>()
  used.set(specs, taken)
  let slot = 0
  while (taken.has(slot)) slot++
  if (slot >= specs.maxEntries) throw new UsageError(`__bpf_usdt_specs has ${specs.maxEntries} entries, all are used`)
  const spec = new Uint8Array(specs.valueSize)
  spec.set(encodeUsdtSpec(argsOf(executable, place), options.cookie ?? 0n, executable.machine))
  specs.setBytes(new Uint8Array(new Uint32Array([slot]).buffer), spec)
  taken.add(slot)
  slots.push(slot)
  return BigInt(slot)
}

function release(specs: BpfMap, slots: number[]): void {
  for (const slot of slots.splice(0)) used.get(specs)?.delete(slot)
}
