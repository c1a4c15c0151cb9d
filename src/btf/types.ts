// The shape of BTF types as the rest of Skep sees them (linux/btf.h, Documentation/bpf/btf.rst).

/** BTF_KIND_* by number; index 0 is the implicit void. */
export const BTF_KINDS = [
  'void',
  'int',
  'ptr',
  'array',
  'struct',
  'union',
  'enum',
  'fwd',
  'typedef',
  'volatile',
  'const',
  'restrict',
  'func',
  'func_proto',
  'var',
  'datasec',
  'float',
  'decl_tag',
  'type_tag',
  'enum64',
] as const

export type BtfKind = (typeof BTF_KINDS)[number]

/** BTF_FUNC_* and BTF_VAR_* linkage by number (the same words in both). */
export const BTF_LINKAGES = ['static', 'global', 'extern'] as const
export type BtfLinkage = (typeof BTF_LINKAGES)[number]

interface Common {
  /** Type id inside its Btf; 0 is void. */
  readonly id: number
  /** Empty for what has no name. */
  readonly name: string
}

export interface BtfVoid extends Common {
  readonly kind: 'void'
}
export interface BtfInt extends Common {
  readonly kind: 'int'
  /** Storage size in bytes. */
  readonly size: number
  /** Value bits, and the bit they start at (0 but in very old BTF). */
  readonly bits: number
  readonly bitOffset: number
  readonly signed: boolean
  readonly char: boolean
  readonly bool: boolean
}
export interface BtfPtr extends Common {
  readonly kind: 'ptr'
  readonly type: number
}
export interface BtfArray extends Common {
  readonly kind: 'array'
  readonly type: number
  readonly indexType: number
  readonly length: number
}
export interface BtfMember {
  readonly name: string
  readonly type: number
  /** From the start of the struct, in bits. */
  readonly bitOffset: number
  /** Width of a bitfield; 0 for an ordinary member. */
  readonly bitSize: number
}
export interface BtfComposite extends Common {
  readonly kind: 'struct' | 'union'
  readonly size: number
  /** The type's kind_flag: member offsets carry bitfield widths. */
  readonly kindFlag: boolean
  readonly members: readonly BtfMember[]
}
export interface BtfEnumValue {
  readonly name: string
  readonly value: number
}
export interface BtfEnum extends Common {
  readonly kind: 'enum'
  readonly size: number
  readonly signed: boolean
  readonly values: readonly BtfEnumValue[]
}
export interface BtfEnum64Value {
  readonly name: string
  readonly value: bigint
}
export interface BtfEnum64 extends Common {
  readonly kind: 'enum64'
  readonly size: number
  readonly signed: boolean
  readonly values: readonly BtfEnum64Value[]
}
export interface BtfFwd extends Common {
  readonly kind: 'fwd'
  readonly union: boolean
}
export interface BtfAlias extends Common {
  readonly kind: 'typedef' | 'volatile' | 'const' | 'restrict'
  readonly type: number
}
export interface BtfTypeTag extends Common {
  readonly kind: 'type_tag'
  readonly type: number
  /** kind_flag: `name` is any attribute, not the argument of btf_type_tag(). */
  readonly attribute: boolean
}
export interface BtfFunc extends Common {
  readonly kind: 'func'
  /** Its func_proto. */
  readonly type: number
  readonly linkage: BtfLinkage
}
export interface BtfParam {
  readonly name: string
  /** 0 with no name, as the last one, means `...`. */
  readonly type: number
}
export interface BtfFuncProto extends Common {
  readonly kind: 'func_proto'
  /** Return type. */
  readonly type: number
  readonly params: readonly BtfParam[]
}
export interface BtfVar extends Common {
  readonly kind: 'var'
  readonly type: number
  readonly linkage: BtfLinkage
}
export interface BtfSecVar {
  readonly type: number
  readonly offset: number
  readonly size: number
}
export interface BtfDatasec extends Common {
  readonly kind: 'datasec'
  readonly size: number
  readonly vars: readonly BtfSecVar[]
}
export interface BtfFloat extends Common {
  readonly kind: 'float'
  readonly size: number
}
export interface BtfDeclTag extends Common {
  readonly kind: 'decl_tag'
  readonly type: number
  /** Member or parameter the tag is on; -1 for the type itself. */
  readonly componentIdx: number
  readonly attribute: boolean
}

export type BtfType =
  | BtfVoid
  | BtfInt
  | BtfPtr
  | BtfArray
  | BtfComposite
  | BtfEnum
  | BtfEnum64
  | BtfFwd
  | BtfAlias
  | BtfTypeTag
  | BtfFunc
  | BtfFuncProto
  | BtfVar
  | BtfDatasec
  | BtfFloat
  | BtfDeclTag
