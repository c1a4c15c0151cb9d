// skep/object: what it exports. Written by scripts/gen/api.mjs: a change here is a change of the public API.

export type BtfFeature = 'func' | 'global_func' | 'datasec' | 'float' | 'decl_tag' | 'type_tag' | 'enum64' | 'qmark_datasec';

export interface CoreOutcome {
    readonly slot: number;
    readonly kind: CoreReloKind;
    readonly access: string;
    readonly spec: string;
    readonly done: 'patched' | 'poisoned';
    readonly reason: string | undefined;
    readonly candidates: readonly CoreCandidate[];
}

export interface DescribedMap {
    readonly name: string;
    readonly type: string;
    readonly keySize: number;
    readonly valueSize: number;
    readonly maxEntries: number;
    readonly flags: number;
    readonly pinning: string;
    readonly origin: string;
    readonly section: string;
    readonly mapExtra?: string;
    readonly numaNode?: number;
    readonly id?: number;
    readonly inner?: DescribedMap;
    readonly initial?: readonly {
        readonly key: number;
        readonly map?: string;
        readonly program?: string;
    }[];
    readonly structOps?: {
        readonly type: string;
        readonly functions: Readonly<Record<string, string>>;
    };
}

export interface DescribedObject {
    readonly file: string | null;
    readonly name: string;
    readonly license: string;
    readonly version: number;
    readonly byteOrder: 'little' | 'big';
    readonly btf: boolean;
    readonly programs: readonly DescribedProgram[];
    readonly maps: readonly DescribedMap[];
    readonly subprograms: readonly {
        readonly name: string;
        readonly section: string;
        readonly insns: number;
    }[];
    readonly externs: readonly {
        readonly name: string;
        readonly kind: string;
        readonly weak: boolean;
    }[];
    readonly variables: readonly {
        readonly name: string;
        readonly map: string;
        readonly offset: number;
        readonly size: number;
    }[];
    readonly notices: readonly string[];
}

export interface DescribedProgram {
    readonly name: string;
    readonly section: string;
    readonly type: string;
    readonly attachType: string | null;
    readonly insns: number;
    readonly attachTarget?: string;
    readonly sleepable?: true;
    readonly frags?: true;
    readonly autoload?: false;
    readonly guessed?: string;
    readonly problem?: string;
}

export interface ExternSpec {
    readonly name: string;
    readonly kind: 'kconfig' | 'ksym' | 'kfunc';
    readonly weak: boolean;
    readonly btfId: number;
    readonly typeId: number;
    readonly kconfig: {
        readonly offset: number;
        readonly size: number;
        readonly kind: KconfigKind;
        readonly signed: boolean;
    } | undefined;
    resolved: boolean;
}

export type Fixup = 
{
    readonly kind: 'map_fd';
    readonly slot: number;
    readonly map: string;
}
 | {
    readonly kind: 'map_value';
    readonly slot: number;
    readonly map: string;
    readonly offset: number;
}
 | {
    readonly kind: 'ksym';
    readonly slot: number;
    readonly extern: number;
    readonly name: string;
}
 | {
    readonly kind: 'kfunc';
    readonly slot: number;
    readonly extern: number;
    readonly name: string;
};

export interface FunctionSpec {
    readonly name: string;
    readonly section: string;
    readonly sectionIndex: number;
    readonly offset: number;
    readonly insns: Uint8Array;
    readonly global: boolean;
    readonly hidden: boolean;
    readonly references: readonly Reference[];
    readonly exceptionCallback: number | undefined;
}

export interface InitialEntry {
    readonly key: number;
    readonly kind: 'map' | 'program';
    readonly name: string;
}

export type KconfigKind = 'bool' | 'tristate' | 'char' | 'int' | 'string';

export interface KconfigSource {
    readonly text?: string;
    readonly values?: Readonly<Record<string, string | number | bigint | boolean>>;
    readonly kernelVersion?: number;
    readonly hasBpfCookie?: boolean;
    readonly hasSyscallWrapper?: boolean;
}

export interface LinkInput {
    readonly file: string;
    readonly bytes: Uint8Array;
}

export interface LinkOptions {
    readonly targets?: readonly Btf[];
}

export interface LinkedFunction {
    readonly name: string;
    readonly start: number;
    readonly length: number;
    readonly function: number;
}

export interface LinkedLine {
    readonly insnOff: number;
    readonly fileNameOff: number;
    readonly lineOff: number;
    readonly fileName: string;
    readonly text: string;
    readonly line: number;
    readonly column: number;
}

export interface LinkedProgram {
    readonly name: string;
    readonly insns: Uint8Array;
    readonly fixups: readonly Fixup[];
    readonly functions: readonly LinkedFunction[];
    readonly funcInfo: readonly {
        readonly insnOff: number;
        readonly typeId: number;
    }[];
    readonly lineInfo: readonly LinkedLine[];
    readonly core: readonly CoreOutcome[];
    readonly coreSkipped: number;
}

export interface LoadableBtfOptions {
    readonly lacks?: readonly BtfFeature[];
}

export interface Machine {
    readonly cpus: number;
    readonly pageSize: number;
}

export interface MapCreation {
    readonly mapType: number;
    readonly mapName: string;
    readonly keySize: number;
    readonly valueSize: number;
    readonly maxEntries: number;
    readonly mapFlags: number;
    readonly numaNode: number;
    readonly mapExtra: bigint;
    readonly btfKeyTypeId: number;
    readonly btfValueTypeId: number;
    readonly needsInner: boolean;
}

export type MapOrigin = '.maps' | 'bpf_map_def' | 'bpf_elf_map' | '.data' | '.rodata' | '.bss' | '.kconfig' | '.struct_ops';

export interface MapSpec {
    readonly name: string;
    type: string;
    typeId: number;
    keySize: number;
    valueSize: number;
    maxEntries: number;
    flags: number;
    mapExtra: bigint;
    numaNode: number | undefined;
    pinning: string;
    readonly btfKeyTypeId: number;
    readonly btfValueTypeId: number;
    readonly origin: MapOrigin;
    readonly section: string;
    readonly id: number | undefined;
    readonly extra: readonly number[];
    inner: MapSpec | undefined;
    initial: InitialEntry[];
    contents: Uint8Array | undefined;
    readonly frozen: boolean;
    autocreate: boolean;
    readonly structOps: StructOpsSpec | undefined;
}

export declare class ObjectError extends Error {
    readonly name = "ObjectError";
    readonly file: string | undefined;
    readonly section: string | undefined;
    readonly symbol: string | undefined;
    readonly hint: string | undefined;
    readonly reason: string;
    constructor(reason: string, place?: ObjectErrorPlace);
}

export interface ObjectErrorPlace {
    readonly file?: string | undefined;
    readonly section?: string | undefined;
    readonly symbol?: string | undefined;
    readonly hint?: string | undefined;
    readonly cause?: unknown;
}

export interface ObjectSpec {
    readonly file: string | undefined;
    readonly name: string;
    readonly littleEndian: boolean;
    license: string;
    version: number;
    readonly functions: readonly FunctionSpec[];
    readonly programs: ProgramSpec[];
    readonly maps: MapSpec[];
    readonly externs: ExternSpec[];
    readonly variables: readonly VariableSpec[];
    readonly btf: Uint8Array | undefined;
    readonly btfExt: Uint8Array | undefined;
    readonly notices: readonly string[];
}

export interface OpenOptions {
    readonly file?: string | undefined;
    readonly name?: string | undefined;
}

export interface ProgramResolver {
    mapFd(map: string): number | undefined;
    ksym?(extern: ExternSpec): ResolvedKsym | undefined;
    kfunc?(extern: ExternSpec): {
        readonly btfId: number;
        readonly fdIndex: number;
    } | undefined;
}

export interface ProgramSpec {
    readonly name: string;
    readonly section: string;
    readonly function: number;
    type: string;
    attachType: string | undefined;
    attachTarget: string | undefined;
    readonly attachBtfPrefix: string | undefined;
    sleepable: boolean;
    frags: boolean;
    autoload: boolean;
    readonly guessed: boolean;
    readonly reason: string | undefined;
}

export type Reference = 
{
    readonly kind: 'map';
    readonly slot: number;
    readonly map: string;
}
 | {
    readonly kind: 'map_value';
    readonly slot: number;
    readonly map: string;
    readonly offset: number;
}
 | {
    readonly kind: 'call';
    readonly slot: number;
    readonly target: number;
    readonly delta: number;
}
 | {
    readonly kind: 'func';
    readonly slot: number;
    readonly target: number;
}
 | {
    readonly kind: 'kfunc';
    readonly slot: number;
    readonly extern: number;
}
 | {
    readonly kind: 'extern';
    readonly slot: number;
    readonly extern: number;
}
 | {
    readonly kind: 'broken';
    readonly slot: number;
    readonly reason: string;
    readonly hint: string | undefined;
};

export type ResolvedKsym = {
    readonly address: bigint;
}
 | {
    readonly btfId: number;
    readonly btfFd: number;
};

export interface StructOpsFunction {
    readonly member: string;
    readonly offset: number;
    readonly memberIndex: number;
    readonly program: string;
}

export interface StructOpsSpec {
    readonly typeName: string;
    readonly typeId: number;
    readonly functions: readonly StructOpsFunction[];
    readonly link: boolean;
}

export interface VariableSpec {
    readonly name: string;
    readonly map: string;
    readonly section: string;
    readonly offset: number;
    readonly size: number;
    readonly typeId: number;
    readonly readonly: boolean;
}

export declare function applyKconfig(spec: ObjectSpec, source: KconfigSource): void;

export declare function describeObject(spec: ObjectSpec): DescribedObject;

export declare function externKernelName(extern: ExternSpec): string;

export declare function hasCoreRelocations(spec: ObjectSpec): boolean;

export declare function kernelName(name: string): string;

export declare function linkObjects(inputs: readonly LinkInput[]): Uint8Array;

export declare function linkProgram(spec: ObjectSpec, programName: string, options?: LinkOptions): LinkedProgram;

export declare function loadableBtf(spec: ObjectSpec, options?: LoadableBtfOptions): Uint8Array | undefined;

export declare function mapCreation(map: MapSpec, machine: Machine): MapCreation;

export declare function objectBtf(spec: ObjectSpec): Btf | undefined;

export declare function objectBtfExt(spec: ObjectSpec): BtfExt | undefined;

export declare function openObject(bytes: Uint8Array, options?: OpenOptions): ObjectSpec;

export declare function patchProgram(spec: ObjectSpec, linked: LinkedProgram, resolver: ProgramResolver): Uint8Array;

export declare function programNamed(spec: ObjectSpec, name: string): ProgramSpec;

export declare function readVariable(spec: ObjectSpec, name: string): unknown;

export declare function setVariable(spec: ObjectSpec, name: string, value: unknown): void;

export declare function unresolvedKconfig(spec: ObjectSpec): ExternSpec[];

export declare function variableBytes(spec: ObjectSpec, name: string): Uint8Array;

export declare function variableNamed(spec: ObjectSpec, name: string): VariableSpec;

// Named above, exported by other entries: Btf (skep/btf), BtfExt (skep/btf), CoreCandidate (skep/btf)
//   CoreReloKind (skep/btf)
