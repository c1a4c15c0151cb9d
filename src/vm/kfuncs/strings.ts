import { ERRNO } from '../../base/index.js'
import type { Machine } from '../machine.js'
import type { KfuncFamily } from './family.js'

/** Longest string these functions look at (XATTR_SIZE_MAX). */
const LONGEST = 65536

/**
 * Strings at addresses that may be bad: -EFAULT for what is no memory, -ERANGE below the first page, as for an address of
 * user space, -E2BIG for strings that do not end in time, -ENOENT for what is not found.
 */
export const stringKfuncs: KfuncFamily = {
  bpf_strcmp: {
    abi: 'll>i',
    run: (machine, a, aHi, b, bHi) => compare(new Text(machine, a, aHi), new Text(machine, b, bHi), false),
  },
  bpf_strcasecmp: {
    abi: 'll>i',
    run: (machine, a, aHi, b, bHi) => compare(new Text(machine, a, aHi), new Text(machine, b, bHi), true),
  },
  bpf_strlen: { abi: 'l>i', run: (machine, s, sHi) => length(new Text(machine, s, sHi), LONGEST) },
  bpf_strnlen: {
    abi: 'll>i',
    run: (machine, s, sHi, count, countHi) => length(new Text(machine, s, sHi), limitOf(count, countHi)),
  },
  bpf_strchr: {
    abi: 'li>i',
    run: (machine, s, sHi, c) => find(new Text(machine, s, sHi), LONGEST, c & 0xff),
  },
  bpf_strnchr: {
    abi: 'lli>i',
    run: (machine, s, sHi, count, countHi, c) => find(new Text(machine, s, sHi), limitOf(count, countHi), c & 0xff),
  },
  bpf_strchrnul: {
    abi: 'li>i',
    run: (machine, s, sHi, c) => {
      const text = new Text(machine, s, sHi)
      for (let i = 0; i < LONGEST; i++) {
        const x = text.at(i)
        if (x <= 0 || x === (c & 0xff)) return x < 0 ? x : i
      }
      return -ERRNO.E2BIG
    },
  },
  bpf_strrchr: {
    abi: 'li>i',
    run: (machine, s, sHi, c) => {
      const text = new Text(machine, s, sHi)
      let last: number = -ERRNO.ENOENT
      for (let i = 0; i < LONGEST; i++) {
        const x = text.at(i)
        if (x < 0) return x
        if (x === (c & 0xff)) last = i
        if (x === 0) return last
      }
      return -ERRNO.E2BIG
    },
  },
  bpf_strspn: {
    abi: 'll>i',
    run: (machine, s, sHi, set, setHi) => span(new Text(machine, s, sHi), new Text(machine, set, setHi), true),
  },
  bpf_strcspn: {
    abi: 'll>i',
    run: (machine, s, sHi, set, setHi) => span(new Text(machine, s, sHi), new Text(machine, set, setHi), false),
  },
  bpf_strstr: {
    abi: 'll>i',
    run: (machine, a, aHi, b, bHi) => search(new Text(machine, a, aHi), new Text(machine, b, bHi), LONGEST),
  },
  bpf_strnstr: {
    abi: 'lll>i',
    run: (machine, a, aHi, b, bHi, count, countHi) =>
      search(new Text(machine, a, aHi), new Text(machine, b, bHi), limitOf(count, countHi)),
  },
}

/** A string read byte by byte; reading outside of the memory gives a negative errno. */
class Text {
  readonly #u8: Uint8Array
  readonly #start: number
  readonly #hi: number

  constructor(machine: Machine, lo: number, hi: number) {
    this.#u8 = machine.memory.u8
    this.#start = lo >>> 0
    this.#hi = hi
  }

  at(index: number): number {
    const addr = this.#start + index
    if (this.#hi === 0 && addr < 65536) return -ERRNO.ERANGE
    return this.#hi === 0 && addr < this.#u8.length ? (this.#u8[addr] as number) : -ERRNO.EFAULT
  }
}

function limitOf(lo: number, hi: number): number {
  return hi === 0 ? Math.min(lo >>> 0, LONGEST) : LONGEST
}

/** The kernel's tolower: Latin-1. */
function lower(c: number): number {
  const isUpper = (c >= 0x41 && c <= 0x5a) || (c >= 0xc0 && c <= 0xde && c !== 0xd7)
  return isUpper ? c + 32 : c
}

function compare(a: Text, b: Text, ignoreCase: boolean): number {
  for (let i = 0; i < LONGEST; i++) {
    const left = a.at(i)
    const right = b.at(i)
    if (left < 0 || right < 0) return left < 0 ? left : right
    const x = ignoreCase ? lower(left) : left
    const y = ignoreCase ? lower(right) : right
    if (x !== y) return x < y ? -1 : 1
    if (x === 0) return 0
  }
  return -ERRNO.E2BIG
}

function length(text: Text, limit: number): number {
  for (let i = 0; i < limit; i++) {
    const x = text.at(i)
    if (x <= 0) return x < 0 ? x : i
  }
  return limit === LONGEST ? -ERRNO.E2BIG : limit
}

function find(text: Text, limit: number, c: number): number {
  for (let i = 0; i < limit; i++) {
    const x = text.at(i)
    if (x < 0) return x
    if (x === c) return i
    if (x === 0) return -ERRNO.ENOENT
  }
  return limit === LONGEST ? -ERRNO.E2BIG : -ERRNO.ENOENT
}

/** Length of the start of `text` that consists only of characters in `set` (or not in it). */
function span(text: Text, set: Text, inside: boolean): number {
  for (let i = 0; i < LONGEST; i++) {
    const x = text.at(i)
    if (x < 0) return x
    if (x === 0) return i
    const found = member(set, x)
    if (found < 0) return found
    if ((found === 1) !== inside) return i
  }
  return -ERRNO.E2BIG
}

/** 1 or 0, or a negative errno. */
function member(set: Text, c: number): number {
  for (let i = 0; i < LONGEST; i++) {
    const x = set.at(i)
    if (x <= 0) return x
    if (x === c) return 1
  }
  return -ERRNO.E2BIG
}

/** Where `needle` begins in the first `limit` bytes. */
function search(text: Text, needle: Text, limit: number): number {
  for (let i = 0; i <= limit && i < LONGEST; i++) {
    for (let j = 0; ; j++) {
      const wanted = needle.at(j)
      if (wanted < 0) return wanted
      if (wanted === 0) return i
      if (j >= LONGEST) return -ERRNO.E2BIG
      const x = i + j < limit ? text.at(i + j) : 0
      if (x < 0) return x
      if (x !== wanted) {
        if (x === 0) return -ERRNO.ENOENT
        break
      }
    }
  }
  return limit >= LONGEST ? -ERRNO.E2BIG : -ERRNO.ENOENT
}
