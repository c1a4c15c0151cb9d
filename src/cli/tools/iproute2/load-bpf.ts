import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { ERRNO, errnoText, UsageError } from '../../../base/index.js'
import { errorCode, type Fd, type Kernel, KernelError, type MapInfo } from '../../../kernel/index.js'
import { type MapSpec, ObjectError, type ObjectSpec, openObject, type ProgramSpec } from '../../../object/index.js'
import { BpfProgram, type Collection, loadCollection, VerifierError } from '../../../sdk/index.js'
import { progTypeId, tailSection } from '../../../spec/index.js'
import type { CommandHost } from '../../host/host.js'
import { bpfMount, makeTree, pinCandidates, pinPaths } from './bpf-fs.js'
import type { BpfSource } from './bpf-source.js'
import { libbpfReport, mapReport, progReport } from './reports.js'
import { ToolError } from './tool-error.js'

export type IprouteProgType = 'xdp' | 'sched_cls' | 'sched_act' | 'lwt_in' | 'lwt_out' | 'lwt_xmit'

/** The section that is meant when none is named. */
const DEFAULT_SECTION: Readonly<Record<IprouteProgType, string>> = {
  xdp: 'prog',
  sched_cls: 'classifier',
  sched_act: 'action',
  lwt_in: 'lwt_in',
  lwt_out: 'lwt_out',
  lwt_xmit: 'lwt_xmit',
}

export interface LoadedBpf extends Disposable {
  readonly fd: Fd
  /** `prog.o:[section]`, as filters are named. */
  readonly annotation: string
  /** Section it came from; undefined for a pin. */
  readonly section: string | undefined
}

interface Place {
  readonly kernel: Kernel
  readonly host: CommandHost
  readonly type: IprouteProgType
  /** Device that it is offloaded to. */
  readonly ifindex?: number | undefined
}

/** Loads, or opens, what a command line names. Throws ToolError with what iproute2 says. */
export function loadBpf(source: BpfSource, place: Place): LoadedBpf {
  return source.kind === 'pinned' ? openPinned(source, place) : loadFile(source, place)
}

function openPinned({ file }: BpfSource, { kernel, host }: Place): LoadedBpf {
  let program: BpfProgram | undefined
  let last: unknown
  for (const path of pinCandidates(kernel, host, file)) {
    try {
      program = BpfProgram.openPinned(kernel, path)
      break
    } catch (error) {
      last ??= error
    }
  }
  if (program === undefined) {
    if (!(last instanceof KernelError) && !(last instanceof UsageError)) throw last
    const text = last instanceof KernelError ? errnoText(last.errno) : errnoText(ERRNO.EINVAL)
    throw new ToolError(`Couldn't retrieve pinned program '${file}': ${text}`)
  }
  return {
    fd: program.fd,
    annotation: `${basename(file)}:[*fsobj]`,
    section: undefined,
    [Symbol.dispose]: () => program.close(),
  }
}

function loadFile(source: BpfSource, place: Place): LoadedBpf {
  const { kernel, host, type, ifindex } = place
  const bytes = readObject(host.resolve(source.file))
  const spec = openSpec(bytes, source.file)
  for (const notice of spec.notices) if (notice.includes('bpf_elf_map')) host.err(`${notice}\n`)
  const section = source.section ?? DEFAULT_SECTION[type]
  const program = choose(spec, source, section)
  prepare(spec, type)
  const mount = bpfMount(kernel, host)
  makeTree(kernel, mount)
  const pinPathOf = pinPaths(host, mount, bytes)
  const pinned = new Set<string>()
  for (const map of spec.maps) if (isPinnedAlready(kernel, host, map, pinPathOf(map))) pinned.add(map.name)
  const collection = load(spec, program, source, place, pinPathOf)
  try {
    if (source.verbose) report(host, spec, collection, program, pinned, type)
    return {
      fd: collection.program(program.name).fd,
      annotation: `${basename(source.file)}:[${program.section}]`,
      section: program.section,
      [Symbol.dispose]: () => collection.close(),
    }
  } catch (error) {
    collection.close()
    throw error
  }

  function load(
    object: ObjectSpec,
    wanted: ProgramSpec,
    from: BpfSource,
    to: Place,
    pathOf: (map: MapSpec) => string | undefined,
  ): Collection {
    try {
      return loadCollection(object, {
        kernel: to.kernel,
        programs: [wanted.name],
        pinPathOf: pathOf,
        ...(from.verbose ? { logLevel: 2 } : {}),
        ...(ifindex === undefined ? {} : { ifindex }),
      })
    } catch (error) {
      throw explain(error, object, wanted, from, type)
    }
  }
}

function readObject(path: string): Uint8Array {
  try {
    const bytes = new Uint8Array(readFileSync(path))
    if (bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46) return bytes
  } catch {
    // As with a file that is none: iproute2 says the same of both.
  }
  throw new ToolError('Cannot initialize ELF context!')
}

function openSpec(bytes: Uint8Array, file: string): ObjectSpec {
  try {
    return openObject(bytes, { file: basename(file) })
  } catch (error) {
    if (!(error instanceof ObjectError)) throw error
    const text = error.message.includes("DATASEC '.maps'")
      ? 'BTF is required, but is missing or corrupted.'
      : error.message
    throw new ToolError(`libbpf: ${text}\nERROR: opening BPF object file failed`)
  }
}

/** The program that was asked for: by its name, else the first of the section. */
function choose(spec: ObjectSpec, source: BpfSource, section: string): ProgramSpec {
  const found = spec.programs.find(({ name, section: own }) =>
    source.program === undefined ? own === section : name === source.program,
  )
  if (found === undefined) throw new ToolError(`object file doesn't contain sec ${section}`)
  return found
}

/** All programs are of the type that the command is for, whatever their sections say. */
function prepare(spec: ObjectSpec, type: IprouteProgType): void {
  for (const program of spec.programs) {
    if (program.type !== type) {
      program.attachType = undefined
      program.attachTarget = undefined
    }
    program.type = type
  }
  for (const { section } of spec.programs) {
    const tail = tailSection(section)
    if (tail !== undefined && !spec.maps.some((map) => map.id === tail.id)) {
      throw new ToolError(`unable to find map id ${tail.id} for tail call`)
    }
  }
}

/** Is a map of this object pinned already? One that differs is an error. */
function isPinnedAlready(kernel: Kernel, host: CommandHost, map: MapSpec, path: string | undefined): boolean {
  if (path === undefined) return false
  let fd: Fd
  try {
    fd = kernel.call('obj_get', { pathname: path })
  } catch (error) {
    if (errorCode(error) === undefined) throw error
    return false
  }
  try {
    const info = kernel.call('obj_get_info_by_fd', { fd })
    if (info.kind === 'map' && differences(map, info).length === 0) return true
    host.err('Map specification differs from pinned file!\n')
    if (info.kind === 'map') for (const line of differences(map, info)) host.err(` - ${line}\n`)
    throw new ToolError(`\nMap '${map.name}' self-check failed!\nError fetching program/map!`)
  } finally {
    kernel.call('close', { fd })
  }
}

function differences(map: MapSpec, pin: MapInfo): string[] {
  const rows: [string, number, number][] = [
    ['Type:         ', map.typeId, pin.type],
    ['Size key:     ', map.keySize, pin.keySize],
    ['Size value:   ', map.valueSize, pin.valueSize],
    ['Max elems:    ', map.maxEntries, pin.maxEntries],
  ]
  const found = rows
    .filter(([, obj, own]) => obj !== own)
    .map(([what, obj, own]) => `${what}${obj} (obj) != ${own} (pin)`)
  if (map.flags !== pin.mapFlags) found.push(`Flags:        ${hex(map.flags)} (obj) != ${hex(pin.mapFlags)} (pin)`)
  return found
}

function hex(value: number): string {
  return value === 0 ? '0' : `0x${value.toString(16)}`
}

function report(
  host: CommandHost,
  spec: ObjectSpec,
  collection: Collection,
  program: ProgramSpec,
  pinned: ReadonlySet<string>,
  type: IprouteProgType,
): void {
  for (const map of spec.maps) {
    const loaded = collection.maps.get(map.name)
    if (pinned.has(map.name)) host.err(`Map '${map.name}' loaded as pinned!\n`)
    else if (loaded !== undefined) host.err(mapReport(map, { fd: loaded.fd }))
  }
  // The program itself comes first, then those that its program arrays are filled with.
  const others = spec.programs.filter(({ name }) => name !== program.name && collection.programs.has(name))
  for (const one of [program, ...others]) {
    const log = collection.logs.get(one.name) ?? ''
    host.err(progReport(described(spec, one, type), { fd: collection.program(one.name).fd }, log))
  }
}

function described(spec: ObjectSpec, program: ProgramSpec, type: IprouteProgType) {
  return {
    section: program.section,
    type: progTypeId(type) ?? 0,
    insns: (spec.functions[program.function]?.insns.length ?? 0) / 8,
    license: spec.license,
  }
}

/** Objects of iproute2's own kind, which libbpf does not take any more. */
function isLegacy(spec: ObjectSpec): boolean {
  return spec.maps.some(({ origin }) => origin === 'bpf_elf_map' || origin === 'bpf_map_def')
}

function explain(
  error: unknown,
  spec: ObjectSpec,
  wanted: ProgramSpec,
  source: BpfSource,
  type: IprouteProgType,
): unknown {
  if (error instanceof VerifierError) {
    const program = spec.programs.find(({ name }) => name === error.program) ?? wanted
    if (source.verbose || isLegacy(spec)) {
      const text = progReport(described(spec, program, type), { fd: -error.errno }, error.log)
      return new ToolError(`${text}Error fetching program/map!`)
    }
    return new ToolError(libbpfReport(program.name, source.file, error.errno, error.log).trimEnd())
  }
  if (error instanceof KernelError) {
    if (error.syscall === 'prog_load') {
      return new ToolError(libbpfReport(wanted.name, source.file, error.errno, error.log ?? '').trimEnd())
    }
    const what = error.hint === undefined ? '' : ` (${error.hint})`
    return new ToolError(`libbpf: failed to load object '${source.file}': ${error.message}${what}`)
  }
  if (error instanceof ObjectError || error instanceof UsageError) {
    return new ToolError(`libbpf: failed to load object '${source.file}': ${error.message}`)
  }
  return error
}
