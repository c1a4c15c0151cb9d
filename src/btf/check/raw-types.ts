import { BTF_KINDS, type BtfKind } from '../types.js'

/** KSYM_NAME_LEN: no identifier is longer. */
const LONGEST_NAME = 512

/** Unchecked access to the records of a BTF blob, as the checks need it: fields by their place, whatever they hold. */
export class RawTypes {
  readonly bytes: Uint8Array
  readonly view: DataView
  readonly stringStart: number
  readonly stringLength: number
  /** Place of each type's record; index 0 (void) is unused. */
  readonly offsets: number[] = [0]

  constructor(bytes: Uint8Array, stringStart: number, stringLength: number) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.stringStart = stringStart
    this.stringLength = stringLength
  }

  /** Number of types, void included. */
  get count(): number {
    return this.offsets.length
  }

  u32(at: number): number {
    return this.view.getUint32(at, true)
  }
  i32(at: number): number {
    return this.view.getInt32(at, true)
  }
  has(id: number): boolean {
    return id < this.offsets.length
  }
  /** Place of a type's record. */
  at(id: number): number {
    return this.offsets[id]!
  }
  nameOff(id: number): number {
    return id === 0 ? 0 : this.u32(this.at(id))
  }
  info(id: number): number {
    return id === 0 ? 0 : this.u32(this.at(id) + 4)
  }
  /** The record's third word: a size or a type id. */
  word(id: number): number {
    return id === 0 ? 0 : this.u32(this.at(id) + 8)
  }
  kind(id: number): BtfKind {
    return BTF_KINDS[(this.info(id) >>> 24) & 0x1f]!
  }
  vlen(id: number): number {
    return this.info(id) & 0xffff
  }
  kindFlag(id: number): boolean {
    return this.info(id) >>> 31 !== 0
  }

  isNameOffset(offset: number): boolean {
    return offset < this.stringLength
  }

  /** The name as the log prints it. */
  name(offset: number): string {
    if (offset === 0) return '(anon)'
    if (!this.isNameOffset(offset)) return '(invalid-name-offset)'
    let text = ''
    for (let i = this.stringStart + offset; this.bytes[i] !== 0; i++) text += String.fromCharCode(this.bytes[i]!)
    return text
  }

  isEmptyName(offset: number): boolean {
    return this.bytes[this.stringStart + offset] === 0
  }

  /** A C identifier; dots are allowed, as compilers put them into names of static variables and cloned functions. */
  isIdentifier(offset: number): boolean {
    return this.#isName(
      offset,
      (c, first) => isAlpha(c) || c === 0x5f || c === 0x2e || (!first && c >= 0x30 && c <= 0x39),
    )
  }

  /** A section's name: anything printable. */
  isSectionName(offset: number): boolean {
    return this.#isName(offset, isPrintable)
  }

  #isName(offset: number, allowed: (c: number, first: boolean) => boolean): boolean {
    const start = this.stringStart + offset
    let at = start
    for (; at < start + LONGEST_NAME; at++) {
      const c = this.bytes[at]!
      if (c === 0) return at > start
      if (!allowed(c, at === start)) return false
    }
    return this.bytes[at] === 0
  }
}

// The kernel's ctype knows Latin-1.
function isAlpha(c: number): boolean {
  return (c >= 0x41 && c <= 0x5a) || (c >= 0x61 && c <= 0x7a) || (c >= 0xc0 && c !== 0xd7 && c !== 0xf7)
}

function isPrintable(c: number): boolean {
  return (c >= 0x20 && c < 0x7f) || c >= 0xa0
}
