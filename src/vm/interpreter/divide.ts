// Division of 64-bit numbers held as halves. `r[d]`, `r[d + 1]` is the dividend and receives the result; BPF defines
// x / 0 = 0 and x % 0 = x, and the signed overflow -2^63 / -1 as -2^63 (remainder 0).

const scratch = new BigUint64Array(2)
const halves = new Int32Array(scratch.buffer)

/** Quotient and remainder of the last long division by a number below 2^32. */
let remainder = 0

export function divide64(r: Int32Array, d: number, lo: number, hi: number): void {
  const xl = r[d]! >>> 0
  const xh = r[d + 1]! >>> 0
  if (hi === 0) {
    const y = lo >>> 0
    if (y === 0) {
      r[d] = 0
      r[d + 1] = 0
    } else if (xh === 0) {
      r[d] = xl / y
    } else divideLong(r, d, xl, xh, y)
    return
  }
  if (xh < hi >>> 0) {
    r[d] = 0
    r[d + 1] = 0
    return
  }
  load(r, d, lo, hi)
  scratch[0] = BigInt.asUintN(64, scratch[0]! / scratch[1]!)
  r[d] = halves[0]!
  r[d + 1] = halves[1]!
}

export function modulo64(r: Int32Array, d: number, lo: number, hi: number): void {
  const xl = r[d]! >>> 0
  const xh = r[d + 1]! >>> 0
  if (hi === 0) {
    const y = lo >>> 0
    if (y === 0) return
    if (xh === 0) {
      r[d] = xl % y
      return
    }
    divideLong(r, d, xl, xh, y)
    r[d] = remainder
    r[d + 1] = 0
    return
  }
  if (xh < hi >>> 0) return
  load(r, d, lo, hi)
  scratch[0] = BigInt.asUintN(64, scratch[0]! % scratch[1]!)
  r[d] = halves[0]!
  r[d + 1] = halves[1]!
}

export function signedDivide64(r: Int32Array, d: number, lo: number, hi: number): void {
  const negative = (r[d + 1]! ^ hi) < 0
  if (r[d + 1]! < 0) negate(r, d)
  if (hi < 0) divide64(r, d, -lo | 0, lo === 0 ? -hi | 0 : ~hi)
  else divide64(r, d, lo, hi)
  if (negative) negate(r, d)
}

/** The remainder has the sign of the dividend. */
export function signedModulo64(r: Int32Array, d: number, lo: number, hi: number): void {
  const negative = r[d + 1]! < 0
  if (negative) negate(r, d)
  if (hi < 0) modulo64(r, d, -lo | 0, lo === 0 ? -hi | 0 : ~hi)
  else modulo64(r, d, lo, hi)
  if (negative) negate(r, d)
}

/** School division by a number below 2^32 in three steps, each exact in a double. */
function divideLong(r: Int32Array, d: number, xl: number, xh: number, y: number): void {
  const high = Math.floor(xh / y)
  const middle = (xh - high * y) * 65536 + (xl >>> 16)
  const upper = Math.floor(middle / y)
  const low = (middle - upper * y) * 65536 + (xl & 0xffff)
  const lower = Math.floor(low / y)
  remainder = low - lower * y
  r[d] = (upper << 16) | lower
  r[d + 1] = high
}

function load(r: Int32Array, d: number, lo: number, hi: number): void {
  halves[0] = r[d]!
  halves[1] = r[d + 1]!
  halves[2] = lo
  halves[3] = hi
}

function negate(r: Int32Array, d: number): void {
  const lo = r[d]!
  r[d] = 0 - lo
  r[d + 1] = (lo === 0 ? 0 : -1) - r[d + 1]!
}
