// The seams of the machine: what maps, helpers, engines and the embedded kernel agree on.
//
// One WebAssembly.Memory is the kernel's address space. A BPF pointer is a 32-bit address in a 64-bit register; the
// page at address 0 is never handed out. Things that are not bytes (maps, programs, functions) are known to programs
// by a *handle*: the address of a small cell that the machine maps back to the object.

import type { JitImage } from './jit/image.js'
import type { Machine } from './machine.js'
import type { Memory } from './memory.js'
import type { FunctionBuilder } from './wasm/expressions.js'

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
  /**
   * Address of the value (of the current CPU's copy in per-CPU maps), 0 if absent. Maps of maps, XSKMAP and socket maps
   * give what the slot holds instead: a map's handle or an object's address.
   */
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
  /** Address of the key of the element whose value is at `value`: callbacks of timers want it. Absent in arrays. */
  keyOfValue?(value: Addr): Addr
  /** ARRAY_OF_MAPS, HASH_OF_MAPS: the template whose shape every inner map has. */
  readonly innerMap?: BpfMap | undefined
  /**
   * Types indexed by a u32 key, array-like: the same address as `lookup` without a key in memory; 0 beyond the end.
   * Program arrays: the slot, a u32 program handle (0: empty). Maps of maps: the slot, a u32 map handle.
   */
  elementAt?(index: number): Addr
  /** How `lookup` finds its answer in an array: compiled code has it in place. */
  readonly lookupLayout?: LookupLayout
  /** `lookup` as the body of a WebAssembly function (key) -> address, for compiled code to have as a function of its own. */
  readonly lookupBody?: (f: FunctionBuilder) => void
  /** `update` and `delete` as WebAssembly functions, compiled when first asked for; compiled code imports them. */
  readonly functions?: () => MapFunctions
  /** What the map's BTF says lies in its values that copies must leave alone; absent: nothing. */
  readonly specialFields?: readonly SpecialField[] | undefined
  /** Frees the map's storage. Called once, when the last reference is gone. */
  free(): void
}

/** An array's storage as data. All addresses and numbers stay the same as long as the map lives. */
export type LookupLayout =
  /** Element `i` at `values + i * stride`, in the copy `cpuStride` bytes on for each CPU (0: there is one copy). */
  | { readonly kind: 'array'; readonly values: Addr; readonly stride: number; readonly cpuStride: number }
  /** u32 handles, 4 bytes each; `visible`: a look-up gives them. */
  | { readonly kind: 'handles'; readonly slots: Addr; readonly visible: boolean }

/** Operations of a map in WebAssembly, as far as its type has them. Arguments and results are signed 32-bit numbers. */
export interface MapFunctions {
  readonly update?: (key: number, value: number, flags: number) => Status
  readonly delete?: (key: number) => Status
  /** Ring buffers: reserve(size) -> record or 0; commit(record, discard, flags) of any ring; output(data, size, flags). */
  readonly reserve?: (size: number) => Addr
  readonly commit?: (record: Addr, discard: number, flags: number) => void
  readonly output?: (data: Addr, size: number, flags: number) => Status
}

export type SpecialFieldKind =
  | 'spin_lock'
  | 'res_spin_lock'
  | 'timer'
  | 'workqueue'
  | 'task_work'
  | 'kptr_untrusted'
  | 'kptr'
  | 'percpu_kptr'
  | 'uptr'
  | 'list_head'
  | 'list_node'
  | 'rb_root'
  | 'rb_node'
  | 'refcount'

/**
 * A field of a map value or allocated object that the kernel owns: copies into the value skip it, copies to user space
 * read zero there, and freeing the value releases what it holds (`copyValue`, `readValue`, `releaseFields` of vm).
 */
export interface SpecialField {
  readonly kind: SpecialFieldKind
  readonly offset: number
  readonly size: number
  /** BTF type id of what a kptr points to or a list or tree contains, in the map's BTF. */
  readonly typeId?: number
  /** list_head and rb_root: offset of the node field in the contained type. */
  readonly nodeOffset?: number
}

/** A map of type RINGBUF. */
export interface RingBuffer extends BpfMap {
  /** Address of `size` bytes of a new record, 0 when it does not fit. The 8-byte header lies before it, as in Linux. */
  reserve(size: number): Addr
  /** Submits or discards a reserved record. `flags`: BPF_RB_NO_WAKEUP or BPF_RB_FORCE_WAKEUP. */
  commit(record: Addr, discard: boolean, flags: number): void
  /** `flag`: BPF_RB_AVAIL_DATA, BPF_RB_RING_SIZE, BPF_RB_CONS_POS or BPF_RB_PROD_POS; 0 for another. */
  query(flag: number): bigint
}

/** A map of type USER_RINGBUF, as bpf_user_ringbuf_drain reads it. */
export interface UserRingBuffer extends BpfMap {
  /** Address of the next sample's bytes, 0 where there is none: then `peekError` tells why. */
  peekSample(): Addr
  /** Length of the sample that peekSample found. */
  readonly sampleSize: number
  /** Negative errno of a peekSample that found nothing: -ENODATA empty, -EAGAIN discarded (and skipped), -EINVAL … */
  readonly peekError: Status
  /** Consumes the sample that peekSample found. */
  releaseSample(): void
  /** Wakes the producer. */
  notify(): void
}

/** A map of type PERF_EVENT_ARRAY. */
export interface PerfEventArray extends BpfMap {
  /**
   * Writes one raw sample to the event at `index`; `data` is only valid during the call. -E2BIG index beyond the array,
   * -ENOENT no event there, -EOPNOTSUPP the event is of another CPU than `cpu`, -ENOSPC no room (counted as lost).
   */
  output(index: number, cpu: number, data: Uint8Array): Status
  /** Counter of the event at `index` as (counter, enabled ns, running ns), or a negative errno. */
  read(index: number, cpu: number): readonly [counter: bigint, enabled: bigint, running: bigint] | Status
}

/** A map of type STACK_TRACE. */
export interface StackTraceMap extends BpfMap {
  /** Stores a stack (innermost first); its id, or -EEXIST, -ENOMEM. `flags`: BPF_F_REUSE_STACKID, BPF_F_FAST_STACK_CMP. */
  storeStack(addresses: readonly bigint[], flags: number): number
}

/** SK_STORAGE, INODE_STORAGE, TASK_STORAGE and CGRP_STORAGE: values that belong to objects. */
export interface LocalStorageMap extends BpfMap {
  /** The value of an object, which is known by the number its kind gives it (socket cookie, pid, cgroup id); 0 if absent. */
  storageOf(owner: bigint): Addr
  /** Creates the value of an object, from the bytes at `init` (0: zeroes); 0 when out of memory. */
  createStorage(owner: bigint, init: Addr): Addr
  /** -ENOENT if absent. */
  deleteStorage(owner: bigint): Status
}

/** CGROUP_STORAGE and PERCPU_CGROUP_STORAGE: the value of the cgroup the running program is attached to. */
export interface CgroupStorageMap extends BpfMap {
  currentStorage(): Addr
}

/**
 * The packet of the running program as instructions (LD_ABS, LD_IND) and helpers that are not about networking see it.
 * Addresses are valid until the packet changes.
 */
export interface PacketAccess {
  /** Bytes of the whole packet, fragments included. */
  readonly length: number
  /**
   * LD_ABS and LD_IND: `size` (1, 2, 4) bytes as an unsigned big-endian number, -1 out of range. `offset` is signed:
   * negative ones count from SKF_NET_OFF and SKF_LL_OFF.
   */
  loadBytes(offset: number, size: number): number
  /** Copies `length` bytes at `offset` of the packet to memory. 0, or -EFAULT / -EINVAL out of range. */
  copyOut(offset: number, length: number, to: Addr): Status
  /** Copies memory into the packet (making it writable as the helpers do); `flags` as bpf_skb_store_bytes. */
  copyIn(offset: number, length: number, from: Addr, flags: number): Status
  /** Address of `length` contiguous bytes at `offset`, 0 where they are not contiguous or out of range. */
  contiguous(offset: number, length: number): Addr
}

/** A program ready to run: relocated instructions and what its instructions refer to. */
export interface ProgramImage {
  readonly name: string
  /** BPF_PROG_TYPE_* number. */
  readonly type: number
  readonly expectedAttachType: number
  /** Little-endian instruction slots, 8 bytes each, with map and function references still symbolic: see `refs`. */
  readonly insns: Uint8Array
  /**
   * ld_imm64 slots that hold a reference: slot index -> the 64-bit value to load (a map's handle, the address of a map
   * value or kernel variable). References to subprograms (src 4) are resolved by `Machine.install`.
   */
  readonly refs: ReadonlyMap<number, bigint>
  /** Handle of this program (prog arrays, devmap and cpumap programs refer to it). */
  readonly handle: Addr
  /** Kernel functions called: instruction slot -> name. Helper calls are in the instruction itself. */
  readonly kfuncs?: ReadonlyMap<number, string>
  /** Slot of the subprogram that bpf_throw enters (`exception_callback`); absent: the cookie is the result. */
  readonly exceptionCallback?: number
  /** Loads (slots) through pointers that may be bad: a fault reads zero, as Linux's probe loads do. */
  readonly probeLoads?: ReadonlySet<number>
  /** Where the program's arena lies in memory and what its user-side addresses are. */
  readonly arena?: { readonly addr: Addr; readonly size: number; readonly userAddr: bigint }
  /** Size and kernel-owned fields of the program's own types: bpf_obj_new and its relatives name them by BTF id. */
  readonly localType?: (
    typeId: number,
  ) => { readonly size: number; readonly fields: readonly SpecialField[] } | undefined
  /** The verifier has proven it: it ends by itself. */
  readonly verified?: boolean
  /** True where the program may see packets of several buffers (xdp.frags). */
  readonly hasFrags: boolean
  readonly sleepable: boolean
}

/** How an engine runs one image. The result is r0: `machine.r0lo`, `machine.r0hi`. */
export interface Runner {
  run(ctx: Addr): void
  /** Calls the subprogram at a slot of this image with up to five 32-bit pointer or scalar arguments given as halves. */
  call(slot: number, args: Int32Array): void
  /** The same as `run`, `count` times (at least once), each with the machine's whole budget. Absent: call `run`. */
  repeat?(ctx: Addr, count: number): void
  /**
   * Runs packets [from, to) of a plan (packet-burst.ts), each with the machine's whole budget. It stops behind a packet
   * that needs the host and before one that it cannot take; the result is how far it came. Absent: call `run`.
   */
  burst?(plan: Addr, from: number, to: number): number
  /** What the program was compiled to, now if it was not yet. Absent or undefined: it is interpreted. */
  image?(): JitImage | undefined
  /** Gives back what it has in the machine's memory: the program is gone. */
  dispose?(): void
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
  /**
   * Of a clock that stands while a program runs: puts its monotonic time (u64) in memory and gives the address, for
   * compiled code to read it there.
   */
  attach?(memory: Memory): Addr
}

export interface RandomSource {
  /** Unsigned 32 bits. */
  u32(): number
  /** Of splitmix32 (seeded-random.ts): puts the state in memory, for compiled code to go on from it. */
  attach?(memory: Memory): Addr
}

/** Where `bpf_trace_printk` and friends write: one line without its newline. */
export type PrintkSink = (line: string) => void

/**
 * A helper's or kfunc's implementation. Arguments follow the ABI column of its row in spec/helpers.ts: `p` and `i` arrive
 * as one signed 32-bit number, `l` as two (low, high). Results: `p`, `i`, `u` and `l` return the low half (for `l` the
 * high half goes to `machine.r0hi`), `v` returns 0.
 */
export type HelperFunction = (machine: Machine, ...args: number[]) => number
