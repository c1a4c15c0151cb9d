// skep/btf: what it exports. Written by scripts/gen/api.mjs: a change here is a change of the public API.

export interface AccessSpec {
    readonly btf: Btf;
    readonly kind: CoreReloKind;
    readonly rootTypeId: number;
    readonly accessors: readonly Accessor[];
    readonly raw: readonly number[];
    readonly bitOffset: number;
}

export declare const BTF_KINDS: readonly ['void', 'int', 'ptr', 'array', 'struct', 'union', 'enum', 'fwd', 'typedef', 'volatile', 'const', 'restrict', 'func', 'func_proto', 'var', 'datasec', 'float', 'decl_tag', 'type_tag', 'enum64'];

export declare const BTF_LINKAGES: readonly ['static', 'global', 'extern'];

export declare class Btf implements TypeSource {
    #private;
    readonly bytes: Uint8Array;
    readonly base: Btf | undefined;
    readonly file: string | undefined;
    readonly littleEndian: boolean;
    readonly pointerSize: 4 | 8;
    readonly layout: BtfLayout;
    readonly startId: number;
    readonly typeCount: number;
    readonly startString: number;
    readonly view: DataView;
    constructor(bytes: Uint8Array, layout: BtfLayout, offsets: Uint32Array, options: ParseBtfOptions);
    get stringLength(): number;
    type(id: number): BtfType;
    kindOf(id: number): BtfKind;
    typeName(id: number): string;
    offsetOf(id: number): number;
    name(offset: number): string;
    findByName(name: string, kind?: BtfKind | readonly BtfKind[]): number | undefined;
    findAllByName(name: string, kind?: BtfKind | readonly BtfKind[]): number[];
    findByEssentialName(essential: string): number[];
    error(reason: string, offset?: number): FormatError;
}

export interface BtfAlias extends Common {
    readonly kind: 'typedef' | 'volatile' | 'const' | 'restrict';
    readonly type: number;
}

export interface BtfArray extends Common {
    readonly kind: 'array';
    readonly type: number;
    readonly indexType: number;
    readonly length: number;
}

export declare class BtfBuilder {
    #private;
    readonly base: Btf | undefined;
    constructor({ base, from }?: BtfBuilderOptions);
    get typeCount(): number;
    add(type: NewBtfType): number;
    set(id: number, type: NewBtfType): void;
    type(id: number): NewBtfType | BtfType;
    addString(text: string): number;
    build({ littleEndian }?: {
        littleEndian?: boolean;
    }): Uint8Array;
}

export interface BtfBuilderOptions {
    readonly base?: Btf;
    readonly from?: Btf;
}

export interface BtfComposite extends Common {
    readonly kind: 'struct' | 'union';
    readonly size: number;
    readonly kindFlag: boolean;
    readonly members: readonly BtfMember[];
}

export interface BtfDatasec extends Common {
    readonly kind: 'datasec';
    readonly size: number;
    readonly vars: readonly BtfSecVar[];
}

export interface BtfDeclTag extends Common {
    readonly kind: 'decl_tag';
    readonly type: number;
    readonly componentIdx: number;
    readonly attribute: boolean;
}

export interface BtfEnum extends Common {
    readonly kind: 'enum';
    readonly size: number;
    readonly signed: boolean;
    readonly values: readonly BtfEnumValue[];
}

export interface BtfEnum64 extends Common {
    readonly kind: 'enum64';
    readonly size: number;
    readonly signed: boolean;
    readonly values: readonly BtfEnum64Value[];
}

export interface BtfEnum64Value {
    readonly name: string;
    readonly value: bigint;
}

export interface BtfEnumValue {
    readonly name: string;
    readonly value: number;
}

export interface BtfExt {
    readonly littleEndian: boolean;
    readonly funcInfo: readonly BtfExtGroup<FuncInfo>[];
    readonly lineInfo: readonly BtfExtGroup<LineInfo>[];
    readonly coreRelos: readonly BtfExtGroup<CoreRelo>[];
}

export interface BtfExtGroup<T> {
    readonly section: string;
    readonly records: readonly T[];
}

export interface BtfFloat extends Common {
    readonly kind: 'float';
    readonly size: number;
}

export interface BtfFunc extends Common {
    readonly kind: 'func';
    readonly type: number;
    readonly linkage: BtfLinkage;
}

export interface BtfFuncProto extends Common {
    readonly kind: 'func_proto';
    readonly type: number;
    readonly params: readonly BtfParam[];
}

export interface BtfFwd extends Common {
    readonly kind: 'fwd';
    readonly union: boolean;
}

export interface BtfInt extends Common {
    readonly kind: 'int';
    readonly size: number;
    readonly bits: number;
    readonly bitOffset: number;
    readonly signed: boolean;
    readonly char: boolean;
    readonly bool: boolean;
}

export type BtfKind = (typeof BTF_KINDS)[number];

export interface BtfLayout {
    readonly littleEndian: boolean;
    readonly typeStart: number;
    readonly typeEnd: number;
    readonly stringStart: number;
    readonly stringEnd: number;
}

export type BtfLinkage = (typeof BTF_LINKAGES)[number];

export interface BtfMember {
    readonly name: string;
    readonly type: number;
    readonly bitOffset: number;
    readonly bitSize: number;
}

export interface BtfParam {
    readonly name: string;
    readonly type: number;
}

export interface BtfPtr extends Common {
    readonly kind: 'ptr';
    readonly type: number;
}

export interface BtfSecVar {
    readonly type: number;
    readonly offset: number;
    readonly size: number;
}

export type BtfType = BtfVoid | BtfInt | BtfPtr | BtfArray | BtfComposite | BtfEnum | BtfEnum64 | BtfFwd | BtfAlias | BtfTypeTag | BtfFunc | BtfFuncProto | BtfVar | BtfDatasec | BtfFloat | BtfDeclTag;

export interface BtfTypeTag extends Common {
    readonly kind: 'type_tag';
    readonly type: number;
    readonly attribute: boolean;
}

export interface BtfVar extends Common {
    readonly kind: 'var';
    readonly type: number;
    readonly linkage: BtfLinkage;
}

export type BtfVerdict = {
    readonly ok: true;
}
 | {
    readonly ok: false;
    readonly errno: ErrnoName;
    readonly reason: string;
};

export interface BtfVoid extends Common {
    readonly kind: 'void';
}

export declare const CORE_POISON_IMM = 195896080;

export declare const CORE_RELO_KINDS: readonly ['field_byte_offset', 'field_byte_size', 'field_exists', 'field_signed', 'field_lshift_u64', 'field_rshift_u64', 'local_type_id', 'target_type_id', 'type_exists', 'type_size', 'enumval_exists', 'enumval_value', 'type_matches'];

export declare const CORE_RELO_TEXT: Readonly<Record<CoreReloKind, string>>;

export interface CheckOptions {
    readonly log?: (text: string) => void;
}

export interface CoreCandidate {
    readonly type: string;
    readonly file?: string;
    readonly why: string;
}

export interface CoreFailed extends CoreCommon {
    readonly ok: false;
    readonly fatal: boolean;
    readonly reason: string;
    readonly candidates: readonly CoreCandidate[];
    readonly hint?: string;
}

export interface CoreMemSize {
    readonly from: number;
    readonly to: number;
    readonly safe: boolean;
}

export type CorePatch = {
    readonly done: 'patched';
    readonly from: bigint;
    readonly to: bigint;
}
 | {
    readonly done: 'poisoned';
    readonly reason: string;
}
 | {
    readonly done: 'refused';
    readonly reason: string;
};

export interface CoreRelo {
    readonly insnOff: number;
    readonly typeId: number;
    readonly access: string;
    readonly kind: CoreReloKind;
}

export type CoreReloKind = (typeof CORE_RELO_KINDS)[number];

export interface CoreResolved extends CoreCommon {
    readonly ok: true;
    readonly value: bigint;
    readonly localValue: bigint;
    readonly validate: boolean;
    readonly memSize?: CoreMemSize;
    readonly target?: TypeRef & {
        readonly access: string;
        readonly path: readonly number[];
    };
}

export declare class CoreResolver {
    #private;
    constructor(local: Btf, targets: readonly Btf[]);
    resolve(relo: Pick<CoreRelo, 'typeId' | 'access' | 'kind'>): CoreResult;
}

export type CoreResult = CoreResolved | CoreFailed;

export interface CoreUser {
    readonly btf: Btf;
    readonly ext: BtfExt;
}

export interface DatasecPlace {
    readonly size: number;
    offsetOf(variable: string): number | undefined;
    isHidden?(variable: string): boolean;
}

export interface FormatOptions {
    readonly style?: ValueStyle;
}

export interface FuncInfo {
    readonly insnOff: number;
    readonly typeId: number;
}

export declare class JsonWriter {
    #private;
    constructor(pretty: boolean);
    toString(): string;
    name(text: string): void;
    raw(text: string): void;
    string(text: string): void;
    startObject(): void;
    endObject(): void;
    startArray(): void;
    endArray(): void;
}

export interface LineInfo {
    readonly insnOff: number;
    readonly fileNameOff: number;
    readonly lineOff: number;
    readonly fileName: string;
    readonly text: string;
    readonly line: number;
    readonly column: number;
}

export interface MapEntry {
    readonly key: Uint8Array;
    readonly value?: Uint8Array;
    readonly values?: readonly Uint8Array[];
}

export interface MapTypes {
    readonly key: number;
    readonly value: number;
}

export interface MergedBtf {
    readonly builder: BtfBuilder;
    readonly ids: readonly Uint32Array[];
}

export type NewBtfType = WithoutId<Exclude<BtfType, BtfVoid>>;

export interface ParseBtfOptions {
    readonly base?: Btf;
    readonly file?: string;
    readonly pointerSize?: 4 | 8;
}

export interface PrintCOptions {
    readonly roots?: Iterable<number>;
    readonly bare?: boolean;
}

// as ValueCodec
export interface Codec {
    readonly size: number;
    readonly leaves: number;
    decode(bytes: Uint8Array, at: number): unknown;
    encode(bytes: Uint8Array, at: number, value: unknown, path: string): void;
}

export type ValueStyle = 'plain' | 'json' | 'pretty';

export declare function alignOf(btf: Btf, id: number): number;

export declare function applyCoreRelo(insns: Uint8Array, offset: number, result: CoreResult, littleEndian?: boolean): CorePatch;

export declare function checkBtf(bytes: Uint8Array, options?: CheckOptions): BtfVerdict;

export declare function declareC(btf: Btf, id: number, name?: string): string;

export declare function decodeValue(btf: Btf, typeId: number, bytes: Uint8Array): unknown;

export declare function dedupBtf(btf: Btf): {
    readonly bytes: Uint8Array;
    readonly ids: Uint32Array;
};

export declare function defineC(btf: Btf, id: number): string;

export declare function dumpJson(btf: Btf, options?: {
    pretty?: boolean;
    ids?: Iterable<number>;
}): string;

export declare function dumpRaw(btf: Btf, ids?: Iterable<number>): Generator<string>;

export declare function encodeBtf(types: readonly NewBtfType[], options?: {
    base?: Btf;
    littleEndian?: boolean;
}): Uint8Array;

export declare function encodeBtfExt(ext: Omit<BtfExt, 'littleEndian'>, string: (text: string) => number): Uint8Array;

export declare function encodeFuncInfo(records: readonly Pick<FuncInfo, 'insnOff' | 'typeId'>[]): Uint8Array;

export declare function encodeLineInfo(records: readonly Omit<LineInfo, 'fileName' | 'text'>[]): Uint8Array;

export declare function encodeValue(btf: Btf, typeId: number, value: unknown): Uint8Array;

export declare function essentialName(name: string): string;

export declare function fixDatasecs(btf: Btf, place: (section: string) => DatasecPlace | undefined): Uint8Array;

export declare function formatAccess(spec: AccessSpec): string;

export declare function formatMap(btf: Btf, types: MapTypes, entries: Iterable<MapEntry>, options?: FormatOptions): string;

export declare function formatRawType(btf: Btf, id: number): string;

export declare function formatSpec(spec: AccessSpec): string;

export declare function formatValue(btf: Btf, typeId: number, bytes: Uint8Array, options?: FormatOptions): string;

export declare function isModifier(type: BtfType): boolean;

export declare function mergeBtf(inputs: readonly Btf[], options?: {
    dedup?: boolean;
}): MergedBtf;

export declare function minimalBtf(target: Btf, users: readonly CoreUser[]): Uint8Array;

export declare function parseAccess(btf: Btf, rootTypeId: number, access: string, kind: CoreReloKind): AccessSpec;

export declare function parseBtf(bytes: Uint8Array, options?: ParseBtfOptions): Btf;

export declare function parseBtfExt(bytes: Uint8Array, btf: Btf): BtfExt;

export declare function printC(btf: Btf, options?: PrintCOptions): string;

export declare function reencodeBtf(btf: Btf, littleEndian?: boolean): Uint8Array;

export declare function resolve(btf: Btf, id: number): BtfType;

export declare function retarget(type: Exclude<BtfType, BtfVoid> | NewBtfType, map: (id: number) => number): NewBtfType;

export declare function sizeOf(btf: Btf, id: number): number;

export declare function skipModifiers(btf: Btf, id: number): BtfType;

// as valueCodec
export declare function codecFor(btf: Btf, id: number): Codec;

// Named above, exported by other entries: ErrnoName (skep/kernel), FormatError (skep)

// Named above, exported by none: Accessor (btf/core/spec), Common (btf/types), CoreCommon (btf/core/resolver)
//   TypeRef (btf/core/compat), TypeSource (btf/decode-type), WithoutId (btf/encode-type)
