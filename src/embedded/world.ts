import { toHex } from '../base/index.js'
import { type DeviceMap, lastUserGone, MAP_TYPE } from '../maps/index.js'
import { type Device, type Namespace, VirtualNetwork, type XskSocket } from '../netdev/index.js'
import { progTypeName } from '../spec/index.js'
import {
  type Engine,
  Jit,
  Machine,
  type MachineOptions,
  type MemoryTables,
  type NetworkHost,
  WasmInterpreter,
} from '../vm/index.js'
import { namespaceHost } from './hooks/namespace-host.js'
import { EmbeddedHooks } from './hooks/packet-hooks.js'
import { kernelBtf } from './kernel-btf.js'
import { BpfFs } from './state/bpffs.js'
import { Cgroups } from './state/cgroups.js'
import { IdTable } from './state/id-table.js'
import { jitDump } from './state/jited.js'
import type { BtfObject, KernelObject, LinkObject, MapObject, ProgObject } from './state/objects.js'
import { Sysctls } from './state/sysctls.js'
import { TraceLog } from './state/trace-log.js'
import { detachLink } from './syscalls/detach-link.js'

/** Lines of the kernel's log that are kept. */
const LOG_LINES = 16384
/** Instructions of one run: some seconds of the interpreter, and more than any program that Linux's verifier lets through needs. */
const DEFAULT_BUDGET = 500_000_000

export interface WorldOptions extends MachineOptions {
  /**
   * Instructions one run may execute; a program that uses them up fails with ETIMEDOUT. Default 500 million. What the
   * compiler makes of verified programs is only counted where a budget was given: they end by themselves.
   */
  readonly budget?: number
  /** What runs programs: compiled to WebAssembly (`jit`, the default, while bpf_jit_enable is not 0), or interpreted. */
  readonly engine?: 'interpreter' | 'jit'
  /**
   * Whether programs are verified when they are loaded. `on`, the default: as Linux does; a program that the verifier has no
   * rule for yet loads with a warning in its log. `strict`: such a program is refused. `off`: nothing is verified.
   */
  readonly verifier?: 'on' | 'strict' | 'off'
}

/** State of one embedded kernel that all its sessions share: objects, file system, sysctls, the machine. */
export class World {
  readonly machine: Machine
  readonly verifier: { readonly mode: 'on' | 'strict' | 'off' }
  readonly maps = new IdTable<MapObject>()
  readonly progs = new IdTable<ProgObject>()
  readonly btfs = new IdTable<BtfObject>()
  readonly links = new IdTable<LinkObject>()
  readonly sysctls = new Sysctls()
  readonly trace: TraceLog
  readonly bpffs: BpfFs
  /** Namespaces and devices. */
  readonly network: VirtualNetwork
  /** Runs programs on its packets. */
  readonly hooks: EmbeddedHooks
  readonly cgroups = new Cgroups()
  readonly #xsk = new Map<number, XskSocket>()
  /** Names of namespaces, as `ip netns` gives them: their paths. */
  readonly netnsNames = new Map<string, Namespace>()
  /** The network that the caller gave for programs that run in the first namespace; undefined: the virtual one. */
  readonly #given: NetworkHost | undefined
  readonly #hosts = new WeakMap<Namespace, NetworkHost>()
  /** Open descriptors of BPF_ENABLE_STATS: run times are counted while there is one (or the sysctl says so). */
  statsUsers = 0
  /** The kernel's log, the oldest lines first: what bpf_jit_enable=2 has it write. */
  readonly log: string[] = []
  /** What the allocator knew before anything happened. */
  readonly empty: MemoryTables
  #interpreter: WasmInterpreter | undefined
  readonly #jit: Jit | undefined
  readonly #byHandle = new Map<number, MapObject | ProgObject>()

  constructor(options: WorldOptions) {
    this.machine = new Machine(options)
    this.machine.budget = options.budget ?? DEFAULT_BUDGET
    this.verifier = { mode: options.verifier ?? 'on' }
    this.trace = new TraceLog(this.machine)
    this.#given = options.network
    const { machine } = this
    this.network = new VirtualNetwork({
      random: () => machine.random.u32(),
      clock: () => machine.clock,
      cpus: machine.cpus,
    })
    this.network.released = (program) => this.put(program as ProgObject)
    this.network.deviceGone = (device) => this.#forgetDevice(device, device.netns)
    this.network.deviceMoved = (device, from) => this.#forgetDevice(device, from)
    machine.network.host = this.hostOf(this.network.init)
    this.hooks = new EmbeddedHooks(this)
    this.network.hooks = this.hooks
    if (options.engine !== 'interpreter') {
      // Every program is loaded by a privileged user here: only 2 hardens those.
      this.#jit = new Jit(this.machine, {
        ...(options.budget === undefined ? {} : { counted: true }),
        blinded: () => this.sysctls.get('net.core.bpf_jit_harden') === 2,
      })
    }
    this.bpffs = new BpfFs((object) => this.putUser(object))
    this.empty = this.machine.memory.tables()
  }

  /** What helpers of programs that run in a namespace are told of the network. */
  hostOf(netns: Namespace): NetworkHost {
    if (this.#given !== undefined && netns === this.network.init) return this.#given
    let host = this.#hosts.get(netns)
    if (host === undefined) {
      host = namespaceHost(netns)
      this.#hosts.set(netns, host)
    }
    return host
  }

  /** Makes an AF_XDP socket known to XSKMAPs; its handle. */
  addXsk(socket: XskSocket): number {
    const handle = this.machine.createHandle(undefined)
    this.#xsk.set(handle, socket)
    return handle
  }

  xskOf(handle: number): XskSocket | undefined {
    return this.#xsk.get(handle)
  }

  /** Device maps and links let go of a device that is gone, or gone elsewhere. */
  #forgetDevice(device: Device, from: Namespace): void {
    for (const { map } of this.maps.values()) {
      if (map.type === MAP_TYPE.DEVMAP || map.type === MAP_TYPE.DEVMAP_HASH) {
        ;(map as DeviceMap).dropDevice(device.ifindex, from.inode)
      }
    }
    if (from.devices.get(device.ifindex) === device || device.netns !== from) return
    for (const link of this.links.values()) if (link.place?.device === device) link.place = undefined
  }

  /** What programs loaded now run on: the compiler, unless bpf_jit_enable or the kernel's options say otherwise. */
  get engine(): Engine {
    const enabled = this.sysctls.get('net.core.bpf_jit_enable') !== 0
    if (enabled && this.#jit !== undefined) return this.#jit
    this.#interpreter ??= new WasmInterpreter(this.machine)
    return this.#interpreter
  }

  /** The kernel's own BTF: its kernel functions. */
  get vmlinuxBtf(): Uint8Array {
    return kernelBtf().bytes
  }

  /** Name of the kernel function that a BTF id of `vmlinuxBtf` stands for. */
  kfuncName(btfId: number): string | undefined {
    return kernelBtf().functions.get(btfId)
  }

  get statsEnabled(): boolean {
    return this.statsUsers > 0 || this.sysctls.get('kernel.bpf_stats_enabled') === 1
  }

  /** Registers a new object, whose one reference is the caller's. */
  add(object: KernelObject): void {
    switch (object.kind) {
      case 'map':
        this.maps.add(object.id, object)
        this.#byHandle.set(object.map.handle, object)
        return
      case 'prog':
        this.progs.add(object.id, object)
        if (this.sysctls.get('net.core.bpf_jit_enable') === 2) this.#logImage(object)
        this.#byHandle.set(object.program.image.handle, object)
        return
      case 'btf':
        this.btfs.add(object.id, object)
        return
      case 'link':
        this.links.add(object.id, object)
    }
  }

  #logImage(object: ProgObject): void {
    const image = object.program.runner.image?.()
    if (image === undefined) return
    this.log.push(...jitDump(object, image))
    if (this.log.length > LOG_LINES) this.log.splice(0, this.log.length - LOG_LINES)
  }

  /** The map or program that a handle in memory stands for. */
  byHandle(handle: number): MapObject | ProgObject | undefined {
    return this.#byHandle.get(handle)
  }

  /** Takes a reference. */
  get<T extends KernelObject>(object: T): T {
    object.references++
    return object
  }

  /** A descriptor or a pin is made, for which a reference was taken. */
  addUser(object: KernelObject): void {
    if (object.kind === 'map') object.users++
  }

  /** A descriptor or a pin goes away, and its reference with it. */
  putUser(object: KernelObject): void {
    if (object.kind === 'map' && --object.users === 0) lastUserGone(this.machine, object.map)
    this.put(object)
  }

  /** Drops a reference; the last one frees the object and what it holds. */
  put(object: KernelObject): void {
    object.references--
    if (object.references > 0) return
    switch (object.kind) {
      case 'map':
        this.maps.remove(object.id)
        this.#byHandle.delete(object.map.handle)
        object.map.free()
        if (object.btf !== undefined) this.put(object.btf)
        return
      case 'prog':
        this.progs.remove(object.id)
        this.#byHandle.delete(object.program.image.handle)
        if (this.hooks.traced.has('bpf_prog_put_rcu')) {
          const type = (progTypeName(object.type) ?? 'unspec').toUpperCase()
          this.hooks.tracepoint('bpf_prog_put_rcu', { prog: toHex(object.tag), type })
        }
        this.machine.uninstall(object.program)
        for (const map of object.maps) this.put(map)
        if (object.btf !== undefined) this.put(object.btf)
        return
      case 'btf':
        this.btfs.remove(object.id)
        return
      case 'link':
        detachLink(object, this.cgroups)
        this.links.remove(object.id)
        if (object.prog !== undefined) this.put(object.prog)
    }
  }
}
