import { KernelError } from '../../kernel/index.js'
import { MAP_TYPE } from '../../maps/index.js'
import { type Addr, type BpfMap, type Machine, OutOfMemoryError } from '../../vm/index.js'

const PER_CPU: ReadonlySet<number> = new Set([
  MAP_TYPE.PERCPU_HASH,
  MAP_TYPE.PERCPU_ARRAY,
  MAP_TYPE.LRU_PERCPU_HASH,
  MAP_TYPE.PERCPU_CGROUP_STORAGE,
])

const DESCRIPTOR_VALUES: ReadonlySet<number> = new Set([
  MAP_TYPE.PROG_ARRAY,
  MAP_TYPE.PERF_EVENT_ARRAY,
  MAP_TYPE.CGROUP_ARRAY,
  MAP_TYPE.ARRAY_OF_MAPS,
  MAP_TYPE.HASH_OF_MAPS,
])

/** Has one value for each CPU? */
export function isPerCpu(map: BpfMap): boolean {
  return PER_CPU.has(map.type)
}

/** Bytes of a value as system calls read and write it. */
export function userValueSize(machine: Machine, map: BpfMap): number {
  if (isPerCpu(map)) return Math.ceil(map.valueSize / 8) * 8 * machine.cpus
  return DESCRIPTOR_VALUES.has(map.type) ? 4 : map.valueSize
}

/** Room in the machine's memory for the key and the value of one call. */
export interface Room {
  readonly key: Addr
  readonly next: Addr
  readonly value: Addr
  readonly valueSize: number
}

/** Runs `body` with room for two keys and a value of the map; ENOMEM where there is none. */
export function withRoom<T>(machine: Machine, map: BpfMap, syscall: string, body: (room: Room) => T): T {
  const keyRoom = Math.ceil(map.keySize / 8) * 8
  const valueSize = userValueSize(machine, map)
  let room: Addr
  try {
    room = machine.memory.alloc(2 * keyRoom + valueSize + 8)
  } catch (error) {
    if (error instanceof OutOfMemoryError) throw new KernelError('ENOMEM', syscall)
    throw error
  }
  try {
    return body({ key: room, next: room + keyRoom, value: room + 2 * keyRoom, valueSize })
  } finally {
    machine.memory.free(room)
  }
}

/** Copies in a request's key; 0 where the type has none. EFAULT for a missing or short one, EINVAL for one too many. */
export function copyKeyIn(machine: Machine, map: BpfMap, key: Uint8Array | undefined, to: Addr, syscall: string): Addr {
  if (map.keySize === 0) {
    if (key !== undefined) throw new KernelError('EINVAL', syscall, { hint: 'maps of this type have no keys' })
    return 0
  }
  if (key === undefined || key.length < map.keySize) {
    const hint = `the key has ${key?.length ?? 0} bytes, the map's keys have ${map.keySize}`
    throw new KernelError('EFAULT', syscall, { hint })
  }
  machine.memory.u8.set(key.length === map.keySize ? key : key.subarray(0, map.keySize), to)
  return to
}

/** Copies in a request's value; EFAULT for a missing or short one. */
export function copyValueIn(machine: Machine, room: Room, value: Uint8Array | undefined, syscall: string): void {
  const size = room.valueSize
  if ((value?.length ?? 0) < size) {
    const hint = `the value has ${value?.length ?? 0} bytes, the map takes ${size}`
    throw new KernelError('EFAULT', syscall, { hint })
  }
  if (value !== undefined) machine.memory.u8.set(value.length === size ? value : value.subarray(0, size), room.value)
}
