// Programs put together from what real ones do, with a mistake here and there: about half of them pass Linux's verifier.

import type { Random } from '../../support/random.js'
import { Emitter } from './emitter.js'

/** What a register holds, as far as the generator cares. */
type Kind = 'none' | 'num' | 'small' | 'ctx' | 'fp' | 'map_or_null' | 'map' | 'pkt' | 'pkt_end' | 'mem_or_null' | 'mem'

export interface FuzzMap {
  readonly fd: number
  readonly type: 'array' | 'hash' | 'percpu_array' | 'lru_hash' | 'ringbuf' | 'constant'
  readonly keySize: number
  readonly valueSize: number
}

export const FUZZ_TYPES = ['socket_filter', 'sched_cls', 'xdp', 'cgroup_skb', 'kprobe', 'sk_lookup'] as const
export type FuzzType = (typeof FUZZ_TYPES)[number]

export interface Generated {
  readonly insns: Uint8Array
  readonly type: FuzzType
  /** Where functions start; the first is the program. */
  readonly functions: readonly { readonly start: number; readonly global: boolean }[]
}

interface Snapshot {
  readonly kinds: Kind[]
  readonly values: (FuzzMap | number | undefined)[]
  readonly stack: Set<number>
}

const JUMPS = [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xa0, 0xb0, 0xc0, 0xd0]
const ALU = [0x00, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x90, 0xa0, 0xc0]
const SIZE_CODES: Readonly<Record<number, number>> = { 1: 0x10, 2: 0x08, 4: 0x00, 8: 0x18 }
const NUMBERS = [0, 1, 2, 3, 7, 8, 15, 16, 31, 32, 63, 64, 100, 255, 256, 4095, 65535, 0x7fffffff, -1, -2, -8, -128]

export class Generator {
  readonly #random: Random
  readonly #maps: readonly FuzzMap[]
  #code = new Emitter()
  #kinds: Kind[] = []
  #values: (FuzzMap | number | undefined)[] = []
  /** Slots of the stack that hold something. */
  #stack = new Set<number>()
  #calls: { slot: number; callee: number }[] = []
  #functions: { start: number; global: boolean }[] = []
  #type: FuzzType = 'xdp'
  #depth = 0
  #budget = 0
  #wrong = 0
  /** Registers that count the turns of the loops around. */
  readonly #counters = new Set<number>()

  constructor(random: Random, maps: readonly FuzzMap[]) {
    this.#random = random
    this.#maps = maps
  }

  program(): Generated {
    const r = this.#random
    this.#code = new Emitter()
    this.#calls = []
    this.#functions = []
    this.#type = r.pick(FUZZ_TYPES)
    this.#budget = 8 + r.below(60)
    // Some programs make no mistakes on purpose.
    this.#wrong = r.pick([0, 0, 0, 300, 60])
    const count = r.pick([1, 1, 1, 2, 3])
    for (let i = 0; i < count; i++) {
      this.#functions.push({ start: this.#code.slots, global: i > 0 && r.once(4) })
      this.#function(i, count)
      this.#budget = 4 + r.below(20)
    }
    for (const { slot, callee } of this.#calls) {
      const target = this.#functions[callee]
      if (target !== undefined) this.#code.call(slot, target.start)
    }
    return { insns: this.#code.bytes(), type: this.#type, functions: this.#functions }
  }

  #function(index: number, count: number): void {
    const r = this.#random
    this.#kinds = new Array<Kind>(11).fill('none')
    this.#values = new Array(11).fill(undefined)
    this.#kinds[10] = 'fp'
    this.#stack = new Set()
    this.#depth = 0
    if (index === 0) {
      this.#set(1, 'ctx')
      this.#move(6, 1)
    } else {
      this.#set(1, 'num')
      this.#set(2, this.#functions[index]?.global === true ? 'num' : 'fp', -8)
    }
    for (let reg = 7; reg <= 9; reg++) if (r.once(2)) this.#constant(reg)
    this.#block(index, count)
    // Every function is called by the one before it.
    if (index + 1 < count) this.#callOf(index + 1)
    this.#exit(index)
  }

  #exit(index: number): void {
    const r = this.#random
    if (this.#kinds[0] !== 'num' || index === 0) {
      if (!this.#mistake()) this.#code.emit(0xb7, 0, 0, 0, r.below(2))
    }
    this.#code.emit(0x95, 0, 0, 0, 0)
  }

  #mistake(): boolean {
    return this.#wrong > 0 && this.#random.once(this.#wrong)
  }

  #set(reg: number, kind: Kind, value?: FuzzMap | number): void {
    this.#kinds[reg] = kind
    this.#values[reg] = value
  }

  #regs(...kinds: Kind[]): number[] {
    const out: number[] = []
    for (let reg = 0; reg < 10; reg++) if (kinds.includes(this.#kinds[reg] as Kind)) out.push(reg)
    return out
  }

  #anyReg(): number {
    return this.#random.below(10)
  }

  #number(): number {
    const r = this.#random
    if (this.#mistake()) return this.#anyReg()
    const known = this.#regs('num', 'small').filter((reg) => !this.#counters.has(reg))
    if (known.length > 0 && !r.once(8)) return r.pick(known)
    const reg = this.#target()
    this.#constant(reg)
    return reg
  }

  /** A register to overwrite: not the context kept in r6. */
  #target(): number {
    const r = this.#random
    for (;;) {
      const reg = r.below(10)
      if ((reg !== 6 || r.once(20)) && (!this.#counters.has(reg) || r.once(60))) return reg
    }
  }

  #move(dst: number, src: number): void {
    this.#code.emit(0xbf, dst, src, 0, 0)
    this.#set(dst, this.#kinds[src] as Kind, this.#values[src])
  }

  #constant(reg: number): void {
    const r = this.#random
    const imm = r.once(3) ? r.u32() | 0 : r.pick(NUMBERS)
    switch (r.below(6)) {
      case 0:
        this.#code.emit(0xb4, reg, 0, 0, imm)
        break
      case 1:
        this.#code.wide(reg, 0, imm, r.pick([0, 0, -1, 1, r.u32() | 0]))
        break
      default:
        this.#code.emit(0xb7, reg, 0, 0, imm)
    }
    this.#set(reg, 'num')
  }

  #block(index: number, count: number): void {
    const r = this.#random
    const statements = 1 + r.below(this.#depth === 0 ? 30 : 8)
    for (let i = 0; i < statements && this.#budget > 0; i++) {
      this.#budget--
      this.#statement(index, count)
    }
  }

  #statement(index: number, count: number): void {
    const r = this.#random
    const choice = r.below(30)
    if (choice < 6) this.#alu()
    else if (choice < 8) this.#random32()
    else if (choice < 10) this.#storeStack()
    else if (choice < 12) this.#loadStack()
    else if (choice < 13) this.#variableStack()
    else if (choice < 16) this.#branch(index, count)
    else if (choice < 17) this.#loop(index, count)
    else if (choice < 19) this.#lookup()
    else if (choice < 21) this.#pointerUse()
    else if (choice < 22) this.#context()
    else if (choice < 24) this.#packet()
    else if (choice < 25) this.#call(index, count)
    else if (choice < 26) this.#atomic()
    else if (choice < 27) this.#helper()
    else if (choice < 28) this.#copyAndAdd()
    else if (choice < 29) this.#clamp()
    else this.#constant(this.#target())
  }

  #alu(): void {
    const r = this.#random
    const dst = this.#number()
    const narrow = r.once(3)
    const cls = narrow ? 4 : 7
    const operation = r.pick(ALU)
    if (r.once(12)) {
      // Negation, byte swaps, sign extension.
      const kind = r.below(4)
      if (kind === 0) this.#code.emit(cls | 0x80, dst, 0, 0, 0)
      else if (kind === 1) this.#code.emit(0xd4 | (r.once(2) ? 8 : 0), dst, 0, 0, r.pick([16, 32, 64]))
      else if (kind === 2) this.#code.emit(0xd7, dst, 0, 0, r.pick([16, 32, 64]))
      else this.#code.emit(cls | 0xb8, dst, this.#number(), r.pick(narrow ? [8, 16] : [8, 16, 32]), 0)
      this.#set(dst, 'num')
      return
    }
    if (r.once(2)) {
      const src = this.#number()
      const signed = (operation === 0x30 || operation === 0x90) && r.once(3) ? 1 : 0
      this.#code.emit(cls | operation | 8, dst, src, signed, 0)
    } else {
      const shift = operation === 0x60 || operation === 0x70 || operation === 0xc0
      const chosen = shift ? r.below(narrow ? 32 : 64) : r.once(2) ? r.pick(NUMBERS) : (r.u32() | 0) >> r.below(32)
      const imm = chosen === 0 && (operation === 0x30 || operation === 0x90) ? 1 : chosen
      this.#code.emit(cls | operation, dst, 0, 0, imm)
    }
    this.#set(dst, 'num')
  }

  #random32(): void {
    const r = this.#random
    this.#code.emit(0x85, 0, 0, 0, r.pick([7, 7, 5, 8]))
    this.#clobber()
    this.#set(0, 'num')
    if (r.once(2) && this.#counters.size === 0) this.#move(7 + r.below(3), 0)
  }

  #clobber(): void {
    for (let reg = 1; reg <= 5; reg++) this.#set(reg, 'none')
  }

  #storeStack(): void {
    const r = this.#random
    const size = r.pick([8, 8, 8, 4, 2, 1])
    const slot = 1 + r.below(6)
    const off = -slot * 8 + (size === 8 ? 0 : r.pick([0, 0, size === 4 ? 4 : size]))
    const frame = r.once(12) && this.#kinds[2] === 'fp' ? 2 : 10
    if (r.once(3)) this.#code.emit(0x62 | (SIZE_CODES[size] as number), frame, 0, off, r.pick(NUMBERS))
    else {
      const pointers = size === 8 ? this.#regs('num', 'small', 'ctx', 'map', 'map_or_null', 'pkt', 'fp') : []
      const src = pointers.length > 0 && r.once(2) ? r.pick(pointers) : this.#number()
      this.#code.emit(0x63 | (SIZE_CODES[size] as number), frame, src, off, 0)
    }
    if (frame === 10) this.#stack.add(slot)
  }

  #loadStack(): void {
    const r = this.#random
    if (this.#stack.size === 0 && !this.#mistake()) return
    const slot = this.#stack.size === 0 ? 1 + r.below(6) : r.pick([...this.#stack])
    const size = r.pick([8, 8, 8, 4, 2, 1])
    const dst = this.#target()
    const off = -slot * 8 + (size === 8 || r.once(2) ? 0 : size)
    const signed = size < 8 && r.once(6)
    this.#code.emit((signed ? 0x81 : 0x61) | (SIZE_CODES[size] as number), dst, 10, off, 0)
    // It may be a pointer; few uses of it as a number are mistakes then.
    this.#set(dst, 'num')
  }

  #variableStack(): void {
    const r = this.#random
    const number = this.#number()
    const pointer = this.#target()
    if (pointer === number) return
    this.#code.emit(0x57, number, 0, 0, r.pick([7, 8, 15, 24, 1]))
    this.#code.emit(0xbf, pointer, 10, 0, 0)
    this.#code.emit(0x0f, pointer, number, 0, 0)
    this.#set(number, 'num')
    this.#set(pointer, 'none')
    const size = r.pick([1, 1, 8])
    if (r.once(2)) this.#code.emit(0x62 | (SIZE_CODES[size] as number), pointer, 0, -40, r.pick([0, 1]))
    else {
      this.#code.emit(0x61 | (SIZE_CODES[size] as number), pointer, pointer, -40, 0)
      this.#set(pointer, 'num')
    }
  }

  #condition(): number {
    const r = this.#random
    const cls = r.once(3) ? 6 : 5
    const left = this.#number()
    const op = r.pick(JUMPS)
    if (r.once(3)) return this.#code.emit(cls | op | 8, left, this.#number(), 0, 0)
    return this.#code.emit(cls | op, left, 0, 0, r.pick(NUMBERS))
  }

  #branch(index: number, count: number): void {
    const r = this.#random
    const jump = this.#condition()
    if (this.#depth >= 3) {
      this.#code.land(jump)
      return
    }
    const before = this.#snapshot()
    this.#depth++
    if (r.once(6)) {
      this.#exit(index)
      this.#depth--
      this.#restore(before)
      this.#code.land(jump)
      return
    }
    this.#block(index, count)
    if (r.once(2)) {
      const over = this.#code.emit(0x05, 0, 0, 0, 0)
      this.#code.land(jump)
      const first = this.#snapshot()
      this.#restore(before)
      this.#block(index, count)
      this.#code.land(over)
      this.#merge(first)
    } else {
      this.#code.land(jump)
      this.#merge(before)
    }
    this.#depth--
  }

  #snapshot(): Snapshot {
    return { kinds: [...this.#kinds], values: [...this.#values], stack: new Set(this.#stack) }
  }

  #restore(to: Snapshot): void {
    this.#kinds = [...to.kinds]
    this.#values = [...to.values]
    this.#stack = new Set(to.stack)
  }

  #merge(other: Snapshot): void {
    for (let reg = 0; reg < 10; reg++) {
      if (this.#kinds[reg] !== other.kinds[reg] || this.#values[reg] !== other.values[reg]) this.#set(reg, 'none')
    }
    for (const slot of [...this.#stack]) if (!other.stack.has(slot)) this.#stack.delete(slot)
  }

  #loop(index: number, count: number): void {
    const r = this.#random
    if (this.#depth >= 2) return
    const counter = 7 + r.below(3)
    if (this.#counters.has(counter)) return
    const kind = r.below(3)
    const before = this.#snapshot()
    this.#code.emit(0xb7, counter, 0, 0, 0)
    this.#set(counter, 'num')
    const top = this.#code.slots
    this.#depth++
    this.#counters.add(counter)
    // What the body sets is not there on the first turn, and what it spoils not on the next.
    const usable = this.#snapshot()
    for (let reg = 0; reg < 6; reg++) if (usable.kinds[reg] !== 'num') this.#set(reg, 'none')
    if (kind === 0) {
      const out = this.#code.emit(0xe5, 0, 0, 0, 0)
      this.#block(index, count)
      this.#code.emit(0x05, 0, 0, this.#code.backTo(top), 0)
      this.#code.land(out)
    } else {
      this.#block(index, count)
      if (r.once(4)) this.#code.land(this.#condition())
      this.#code.emit(0x07, counter, 0, 0, r.pick([1, 1, 2]))
      this.#code.emit(
        r.pick([0xa5, 0xa5, 0xb5, 0x55, 0xc5]),
        counter,
        0,
        this.#code.backTo(top),
        r.pick([2, 4, 10, 30]),
      )
    }
    this.#depth--
    this.#counters.delete(counter)
    this.#merge(before)
    this.#set(counter, 'num')
  }

  #lookup(): void {
    const r = this.#random
    const map = r.pick(this.#maps.filter(({ type }) => type !== 'ringbuf'))
    if (r.once(5)) {
      // Straight into the value.
      if (map.type !== 'array' && map.type !== 'constant' && !this.#mistake()) return
      const dst = this.#target()
      this.#code.wide(dst, 2, map.fd, r.pick([0, 0, 8, map.valueSize]))
      this.#set(dst, 'map', map)
      return
    }
    const size = map.keySize
    for (let at = 0; at < size; at += 4) {
      if (!this.#mistake()) this.#code.emit(0x62, 10, 0, -size + at, at === 0 ? r.below(6) : 0)
    }
    this.#stack.add(1)
    this.#code.emit(0xbf, 2, 10, 0, 0)
    this.#code.emit(0x07, 2, 0, 0, -size)
    this.#code.wide(1, 1, map.fd, 0)
    this.#code.emit(0x85, 0, 0, 0, 1)
    this.#clobber()
    this.#set(0, 'map_or_null', map)
    const kept = r.once(2) && this.#counters.size === 0 ? 7 + r.below(3) : 0
    if (kept !== 0) this.#move(kept, 0)
    if (this.#mistake()) return
    if (r.once(2)) {
      const skip = this.#code.emit(0x55, 0, 0, 0, 0)
      this.#code.emit(0xb7, 0, 0, 0, 0)
      this.#code.emit(0x95, 0, 0, 0, 0)
      this.#code.land(skip)
    } else {
      const skip = this.#code.emit(0x15, 0, 0, 0, 0)
      this.#access(0, map.valueSize)
      this.#code.land(skip)
      this.#set(0, 'none')
      if (kept !== 0) this.#set(kept, 'none')
      return
    }
    this.#set(0, 'map', map)
    if (kept !== 0) this.#set(kept, 'map', map)
  }

  #access(reg: number, limit: number): void {
    const r = this.#random
    const size = r.pick([1, 2, 4, 8])
    const most = Math.max(1, Math.floor(limit / size))
    const off = this.#mistake() ? limit : r.below(most) * size
    if (r.once(2)) {
      const src = this.#number()
      if (src !== reg) this.#code.emit(0x63 | (SIZE_CODES[size] as number), reg, src, off, 0)
      return
    }
    const dst = this.#target()
    const signed = size < 8 && r.once(6)
    this.#code.emit((signed ? 0x81 : 0x61) | (SIZE_CODES[size] as number), dst, reg, off, 0)
    this.#set(dst, 'num')
  }

  #pointerUse(): void {
    const r = this.#random
    const regs = this.#regs('map')
    if (regs.length === 0) return
    const reg = r.pick(regs)
    const map = this.#values[reg] as FuzzMap
    if (r.once(3)) {
      const number = this.#number()
      if (number === reg) return
      if (!this.#mistake()) this.#code.emit(0x57, number, 0, 0, r.pick([7, 3, 1, map.valueSize - 1]))
      this.#set(number, 'num')
      const copy = this.#target()
      if (copy === number) return
      this.#code.emit(0xbf, copy, reg, 0, 0)
      this.#code.emit(r.once(10) ? 0x1f : 0x0f, copy, number, 0, 0)
      this.#set(copy, 'none')
      this.#access(copy, 1 + r.below(4))
      return
    }
    this.#access(reg, map.valueSize)
  }

  #context(): void {
    const r = this.#random
    if (this.#kinds[6] !== 'ctx' && !this.#mistake()) return
    const dst = this.#target()
    const offsets = { socket_filter: [0, 4, 16, 20], sched_cls: [0, 8, 16, 40], xdp: [12, 16], cgroup_skb: [0, 16] }
    const known: readonly number[] | undefined = offsets[this.#type as 'xdp']
    this.#code.emit(0x61, dst, 6, known === undefined || this.#mistake() ? 4 * r.below(30) : r.pick(known), 0)
    this.#set(dst, 'num')
  }

  #packet(): void {
    const r = this.#random
    const xdp = this.#type === 'xdp'
    if (this.#kinds[6] !== 'ctx' || (!xdp && this.#type !== 'sched_cls')) return
    const [data, end, copy] = [7, 8, 9]
    if (this.#counters.size > 0) return
    this.#code.emit(0x61, data, 6, xdp ? 0 : 76, 0)
    this.#code.emit(0x61, end, 6, xdp ? 4 : 80, 0)
    this.#code.emit(0xbf, copy, data, 0, 0)
    const bytes = 1 + r.below(40)
    if (r.once(3)) {
      const number = r.below(5)
      this.#code.emit(0x61, number, 6, 16, 0)
      this.#code.emit(0x57, number, 0, 0, r.pick([0xff, 0x3c, 0xffff]))
      this.#code.emit(0x0f, data, number, 0, 0)
      this.#code.emit(0xbf, copy, data, 0, 0)
      this.#set(number, 'num')
    }
    this.#code.emit(0x07, copy, 0, 0, bytes)
    const op = r.pick([0x2d, 0x3d, 0xad, 0xbd])
    const skip = this.#code.emit(op, copy, end, 0, 0)
    this.#set(data, 'pkt')
    this.#set(end, 'pkt_end')
    this.#set(copy, 'pkt')
    const safe = op === 0x2d || op === 0x3d
    if (!safe) {
      this.#code.emit(0xb7, 0, 0, 0, 0)
      this.#code.emit(0x95, 0, 0, 0, 0)
      this.#code.land(skip)
    }
    const size = r.pick([1, 2, 4, 8])
    const off = this.#mistake() ? bytes : Math.max(0, bytes - size - r.below(4))
    const dst = this.#target()
    if (dst < 6) {
      if (r.once(3)) this.#code.emit(0x62 | (SIZE_CODES[size] as number), data, 0, Math.min(off, bytes - 1), 1)
      else {
        this.#code.emit(0x61 | (SIZE_CODES[size] as number), dst, data, off, 0)
        this.#set(dst, 'num')
      }
    }
    if (safe) this.#code.land(skip)
    for (let reg = 0; reg < 10; reg++) if (reg !== 6 && this.#kinds[reg] !== 'num') this.#set(reg, 'none')
    if (dst < 6) this.#set(dst, 'none')
  }

  #call(index: number, count: number): void {
    const r = this.#random
    const callees: number[] = []
    for (let i = index + 1; i < count; i++) callees.push(i)
    if (callees.length === 0) return
    this.#callOf(r.pick(callees))
  }

  #callOf(callee: number): void {
    const r = this.#random
    this.#move(1, this.#number())
    // Whether the callee is global is not decided yet: numbers suit both, the stack static ones.
    if (r.once(3)) this.#move(2, this.#number())
    else {
      this.#code.emit(0x7a, 10, 0, -8, 3)
      this.#stack.add(1)
      this.#code.emit(0xbf, 2, 10, 0, 0)
      this.#code.emit(0x07, 2, 0, 0, -8)
    }
    this.#calls.push({ slot: this.#code.emit(0x85, 0, 1, 0, 0), callee })
    this.#clobber()
    this.#set(0, 'num')
  }

  #atomic(): void {
    const r = this.#random
    const size = r.pick([4, 8])
    const maps = this.#regs('map')
    const onStack = maps.length === 0 || r.once(2)
    const base = onStack ? 10 : r.pick(maps)
    const src = this.#number()
    if (src === base) return
    const off = onStack ? -8 * (1 + r.below(4)) : 0
    if (onStack) {
      if (!this.#mistake()) this.#code.emit(0x7a, 10, 0, off, r.pick([0, 1, 7]))
      this.#stack.add(-off / 8)
    }
    const imm = r.pick([0x00, 0x01, 0x40, 0x41, 0x50, 0x51, 0xa0, 0xa1, 0xe1, 0xf1])
    if (imm === 0xf1 && this.#kinds[0] !== 'num') this.#constant(0)
    if (imm === 0xf1 && base === 0) return
    this.#code.emit(0xc3 | (SIZE_CODES[size] as number), base, src, off, imm)
    this.#set(imm === 0xf1 ? 0 : src, 'num')
  }

  #helper(): void {
    const r = this.#random
    const hashes = this.#maps.filter(({ type }) => type === 'hash' || type === 'lru_hash')
    switch (r.below(4)) {
      case 0: {
        const map = r.pick(hashes)
        for (let slot = 1; slot <= 6; slot++) {
          this.#code.emit(0x7a, 10, 0, -8 * slot, slot)
          this.#stack.add(slot)
        }
        this.#code.emit(0xbf, 2, 10, 0, 0)
        this.#code.emit(0x07, 2, 0, 0, -map.keySize)
        this.#code.emit(0xbf, 3, 10, 0, 0)
        this.#code.emit(0x07, 3, 0, 0, this.#mistake() ? -map.valueSize + 8 : -Math.max(48, map.valueSize))
        this.#code.emit(0xb7, 4, 0, 0, 0)
        this.#code.wide(1, 1, map.fd, 0)
        this.#code.emit(0x85, 0, 0, 0, 2)
        break
      }
      case 1: {
        // probe_read_kernel or skb_load_bytes: writes to the stack.
        const size = this.#number()
        this.#code.emit(0xbf, 4, size, 0, 0)
        if (!this.#mistake()) this.#code.emit(0x57, 4, 0, 0, r.pick([15, 7, 31]))
        if (r.once(2)) this.#code.emit(0xb7, 4, 0, 0, r.pick([4, 8, 16, 3]))
        this.#code.emit(0xbf, 3, 10, 0, 0)
        this.#code.emit(0x07, 3, 0, 0, -32)
        this.#code.emit(0xb7, 2, 0, 0, 0)
        if (this.#kinds[6] !== 'ctx') return
        if (this.#type === 'kprobe') {
          this.#code.emit(0xbf, 1, 3, 0, 0)
          this.#code.emit(0xbf, 2, 4, 0, 0)
          this.#code.emit(0xb7, 3, 0, 0, 0)
          this.#code.emit(0x85, 0, 0, 0, 113)
        } else {
          this.#code.emit(0xbf, 1, 6, 0, 0)
          this.#code.emit(0x85, 0, 0, 0, 26)
        }
        break
      }
      case 2: {
        const ring = this.#maps.find(({ type }) => type === 'ringbuf')
        if (ring === undefined) return
        const size = r.pick([8, 16, 24])
        this.#code.wide(1, 1, ring.fd, 0)
        this.#code.emit(0xb7, 2, 0, 0, size)
        this.#code.emit(0xb7, 3, 0, 0, 0)
        this.#code.emit(0x85, 0, 0, 0, 131)
        this.#clobber()
        const skip = this.#code.emit(0x15, 0, 0, 0, 0)
        this.#set(0, 'none')
        this.#code.emit(0xbf, 1, 0, 0, 0)
        this.#code.emit(0x7a, 1, 0, r.pick([0, 8 * (size / 8 - 1), this.#mistake() ? size : 0]), 5)
        this.#code.emit(0xb7, 2, 0, 0, 0)
        if (!this.#mistake()) this.#code.emit(0x85, 0, 0, 0, r.pick([132, 133]))
        this.#code.land(skip)
        this.#clobber()
        this.#set(0, 'none')
        return
      }
      default: {
        this.#code.emit(0x7a, 10, 0, -8, 0x6968)
        this.#stack.add(1)
        this.#code.emit(0xbf, 1, 10, 0, 0)
        this.#code.emit(0x07, 1, 0, 0, -8)
        this.#code.emit(0xb7, 2, 0, 0, r.pick([3, 8, 8, this.#mistake() ? 9 : 8]))
        this.#code.emit(0x85, 0, 0, 0, 6)
      }
    }
    this.#clobber()
    this.#set(0, 'num')
  }

  /** Copies keep what is learnt of one another, also at a distance. */
  #copyAndAdd(): void {
    const r = this.#random
    const src = this.#number()
    const dst = this.#target()
    if (dst === src) return
    this.#code.emit(r.once(5) ? 0xbc : 0xbf, dst, src, 0, 0)
    this.#set(dst, this.#kinds[src] === 'small' ? 'small' : 'num')
    if (r.once(2)) this.#code.emit(r.pick([0x07, 0x07, 0x17, 0x04]), dst, 0, 0, r.pick([1, 4, -1, 8, 100]))
  }

  #clamp(): void {
    const r = this.#random
    const reg = this.#number()
    if (r.once(2)) this.#code.emit(0x57, reg, 0, 0, r.pick([1, 3, 7, 15, 63, 0xff, 0xf8]))
    else {
      const skip = this.#code.emit(r.pick([0xa5, 0xb5, 0xc5, 0xa6]), reg, 0, 0, r.pick([8, 16, 64, 100]))
      this.#code.emit(0xb7, reg, 0, 0, r.below(8))
      this.#code.land(skip)
    }
    this.#set(reg, 'small')
  }
}
