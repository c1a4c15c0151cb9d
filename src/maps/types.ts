import type { Addr, BpfMap, Status } from '../vm/index.js'

/** What BPF_MAP_CREATE asks for; numbers are Linux's (spec/). */
export interface MapAttributes {
  /** BPF_MAP_TYPE_* number. */
  readonly type: number
  readonly keySize: number
  readonly valueSize: number
  readonly maxEntries: number
  /** BPF_F_* creation flags, BPF_F_TOKEN_FD already taken out. */
  readonly flags: number
  readonly mapExtra?: bigint
  /** Only with BPF_F_NUMA_NODE. */
  readonly numaNode?: number
  /** Maps of maps: the template whose shape every inner map must have. */
  readonly innerMap?: BpfMap | undefined
  readonly name?: string
  readonly btfKeyTypeId?: number
  readonly btfValueTypeId?: number
  readonly btfVmlinuxValueTypeId?: number
  /** Called with the handle an element held, when the element is replaced, deleted or freed with its map. */
  readonly release?: ((handle: Addr) => void) | undefined
}

/** PERCPU_HASH, LRU_PERCPU_HASH, PERCPU_ARRAY, PERCPU_CGROUP_STORAGE. */
export interface PerCpuMap extends BpfMap {
  /** Bytes from one CPU's value to the next one's in what system calls read and write: value_size rounded up to 8. */
  readonly stride: number
  lookupCpu(key: Addr, cpu: number): Addr
  /** Sets the values of all CPUs from `stride` bytes each at `values`. */
  updateCpus(key: Addr, values: Addr, flags: number): Status
}

/** The hash family: what batches and lookup-and-delete need. */
export interface BucketMap extends BpfMap {
  readonly bucketCount: number
  /** First element of a bucket, 0 if empty. */
  bucketHead(bucket: number): Addr
  /** Next element of the same bucket. */
  bucketNext(element: Addr): Addr
  keyOf(element: Addr): Addr
  /** Where the element's value (all CPUs' values, `stride` bytes each) begins. */
  valueOf(element: Addr): Addr
}

/**
 * Maps whose elements hold a handle of another object: PROG_ARRAY, ARRAY_OF_MAPS, HASH_OF_MAPS, CGROUP_ARRAY,
 * XSKMAP, SOCKMAP, SOCKHASH, REUSEPORT_SOCKARRAY. Objects come in through `setHandle`, never through `update`.
 */
export interface HandleMap extends BpfMap {
  /** Handle at a key, 0 if there is none. */
  handleOf(key: Addr): Addr
  /** What Linux checks before it looks at the descriptor: flags and index. */
  checkSet(key: Addr, flags: number): Status
  /** Puts a handle; its reference then belongs to the map. After an error the caller keeps it. */
  setHandle(key: Addr, handle: Addr, flags: number): Status
  /** Drops all elements: what happens to a program array when its last descriptor and pin are gone. */
  clear(): void
}

/** DEVMAP and DEVMAP_HASH: element values are `struct bpf_devmap_val`. */
export interface DeviceMap extends BpfMap {
  /** Flags and index, before the device is looked up. */
  checkSet(key: Addr, ifindex: number, programFd: number, flags: number): Status
  /** Puts a device; ifindex 0 empties the slot of a DEVMAP. `program` is a handle or 0, whose reference the map takes. */
  setDevice(key: Addr, ifindex: number, program: Addr, programId: number, flags: number, place?: number): Status
  /** Empties the entries of a device that is gone. `place` tells which network it was in, as it was set. */
  dropDevice(ifindex: number, place: number): void
  /** The value of each entry, in order. */
  eachTarget(visit: (value: Addr) => void): void
  /** Handle of the program of an element, whose value lies at `value`. */
  programOf(value: Addr): Addr
}

/** CPUMAP: element values are `struct bpf_cpumap_val`. */
export interface CpuMap extends BpfMap {
  checkSet(key: Addr, queueSize: number, flags: number): Status
  /** Puts a CPU's queue; size 0 empties the slot. */
  setQueue(key: Addr, queueSize: number, program: Addr, programId: number): Status
  programOf(value: Addr): Addr
}
