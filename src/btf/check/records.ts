import type { CheckLog } from './log.js'
import type { RawTypes } from './raw-types.js'

/** BTF_MAX_TYPE. */
const LAST_TYPE_ID = 0x000f_ffff
const INFO_MASK = 0x9f00_ffff

const isTypeId = (id: number) => id <= LAST_TYPE_ID

/**
 * First pass: walks the records and checks each by itself (names, sizes, flags), filling `types.offsets`.
 * Follows the kernel's btf_check_all_metas().
 */
export function checkRecords(types: RawTypes, start: number, end: number, log: CheckLog): void {
  for (let at = start; at < end; ) {
    const id = types.offsets.length
    types.offsets.push(at)
    at += checkRecord(types, id, at, end, log)
    if (id > LAST_TYPE_ID) log.fail(`[${id}] too many types`, 'E2BIG')
  }
}

function checkRecord(types: RawTypes, id: number, at: number, end: number, log: CheckLog): number {
  const left = end - at
  if (left < 12) log.fail(`[${id}] meta_left:${left} meta_needed:12`)
  const info = types.u32(at + 4)
  if ((info & ~INFO_MASK) !== 0) log.fail(`[${id}] Invalid btf_info:${info.toString(16)}`)
  const number = (info >>> 24) & 0x1f
  if (number === 0 || number > 19) log.fail(`[${id}] Invalid kind:${number}`)
  const nameOff = types.u32(at)
  if (!types.isNameOffset(nameOff)) log.fail(`[${id}] Invalid name_offset:${nameOff}`)
  const check = new RecordCheck(types, id, left - 12, log)
  return 12 + check.run()
}

class RecordCheck {
  readonly #types: RawTypes
  readonly #id: number
  readonly #left: number
  readonly #log: CheckLog
  readonly #at: number

  constructor(types: RawTypes, id: number, left: number, log: CheckLog) {
    this.#types = types
    this.#id = id
    this.#left = left
    this.#log = log
    this.#at = types.at(id) + 12
  }

  /** Checks the record and logs it; returns the bytes it has after the common part. */
  run(): number {
    switch (this.#types.kind(this.#id)) {
      case 'int':
        return this.#int()
      case 'array':
        return this.#array()
      case 'struct':
      case 'union':
        return this.#composite()
      case 'enum':
        return this.#enum(8)
      case 'enum64':
        return this.#enum(12)
      case 'fwd':
        this.#noElements()
        if (this.#types.word(this.#id) !== 0) this.#fail('type != 0')
        this.#name('required')
        return this.#done(0)
      case 'func':
        return this.#func()
      case 'func_proto': {
        const size = this.#need(8 * this.#types.vlen(this.#id))
        this.#name('none')
        this.#noFlag()
        return this.#done(size)
      }
      case 'var':
        return this.#var()
      case 'datasec':
        return this.#datasec()
      case 'float':
        this.#noElements()
        this.#noFlag()
        if (![2, 4, 8, 12, 16].includes(this.#types.word(this.#id))) this.#fail('Invalid type_size')
        return this.#done(0)
      case 'decl_tag':
        return this.#declTag()
      default:
        return this.#reference()
    }
  }

  #fail(what: string, errno?: 'EINVAL' | 'ENOTSUPP'): never {
    return this.#log.failType(this.#types, this.#id, what, errno)
  }

  /** Logs the type. */
  #show(): void {
    if (this.#log.wanted) this.#log.line(this.#log.type(this.#types, this.#id))
  }

  #done(size: number): number {
    this.#show()
    return size
  }

  #need(size: number): number {
    if (this.#left < size) this.#log.failBasic(this.#types, this.#id, `meta_left:${this.#left} meta_needed:${size}`)
    return size
  }

  #noElements(): void {
    if (this.#types.vlen(this.#id) !== 0) this.#fail('vlen != 0')
  }

  #noFlag(): void {
    if (this.#types.kindFlag(this.#id)) this.#fail('Invalid btf_info kind_flag')
  }

  #name(rule: 'required' | 'optional' | 'none'): void {
    const offset = this.#types.nameOff(this.#id)
    const good = offset === 0 ? rule !== 'required' : rule !== 'none' && this.#types.isIdentifier(offset)
    if (!good) this.#fail('Invalid name')
  }

  #int(): number {
    const size = this.#need(4)
    this.#noElements()
    this.#noFlag()
    const data = this.#types.u32(this.#at)
    if ((data & 0xf000_0000) !== 0) {
      this.#log.failBasic(this.#types, this.#id, `Invalid int_data:${data.toString(16)}`)
    }
    const bits = (data & 0xff) + ((data >>> 16) & 0xff)
    if (bits > 128) this.#fail('nr_bits exceeds 128')
    if (Math.ceil(bits / 8) > this.#types.word(this.#id)) this.#fail('nr_bits exceeds type_size')
    if (![0, 1, 2, 4].includes(data >>> 24)) this.#fail('Unsupported encoding', 'ENOTSUPP')
    return this.#done(size)
  }

  /** Pointers, qualifiers, typedefs, type tags. */
  #reference(): number {
    const types = this.#types
    const kind = types.kind(this.#id)
    this.#noElements()
    if (kind !== 'type_tag') this.#noFlag()
    if (!isTypeId(types.word(this.#id))) this.#fail('Invalid type_id')
    if (kind === 'typedef') this.#name('required')
    else if (kind === 'type_tag') {
      if (types.isEmptyName(types.nameOff(this.#id))) this.#fail('Invalid name')
    } else this.#name('none')
    return this.#done(0)
  }

  #array(): number {
    const types = this.#types
    const size = this.#need(12)
    this.#name('none')
    this.#noElements()
    this.#noFlag()
    if (types.word(this.#id) !== 0) this.#fail('size != 0')
    const element = types.u32(this.#at)
    const index = types.u32(this.#at + 4)
    if (element === 0 || !isTypeId(element)) this.#fail('Invalid elem')
    if (index === 0 || !isTypeId(index)) this.#fail('Invalid index')
    return this.#done(size)
  }

  #composite(): number {
    const types = this.#types
    const id = this.#id
    const count = types.vlen(id)
    const size = this.#need(12 * count)
    this.#name('optional')
    this.#show()
    const isUnion = types.kind(id) === 'union'
    const mask = types.kindFlag(id) ? 0xff_ffff : 0xffff_ffff
    let last = 0
    for (let i = 0; i < count; i++) {
      const at = this.#at + 12 * i
      const bad = (what: string) => this.#log.failMember(types, id, i, what)
      const nameOff = types.u32(at)
      if (!types.isNameOffset(nameOff)) bad(`Invalid member name_offset:${nameOff}`)
      if (nameOff !== 0 && !types.isIdentifier(nameOff)) bad('Invalid name')
      const member = types.u32(at + 4)
      if (member === 0 || !isTypeId(member)) bad('Invalid type_id')
      const offset = (types.u32(at + 8) & mask) >>> 0
      if (isUnion && offset !== 0) bad('Invalid member bits_offset')
      if (last > offset) bad('Invalid member bits_offset')
      if (Math.ceil(offset / 8) > types.word(id)) bad('Member bits_offset exceeds its struct size')
      if (this.#log.wanted) this.#log.line(this.#log.member(types, id, i))
      last = offset
    }
    return size
  }

  #enum(each: 8 | 12): number {
    const types = this.#types
    const id = this.#id
    const count = types.vlen(id)
    const size = this.#need(each * count)
    if (![1, 2, 4, 8].includes(types.word(id))) this.#fail('Unexpected size')
    this.#name('optional')
    this.#show()
    const signed = types.kindFlag(id)
    for (let i = 0; i < count; i++) {
      const at = this.#at + each * i
      const nameOff = types.u32(at)
      if (!types.isNameOffset(nameOff)) this.#log.fail(`\tInvalid name_offset:${nameOff}`)
      if (nameOff === 0 || !types.isIdentifier(nameOff)) this.#fail('Invalid name')
      if (!this.#log.wanted) continue
      const low = types.u32(at + 4)
      const wide = each === 12 ? (BigInt(types.u32(at + 8)) << 32n) | BigInt(low) : 0n
      const value = each === 8 ? (signed ? low | 0 : low) : signed ? BigInt.asIntN(64, wide) : wide
      this.#log.line(`\t${types.name(nameOff)} val=${value}`)
    }
    return size
  }

  #func(): number {
    this.#name('required')
    if (this.#types.vlen(this.#id) > 1) this.#fail('Invalid func linkage')
    this.#noFlag()
    return this.#done(0)
  }

  #var(): number {
    const types = this.#types
    const size = this.#need(4)
    this.#noElements()
    this.#noFlag()
    this.#name('required')
    const type = types.word(this.#id)
    if (type === 0 || !isTypeId(type)) this.#fail('Invalid type_id')
    if (types.u32(this.#at) > 1) this.#fail('Linkage not supported')
    return this.#done(size)
  }

  #datasec(): number {
    const types = this.#types
    const id = this.#id
    const count = types.vlen(id)
    const size = this.#need(12 * count)
    const total = types.word(id)
    if (total === 0) this.#fail('size == 0')
    this.#noFlag()
    const nameOff = types.nameOff(id)
    if (nameOff === 0 || !types.isSectionName(nameOff)) this.#fail('Invalid name')
    this.#show()
    let end = 0
    let sum = 0
    for (let i = 0; i < count; i++) {
      const at = this.#at + 12 * i
      const bad = (what: string) => this.#log.failVariable(types, id, i, what)
      const type = types.u32(at)
      const offset = types.u32(at + 4)
      const length = types.u32(at + 8)
      if (type === 0 || !isTypeId(type)) bad('Invalid type_id')
      if (offset < end || offset >= total) bad('Invalid offset')
      if (length === 0 || length > total) bad('Invalid size')
      end = offset + length
      if (end > total) bad('Invalid offset+size')
      if (this.#log.wanted) this.#log.line(this.#log.variable(types, id, i))
      sum += length
    }
    if (total < sum) this.#fail('Invalid btf_info size')
    return size
  }

  #declTag(): number {
    const types = this.#types
    const size = this.#need(4)
    if (types.isEmptyName(types.nameOff(this.#id))) this.#fail('Invalid value')
    this.#noElements()
    if (types.i32(this.#at) < -1) this.#fail('Invalid component_idx')
    return this.#done(size)
  }
}
