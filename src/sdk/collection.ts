import { UsageError } from '../base/index.js'
import { type Btf, encodeFuncInfo, encodeLineInfo } from '../btf/index.js'
import {
  errorCode,
  type Fd,
  type Kernel,
  KernelError,
  type ProgLoadRequest,
  type ProgLoadResult,
} from '../kernel/index.js'
import {
  applyKconfig,
  externKernelName,
  hasCoreRelocations,
  kernelName,
  linkProgram,
  loadableBtf,
  type MapSpec,
  ObjectError,
  type ObjectSpec,
  objectBtf,
  type ProgramSpec,
  patchProgram,
  unresolvedKconfig,
} from '../object/index.js'
import { attachTypeByName, progTypeId } from '../spec/index.js'
import { type AttachTo, attachTargetOf } from './attach-target.js'
import { BpfMap } from './bpf-map.js'
import { BpfProgram } from './bpf-program.js'
import { createMap, type MapPlacement, makeParents, pinPathOf, reuseMap } from './create-maps.js'
import { Handle } from './handle.js'
import { KernelBtf } from './kernel-btf.js'
import { PAGE } from './mapped-pages.js'
import { createStructOpsMap, structOpsTarget, structOpsValue } from './struct-ops.js'
import { VerifierError } from './verifier-error.js'

export interface CollectionOptions extends MapPlacement {
  readonly kernel: Kernel
  /** Names of the programs to load. Default: every program with autoload. Programs that initial entries of maps name come along. */
  readonly programs?: readonly string[]
  /** Maps to use in place of the object's own, by name. They stay open when the collection is closed. */
  readonly maps?: Readonly<Record<string, BpfMap>>
  /** BTF that CO-RE relocations apply to. Default: the kernel's own; `null`: leave the code as it was compiled. */
  readonly targetBtf?: Btf | null
  /** Verifier log wanted of programs that load: 1, 2 or 4. */
  readonly logLevel?: number
  /** Values of .kconfig externs: text like /boot/config, or `{ CONFIG_HZ: '250' }`. Default: the kernel's own configuration. */
  readonly kconfig?: string | Readonly<Record<string, string | number | bigint | boolean>>
  /** Device that the maps and programs are for (offload), by its number. */
  readonly ifindex?: number
  /** Programs that others replace (freplace) or trace (fentry, fexit), by the name of the latter. */
  readonly attachTo?: Readonly<Record<string, AttachTo>>
}

const F_SLEEPABLE = 1 << 4
const F_XDP_HAS_FRAGS = 1 << 5

/** The maps and programs of one object in one kernel. Closing it closes them; what is pinned or attached stays. */
export class Collection {
  readonly spec: ObjectSpec
  readonly kernel: Kernel
  readonly maps: ReadonlyMap<string, BpfMap>
  readonly programs: ReadonlyMap<string, BpfProgram>
  /** Verifier logs by program, where they were asked for. */
  readonly logs: ReadonlyMap<string, string>
  /** Values of struct_ops maps as the kernel takes them, by map: attachStructOps() registers them. */
  readonly structOps: ReadonlyMap<string, Uint8Array>
  readonly #owned: readonly Disposable[]

  constructor(
    spec: ObjectSpec,
    kernel: Kernel,
    parts: {
      maps: ReadonlyMap<string, BpfMap>
      programs: ReadonlyMap<string, BpfProgram>
      logs: ReadonlyMap<string, string>
      structOps: ReadonlyMap<string, Uint8Array>
      owned: readonly Disposable[]
    },
  ) {
    this.spec = spec
    this.kernel = kernel
    this.maps = parts.maps
    this.programs = parts.programs
    this.logs = parts.logs
    this.structOps = parts.structOps
    this.#owned = parts.owned
  }

  /** A map by name; `K` and `V` are what its keys and values decode to. Throws UsageError naming those there are. */
  map<K = unknown, V = unknown>(name: string): BpfMap<K, V> {
    return named(this.maps, name, 'map') as BpfMap<K, V>
  }

  program(name: string): BpfProgram {
    return named(this.programs, name, 'program')
  }

  close(): void {
    for (const part of [...this.#owned].reverse()) part[Symbol.dispose]()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

function named<T>(all: ReadonlyMap<string, T>, name: string, what: string): T {
  const found = all.get(name)
  if (found !== undefined) return found
  const names = [...all.keys()]
  throw new UsageError(
    `no ${what} named '${name}'`,
    names.length === 0 ? `there are no ${what}s` : `there are ${names.join(', ')}`,
  )
}

/**
 * Creates an object's maps in a kernel, fills them, loads its programs. On failure nothing is left behind: maps that were
 * pinned before stay, pins made here are taken back. Throws ObjectError (what cannot be linked), VerifierError (a refused
 * program), KernelError, UsageError.
 */
export function loadCollection(spec: ObjectSpec, options: CollectionOptions): Collection {
  const loader = new Loader(spec, options)
  try {
    return loader.load()
  } catch (error) {
    loader.abandon()
    throw error
  }
}

class Loader {
  readonly spec: ObjectSpec
  readonly options: CollectionOptions
  readonly kernel: Kernel
  readonly btf: Btf | undefined
  btfFd: Fd | undefined
  readonly kernelBtf: KernelBtf
  /** fd_array of the programs: BTF of kernel modules whose functions they call. Index 0 stands for vmlinux. */
  readonly fdArray: Fd[] = [0 as Fd]
  readonly maps = new Map<string, BpfMap>()
  readonly programs = new Map<string, BpfProgram>()
  readonly logs = new Map<string, string>()
  readonly structOps = new Map<string, Uint8Array>()
  readonly owned: Disposable[] = []
  /** Pins made by this load. */
  readonly pins: string[] = []

  constructor(spec: ObjectSpec, options: CollectionOptions) {
    this.spec = spec
    this.options = options
    this.kernel = options.kernel
    this.btf = objectBtf(spec)
    this.kernelBtf = new KernelBtf(options.kernel)
  }

  load(): Collection {
    const wanted = this.wantedPrograms()
    this.resolveKconfig()
    this.loadBtf()
    for (const map of this.spec.maps) if (map.autocreate && this.isUseful(map, wanted)) this.provideMap(map)
    for (const map of this.spec.maps) this.fillMapEntries(map)
    for (const program of wanted) this.loadProgram(program)
    for (const map of this.spec.maps) this.fillProgramEntries(map)
    this.fillStructOps()
    this.kernelBtf.close()
    const { maps, programs, logs, structOps, owned } = this
    return new Collection(this.spec, this.kernel, { maps, programs, logs, structOps, owned })
  }

  abandon(): void {
    this.kernelBtf.close()
    for (const path of this.pins) {
      try {
        this.kernel.call('unlink', { path })
      } catch {
        // Somebody else was faster, or took the name: what failed first is what matters.
      }
    }
    for (const part of this.owned.reverse()) part[Symbol.dispose]()
  }

  /** The programs asked for and those that initial entries of maps name. */
  wantedPrograms(): ProgramSpec[] {
    const { programs } = this.spec
    const names = this.options.programs
    for (const name of names ?? []) {
      if (!programs.some((program) => program.name === name)) {
        throw new UsageError(
          `no program named '${name}'`,
          `the object has ${programs.map((program) => program.name).join(', ') || 'none'}`,
        )
      }
    }
    const wanted = new Set(names ?? programs.filter((program) => program.autoload).map((program) => program.name))
    if (names !== undefined) {
      for (const map of this.spec.maps) {
        for (const entry of map.initial) if (entry.kind === 'program') wanted.add(entry.name)
      }
    }
    return programs.filter((program) => wanted.has(program.name))
  }

  /** Operations of which no program was asked for are not made: the object's other programs load where a kernel lacks them. */
  isUseful(map: MapSpec, wanted: readonly ProgramSpec[]): boolean {
    if (map.structOps === undefined || this.options.programs === undefined) return true
    return map.structOps.functions.some((use) => wanted.some((program) => program.name === use.program))
  }

  resolveKconfig(): void {
    if (!this.spec.externs.some((extern) => extern.kind === 'kconfig')) return
    const { kconfig } = this.options
    const text = typeof kconfig === 'string' ? kconfig : this.kernel.config()
    applyKconfig(this.spec, {
      ...(text === undefined ? {} : { text }),
      ...(typeof kconfig === 'object' ? { values: kconfig } : {}),
      kernelVersion: versionCode(this.kernel.release),
    })
    const missing = unresolvedKconfig(this.spec)[0]
    if (missing !== undefined) {
      throw new ObjectError(`extern (kcfg) '${missing.name}' (strong): not resolved`, {
        file: this.spec.file,
        section: '.kconfig',
        symbol: missing.name,
        hint: `give its value: kconfig: { ${missing.name}: … }, or declare it __weak`,
      })
    }
  }

  loadBtf(): void {
    const btf = loadableBtf(this.spec)
    if (btf === undefined) return
    try {
      const { fd } = this.kernel.call('btf_load', { btf })
      this.owned.push(new Handle(this.kernel, fd))
      this.btfFd = fd
    } catch (error) {
      // As libbpf: a kernel that refuses the BTF may still take maps and programs without it.
      if (!(error instanceof KernelError)) throw error
    }
  }

  provideMap(map: MapSpec): void {
    const given = this.options.maps?.[map.name]
    if (given !== undefined) {
      this.maps.set(map.name, given)
      return
    }
    const pathname = pinPathOf(this.spec, map, this.options)
    const reused = pathname === undefined ? undefined : reuseMap(this.kernel, pathname, map)
    const fd = reused ?? this.createMap(map)
    const opened = BpfMap.fromFd(this.kernel, fd, this.typesOf(map))
    this.owned.push(opened)
    this.maps.set(map.name, opened)
    if (reused !== undefined) return
    if (map.type === 'arena') this.mapArena(opened, map.contents)
    else if (map.contents !== undefined && map.structOps === undefined) opened.setBytes(new Uint8Array(4), map.contents)
    if (map.frozen) this.freeze(opened)
    if (pathname !== undefined) {
      makeParents(this.kernel, pathname)
      opened.pin(pathname)
      this.pins.push(pathname)
    }
  }

  createMap(map: MapSpec): Fd {
    try {
      if (map.structOps !== undefined)
        return createStructOpsMap(this.kernel, this.spec, map, this.vmlinux(), this.btfFd)
      return createMap(this.kernel, map, this.btfFd, this.options.ifindex)
    } catch (error) {
      if (!(error instanceof KernelError)) throw error
      const { code, hint, log } = error
      throw new KernelError(code as 'EINVAL', 'map_create', {
        detail: `map '${map.name}' (${map.type}, key ${map.keySize}, value ${map.valueSize}, max_entries ${map.maxEntries}, flags 0x${map.flags.toString(16)})`,
        ...(map.maxEntries === 0
          ? { hint: 'max_entries is 0: some types need a size, which the object leaves to whoever loads it' }
          : hint === undefined
            ? {}
            : { hint }),
        ...(log === undefined ? {} : { log }),
      })
    }
  }

  /** Programs take an arena's addresses from its mapping: it is there before they are loaded, as long as the collection. */
  mapArena(map: BpfMap, contents: Uint8Array | undefined): void {
    const { kernel } = this
    const bytes = kernel.mmap(map.fd, 0, map.maxEntries * PAGE, true)
    this.owned.push({ [Symbol.dispose]: () => kernel.munmap(bytes) })
    if (contents !== undefined) bytes.set(contents)
  }

  freeze(map: BpfMap): void {
    try {
      map.freeze()
    } catch (error) {
      if (errorCode(error) !== 'EINVAL') throw error
    }
  }

  typesOf(map: MapSpec) {
    if (this.btf === undefined || (map.btfKeyTypeId === 0 && map.btfValueTypeId === 0)) return undefined
    return { btf: this.btf, keyTypeId: map.btfKeyTypeId, valueTypeId: map.btfValueTypeId }
  }

  fillMapEntries(map: MapSpec): void {
    this.fillEntries(map, 'map', this.maps)
  }

  fillProgramEntries(map: MapSpec): void {
    this.fillEntries(map, 'program', this.programs)
  }

  fillEntries(map: MapSpec, kind: 'map' | 'program', objects: ReadonlyMap<string, { readonly fd: Fd }>): void {
    const outer = this.maps.get(map.name)
    for (const entry of map.initial) {
      const object = objects.get(entry.name)
      if (entry.kind !== kind || outer === undefined || object === undefined) continue
      const key = Uint8Array.from(new Uint8Array(Uint32Array.of(entry.key).buffer).subarray(0, 4))
      outer.setBytes(key, new Uint8Array(Uint32Array.of(object.fd).buffer))
    }
  }

  loadProgram(program: ProgramSpec): void {
    const { spec, kernel } = this
    const type = progTypeId(program.type)
    if (type === undefined) {
      throw new UsageError(
        `prog '${program.name}': its section '${program.section}' does not tell a program type`,
        'set `type` in the spec, or name the section as libbpf does',
      )
    }
    const targets = this.coreTargets()
    const linked = linkProgram(spec, program.name, targets === undefined ? {} : { targets })
    const insns = patchProgram(spec, linked, {
      mapFd: (name) => this.maps.get(name)?.fd,
      kfunc: (extern) => {
        const found = this.kernelBtf.find(externKernelName(extern), 'func')
        return found === undefined ? undefined : { btfId: found.id, fdIndex: this.fdIndex(found.moduleFd) }
      },
      ksym: (extern) => {
        if (extern.typeId === 0) return undefined
        const found = this.kernelBtf.find(externKernelName(extern), 'var')
        return found === undefined ? undefined : { btfId: found.id, btfFd: found.moduleFd ?? 0 }
      },
    })
    const { btfFd } = this
    const request = {
      progType: type,
      insns,
      license: spec.license,
      progName: kernelName(program.name),
      kernVersion: spec.version,
      expectedAttachType: program.attachType === undefined ? 0 : (attachTypeByName(program.attachType)?.id ?? 0),
      progFlags: (program.sleepable ? F_SLEEPABLE : 0) | (program.frags ? F_XDP_HAS_FRAGS : 0),
      ...(btfFd !== undefined && linked.funcInfo.length > 0
        ? {
            progBtfFd: btfFd,
            funcInfo: encodeFuncInfo(linked.funcInfo),
            funcInfoRecSize: 8,
            lineInfo: encodeLineInfo(linked.lineInfo),
            lineInfoRecSize: 16,
          }
        : {}),
      ...(this.fdArray.length > 1 ? { fdArray: this.fdArray } : {}),
      ...(this.options.ifindex === undefined ? {} : { progIfindex: this.options.ifindex }),
      ...attachTargetOf(spec, program, this.kernelBtf, this.options.attachTo?.[program.name]),
      ...(program.type === 'struct_ops' ? structOpsTarget(spec, program, this.vmlinux()) : {}),
    }
    const { fd, log } = this.callLoad(program, request)
    const { section, attachTarget, attachType } = program
    const origin = { section, attachTarget, attachType }
    const loaded = new BpfProgram(new Handle(kernel, fd), program.name, type, request.expectedAttachType, origin)
    this.owned.push(loaded)
    this.programs.set(program.name, loaded)
    if (this.options.logLevel) this.logs.set(program.name, log)
    if (spec.maps.length > 0) this.bindGlobalData(fd)
  }

  callLoad(program: ProgramSpec, request: ProgLoadRequest): ProgLoadResult {
    try {
      return this.progLoad({ ...request, logLevel: this.options.logLevel ?? 0 })
    } catch (error) {
      if (!(error instanceof KernelError)) throw error
      if (error.log !== undefined) throw new VerifierError(program.name, program.section, error)
      try {
        // The quick way keeps no log; a refused program is loaded again for its reason.
        return this.progLoad({ ...request, logLevel: 1 })
      } catch (again) {
        if (again instanceof KernelError) throw new VerifierError(program.name, program.section, again)
        throw again
      }
    }
  }

  progLoad(request: ProgLoadRequest): ProgLoadResult {
    return this.kernel.call('prog_load', request)
  }

  /** Read-only data belong to the program even where no instruction refers to them (metadata), as libbpf binds them. */
  bindGlobalData(progFd: Fd): void {
    for (const map of this.spec.maps) {
      const opened = this.maps.get(map.name)
      if (map.origin !== '.rodata' || opened === undefined) continue
      try {
        this.kernel.call('prog_bind_map', { progFd, mapFd: opened.fd })
      } catch (error) {
        if (!(error instanceof KernelError)) throw error
      }
    }
  }

  coreTargets(): readonly Btf[] | undefined {
    const { targetBtf } = this.options
    // The kernel's BTF is large: it is opened for those that need it.
    if (targetBtf === null || !hasCoreRelocations(this.spec)) return undefined
    if (targetBtf !== undefined) return [targetBtf]
    const own = this.vmlinux()
    // A kernel whose BTF does not describe its structures (the embedded one) is no target: the code stays as compiled.
    return own?.findByName('task_struct', 'struct') === undefined ? undefined : [own]
  }

  vmlinux(): Btf | undefined {
    return this.kernelBtf.vmlinux()
  }

  fdIndex(moduleFd: Fd | undefined): number {
    if (moduleFd === undefined) return 0
    const known = this.fdArray.indexOf(moduleFd)
    return known >= 0 ? known : this.fdArray.push(moduleFd) - 1
  }

  fillStructOps(): void {
    for (const map of this.spec.maps) {
      if (map.structOps === undefined || !this.maps.has(map.name)) continue
      const value = structOpsValue(this.spec, map, this.vmlinux(), (name) => this.programs.get(name)?.fd)
      this.structOps.set(map.name, value)
    }
  }
}

/** KERNEL_VERSION(a, b, c) of a release like 6.18.44-generic. */
function versionCode(release: string): number {
  const [a = 0, b = 0, c = 0] = release.split(/[^0-9]+/, 3).map(Number)
  return (a << 16) | (b << 8) | Math.min(c, 255)
}
