import { ByteWriter } from '../wasm/byte-writer.js'
import type { CompiledModule } from './compile.js'

/** Name of the module's section that says where instructions begin: pairs of LEB128 numbers, see `readPlaces`. */
export const PLACES_SECTION = 'bpf.insns'

/** A function of a program in the compiled module. */
export interface ImageFunction {
  /** First instruction slot of the function. */
  readonly slot: number
  /** Offset of its code in the image, and how long it is. */
  readonly offset: number
  readonly length: number
}

/** What became of a program: a WebAssembly module. */
export interface JitImage {
  /** The module, with a section `bpf.insns` behind it. */
  readonly bytes: Uint8Array
  /** The program's functions, the main one first, others by their slots. */
  readonly functions: readonly ImageFunction[]
  /** Offset of the code of the instruction at a slot; undefined where it has none. */
  offsetOf(slot: number): number | undefined
}

export function jitImage(compiled: CompiledModule): JitImage {
  const { offsets, slots, functions } = compiled
  const first = new Map<number, number>()
  for (let i = 0; i < offsets.length; i++) {
    if (!first.has(slots[i]!)) first.set(slots[i]!, offsets[i]!)
  }
  const places = new ByteWriter()
  places.text(PLACES_SECTION)
  let offset = 0
  let slot = 0
  for (let i = 0; i < offsets.length; i++) {
    places.u32(offsets[i]! - offset)
    places.s32(slots[i]! - slot)
    offset = offsets[i]!
    slot = slots[i]!
  }
  const out = new ByteWriter()
  out.raw(compiled.bytes)
  out.u8(0)
  out.sized(places.bytes)
  return { bytes: out.bytes.slice(), functions, offsetOf: (at) => first.get(at) }
}

/**
 * Name of the section that holds what the program was compiled from: instructions (maps by id), function and line records, each
 * behind its length in bytes (u32, little-endian). Their slots are those of `bpf.insns`; what obj_get_info tells is translated.
 */
export const SOURCE_SECTION = 'bpf.source'

/** The module with a `bpf.source` section behind it. */
export function withSource(module: Uint8Array, parts: readonly Uint8Array[]): Uint8Array {
  const section = new ByteWriter()
  section.text(SOURCE_SECTION)
  for (const part of parts) {
    for (let shift = 0; shift < 32; shift += 8) section.u8((part.length >>> shift) & 0xff)
    section.raw(part)
  }
  const out = new ByteWriter()
  out.raw(module)
  out.u8(0)
  out.sized(section.bytes)
  return out.bytes.slice()
}

/** The parts of a `bpf.source` section. */
export function readSource(section: Uint8Array): Uint8Array[] {
  const view = new DataView(section.buffer, section.byteOffset, section.byteLength)
  const parts: Uint8Array[] = []
  for (let at = 0; at + 4 <= section.length; ) {
    const length = view.getUint32(at, true)
    parts.push(section.subarray(at + 4, at + 4 + length))
    at += 4 + length
  }
  return parts
}

/** The contents of a `bpf.insns` section: offset in the module -> slot of the instruction whose code begins there. */
export function readPlaces(section: Uint8Array): Map<number, number> {
  const found = new Map<number, number>()
  let at = 0
  const number = (signed: boolean): number => {
    let value = 0
    let shift = 0
    for (;;) {
      const byte = section[at++] ?? 0
      value |= (byte & 0x7f) << shift
      shift += 7
      if (byte < 0x80 || shift > 28) return signed && shift < 32 && (byte & 0x40) !== 0 ? value | (-1 << shift) : value
    }
  }
  let offset = 0
  let slot = 0
  while (at < section.length) {
    offset += number(false)
    slot += number(true)
    // Two instructions whose code begins together: the first wrote nothing.
    found.set(offset, slot)
  }
  return found
}
