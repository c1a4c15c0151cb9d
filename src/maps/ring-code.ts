import {
  above,
  above64,
  add,
  add64,
  and,
  atLeast,
  below64,
  call,
  choose,
  eq,
  extend,
  isZero,
  load32,
  load64,
  or,
  shl,
  shr,
  sub,
  sub64,
  type WasmUnit,
  wrap,
} from '../vm/index.js'
import { EAGAIN, EINVAL } from './constants.js'
import type { Ring } from './ring-buffer.js'

// Reserving and committing records of a RINGBUF (ring-buffer.ts has its layout), as WebAssembly.

const PAGE = 4096
const PAGE_SHIFT = 12
const BUSY = 0x8000_0000
const DISCARD = 0x4000_0000
const HEADER = 8
const MAX_RECORD = 0x3fff_ffff
const NO_WAKEUP = 1
const FORCE_WAKEUP = 2

/** Second word of page 0: what a record leads to is a ring. */
export const MAGIC = 0x474e_4952
/** Offsets in page 0. */
const PENDING = 8
export const MASK = 16

/** reserve(size) -> record or 0; commit(record, discard, flags), of any ring; output(data, size, flags) -> status. */
export function writeRing(unit: WasmUnit, { base, data, size, mask, consumer, producer }: Ring, wake: number): void {
  const reserve = unit.define('reserve', 1, 1, (f, wanted) => {
    f.if(above(wanted, MAX_RECORD), () => f.return(0))
    const length = f.local(and(add(wanted, HEADER + 7), ~7))
    f.if(above(length, size), () => f.return(0))
    const start = f.local(load64(0, producer), 'i64')
    const pending = f.local(load64(0, base + PENDING), 'i64')
    const word = f.local()
    f.while(below64(pending, start), (open) => {
      f.set(word, load32(and(wrap(pending), mask), data))
      open(atLeast(word, BUSY))
      f.set(pending, add64(pending, extend(and(add(and(word, ~DISCARD), HEADER + 7), ~7))))
    })
    f.store64(0, base + PENDING, pending)
    // One byte always stays free, seen from the reader and from the oldest record that is not committed.
    const end = f.local(add64(start, extend(length)), 'i64')
    const full = (position: Parameters<typeof sub64>[1]) => above64(sub64(end, position), extend(mask))
    f.if(or(full(load64(0, consumer)), full(pending)), () => f.return(0))
    const header = f.local(add(and(wrap(start), mask), data))
    f.store32(header, 0, or(wanted, BUSY))
    f.store32(header, 4, shr(sub(header, base), PAGE_SHIFT))
    f.store64(0, producer, end)
    f.return(add(header, HEADER))
    f.code.op('unreachable')
  })
  const commit = unit.define('commit', 3, 0, (f, record, discard, flags) => {
    const header = f.local(sub(record, HEADER))
    const word = f.local(load32(header))
    // What is no open record is left alone: only programs that no verifier has seen come here with one.
    f.if(isZero(and(word, BUSY)), () => f.return())
    const own = f.local(sub(and(header, ~(PAGE - 1)), shl(load32(header, 4), PAGE_SHIFT)))
    f.if(sub(load32(own, 4), MAGIC), () => f.return())
    f.store32(header, 0, or(and(word, ~(BUSY | DISCARD)), choose(discard, DISCARD, 0)))
    const first = f.local(and(load32(own, PAGE), load32(own, MASK)))
    const caughtUp = and(isZero(and(flags, NO_WAKEUP)), eq(first, sub(header, add(own, 3 * PAGE))))
    f.if(or(and(flags, FORCE_WAKEUP), caughtUp), () => f.do(wake, [load32(own)]))
  })
  unit.define('output', 3, 1, (f, from, length, flags) => {
    f.if(and(flags, ~(NO_WAKEUP | FORCE_WAKEUP)), () => f.return(EINVAL))
    const record = f.local(call(reserve, length))
    f.if(isZero(record), () => f.return(EAGAIN))
    f.code.get(record.local).get(from.local).get(length.local).memoryCopy()
    f.do(commit, [record, 0, flags])
    f.code.i32(0)
  })
}
