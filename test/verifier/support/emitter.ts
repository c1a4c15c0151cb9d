// Instructions as bytes, with forward jumps patched later.

export class Emitter {
  #words: number[] = []

  get slots(): number {
    return this.#words.length / 2
  }

  /** Appends an instruction; returns its slot. */
  emit(code: number, dst: number, src: number, off: number, imm: number): number {
    this.#words.push((code | (dst << 8) | (src << 12) | ((off & 0xffff) << 16)) >>> 0, imm >>> 0)
    return this.slots - 1
  }

  /** ld_imm64 with its two slots. */
  wide(dst: number, src: number, lo: number, hi: number): number {
    const at = this.emit(0x18, dst, src, 0, lo)
    this.emit(0, 0, 0, 0, hi)
    return at
  }

  /** The jump at `slot` goes to the next instruction to be emitted. */
  land(slot: number): void {
    const off = this.slots - slot - 1
    const word = this.#words[slot * 2] as number
    this.#words[slot * 2] = ((word & 0xffff) | (off << 16)) >>> 0
  }

  /** The offset a jump emitted now needs to reach `slot`. */
  backTo(slot: number): number {
    return slot - this.slots - 1
  }

  /** The call (or ld_imm64 of a function) at `slot` goes to `target`. */
  call(slot: number, target: number): void {
    this.#words[slot * 2 + 1] = (target - slot - 1) >>> 0
  }

  bytes(): Uint8Array {
    return new Uint8Array(Uint32Array.from(this.#words).buffer)
  }
}
