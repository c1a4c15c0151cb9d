// The seams of the machine: what maps, helpers, engines and the embedded kernel agree on.
//
// One WebAssembly.Memory is the kernel's address space. A BPF pointer is a 32-bit address in a 64-bit register; the
// page at address 0 is never handed out. Things that are not bytes (maps, programs, functions) are known to programs
// by a *handle*: the address of a small cell that the machine maps back to the object.

import type { Memory } from './memory.js'

/** Unsigned 32-bit address in the machine's memory. 0 is NULL. */
export type Addr = number

/** 0 or a negative errno, as kernel functions return. */
export type Status = number

/** What every map offers to programs, helpers and the system-call layer. Keys and values are addresses. */
export interface BpfMap {
  /** BPF_MAP_TYPE_* number. */
  readonly type: number
  readonly keySize: number
  readonly valueSize: number
  readonly maxEntries: number
  /** BPF_F_* creation flags. */
  readonly flags: number
  readonly mapExtra: bigint
  /** What a program's const map pointer holds. */
  readonly handle: Addr
  readonly name: string
  /** Address of the value (of the current CPU's copy in per-CPU maps), 0 if absent. */
  lookup(key: Addr): Addr
  /** `flags` is BPF_ANY, BPF_NOEXIST or BPF_EXIST, or'ed with BPF_F_LOCK where the type allows it. */
  update(key: Addr, value: Addr, flags: number): Status
  delete(key: Addr): Status
  /** Writes the key after `key` (the first one for 0 or a key that is gone) to `next`; -ENOENT at the end. */
  nextKey(key: Addr, next: Addr): Status
  /** Per-CPU types: the value of one CPU, without touching LRU order. */
  lookupCpu?(key: Addr, cpu: number): Addr
  /** The value without side effects on LRU order, as system calls look it up. Absent: `lookup` has none. */
  peekElem?(key: Addr): Addr
  /** QUEUE, STACK and BLOOM_FILTER. */
  push?(value: Addr, flags: number): Status
  pop?(value: Addr): Status
  peek?(value: Addr): Status
  /** Calls `visit` for each element in iteration order until it returns non-zero; the number of elements visited. */
  forEach?(visit: (key: Addr, value: Addr) => number): number
  /** True for types whose program-side value is another map (ARRAY_OF_MAPS, HASH_OF_MAPS). */
  readonly innerMap?: BpfMap | undefined
  /** Frees the map's storage. Called once, when the last reference is gone. */
  free(): void
}

/** A program ready to run: relocated instructions and what its instructions refer to. */
export interface ProgramImage {
  readonly name: string
  /** BPF_PROG_TYPE_* number. */
  readonly type: number
  readonly expectedAttachType: number
  /** Little-endian instruction slots, 8 bytes each, with map and function references still symbolic: see `refs`. */
  readonly insns: Uint8Array
  /** ld_imm64 slots that hold a reference: slot index -> the 64-bit value to load. */
  readonly refs: ReadonlyMap<number, bigint>
  /** Handle of this program (prog arrays, devmap and cpumap programs refer to it). */
  readonly handle: Addr
  /** True where the program may see packets of several buffers (xdp.frags). */
  readonly hasFrags: boolean
  readonly sleepable: boolean
}

/** How an engine runs one image. The result is r0: `machine.r0lo`, `machine.r0hi`. */
export interface Runner {
  run(ctx: Addr): void
  /** Calls the subprogram at a slot of this image with up to five 32-bit pointer or scalar arguments given as halves. */
  call(slot: number, args: Int32Array): void
}

export interface Engine {
  readonly name: 'interpreter' | 'jit'
  prepare(image: ProgramImage): Runner
}

/** Time as the machine sees it. A test or a capture run fixes it. */
export interface Clock {
  /** CLOCK_MONOTONIC, ns. */
  monotonic(): bigint
  /** CLOCK_BOOTTIME, ns. */
  boottime(): bigint
  /** CLOCK_REALTIME, ns. */
  realtime(): bigint
  /** CLOCK_TAI, ns. */
  tai(): bigint
}

export interface RandomSource {
  /** Unsigned 32 bits. */
  u32(): number
}

/** Where `bpf_trace_printk` and friends write: one line without its newline. */
export type PrintkSink = (line: string) => void

/** What a helper receives before its BPF arguments; the machine implements it. */
export interface HelperEnv {
  readonly memory: Memory
  readonly cpus: number
  readonly cpu: number
  readonly clock: Clock
  readonly random: RandomSource
  /** High half of a 64-bit result, set by helpers whose ABI result is `l`. */
  r0hi: number
}

/**
 * A helper's implementation. Arguments follow the ABI column of its row in spec/helpers.ts: `p` and `i` arrive as one
 * signed 32-bit number, `l` as two (low, high). Results: `p`, `i`, `u` and `l` return the low half (for `l` the high
 * half goes to `env.r0hi`), `v` returns 0.
 */
export type HelperFunction<Env = HelperEnv> = (env: Env, ...args: number[]) => number
