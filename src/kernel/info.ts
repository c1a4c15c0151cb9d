// What bpf_obj_get_info_by_fd reports, field for field (linux/bpf.h), in camelCase. Numbers are Linux's numbers.

export interface MapInfo {
  readonly kind: 'map'
  readonly type: number
  readonly id: number
  readonly keySize: number
  readonly valueSize: number
  readonly maxEntries: number
  readonly mapFlags: number
  readonly name: string
  readonly ifindex: number
  readonly btfVmlinuxValueTypeId: number
  readonly netnsDev: bigint
  readonly netnsIno: bigint
  readonly btfId: number
  readonly btfKeyTypeId: number
  readonly btfValueTypeId: number
  readonly mapExtra: bigint
}

export interface ProgInfo {
  readonly kind: 'prog'
  readonly type: number
  readonly id: number
  /** 8 bytes. */
  readonly tag: Uint8Array
  readonly jitedProgLen: number
  readonly xlatedProgLen: number
  /** Filled when asked for. */
  readonly jitedProgInsns: Uint8Array | undefined
  readonly xlatedProgInsns: Uint8Array | undefined
  /** ns since boot. */
  readonly loadTime: bigint
  readonly createdByUid: number
  readonly mapIds: readonly number[]
  readonly name: string
  readonly ifindex: number
  readonly gplCompatible: boolean
  readonly netnsDev: bigint
  readonly netnsIno: bigint
  readonly jitedKsyms: readonly bigint[]
  readonly jitedFuncLens: readonly number[]
  readonly btfId: number
  readonly funcInfo: Uint8Array | undefined
  readonly funcInfoRecSize: number
  readonly lineInfo: Uint8Array | undefined
  readonly lineInfoRecSize: number
  readonly jitedLineInfo: readonly bigint[]
  readonly progTags: readonly Uint8Array[]
  readonly runTimeNs: bigint
  readonly runCnt: bigint
  readonly recursionMisses: bigint
  readonly verifiedInsns: number
  readonly attachBtfObjId: number
  readonly attachBtfId: number
}

export interface BtfInfo {
  readonly kind: 'btf'
  readonly id: number
  readonly btf: Uint8Array | undefined
  readonly btfSize: number
  readonly name: string
  readonly kernelBtf: boolean
}

/** Type-specific fields of a link, by their Linux names in camelCase. */
export type LinkDetails = Readonly<Record<string, number | bigint | string | readonly bigint[]>>

export interface LinkInfo {
  readonly kind: 'link'
  readonly type: number
  readonly id: number
  readonly progId: number
  readonly details: LinkDetails
}

export type ObjectInfo = MapInfo | ProgInfo | BtfInfo | LinkInfo
