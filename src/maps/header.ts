import type { Addr, BpfMap, Machine, SpecialField } from '../vm/index.js'
import type { MapAttributes } from './types.js'

/** The part of a BpfMap that every type has alike. */
export interface MapHeader {
  readonly machine: Machine
  readonly type: number
  readonly keySize: number
  readonly valueSize: number
  readonly maxEntries: number
  readonly flags: number
  readonly mapExtra: bigint
  readonly handle: Addr
  readonly name: string
  /** Set once, by the map_create system call, when the map's BTF shows some. */
  specialFields: readonly SpecialField[] | undefined
}

/** Makes the header, with a new handle that is bound when the map is complete. */
export function mapHeader(machine: Machine, attr: MapAttributes): MapHeader {
  return {
    machine,
    type: attr.type,
    keySize: attr.keySize,
    valueSize: attr.valueSize,
    maxEntries: attr.maxEntries,
    flags: attr.flags,
    mapExtra: attr.mapExtra ?? 0n,
    handle: machine.createHandle(undefined),
    name: attr.name ?? '',
    specialFields: undefined,
  }
}

/** Does every value hold a bpf_spin_lock? BPF_F_LOCK is an error without one. */
export function hasSpinLock(map: Pick<BpfMap, 'specialFields'>): boolean {
  return map.specialFields?.some((field) => field.kind === 'spin_lock') ?? false
}
