// What an object file says, as plain data: nothing here holds a descriptor, and everything survives structuredClone().
// Fields that may be changed before loading are not readonly.

/** A place in a function's instructions that stands for something else; `slot` counts 8-byte slots from its start. */
export type Reference =
  /** ld_imm64 of a map: becomes its descriptor. */
  | { readonly kind: 'map'; readonly slot: number; readonly map: string }
  /** ld_imm64 of a byte inside a map's first value: global data, or arena memory. */
  | { readonly kind: 'map_value'; readonly slot: number; readonly map: string; readonly offset: number }
  /** Call of a subprogram, an index of ObjectSpec.functions; `delta` slots into it (0 but in hand-written assembly). */
  | { readonly kind: 'call'; readonly slot: number; readonly target: number; readonly delta: number }
  /** ld_imm64 of a subprogram's address (a callback). */
  | { readonly kind: 'func'; readonly slot: number; readonly target: number }
  /** Call of an extern: a kfunc. An index of ObjectSpec.externs. */
  | { readonly kind: 'kfunc'; readonly slot: number; readonly extern: number }
  /** ld_imm64 of an extern: a kernel symbol, a kfunc's address, or a .kconfig value. */
  | { readonly kind: 'extern'; readonly slot: number; readonly extern: number }
  /** What cannot be linked: an error when a program that needs it is linked. */
  | { readonly kind: 'broken'; readonly slot: number; readonly reason: string; readonly hint: string | undefined }

/** A function of the object: a program's entry or a subprogram. */
export interface FunctionSpec {
  readonly name: string
  readonly section: string
  /** Number of the ELF section. */
  readonly sectionIndex: number
  /** Slots from the start of the section. */
  readonly offset: number
  /** Instructions in little-endian encoding, as in the object (before relocation). Always whole slots. */
  readonly insns: Uint8Array
  /** Global or weak binding: verified on its own when it has BTF. */
  readonly global: boolean
  /** Global, but with hidden visibility: libbpf marks it static in BTF. */
  readonly hidden: boolean
  readonly references: readonly Reference[]
  /** Function to run on bpf_throw(), from the decl tag `exception_callback:NAME`; an index of ObjectSpec.functions. */
  readonly exceptionCallback: number | undefined
}

export interface ProgramSpec {
  readonly name: string
  /** Name of the ELF section, without a leading `?` (see autoload). */
  readonly section: string
  /** Index of its entry in ObjectSpec.functions. */
  readonly function: number
  /** Linux's program type in lower case; 'unspec' where the section's name tells nothing. */
  type: string
  /** Linux's attach type in lower case; undefined for none. */
  attachType: string | undefined
  /** What to attach to, from the section's name: a function, hook, tracepoint, binary:symbol … */
  attachTarget: string | undefined
  /** Prefix of the target's name in kernel BTF (`bpf_lsm_`, `bpf_iter_`, `btf_trace_`), where the target is looked up there. */
  readonly attachBtfPrefix: string | undefined
  sleepable: boolean
  /** XDP: the program understands multi-buffer packets. */
  frags: boolean
  autoload: boolean
  /** The type is a guess from the name or from the context's type. */
  readonly guessed: boolean
  readonly reason: string | undefined
}

/** An entry a map has from the start: another map, a program, or nothing else. */
export interface InitialEntry {
  readonly key: number
  readonly kind: 'map' | 'program'
  /** Name of the map or program. */
  readonly name: string
}

export type MapOrigin =
  | '.maps'
  | 'bpf_map_def'
  | 'bpf_elf_map'
  | '.data'
  | '.rodata'
  | '.bss'
  | '.kconfig'
  | '.struct_ops'

export interface StructOpsFunction {
  /** Member of the struct and its offset in bytes. */
  readonly member: string
  readonly offset: number
  readonly memberIndex: number
  readonly program: string
}

export interface StructOpsSpec {
  /** Name of the operations struct, e.g. tcp_congestion_ops. */
  readonly typeName: string
  /** Its id in the object's BTF. */
  readonly typeId: number
  readonly functions: readonly StructOpsFunction[]
  /** From .struct_ops.link: attached by a link (BPF_F_LINK). */
  readonly link: boolean
}

export interface MapSpec {
  /** libbpf's name; the kernel keeps its first 15 characters. */
  readonly name: string
  /** Linux's map type in lower case, or its number as text where Skep does not know it. */
  type: string
  typeId: number
  keySize: number
  valueSize: number
  maxEntries: number
  flags: number
  mapExtra: bigint
  numaNode: number | undefined
  /** 'none', 'by_name' (libbpf), 'object_ns', 'global_ns' (iproute2) or 'scope N' (iproute2, custom). */
  pinning: string
  readonly btfKeyTypeId: number
  readonly btfValueTypeId: number
  readonly origin: MapOrigin
  /** Name of the ELF section that defines it. */
  readonly section: string
  /** iproute2's or Aya's id; undefined without one. */
  readonly id: number | undefined
  /** Words of a legacy definition after the known ones. */
  readonly extra: readonly number[]
  /** Template of the maps inside a map-in-map. */
  inner: MapSpec | undefined
  initial: InitialEntry[]
  /** First value of a data map (and start of an arena); undefined means zeros. */
  contents: Uint8Array | undefined
  /** Frozen after it is filled (.rodata, .kconfig). */
  readonly frozen: boolean
  /** False: not created unless asked (`?.struct_ops`). */
  autocreate: boolean
  readonly structOps: StructOpsSpec | undefined
}

export type KconfigKind = 'bool' | 'tristate' | 'char' | 'int' | 'string'

export interface ExternSpec {
  readonly name: string
  readonly kind: 'kconfig' | 'ksym' | 'kfunc'
  readonly weak: boolean
  /** Id of the VAR or FUNC in the object's BTF; 0 without BTF. */
  readonly btfId: number
  /** For a typed ksym or kfunc: the id of its type in the object's BTF; 0 for `extern const void x __ksym`. */
  readonly typeId: number
  /** For .kconfig: where in the .kconfig map, how large, of what kind. */
  readonly kconfig:
    | { readonly offset: number; readonly size: number; readonly kind: KconfigKind; readonly signed: boolean }
    | undefined
  /** .kconfig: a value was set. */
  resolved: boolean
}

/** A global variable in a data map. */
export interface VariableSpec {
  readonly name: string
  readonly map: string
  readonly section: string
  /** Bytes from the start of the map's value. */
  readonly offset: number
  readonly size: number
  /** Id of its type in the object's BTF; 0 without BTF. */
  readonly typeId: number
  readonly readonly: boolean
}

export interface ObjectSpec {
  /** As given to openObject(), for messages. */
  readonly file: string | undefined
  /** libbpf's object name: the file's name up to its first dot, at most 15 characters. */
  readonly name: string
  /** Byte order of the object. Instructions here are little-endian in either case, data are as in the file. */
  readonly littleEndian: boolean
  license: string
  version: number
  readonly functions: readonly FunctionSpec[]
  readonly programs: ProgramSpec[]
  readonly maps: MapSpec[]
  readonly externs: ExternSpec[]
  readonly variables: readonly VariableSpec[]
  /** The .BTF section with DATASEC sizes and offsets filled in; undefined without BTF. */
  readonly btf: Uint8Array | undefined
  readonly btfExt: Uint8Array | undefined
  /** What was noticed and is no error. */
  readonly notices: readonly string[]
}
