// skep/elf: what it exports. Written by scripts/gen/api.mjs: a change here is a change of the public API.

export declare const EM: {
    readonly NONE: 0;
    readonly BPF: 247;
};

export declare const ET: {
    readonly NONE: 0;
    readonly REL: 1;
    readonly EXEC: 2;
    readonly DYN: 3;
    readonly CORE: 4;
};

export interface ElfFile {
    readonly littleEndian: boolean;
    readonly type: number;
    readonly machine: number;
    readonly osabi: number;
    readonly flags: number;
    readonly entry: bigint;
    readonly sections: readonly ElfSection[];
    readonly symbols: readonly ElfSymbol[];
    readonly relocations: readonly ElfRelocationTable[];
}

export interface ElfInput {
    readonly littleEndian?: boolean;
    readonly type?: number;
    readonly machine?: number;
    readonly flags?: number;
    readonly sections: readonly ElfSectionInput[];
    readonly symbols?: readonly ElfSymbolInput[];
}

export interface ElfRelocation {
    readonly offset: number;
    readonly type: number;
    readonly symbol: number;
    readonly addend: bigint | undefined;
}

export interface ElfRelocationInput {
    readonly offset: number;
    readonly type: number;
    readonly symbol: number;
    readonly addend?: bigint | undefined;
}

export interface ElfRelocationTable {
    readonly section: number;
    readonly target: number;
    readonly records: readonly ElfRelocation[];
}

export interface ElfSection {
    readonly index: number;
    readonly name: string;
    readonly type: number;
    readonly flags: number;
    readonly addr: bigint;
    readonly offset: number;
    readonly size: number;
    readonly link: number;
    readonly info: number;
    readonly addralign: number;
    readonly entsize: number;
    readonly data: Uint8Array;
}

export interface ElfSectionInput {
    readonly name: string;
    readonly type?: number;
    readonly flags?: number;
    readonly addr?: bigint;
    readonly data?: Uint8Array;
    readonly size?: number;
    readonly link?: number;
    readonly info?: number;
    readonly addralign?: number;
    readonly entsize?: number;
    readonly relocations?: readonly ElfRelocationInput[];
}

export interface ElfSymbol {
    readonly index: number;
    readonly name: string;
    readonly value: number;
    readonly size: number;
    readonly bind: number;
    readonly type: number;
    readonly visibility: number;
    readonly section: number;
}

export interface ElfSymbolInput {
    readonly name: string;
    readonly value?: number;
    readonly size?: number;
    readonly bind?: number;
    readonly type?: number;
    readonly visibility?: number;
    readonly section?: number;
}

export declare class Executable {
    #private;
    readonly machine: number;
    constructor(bytes: Uint8Array);
    fileOffset(address: number): number | undefined;
    function(name: string): ExecutableFunction | undefined;
    address(name: string): number | undefined;
    functions(matches: (name: string) => boolean): ExecutableFunction[];
    staticProbes(): StaticProbe[];
}

export interface ExecutableFunction {
    readonly name: string;
    readonly address: number;
    readonly size: number;
    readonly fileOffset: number;
}

export declare const R_BPF: {
    readonly NONE: 0;
    readonly LD64: 1;
    readonly ABS64: 2;
    readonly ABS32: 3;
    readonly NODYLD32: 4;
    readonly CALL32: 10;
};

export declare const SHF: {
    readonly WRITE: 1;
    readonly ALLOC: 2;
    readonly EXECINSTR: 4;
    readonly MERGE: 16;
    readonly STRINGS: 32;
    readonly INFO_LINK: 64;
    readonly GROUP: 512;
    readonly COMPRESSED: 2048;
};

export declare const SHN: {
    readonly UNDEF: 0;
    readonly LORESERVE: 65280;
    readonly ABS: 65521;
    readonly COMMON: 65522;
    readonly XINDEX: 65535;
};

export declare const SHT: { /* a table of 16 lines */ };

export declare const STB: {
    readonly LOCAL: 0;
    readonly GLOBAL: 1;
    readonly WEAK: 2;
};

export declare const STT: {
    readonly NOTYPE: 0;
    readonly OBJECT: 1;
    readonly FUNC: 2;
    readonly SECTION: 3;
    readonly FILE: 4;
    readonly COMMON: 5;
    readonly TLS: 6;
};

export declare const STV: {
    readonly DEFAULT: 0;
    readonly INTERNAL: 1;
    readonly HIDDEN: 2;
    readonly PROTECTED: 3;
};

export interface StaticProbe {
    readonly provider: string;
    readonly name: string;
    readonly address: number;
    readonly fileOffset: number;
    readonly semaphoreOffset: number;
    readonly args: string;
}

export declare function findSection(elf: ElfFile, name: string): ElfSection | undefined;

export declare function isElf(bytes: Uint8Array): boolean;

export declare function machineName(machine: number): string;

export declare function readElf(file: Uint8Array): ElfFile;

export declare function relocationName(type: number): string;

export declare function writeElf(input: ElfInput): Uint8Array;
