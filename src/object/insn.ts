// The few facts about instructions that linking needs; isa/ has the rest.

export const SLOT = 8
export const LD_IMM64 = 0x18
export const CALL = 0x85
export const PSEUDO_CALL = 1
export const PSEUDO_FUNC = 4
export const PSEUDO_MAP_FD = 1
export const PSEUDO_MAP_VALUE = 2
export const PSEUDO_BTF_ID = 3
export const PSEUDO_KFUNC_CALL = 2

/** Instructions as 8-byte slots in little-endian encoding. */
export class Slots {
  readonly bytes: Uint8Array
  readonly #view: DataView

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get count(): number {
    return this.bytes.length / SLOT
  }
  code(slot: number): number {
    return this.bytes[slot * SLOT] ?? 0
  }
  dst(slot: number): number {
    return (this.bytes[slot * SLOT + 1] ?? 0) & 0xf
  }
  src(slot: number): number {
    return (this.bytes[slot * SLOT + 1] ?? 0) >> 4
  }
  setSrc(slot: number, src: number): void {
    this.bytes[slot * SLOT + 1] = (src << 4) | this.dst(slot)
  }
  imm(slot: number): number {
    return this.#view.getInt32(slot * SLOT + 4, true)
  }
  setImm(slot: number, imm: number): void {
    this.#view.setInt32(slot * SLOT + 4, imm, true)
  }
  setOff(slot: number, off: number): void {
    this.#view.setInt16(slot * SLOT + 2, off, true)
  }
  /** Replaces the slot by `code` with all other fields zero but imm. */
  set(slot: number, code: number, imm: number): void {
    this.bytes.fill(0, slot * SLOT, slot * SLOT + SLOT)
    this.bytes[slot * SLOT] = code
    this.setImm(slot, imm)
  }
  isLdImm64(slot: number): boolean {
    return this.code(slot) === LD_IMM64 && slot + 1 < this.count
  }
  isCall(slot: number): boolean {
    return this.code(slot) === CALL
  }
  /** Call of a BPF function in the same object. */
  isSubprogCall(slot: number): boolean {
    return this.code(slot) === CALL && this.src(slot) === PSEUDO_CALL
  }
}

/** The same instructions in the other byte order: register nibbles, off and imm swapped. */
export function swapInsns(bytes: Uint8Array): Uint8Array {
  const swapped = bytes.slice()
  for (let at = 0; at + SLOT <= bytes.length; at += SLOT) {
    const registers = bytes[at + 1] ?? 0
    swapped[at + 1] = ((registers & 0xf) << 4) | (registers >> 4)
    swapped[at + 2] = bytes[at + 3] ?? 0
    swapped[at + 3] = bytes[at + 2] ?? 0
    for (let i = 0; i < 4; i++) swapped[at + 4 + i] = bytes[at + 7 - i] ?? 0
  }
  return swapped
}
