import type { Btf } from '../../btf/index.js'
import type { MapCreateRequest, ProgLoadRequest } from '../../kernel/index.js'
import type { Device, XdpMode } from '../../netdev/index.js'
import type { VerifiedFunction } from '../../verifier/index.js'
import type { BpfMap, LoadedProgram } from '../../vm/index.js'
import type { Translation } from '../syscalls/translate.js'
import type { Cgroup, CgroupSide } from './cgroups.js'

/** What every object of the kernel has: an id, and as many references as there are descriptors, pins and users. */
interface Counted {
  readonly id: number
  references: number
}

export interface MapObject extends Counted {
  readonly kind: 'map'
  readonly map: BpfMap
  readonly name: string
  frozen: boolean
  /** Descriptors and pins. Programs and elements that hold the map are references, but no users. */
  users: number
  /** BTF descriptor's object, held by the map. */
  readonly btf: BtfObject | undefined
  readonly btfKeyTypeId: number
  readonly btfValueTypeId: number
  /** Writable memory mappings that exist. */
  writers?: number
  /** How it was made: to make it again. */
  origin?: MapOrigin
}

/** What making an object took of the machine. */
export interface Creation {
  /** Size and address of each allocation, one after the other. */
  readonly allocations: readonly number[]
  readonly randoms: readonly number[]
}

export interface MapOrigin extends Creation {
  /** Without descriptors, which mean something in one session only. */
  readonly request: MapCreateRequest
  /** The template of a map of maps. */
  readonly inner: MapCreateRequest | undefined
}

export interface ProgOrigin extends Creation {
  readonly request: ProgLoadRequest
  /** What the descriptors in the request and in its instructions stood for. */
  readonly descriptors: readonly { readonly fd: number; readonly kind: 'map' | 'prog' | 'btf'; readonly id: number }[]
}

export interface ProgObject extends Counted {
  readonly kind: 'prog'
  readonly program: LoadedProgram
  readonly name: string
  readonly type: number
  readonly expectedAttachType: number
  readonly tag: Uint8Array
  readonly license: string
  readonly gplCompatible: boolean
  /** As user space gave them. */
  readonly insns: Uint8Array
  /** What was compiled, maps by id. */
  readonly source: Uint8Array
  /** As obj_get_info reports instructions and records: translated, maps by id. */
  readonly translation: Translation
  /** Instructions the verifier processed. */
  readonly verifiedInsns: number
  readonly maps: MapObject[]
  readonly btf: BtfObject | undefined
  readonly funcInfo: Uint8Array | undefined
  readonly lineInfo: Uint8Array | undefined
  /** What the verifier found of its functions; empty where it was not asked. */
  readonly functions: readonly VerifiedFunction[]
  /** It traces a function of another program. */
  readonly tracesProgram: boolean
  readonly loadTime: bigint
  readonly flags: number
  /** True for programs that take packets of several buffers. */
  readonly hasFrags: boolean
  /** Loaded for one device. */
  boundTo?: { readonly device: Device; readonly offloaded: boolean } | undefined
  runCount: bigint
  runTimeNs: bigint
  /** How it was made: to make it again. */
  origin?: ProgOrigin
}

export interface BtfObject extends Counted {
  readonly kind: 'btf'
  readonly bytes: Uint8Array
  readonly btf: Btf
}

export interface LinkObject extends Counted {
  readonly kind: 'link'
  readonly type: number
  prog: ProgObject | undefined
  /** Where it is attached; undefined once detached. */
  place: LinkPlace | undefined
}

/** Where a link holds its program. */
export type LinkPlace =
  | { readonly kind: 'xdp'; readonly device: Device; readonly mode: XdpMode; readonly flags: number }
  | { readonly kind: 'tcx'; readonly device: Device; readonly direction: 'ingress' | 'egress' }
  | {
      readonly kind: 'tracepoint'
      readonly device: undefined
      readonly name: string
      readonly cookie: bigint
      readonly listening: Disposable
    }
  | { readonly kind: 'cgroup'; readonly device: undefined; readonly cgroup: Cgroup; readonly side: CgroupSide }

export type KernelObject = MapObject | ProgObject | BtfObject | LinkObject
export type ObjectKind = KernelObject['kind']
