import assert from 'node:assert/strict'
import { createMap, type MapAttributes } from '#src/maps/index.js'
import { type BpfMap, Machine } from '#src/vm/index.js'

/** A map of the kind the caller knows it gets. */
export function make<T extends BpfMap = BpfMap>(
  machine: Machine,
  attr: Omit<MapAttributes, 'flags'> & { flags?: number },
): T {
  const map = createMap(machine, { flags: 0, ...attr })
  assert.ok(typeof map !== 'number', `createMap: ${map}`)
  return map as T
}

/** Bytes in the machine's memory, `shift` bytes beyond an aligned address. */
export function place(machine: Machine, bytes: Uint8Array, shift = 0): number {
  const at = machine.memory.alloc(bytes.length + 16) + shift
  machine.memory.write(at, bytes)
  return at
}

export function u32(...values: number[]): Uint8Array {
  return new Uint8Array(new Uint32Array(values).buffer)
}

export function newMachine(cpus = 2): Machine {
  return new Machine({ cpus, random: { u32: () => 12345 } })
}
