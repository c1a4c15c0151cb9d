import type { Machine } from './machine.js'
import type { Addr, SpecialField } from './types.js'

/** Copies a value in memory leaving the destination's special fields as they are (`copy_map_value`). */
export function copyValue(
  machine: Machine,
  fields: readonly SpecialField[] | undefined,
  to: Addr,
  from: Addr,
  size: number,
): void {
  const u8 = machine.memory.u8
  if (fields === undefined || fields.length === 0) {
    u8.copyWithin(to, from, from + size)
    return
  }
  forEachGap(fields, size, (start, end) => u8.copyWithin(to + start, from + start, from + end))
}

/** A copy of a value for user space: special fields read as zero. */
export function readValue(
  machine: Machine,
  fields: readonly SpecialField[] | undefined,
  from: Addr,
  size: number,
): Uint8Array {
  const bytes = machine.memory.read(from, size)
  for (const field of fields ?? []) bytes.fill(0, field.offset, field.offset + field.size)
  return bytes
}

/** Calls `visit` for each range of `size` bytes that no special field covers. */
function forEachGap(fields: readonly SpecialField[], size: number, visit: (start: number, end: number) => void): void {
  let start = 0
  for (const field of [...fields].sort((a, b) => a.offset - b.offset)) {
    if (field.offset > start) visit(start, Math.min(field.offset, size))
    start = Math.max(start, field.offset + field.size)
  }
  if (start < size) visit(start, size)
}

/**
 * Releases what a value's special fields hold (timers are cancelled, kptrs dropped, lists and trees emptied) and zeroes
 * them: for deleted and freed elements, and for elements whose storage is about to be reused.
 */
export function releaseFields(machine: Machine, fields: readonly SpecialField[] | undefined, value: Addr): void {
  if (fields === undefined) return
  for (const field of fields) machine.releaseField(field, value + field.offset)
}
